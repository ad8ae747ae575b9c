"""HTTP with timeouts: a request that is not sent in time ends its connection."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEADERS_TIMEOUT_S: Final = 10.0
"""Time from the connection, or a further request's first byte, to its last header."""
BODY_TIMEOUT_S: Final = 30.0
"""Time from the headers to the end of the body, or its next `BODY_PART_BYTES`."""
BODY_PART_BYTES: Final = 100_000
"""Part of a long body, such as an uploaded file, that has to come in time."""
KEEP_ALIVE_S: Final = 5
"""Time from an answer to the next request."""


class TimedHttp(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, with a timeout for each part of a request."""

    _waiting: asyncio.TimerHandle | None = None
    _part_bytes: int = 0
    _is_upgraded: bool = False

    @property
    def waits_for_client(self) -> bool:
        """True while the client has to send next, and no answer is under way."""
        cycle: RequestResponseCycle | None = self.cycle
        return not self._is_upgraded and (cycle is None or cycle.response_complete or cycle.more_body)

    @property
    def _takes_body(self) -> bool:
        """True while the app still takes in the body of a request."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEADERS_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._part_bytes += len(data)
        if self._part_bytes >= BODY_PART_BYTES and self._takes_body:
            self._part_bytes = 0
            self._wait(BODY_TIMEOUT_S)
        is_unwatched = self._waiting is None and self.timeout_keep_alive_task is None
        if is_unwatched and self.waits_for_client and not self.transport.is_closing():
            self._wait(HEADERS_TIMEOUT_S)  # an empty line ends uvicorn's own timeout, and begins no request

    def on_message_begin(self) -> None:
        self._wait(HEADERS_TIMEOUT_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._part_bytes = 0
        self._wait(BODY_TIMEOUT_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._wait(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._wait(None)
        self._is_upgraded = True
        super().handle_websocket_upgrade()

    def _wait(self, timeout_s: float | None) -> None:
        """Restart the timeout that ends the connection; None stops it."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None if timeout_s is None else self.loop.call_later(timeout_s, self._give_up, timeout_s)

    def _give_up(self, timeout_s: float) -> None:
        if self.flow.read_paused:  # the server, not the client, is slow
            self._wait(timeout_s)
        elif not self.transport.is_closing():
            self.transport.abort()
