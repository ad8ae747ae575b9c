"""The acting user, from the gate of a request to the order that it places.

It is set where a request comes in and read where an order is taken; the calls between need not know it.
"""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

from mara.core.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A user, and the address of their request."""

    name: str = "operator"
    address: str = ""


REPEAT_KEY: Final[ContextVar[str]] = ContextVar("mara_repeat_key", default="")
"""Key of a request that names itself.

Its orders are placed once, however often it comes.
"""
ACTOR: Final[ContextVar[Actor]] = ContextVar("mara_actor", default=Actor())  # noqa: B039  frozen


def signed(command: Command) -> Command:
    """Add the acting user to a command."""
    actor = ACTOR.get()
    return replace(command, by=actor.name, address=actor.address)
