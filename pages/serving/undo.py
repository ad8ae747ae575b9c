"""Undo of orders from a screen, for ten seconds (decision 0110).

An order with an inverse is sent at once, and its inverse is offered. An order without, such as the end of a contract,
is held for these seconds, and sent unless it is undone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from nicegui import Client, background_tasks, ui
from starlette.types import Scope

from components.shared.undo_bar import Entry, UndoBar
from mara.api.security.authenticator import CALLER
from mara.errors import CommandError, MaraError
from mara.runtime.clock import Clock
from pages.serving.current_user import acting_scope, acting_user, page_user

UNDO_S: Final = 10.0
MOST_OPEN: Final = 20
"""Orders of one user that can be undone at a time."""

Order = Callable[[], Awaitable[object]]

log = logging.getLogger("mara.pages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoable:
    """Order that can still be undone."""

    by: str
    text: str
    is_held: bool
    ends_s: float
    undo: Order


class Undo:
    """Orders of all users that can still be undone; lives as long as the app.

    All methods belong to the event loop's thread.

    Args:
        span_s: time for which an order can be undone.
    """

    def __init__(self, clock: Clock, span_s: float = UNDO_S) -> None:
        self._clock = clock
        self.span_s = span_s
        self._open: dict[str, Undoable] = {}
        self._numbers = count(1)
        self._bars: dict[str, tuple[str, Client, UndoBar]] = {}

    def bar(self, client: Client) -> None:
        """Draw on a page the orders that its user can still undo, and update them."""
        name = page_user().name
        self._bars[client.id] = (name, client, UndoBar(self._entries(name), self.undo))
        client.on_delete(lambda: self._bars.pop(client.id, None))

    def offer(self, text: str, inverse: Order) -> None:
        """Offer the inverse of an order that was accepted to the user who gave it."""
        key = self._keep(text, inverse, is_held=False)
        background_tasks.create(self._let_pass(key), name=f"undo {key}")

    def hold(self, text: str, order: Order, said: str) -> None:
        """Hold an order that has no inverse.

        Args:
            text: name of the order.
            order: function that sends the order.
            said: message to the user once the order is accepted.

        Raises:
            CommandError: too many orders of this user are held already.
        """
        key = self._keep(text, _nothing, is_held=True)
        background_tasks.create(self._send(key, order, said, acting_scope()), name=f"held {key}")

    async def undo(self, key: str) -> None:
        """Undo an order of the acting user; do nothing where it is too late."""
        found, name = self._open.get(key), acting_user().name
        if found is None or found.by != name:
            self._say(name, "It is too late to undo that.", is_bad=True)
            return
        self._close(key)
        try:
            await found.undo()
        except MaraError as error:
            self._say(name, f"Not undone: {error}", is_bad=True)
        else:
            self._say(name, f"Undone: {found.text}")

    def close(self) -> None:
        """Drop held orders when the server ends; none of them was confirmed."""
        for held in (one for one in self._open.values() if one.is_held):
            log.warning("a held order was let go, the server ends", extra={"what": held.text, "by": held.by})
        self._open.clear()

    async def _send(self, key: str, order: Order, said: str, by: Scope) -> None:
        """Send a held order unless it was undone; the user's right is checked again."""
        CALLER.set(by)
        await self._let_pass(key, closes=False)
        if key not in self._open:
            return
        held = self._open[key]
        self._close(key)
        try:
            await order()
        except MaraError as error:
            self._say(held.by, f"Refused: {held.text}: {error}", is_bad=True)
        else:
            self._say(held.by, said)

    async def _let_pass(self, key: str, *, closes: bool = True) -> None:
        await asyncio.sleep(self.span_s)
        if closes:
            self._close(key)

    def _keep(self, text: str, undo: Order, *, is_held: bool) -> str:
        name = acting_user().name
        mine = [key for key, one in self._open.items() if one.by == name]
        if len(mine) >= MOST_OPEN and is_held:
            raise CommandError(f"{len(mine)} orders of the last seconds can still be undone: wait a moment")
        if len(mine) >= MOST_OPEN:
            self._open.pop(next((key for key in mine if not self._open[key].is_held), ""), None)
        key = str(next(self._numbers))
        ends_s = self._clock.monotonic_s() + self.span_s
        self._open[key] = Undoable(by=name, text=text, is_held=is_held, ends_s=ends_s, undo=undo)
        self._show(name)
        return key

    def _close(self, key: str) -> None:
        found = self._open.pop(key, None)
        if found is not None:
            self._show(found.by)

    def _entries(self, name: str) -> list[Entry]:
        now_s = self._clock.monotonic_s()
        mine = [(key, one) for key, one in self._open.items() if one.by == name]
        return [
            Entry(key=key, text=one.text, is_held=one.is_held, left_s=max(one.ends_s - now_s, 0.0)) for key, one in mine
        ]

    def _show(self, name: str) -> None:
        for client, bar in self._pages_of(name):
            with client:
                bar.show(self._entries(name))

    def _say(self, name: str, words: str, *, is_bad: bool = False) -> None:
        """Show a message to a user on every page that they have open."""
        log.info("order from a screen", extra={"by": name, "said": words})
        for client, _ in self._pages_of(name):
            with client:
                ui.notify(words, type="warning" if is_bad else None)

    def _pages_of(self, name: str) -> list[tuple[Client, UndoBar]]:
        return [(client, bar) for whose, client, bar in self._bars.values() if whose == name and not client.is_deleted]


async def _nothing() -> None:
    """Do nothing: a held order is undone by dropping it."""
