"""Listener that limits connections, for each address and in all.

Every open connection is a descriptor of the process, and the database, the log and the feeds need some too. Once all
are taken, the connection that has waited longest for its client is closed in favour of a new one, so that a client
cannot lock others out by holding idle connections.
"""

import asyncio
import logging
import resource
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from typing import Any, Final

from uvicorn.loops.auto import auto_loop_factory

from mara.api.security.origins import is_loopback
from mara.api.security.rate_limit import network_of

MAX_CONNECTIONS: Final = 512
CONNECTIONS_PER_BROWSER: Final = 8
"""Connections of a browser: six for files, one websocket, one that replaces it."""
MAX_CONNECTIONS_PER_ADDRESS: Final = 256
"""Connections from one address, behind which a firewall may hide many browsers.

A reverse proxy and this machine itself may have all connections.
"""
RESERVED_DESCRIPTORS: Final = 128
"""Descriptors of the process that no connection takes."""
HANDSHAKE_TIMEOUT_S: Final = 10.0
SHUTDOWN_TIMEOUT_S: Final = 5.0
BUSY_PAUSE_S: Final = 0.05
"""Pause in accepting connections after the system has refused a descriptor."""

log = logging.getLogger("mara.api")


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket
    address: str
    protocol: asyncio.BaseProtocol | None = None

    @property
    def is_over(self) -> bool:
        return self.socket.fileno() < 0

    @property
    def waits_for_client(self) -> bool:
        """True where closing the connection loses no answer.

        That is in a handshake, between requests, and while a request arrives.
        """
        return self.protocol is None or getattr(self.protocol, "waits_for_client", False)

    def end(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(SHUT_RDWR)  # its transport sees the end and closes it


class Listener:
    """Server that limits connections, with the methods that uvicorn calls.

    Args:
        most: connections open at once.
        most_per_address: connections open at once from one address that is not this machine's.
    """

    def __init__(
        self,
        new_protocol: Callable[[], asyncio.BaseProtocol],
        sockets: Iterable[socket],
        *,
        tls: ssl.SSLContext | None,
        most: int,
        most_per_address: int,
    ) -> None:
        self.sockets = tuple(sockets)
        self._new_protocol = new_protocol
        self._tls = tls
        self._most = most
        self._most_per_address = most_per_address
        self._open: dict[_Connection, None] = {}
        loop = asyncio.get_running_loop()
        self._listeners = [loop.create_task(self._listen(one), name="mara-listener") for one in self.sockets]
        self._handshakes: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Stop accepting connections; those that are open stay open."""
        for task in (*self._listeners, *self._handshakes):
            task.cancel()
        for listening in self.sockets:
            listening.close()

    async def wait_closed(self) -> None:
        """Wait until no connection is being accepted any more."""
        await asyncio.gather(*self._listeners, *self._handshakes, return_exceptions=True)

    async def _listen(self, listening: socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                arrived, address = await loop.sock_accept(listening)
            except OSError as error:
                log.warning("a connection could not be taken", extra={"reason": str(error)})
                self._close_one(lambda _: True)
                await asyncio.sleep(BUSY_PAUSE_S)
                continue
            connection = _Connection(arrived, network_of(str(address[0])))
            if self._may_open(connection.address):
                self._open[connection] = None
                task = loop.create_task(self._connect(connection), name="mara-handshake")
                self._handshakes.add(task)
                task.add_done_callback(self._handshakes.discard)
            else:
                arrived.close()

    async def _connect(self, connection: _Connection) -> None:
        protocol = self._new_protocol()
        if self._tls is None:
            connection.protocol = protocol
        timeouts: dict[str, Any] = {}
        if self._tls is not None:
            timeouts = {"ssl_handshake_timeout": HANDSHAKE_TIMEOUT_S, "ssl_shutdown_timeout": SHUTDOWN_TIMEOUT_S}
        with suppress(OSError):  # a client that does not speak TLS, or says nothing; the loop has closed the socket
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, connection.socket, ssl=self._tls, **timeouts
            )
            connection.protocol = protocol

    def _may_open(self, address: str) -> bool:
        """Tell whether an address may connect once more; close a waiting one for it."""
        self._forget_closed()
        of_address = 0 if is_loopback(address) else sum(one.address == address for one in self._open)
        if of_address >= self._most_per_address and not self._close_one(lambda one: one.address == address):
            return False
        return len(self._open) < self._most or self._close_one(lambda _: True)

    def _close_one(self, may_close: Callable[[_Connection], bool]) -> bool:
        """Close the connection that has waited longest for its client; False without one."""
        for connection in self._open:
            if connection.waits_for_client and may_close(connection):
                connection.end()
                del self._open[connection]
                return True
        return False

    def _forget_closed(self) -> None:
        for connection in [one for one in self._open if one.is_over]:
            del self._open[connection]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLoop:
    """Factory of event loops whose servers are `Listener`s.

    Uvicorn asks the loop for its server, and has no option to replace that alone.

    Attributes:
        most_clients: browsers that may have a page open at once.
        is_behind_proxy: whether all connections come from one address.
    """

    most_clients: int
    is_behind_proxy: bool

    def __call__(self) -> asyncio.AbstractEventLoop:
        """Make a new loop."""
        loop = auto_loop_factory()()
        create_server = loop.create_server

        async def create_listener(
            new_protocol: Callable[[], asyncio.BaseProtocol], *where: Any, **options: Any
        ) -> Listener:
            tls, backlog = options.pop("ssl", None), options.pop("backlog", MAX_CONNECTIONS)
            server = await create_server(new_protocol, *where, **options, start_serving=False)
            sockets = [_listening(one.dup(), backlog) for one in server.sockets]
            server.close()
            most = most_connections(self.most_clients)
            most_per_address = most if self.is_behind_proxy else min(MAX_CONNECTIONS_PER_ADDRESS, max(most // 2, 1))
            return Listener(new_protocol, sockets, tls=tls, most=most, most_per_address=most_per_address)

        loop.create_server = create_listener  # type: ignore[assignment, method-assign]
        return loop


def most_connections(most_clients: int) -> int:
    """Count the connections that the process's limit of descriptors allows."""
    wanted = max(MAX_CONNECTIONS, CONNECTIONS_PER_BROWSER * most_clients)
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(allowed - RESERVED_DESCRIPTORS, allowed // 2))


def raise_descriptor_limit() -> None:
    """Raise the limit of descriptors to the most that the system allows a process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listening(own: socket, backlog: int) -> socket:
    own.setblocking(False)
    own.listen(backlog)
    return own
