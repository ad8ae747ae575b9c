"""`mara run` as a process of its own on a stored run, and clients that burden it."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.forked_program import ForkedProgram, forked
from tests.servers import ROOT, environment, free_port

END_TIMEOUT_S = 30
START_TIMEOUT_S = 60
LOOK_INTERVAL_S = 0.05
CLIENT_ID = re.compile(r"'client_id': '([0-9a-f-]+)'")


@dataclass(frozen=True)
class LiveServer:
    """A dashboard on the run of a folder."""

    folder: Path
    port: int
    app: "subprocess.Popen[str] | ForkedProgram"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, path: str, timeout_s: float = 30.0) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=timeout_s) as answer:
            return bytes(answer.read())

    def begin_to_plan(self) -> None:
        """Have a plan made, unless one is under way."""
        request = urllib.request.Request(f"{self.address}/api/optimize", b"{}", {"content-type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise

    def wait_for_ticks(self, count: int) -> None:
        """Wait until the server has stored so many ticks, so that its start is over."""
        until_s = time.monotonic() + START_TIMEOUT_S
        while self.histogram("mara_tick_duration_seconds").get(float("inf"), 0.0) < count:
            assert time.monotonic() < until_s, f"there are no {count} ticks after {START_TIMEOUT_S} s"
            time.sleep(LOOK_INTERVAL_S)

    def histogram(self, name: str) -> dict[float, float]:
        """Cumulative counts of a histogram by upper bound."""
        found = re.findall(rf'^{name}_bucket{{le="(.+)"}} (\S+)$', self.asked("/metrics").decode(), re.MULTILINE)
        return {float(bound.replace("+Inf", "inf")): float(count) for bound, count in found}


def bound_of(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """The least upper bound that covers a share of the values between two readings."""
    came = {bound: after[bound] - before.get(bound, 0.0) for bound in after}
    return next(bound for bound, count in sorted(came.items()) if count >= share * came[float("inf")])


@contextmanager
def live_server(
    folder: Path, *, options: Sequence[str], is_forked: bool = False, **settings: str
) -> Iterator[LiveServer]:
    """Start a dashboard on the run of a folder, or a new one; yield it once it is reachable.

    A fork starts sooner; where times are measured, it is a Python of its own.
    """
    env = environment() | {"PYTHONPATH": str(ROOT)} | settings
    port = free_port()
    words = ["pages", "run", "--no-browser", *options, "--port", str(port)]
    command = [sys.executable, "-m", *words]
    with (
        forked(words, folder, env)
        if is_forked
        else subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    ) as app:
        try:
            assert app.stdout is not None
            assert "Mara is on" in app.stdout.readline()
            yield LiveServer(folder, port, app)
        finally:
            app.terminate()
            app.wait(END_TIMEOUT_S)


@contextmanager
def stalled_viewer(server: LiveServer) -> Iterator[None]:
    """Open the overview, then read nothing that is sent, as a suspended laptop does."""
    found = CLIENT_ID.search(server.asked("/").decode())
    assert found is not None
    query = f"EIO=4&transport=websocket&client_id={found[1]}&next_message_id=0&tab_id=t&document_id=d"
    where = f"127.0.0.1:{server.port}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stalled.sendall(
            f"GET /_nicegui_ws/socket.io/?{query}&implicit_handshake=true HTTP/1.1\r\nHost: {where}\r\nOrigin: http://{where}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n".encode()
        )
        assert b"101 Switching" in stalled.recv(256)
        stalled.sendall(_frame(b"40"))  # socket.io's own connect; nothing is read from here on
        yield


@contextmanager
def open_stream(server: LiveServer) -> Iterator[None]:
    """Connect a client that follows the server-sent events."""
    with urllib.request.urlopen(f"{server.address}/api/events", timeout=30) as stream:
        assert stream.readline()
        yield


class Asking(threading.Thread):
    """Thread that repeats one request until it is stopped or the server is gone."""

    def __init__(self, server: LiveServer, path: str, pause_s: float) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._path = path
        self._pause_s = pause_s
        self._over = threading.Event()
        self.took_s: list[float] = []

    def run(self) -> None:
        while not self._over.is_set():
            begun_s = time.perf_counter()
            try:
                self._server.asked(self._path)
            except OSError:
                return
            self.took_s.append(time.perf_counter() - begun_s)
            self._over.wait(self._pause_s)

    def __enter__(self) -> "Asking":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(END_TIMEOUT_S)


def _frame(text: bytes) -> bytes:
    """A masked text frame (RFC 6455, section 5.2) of a short text."""
    mask = os.urandom(4)
    return bytes([0x81, 0x80 | len(text)]) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
