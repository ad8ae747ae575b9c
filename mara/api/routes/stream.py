"""Server-sent events: one for each new snapshot, from where a client left off.

Source: WHATWG HTML, section 9.2: the browser comes back by itself with the last id that it saw.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

from pydantic import TypeAdapter
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mara.api.gateway.fair_share import FairShare
from mara.api.security.authenticator import Identity
from mara.core.snapshot import Snapshot
from mara.runtime.published_state import StatePublisher

LOOK_INTERVAL_S: Final = 0.1
KEPT: Final = 120
"""Snapshots kept for those who come back; who was away for longer is told from where on he missed some."""
MAX_KEPT_BYTES: Final = 32_000_000
"""Of those: a snapshot of ten sites has 34 kB, one of a thousand 3 MB."""
MAX_STREAMS: Final = 50
KEEP_ALIVE_S: Final = 15.0
RETRY_MS: Final = 2_000

SNAPSHOT_JSON: Final = TypeAdapter(Snapshot)


class EventStream:
    """Follows the newest snapshot as long as somebody listens; of ticks that come faster than it looks it shows the
    last, and the ids tell what was passed over.

    Args:
        is_over: whether the server is about to end; streams then end by themselves, and do not hold it up.

    Attributes:
        places: one for each listener, taken when the request comes and not when its first byte goes out.
    """

    def __init__(self, latest: StatePublisher, is_over: Callable[[], bool] = lambda: False) -> None:
        self._latest = latest
        self._is_over = is_over
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._version = -1
        self.places = FairShare(MAX_STREAMS)
        self._come = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def events(
        self, last_tick: int | None, is_known: Callable[[], Awaitable[bool]] | None = None
    ) -> AsyncIterator[bytes]:
        """Every snapshot after `last_tick`; without one, from the newest on.

        Args:
            is_known: whether the listener may still be there; asked before each event.
        """
        if self._watch is None:
            self._watch = asyncio.create_task(self._follow(), name="mara-events")
        self._look()
        yield f"retry: {RETRY_MS}\n\n".encode()
        seen = last_tick if last_tick is not None else (self._kept[-1][0] - 1 if self._kept else -1)
        while not self._is_over() and (is_known is None or await is_known()):
            # A demo that was begun anew counts from zero: whoever is ahead of it starts again.
            if self._kept and self._kept[-1][0] < seen:
                seen = self._kept[0][0] - 1
            if self._kept and self._kept[0][0] > seen + 1 and last_tick is not None:
                yield f'event: gap\ndata: {{"from_tick":{seen + 1},"to_tick":{self._kept[0][0]}}}\n\n'.encode()
            if self._kept:
                last_tick = seen
            for tick, body in [kept for kept in self._kept if kept[0] > seen]:
                yield b"id: %d\nevent: snapshot\ndata: %s\n\n" % (tick, body)
                seen = tick
            if not await self._more():
                yield b": still here\n\n"

    async def _more(self) -> bool:
        """Whether something came before a proxy would think the stream dead."""
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEP_ALIVE_S):
                await self._come.wait()
            return True
        return False

    async def _follow(self) -> None:
        """Go on also while nobody listens for a moment, so that whoever comes back misses nothing."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            self._look()
            if self._is_over():
                self._come.set()

    def _look(self) -> None:
        published = self._latest.read()
        snapshot = published.snapshot
        if snapshot is None or published.version == self._version:
            return
        self._version = published.version
        if self._kept and self._kept[-1][0] == snapshot.tick:
            return
        if self._kept and self._kept[-1][0] > snapshot.tick:
            self._kept.clear()
        self._kept.append((snapshot.tick, SNAPSHOT_JSON.dump_json(snapshot)))
        while len(self._kept) > 1 and sum(len(body) for _, body in self._kept) > MAX_KEPT_BYTES:
            self._kept.popleft()
        self._come.set()
        self._come = asyncio.Event()


class Listening(StreamingResponse):
    """An answer that holds one of the stream's places until it is over, whether or not it ever began."""

    def __init__(self, told: AsyncIterator[bytes], places: FairShare, who: Identity) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(told, media_type="text/event-stream", headers=headers)
        self._places = places
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give_back(self._who)
