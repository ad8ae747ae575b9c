"""Event streams of snapshots, alerts and documents, resumed after the last one.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html: a browser reconnects by itself and sends the
last id that it received.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

from pydantic import TypeAdapter
from sse_starlette import JSONServerSentEvent, ServerSentEvent
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mara.api.gateway.fair_share import FairShare
from mara.api.security.authenticator import Identity
from mara.core.alert import Alert
from mara.core.snapshot import Snapshot
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.signals.document_json import document_bytes

LOOK_INTERVAL_S: Final = 0.1
"""Time between two looks at the newest snapshot; faster ticks are skipped."""
MAX_KEPT: Final = 120
"""Events kept for clients that reconnect; one that missed more gets a `gap` event."""
MAX_KEPT_BYTES: Final = 32_000_000
"""Size of all kept events; each has 34 kB with ten sites, 3 MB with a thousand."""
MAX_STREAMS: Final = 50
KEEP_ALIVE_S: Final = 15.0
"""Longest silence on a stream: proxies take a longer one for a dead connection."""
RETRY_MS: Final = 2_000
"""Time after which a browser reconnects."""

MOST_ALERTS: Final = 200
"""Alerts that an event carries, the worst; GET /api/alerts has them all."""

ALERTS_JSON: Final = TypeAdapter(tuple[Alert, ...])
SNAPSHOT_JSON: Final = TypeAdapter(Snapshot)
_LINE_END: Final = "\n"


class EventStream:
    """Newest snapshots, or dispatch documents, as events for any number of listeners.

    Ticks that come faster than a listener reads are skipped; the ids of the events show which.

    Args:
        is_over: tells whether the server is about to end; streams then end by themselves, and do not delay it.
        event_of: makes the event of a published state, with its tick as id.

    Attributes:
        places: one for each listener, acquired with the request and not when its first byte is sent.
    """

    def __init__(
        self,
        publisher: StatePublisher,
        is_over: Callable[[], bool] = lambda: False,
        event_of: Callable[[PublishedState], bytes] | None = None,
    ) -> None:
        self._publisher = publisher
        self._event_of = event_of or snapshot_event
        self._is_over = is_over
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=MAX_KEPT)
        self._version = -1
        self._alerts: tuple[Alert, ...] = ()
        self._alerts_event = b""
        self.places = FairShare(MAX_STREAMS)
        self._arrived = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    @property
    def kept_ticks(self) -> tuple[int, ...]:
        """Ticks from which on a client can resume, the oldest first."""
        return tuple(tick for tick, _ in self._kept)

    @property
    def kept_bytes(self) -> int:
        """Size of the kept events in all."""
        return sum(len(event) for _, event in self._kept)

    async def events(
        self, last_tick: int | None, is_known: Callable[[], Awaitable[bool]] | None = None
    ) -> AsyncIterator[bytes]:
        """Yield an event for each snapshot after `last_tick`, else from the newest on.

        Args:
            is_known: tells whether the listener's login is still valid; asked before each event.
        """
        if self._watch is None:
            self._watch = asyncio.create_task(self._follow(), name="mara-events")
        self.look()
        yield ServerSentEvent(retry=RETRY_MS, sep=_LINE_END).encode()
        told: tuple[Alert, ...] = ()
        seen = last_tick if last_tick is not None else (self._kept[-1][0] - 1 if self._kept else -1)
        while not self._is_over() and (is_known is None or await is_known()):
            arrived = self._arrived  # taken first: what comes while the listener reads is not waited for
            # A run that was begun anew counts from zero: a client that is ahead of it starts again.
            if self._kept and self._kept[-1][0] < seen:
                seen = self._kept[0][0] - 1
            if self._kept and self._kept[0][0] > seen + 1 and last_tick is not None:
                missed = {"from_tick": seen + 1, "to_tick": self._kept[0][0]}
                yield JSONServerSentEvent(missed, event="gap", sep=_LINE_END).encode()
            if self._kept:
                last_tick = seen
            for tick, event in [kept for kept in self._kept if kept[0] > seen]:
                yield event
                seen = tick
            if self._alerts != told:
                told = self._alerts
                yield self._alerts_event
            if not await _is_set_soon(arrived):
                yield ServerSentEvent(comment="still here", sep=_LINE_END).encode()

    async def _follow(self) -> None:
        """Look at the newest snapshot for ever, also while no client listens."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            self.look()
            if self._is_over():
                self._arrived.set()

    def look(self) -> None:
        """Keep the newest snapshot and alerts as events, and wake the listeners."""
        current = self._publisher.read()
        snapshot = current.snapshot
        if snapshot is None or current.version == self._version:
            return
        self._version = current.version
        if current.alerts != self._alerts:
            self._alerts, self._alerts_event = current.alerts, _alerts_event_of(current.alerts)
            self._wake()
        if self._kept and self._kept[-1][0] == snapshot.tick:
            return
        if self._kept and self._kept[-1][0] > snapshot.tick:
            self._kept.clear()
        self._kept.append((snapshot.tick, self._event_of(current)))
        while len(self._kept) > 1 and self.kept_bytes > MAX_KEPT_BYTES:
            self._kept.popleft()
        self._wake()

    def _wake(self) -> None:
        """Let every listener look for what is new."""
        self._arrived.set()
        self._arrived = asyncio.Event()


async def _is_set_soon(arrived: asyncio.Event) -> bool:
    """Wait for an event; False where it was not set within the keep-alive time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(KEEP_ALIVE_S):
            await arrived.wait()
        return True
    return False


def snapshot_event(current: PublishedState) -> bytes:
    """Write a snapshot as an event; done once, whatever the number of listeners."""
    snapshot = current.snapshot
    assert snapshot is not None
    body = SNAPSHOT_JSON.dump_json(snapshot).decode()
    return ServerSentEvent(body, id=str(snapshot.tick), event="snapshot", sep=_LINE_END).encode()


def dispatch_event(current: PublishedState) -> bytes:
    """Write a dispatch document as an event; empty where there is none of the tick."""
    document = current.dispatch
    if document is None:
        return b""
    body = document_bytes(document).decode()
    return ServerSentEvent(body, id=str(document.tick), event="dispatch", sep=_LINE_END).encode()


def last_id_of(header: str | None) -> int | None:
    """Read the tick in a Last-Event-ID header; None where it holds none."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _alerts_event_of(alerts: tuple[Alert, ...]) -> bytes:
    """Write the alerts that stand as an event, without an id: those are ticks."""
    body = ALERTS_JSON.dump_json(alerts[:MOST_ALERTS]).decode()
    return ServerSentEvent(body, event="alerts", sep=_LINE_END).encode()


class EventResponse(StreamingResponse):
    """Answer with a stream's events that holds one of its places until it ends."""

    def __init__(self, events: AsyncIterator[bytes], places: FairShare, identity: Identity) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._places = places
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events, and release the place."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.release(self._identity)
