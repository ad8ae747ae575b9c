"""HTTP from clients that may be slow, and not endlessly: what does not come in time ends the connection."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEADERS_TIMEOUT_S: Final = 10.0
"""From the connection, or the first byte of a further request, to the end of its headers."""
BODY_TIMEOUT_S: Final = 30.0
"""From there to the end of its body; the longest that any call takes has some 100 kB."""
KEEP_ALIVE_S: Final = 5
"""From an answer to the next request."""


class TimedHttp(HttpToolsProtocol):
    """The server's own protocol with an end to waiting."""

    _waiting: asyncio.TimerHandle | None = None
    _is_upgraded: bool = False

    @property
    def waits_for_client(self) -> bool:
        """Whether the next move is the client's, and no answer is under way."""
        cycle: RequestResponseCycle | None = self.cycle
        return not self._is_upgraded and (cycle is None or cycle.response_complete or cycle.more_body)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEADERS_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_unwatched = self._waiting is None and self.timeout_keep_alive_task is None
        if is_unwatched and self.waits_for_client and not self.transport.is_closing():
            self._wait(HEADERS_TIMEOUT_S)  # an empty line ends the server's own wait, and begins no request

    def on_message_begin(self) -> None:
        self._wait(HEADERS_TIMEOUT_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
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
        """End the connection after so long, or wait for nothing."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None if timeout_s is None else self.loop.call_later(timeout_s, self._give_up, timeout_s)

    def _give_up(self, timeout_s: float) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._wait(timeout_s)
        elif not self.transport.is_closing():
            self.transport.abort()
