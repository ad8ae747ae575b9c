"""Connections of imitated devices, and the faults that any device may have."""

import http.server
import json
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

FAULTS: Final = ("silent", "slow", "refuse", "ignore", "reboot")
"""Faults: silence, drops, refused writes, writes not done, a break after a write."""
HUNG_S: Final = 60.0
DROP_S: Final = 0.1
"""Pause between the bytes of an answer that comes in drops."""


@contextmanager
def serving(handle: Callable[[socket.socket], None], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve connections, each in a thread; yield the port."""

    class Visit(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                handle(self.request)
            except ConnectionError:
                return  # the other side has gone

    class Visited(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False
        request_queue_size = 512

    with Visited((host, port), Visit) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class Answering(Protocol):
    """A device with an HTTP interface, which may have a fault."""

    fault: str

    def answer(self, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, object]:
        """Obey a request, whose headers are in small letters; returns status and JSON."""


@contextmanager
def serving_http(device: Answering, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve requests, each in a thread; yield the URL of the server."""
    is_over = threading.Event()

    class Call(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond(None)

        def do_PUT(self) -> None:
            self.respond(self.rfile.read(int(self.headers["content-length"])))

        def do_PATCH(self) -> None:
            self.do_PUT()

        def respond(self, body: bytes | None) -> None:
            if device.fault == "silent":
                is_over.wait(HUNG_S)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = device.answer(self.path, headers, body)
            if device.fault == "reboot" and body:
                return
            said = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            if device.fault != "slow":
                self.wfile.write(said)
                return
            for byte in said:
                self.wfile.write(bytes((byte,)))
                is_over.wait(DROP_S)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """Say nothing of those who have gone."""

    with Server((host, port), Call) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://{host}:{server.server_port}"
        is_over.set()
        server.shutdown()
        thread.join()


def sent(connection: socket.socket, answer: bytes, fault: str) -> None:
    """Send an answer, in drops where the fault is slow."""
    if fault != "slow":
        connection.sendall(answer)
        return
    for byte in answer:
        connection.sendall(bytes((byte,)))
        threading.Event().wait(DROP_S)


def hung(connection: socket.socket) -> None:
    """Say nothing until the other side has gone, or for a minute."""
    closed = select.poll()
    closed.register(connection, select.POLLHUP | select.POLLERR)
    closed.poll(HUNG_S * 1_000)


def untold(_: str) -> None:
    """Tell nobody of a change."""
