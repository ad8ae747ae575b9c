"""Limit on the number of pages that are open at once.

Each open page costs time in every tick, and too many of them slow the dashboard for everybody.

A page that was sent and whose browser does not return for its live connection costs memory only; it is the first to be
discarded when another is asked for.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mara.api.gateway.fair_share import RESERVED_FOR_ADMINS, FairShare, ShareLimits
from mara.api.paths import Service, rule_of
from mara.api.security.authenticator import LOCAL, Identity, address_of, identity_in
from mara.api.security.rate_limit import Limits, network_of
from mara.runtime.clock import Clock
from mara.templates import page_of

SOCKETS_PER_CLIENT: Final = 2
"""Websockets of one browser: its present one, and a lost one not yet timed out."""
TRY_AGAIN_S: Final = 10
TRY_AGAIN_LATER: Final = 1013
"""Websocket close code "try again later", sent where the limit is reached.

Source: https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number.
"""
UNCONNECTED_PAGES_PER_MINUTE: Final = 30
"""Pages that one user may ask for without connecting to them.

Building a page takes 10 to 30 ms of the event loop on which the ticks run.
"""
MAX_PAUSE_S: Final = 0.2
"""Longest pause between two pages built for one user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSlot:
    """One open page, counted against the limit.

    Attributes:
        name: name of the user that it was served to.
        is_connected: whether a browser has a live connection to it.
        discard: deletes the page on the server.
    """

    name: str
    is_connected: bool
    discard: Callable[[], object]


class ConnectionLimit:
    """ASGI wrapper that limits pages and websockets.

    Args:
        most_clients: browsers that may have a page open at once.
        slots: lists the open pages, those to discard first at the front.
        pages: rate at which one user may ask for pages.
    """

    def __init__(
        self, app: ASGIApp, *, most_clients: int, slots: Callable[[], Sequence[PageSlot]], pages: "PageRate"
    ) -> None:
        self._app = app
        self._limits = ShareLimits(total_count=most_clients)
        self._slots = slots
        self._pages = pages
        self._sockets = FairShare(SOCKETS_PER_CLIENT * most_clients)
        self._pending: Counter[str] = Counter()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app while the limit allows it."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif _asks_for_a_page(scope):
            await self._open(scope, receive, send)
        else:
            await self._app(scope, receive, send)
            self._trim()

    def _trim(self) -> None:
        """Discard a page above the limit: error pages, which no limit stops, count too."""
        slots = self._slots()
        if len(slots) > self._limits.total_count + RESERVED_FOR_ADMINS:
            _discard_one(slots)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        identity = identity_in(scope)
        wait_s = self._pages.wait_s(scope)
        if wait_s > 0.0:
            await _refuse("Too many pages were asked for and not looked at", 429, wait_s, scope, receive, send)
            return
        # One page per user at a time, then a pause as long as it took: many at once would hold up ticks and other
        # users.
        lock = self._locks.setdefault(self._pages.key_of(scope), asyncio.Lock())
        await lock.acquire()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self._pending[identity.name] += 1  # until the page is among the slots
        is_built = False

        def end_turn() -> None:
            nonlocal is_built
            if not is_built:
                is_built = True
                loop.call_later(min(loop.time() - began_s, MAX_PAUSE_S), lock.release)
                self._remove_pending(identity)

        async def send_built(message: Message) -> None:
            end_turn()
            await send(message)

        try:
            refusal = self._refusal(identity)
            if refusal:
                await _refuse(refusal, 503, TRY_AGAIN_S, scope, receive, send)
            else:
                await self._app(scope, receive, send_built)
        finally:
            end_turn()

    def _remove_pending(self, identity: Identity) -> None:
        self._pending[identity.name] -= 1
        if not self._pending[identity.name]:
            del self._pending[identity.name]

    def _refusal(self, identity: Identity) -> str:
        """Explain why this user gets no further page; empty if they may have one.

        Where the limit is reached, a page without a live connection is discarded to make room.
        """
        slots = self._slots()
        own = [slot for slot in slots if slot.name == identity.name]
        most_own = self._limits.most_of(identity)
        if len(own) + self._pending[identity.name] > most_own:
            over_own = f"{identity.name} looks at Mara {most_own} times already"
            return "" if _discard_one(own) else self._full if identity is LOCAL else over_own
        is_full = len(slots) + self._pending.total() > self._limits.most_for(identity)
        return self._full if is_full and not _discard_one(slots) else ""

    @property
    def _full(self) -> str:
        return f"{self._limits.total_count} browsers look at Mara already"

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        identity = identity_in(scope)
        if not self._sockets.acquire(identity):
            await receive()
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "too many look at once"})
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets.release(identity)


class PageRate:
    """Rate limit [pages/minute] for each user on pages that no browser connects to.

    Without logins the limit is for each network address range instead.
    """

    def __init__(self, clock: Clock) -> None:
        self._limits = Limits(UNCONNECTED_PAGES_PER_MINUTE, clock)

    def wait_s(self, scope: Scope) -> float:
        """Count a page; return the seconds to wait before it is built, 0 for none."""
        return self._limits.wait_s(self.key_of(scope))

    def connected(self, scope: Scope) -> None:
        """Take a page that a browser has connected to off the count."""
        self._limits.refund(self.key_of(scope))

    def key_of(self, scope: Scope) -> str:
        """Return the key that a page is counted under: its user, or else its network."""
        identity = identity_in(scope)
        return network_of(address_of(scope)) if identity is LOCAL else identity.name


async def _refuse(told: str, status: int, wait_s: float, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"retry-after": f"{max(wait_s, 1.0):.0f}"}
    page = page_of("no_room.html", told=told, seconds=TRY_AGAIN_S)
    await HTMLResponse(page, status, headers)(scope, receive, send)


def _discard_one(slots: Iterable[PageSlot]) -> bool:
    """Discard the first page without a live connection; return whether there was one."""
    for slot in slots:
        if not slot.is_connected:
            slot.discard()
            return True
    return False


def _asks_for_a_page(scope: Scope) -> bool:
    """Tell whether a request has a page built, also for a path that does not exist."""
    return scope["type"] == "http" and rule_of(str(scope.get("path", ""))).service in {Service.PAGES, Service.LOGIN}
