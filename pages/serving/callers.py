"""Who looks at a screen, and who acts on it."""

from collections.abc import Awaitable
from inspect import isawaitable
from typing import TypeVar

from nicegui import ui
from starlette.types import Scope

from mara.api.security.authenticator import CALLER, Identity, identity_in
from mara.api.security.permissions import Permission, why_not

Answer = TypeVar("Answer")


def who_looks() -> Identity:
    """Who asked for the page that is being drawn."""
    return identity_in(ui.context.client.request.scope)


def why_not_here(deed: Permission) -> str:
    """Why whoever looks at the page being drawn may not do this, in one line; empty where they may."""
    return why_not(who_looks(), deed)


def who_acts() -> Identity:
    """Whoever's message is being answered."""
    return identity_in(caller())


def caller() -> Scope:
    """The connection that a message came by; without a gate, the request for the page."""
    caller = CALLER.get()
    return ui.context.client.request.scope if caller is None else caller


async def settled(answer: Awaitable[Answer] | Answer) -> Answer:
    """What a call answers, at once or later."""
    return await answer if isawaitable(answer) else answer
