"""User of the page being drawn, and user of the message being answered.

Both come from the connection, never from the content of a page or message.
"""

from collections.abc import Awaitable
from inspect import isawaitable
from typing import TypeVar

from nicegui import ui
from starlette.types import Scope

from mara.api.security.authenticator import CALLER, Identity, identity_in
from mara.api.security.permissions import Permission, refusal_of

Answer = TypeVar("Answer")


def page_user() -> Identity:
    """Return the user that the page being drawn is for."""
    return identity_in(ui.context.client.request.scope)


def missing_right(permission: Permission) -> str:
    """Explain in one line why the page's user lacks a right; empty where they have it."""
    return refusal_of(page_user(), permission)


def acting_user() -> Identity:
    """Return the user whose message is being answered."""
    return identity_in(acting_scope())


def acting_scope() -> Scope:
    """Return the connection of a message; without a gate, the request for the page."""
    caller = CALLER.get()
    return ui.context.client.request.scope if caller is None else caller


async def awaited(answer: Awaitable[Answer] | Answer) -> Answer:
    """Return the result of a call, awaited if it is a coroutine."""
    return await answer if isawaitable(answer) else answer
