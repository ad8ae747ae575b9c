"""Who acts: set where a request comes in, read where an order is taken; everything between need not know."""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

from mara.core.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody, and where their request came from."""

    name: str = "operator"
    address: str = ""


REPEAT_KEY: Final[ContextVar[str]] = ContextVar("mara_repeat_key", default="")
"""Of a request that names itself: what it orders is ordered once, however often it comes."""
ACTOR: Final[ContextVar[Actor]] = ContextVar("mara_actor", default=Actor())  # noqa: B039  frozen


def signed(command: Command) -> Command:
    """The command with the name of who acts now."""
    actor = ACTOR.get()
    return replace(command, by=actor.name, address=actor.address)
