"""The acting user, from the gate of a request to the order that it places.

The gate sets the user and the order book reads them, so that no call in between has to pass them on.
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
"""Idempotency key of the request being answered; empty for none.

Orders of a request with a key are placed once, however often the request is sent.
"""
ACTOR: Final[ContextVar[Actor]] = ContextVar("mara_actor", default=Actor())  # noqa: B039  frozen


def signed(command: Command) -> Command:
    """Add the acting user to a command."""
    actor = ACTOR.get()
    return replace(command, by=actor.name, address=actor.address)
