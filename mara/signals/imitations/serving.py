"""Connections of imitated devices, and the faults that any device may have."""

import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

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
