"""How many may look at once: each open page costs every tick, so the door closes before the pages grow slow for all.

A page that was sent and whose browser does not come back for its pictures costs memory alone; it is the first to go.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mara.api.gateway.fair_share import PLACES_FOR_ADMINS, FairShare, ShareLimits
from mara.api.security.authenticator import LOCAL, Identity, address_of, identity_in
from mara.api.security.rate_limit import Limits, neighbourhood_of
from mara.runtime.clock import Clock

SOCKETS_A_CLIENT: Final = 2
"""A browser that lost its connection comes back before the old one is given up."""
TRY_AGAIN_S: Final = 10
TRY_AGAIN_LATER: Final = 1013
"""Close code, IANA's registry of RFC 6455."""
LOST_PAGES_PER_MINUTE: Final = 30
"""Of one person: building a page takes the loop of the ticks 10 to 30 ms. A page that is connected does not count."""
MAX_REST_S: Final = 0.2
NOT_PAGES: Final = ("/static/", "/_nicegui/", "/_nicegui_ws/", "/api/")
NO_PAGE: Final = frozenset({"/metrics", "/favicon.ico"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSlot:
    """A page that somebody has, the longest there first.

    Attributes:
        name: whose it is.
        is_connected: whether a browser follows it.
        leave: forgets it.
    """

    name: str
    is_connected: bool
    leave: Callable[[], object]


class ConnectionLimit:
    """ASGI wrapper before the pages.

    Args:
        most_clients: browsers that may look at once.
        seats: the pages that there are.
        pages: how often somebody may ask for one.
    """

    def __init__(
        self, app: ASGIApp, *, most_clients: int, seats: Callable[[], Sequence[PageSlot]], pages: "PageRate"
    ) -> None:
        self._app = app
        self._places = ShareLimits(count=most_clients)
        self._seats = seats
        self._pages = pages
        self._sockets = FairShare(SOCKETS_A_CLIENT * most_clients)
        self._coming: Counter[str] = Counter()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the app while there is room."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif _asks_for_a_page(scope):
            await self._open(scope, receive, send)
        else:
            await self._app(scope, receive, send)
            self._trim()

    def _trim(self) -> None:
        """Forget pages that were made of what nobody took for one, such as an error's."""
        seats = self._seats()
        if len(seats) > self._places.count + PLACES_FOR_ADMINS:
            _make_room(seats)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = identity_in(scope)
        wait_s = self._pages.wait_s(scope)
        if wait_s > 0.0:
            await _refuse("Too many pages were asked for and not looked at", 429, wait_s, scope, receive, send)
            return
        # One page of a person at a time, and then as long a rest: many at once would hold up ticks and everybody else.
        turn = self._turns.setdefault(self._pages.counted_under(scope), asyncio.Lock())
        await turn.acquire()
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        self._coming[who.name] += 1  # until it is among the seats
        is_built = False

        def built() -> None:
            nonlocal is_built
            if not is_built:
                is_built = True
                loop.call_later(min(loop.time() - begun_s, MAX_REST_S), turn.release)
                self._come(who)

        async def seated(message: Message) -> None:
            built()
            await send(message)

        try:
            told = self._refusal(who)
            if told:
                await _refuse(told, 503, TRY_AGAIN_S, scope, receive, send)
            else:
                await self._app(scope, receive, seated)
        finally:
            built()

    def _come(self, who: Identity) -> None:
        self._coming[who.name] -= 1
        if not self._coming[who.name]:
            del self._coming[who.name]

    def _refusal(self, who: Identity) -> str:
        """Why there is no room for one more page of this person; empty where there is, or where some was made."""
        seats = self._seats()
        own = [seat for seat in seats if seat.name == who.name]
        share = self._places.share(who)
        if len(own) + self._coming[who.name] > share:
            mine = f"{who.name} looks at Mara {share} times already"
            return "" if _make_room(own) else self._full if who is LOCAL else mine
        is_full = len(seats) + self._coming.total() > self._places.most(who)
        return self._full if is_full and not _make_room(seats) else ""

    @property
    def _full(self) -> str:
        return f"{self._places.count} browsers look at Mara already"

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = identity_in(scope)
        if not self._sockets.take(who):
            await receive()
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "too many look at once"})
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets.give_back(who)


class PageRate:
    """How often somebody may ask for a page and not look at it."""

    def __init__(self, clock: Clock) -> None:
        self._limits = Limits(LOST_PAGES_PER_MINUTE, clock)

    def wait_s(self, scope: Scope) -> float:
        """Count a page; 0 where it may be built, else the seconds to wait."""
        return self._limits.wait_s(self.counted_under(scope))

    def connected(self, scope: Scope) -> None:
        """A page that was asked for so is looked at: it does not count."""
        self._limits.give_back(self.counted_under(scope))

    def counted_under(self, scope: Scope) -> str:
        """Whose page it is; where nobody logs in, where it is asked from."""
        who = identity_in(scope)
        return neighbourhood_of(address_of(scope)) if who is LOCAL else who.name


async def _refuse(told: str, status: int, wait_s: float, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"retry-after": f"{max(wait_s, 1.0):.0f}"}
    await HTMLResponse(_PAGE.format(told=told, seconds=TRY_AGAIN_S), status, headers)(scope, receive, send)


def _make_room(seats: Iterable[PageSlot]) -> bool:
    """Forget the page that has been without a browser for the longest."""
    for seat in seats:
        if not seat.is_connected:
            seat.leave()
            return True
    return False


def _asks_for_a_page(scope: Scope) -> bool:
    """Whether a page is built for it: also for a path that is none, by whatever method and for whoever reads it."""
    path = str(scope.get("path", ""))
    return scope["type"] == "http" and path not in NO_PAGE and not path.startswith(NOT_PAGES)


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mara: no room</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="dark light">
<meta http-equiv="refresh" content="{seconds}">
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText;
  font: 15px/1.5 Inter, system-ui, sans-serif }}
main {{ width: min(28rem, 92vw) }} h1 {{ font-size: 20px }}
</style></head>
<body><main role="alert"><h1>{told}</h1>
<p>That is as many as this server takes at once, so that it stays quick for them. This page tries again every
{seconds} seconds. Close a window of Mara that nobody needs, or have MARA_MAX_CLIENTS raised.</p></main></body></html>
"""
