"""Viewers of the dashboard without a browser, to measure the cost of serving.

Each opens the page and follows it over a websocket, as NiceGUI's own client does, with compression. Drawing in a
browser costs the server nothing, and is left out.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import socketio

CLIENT_ID: Final = re.compile(r"'client_id': '([0-9a-f-]+)'")
SOCKET_PATH: Final = "/_nicegui_ws/socket.io"
ACK_INTERVAL_S: Final = 3.0
FIRST_PICTURE_TIMEOUT_S: Final = 20.0
AT_ONCE: Final = 5
"""Pages that are opened at the same time, as by the people of one office."""


class Viewer:
    """A viewer of the dashboard.

    `pictures` are the updates that the page's script would have drawn, by time of arrival.
    """

    def __init__(self, address: str, host: str) -> None:
        self._address = address
        self._headers = {
            "Host": host,
            "Origin": f"http://{host}",
        }  # the gate refuses other host names than the server's own
        self._socket = socketio.AsyncClient(reconnection=False, websocket_extra_options={"compress": 15})
        self._socket.on("run_javascript", self._take)
        self._begun_s = 0.0
        self._first = asyncio.Event()
        self._acks: asyncio.Task[None] | None = None
        self._client_id = ""
        self.pictures: list[tuple[float, int]] = []
        """Time [s after opening] and number of characters of each update."""

    async def open(self, session: aiohttp.ClientSession) -> None:
        """Load the page, and wait for the first whole view model."""
        self._begun_s = time.monotonic()
        async with session.get(self._address, headers=self._headers) as answer:
            page = await answer.text()
            found = CLIENT_ID.search(page)
        assert found is not None, f"the page names its client (status {answer.status}): {page[:200]}"
        self._client_id = found[1]
        query = (
            f"client_id={self._client_id}&next_message_id=0&implicit_handshake=true&tab_id=t{id(self)}&document_id=d"
        )
        await self._socket.connect(
            f"{self._address}?{query}", headers=self._headers, socketio_path=SOCKET_PATH, transports=["websocket"]
        )
        self._acks = asyncio.create_task(self._acknowledge())
        await asyncio.wait_for(self._first.wait(), FIRST_PICTURE_TIMEOUT_S)

    async def leave(self) -> None:
        """Close the connection, as a closed tab does."""
        if self._acks is not None:
            self._acks.cancel()
        await self._socket.disconnect()

    def _take(self, message: dict[str, Any]) -> None:
        code = str(message["code"])
        if code.startswith("window.mara."):
            self.pictures.append((time.monotonic() - self._begun_s, len(code)))
            self._first.set()

    async def _acknowledge(self) -> None:
        taken = 0
        while True:
            await asyncio.sleep(ACK_INTERVAL_S)
            taken += 1_000
            await self._socket.emit("ack", {"client_id": self._client_id, "next_message_id": taken})


@asynccontextmanager
async def viewers(address: str, count: int, host: str = "") -> AsyncIterator[list[Viewer]]:
    """Open `count` viewers, and yield them once each has its first view model.

    `host` is the server's name in requests, where a relay stands before it.
    """
    async with aiohttp.ClientSession() as session:
        looking = [Viewer(address, host or address.removeprefix("http://")) for _ in range(count)]
        for group in (
            looking[i : i + AT_ONCE] for i in range(0, count, AT_ONCE)
        ):  # the server refuses too many pages without a live connection
            await asyncio.gather(*(viewer.open(session) for viewer in group))
        yield looking
        await asyncio.gather(*(viewer.leave() for viewer in looking))


class Meter:
    """Relay before a local server that counts the bytes sent to viewers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self.bytes_count = 0

    async def open(self) -> str:
        """Start to listen; return the relay's address."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        up = asyncio.create_task(_pass(reader, to_server))
        while block := await from_server.read(65_536):
            self.bytes_count += len(block)
            writer.write(block)
            await writer.drain()
        writer.close()
        up.cancel()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65_536):
        writer.write(block)
        await writer.drain()
    writer.close()


def cpu_s(pid: int) -> float:
    """CPU time [s] that a process has used, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Resident memory [MB] of a process, on Linux."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1_024


CLOCK_TICKS_PER_S: Final = 100  # USER_HZ, fixed in Linux's interface
