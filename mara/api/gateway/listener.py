"""Lets connections in: so many of one address, so many in all, and none that sends nothing.

Every open connection is a descriptor of the process, and the database, the log and the feeds need some too. Where all
are taken, the one that has waited longest for its client makes room: whoever only holds connections keeps nobody out.
"""

import asyncio
import logging
import resource
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from typing import Any, Final, Protocol

from uvicorn.loops.auto import auto_loop_factory

from mara.api.security.origins import is_loopback
from mara.api.security.rate_limit import neighbourhood_of

MAX_CONNECTIONS: Final = 512
CONNECTIONS_A_BROWSER: Final = 8
"""Six for what a page loads, one for its websocket, one that comes back before the old one is given up."""
MAX_CONNECTIONS_AN_ADDRESS: Final = 256
"""Many browsers stand behind one address where a firewall translates; a proxy or this machine may have them all."""
DESCRIPTORS_KEPT: Final = 128
"""For everything but connections."""
HANDSHAKE_TIMEOUT_S: Final = 10.0
SHUTDOWN_TIMEOUT_S: Final = 5.0
BUSY_PAUSE_S: Final = 0.05
"""After the system refused another descriptor."""

log = logging.getLogger("mara.api")


class Visitor(Protocol):
    """A protocol that says whether the next move is its client's, and no answer is under way."""

    @property
    def waits_for_client(self) -> bool: ...


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
        """Whether nothing is lost with it: in the handshake, between requests, or in the middle of one that is sent."""
        return self.protocol is None or getattr(self.protocol, "waits_for_client", False)

    def end(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(SHUT_RDWR)  # whoever owns it sees its end and tidies up


class Listener:
    """Listens in the place of asyncio's own server, of which uvicorn uses no more than this.

    Args:
        most: connections at once.
        most_an_address: of those, of one address that is not this machine's.
    """

    def __init__(
        self,
        new_protocol: Callable[[], asyncio.BaseProtocol],
        sockets: Iterable[socket],
        *,
        tls: ssl.SSLContext | None,
        most: int,
        most_an_address: int,
    ) -> None:
        self.sockets = tuple(sockets)
        self._new_protocol = new_protocol
        self._tls = tls
        self._most = most
        self._most_an_address = most_an_address
        self._open: dict[_Connection, None] = {}
        loop = asyncio.get_running_loop()
        self._listeners = [loop.create_task(self._listen(one), name="mara-door") for one in self.sockets]
        self._greetings: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        for task in (*self._listeners, *self._greetings):
            task.cancel()
        for listening in self.sockets:
            listening.close()

    async def wait_closed(self) -> None:
        """Until nobody is being let in."""
        await asyncio.gather(*self._listeners, *self._greetings, return_exceptions=True)

    async def _listen(self, listening: socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                arrived, address = await loop.sock_accept(listening)
            except OSError as error:
                log.warning("a connection could not be taken", extra={"reason": str(error)})
                self._make_room(lambda _: True)
                await asyncio.sleep(BUSY_PAUSE_S)
                continue
            connection = _Connection(arrived, neighbourhood_of(str(address[0])))
            if self._has_room(connection.address):
                self._open[connection] = None
                task = loop.create_task(self._let_in(connection), name="mara-greeting")
                self._greetings.add(task)
                task.add_done_callback(self._greetings.discard)
            else:
                arrived.close()

    async def _let_in(self, connection: _Connection) -> None:
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

    def _has_room(self, address: str) -> bool:
        """Whether one more may come from there; makes room where somebody only waits."""
        self._forget_who_left()
        of_address = 0 if is_loopback(address) else sum(one.address == address for one in self._open)
        if of_address >= self._most_an_address and not self._make_room(lambda one: one.address == address):
            return False
        return len(self._open) < self._most or self._make_room(lambda _: True)

    def _make_room(self, may_go: Callable[[_Connection], bool]) -> bool:
        """End the connection that has waited longest for its client."""
        for connection in self._open:
            if connection.waits_for_client and may_go(connection):
                connection.end()
                del self._open[connection]
                return True
        return False

    def _forget_who_left(self) -> None:
        for connection in [one for one in self._open if one.is_over]:
            del self._open[connection]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLoop:
    """Makes an event loop whose servers are doors: uvicorn asks the loop for its server, and has no option for this.

    Attributes:
        is_behind_proxy: whether all connections come from one address.
    """

    most_clients: int
    is_behind_proxy: bool

    def __call__(self) -> asyncio.AbstractEventLoop:
        """A new loop."""
        loop = auto_loop_factory()()
        create_server = loop.create_server

        async def create_door(
            new_protocol: Callable[[], asyncio.BaseProtocol], *where: Any, **options: Any
        ) -> Listener:
            tls, backlog = options.pop("ssl", None), options.pop("backlog", MAX_CONNECTIONS)
            server = await create_server(new_protocol, *where, **options, start_serving=False)
            sockets = [_listening(one.dup(), backlog) for one in server.sockets]
            server.close()
            most = most_connections(self.most_clients)
            most_an_address = most if self.is_behind_proxy else min(MAX_CONNECTIONS_AN_ADDRESS, max(most // 2, 1))
            return Listener(new_protocol, sockets, tls=tls, most=most, most_an_address=most_an_address)

        loop.create_server = create_door  # type: ignore[assignment, method-assign]
        return loop


def most_connections(most_clients: int) -> int:
    """How many fit, with the descriptors that this process may have."""
    wanted = max(MAX_CONNECTIONS, CONNECTIONS_A_BROWSER * most_clients)
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(allowed - DESCRIPTORS_KEPT, allowed // 2))


def raise_descriptor_limit() -> None:
    """Take all the descriptors that the system allows: shells hand on fewer than they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listening(ours: socket, backlog: int) -> socket:
    ours.setblocking(False)
    ours.listen(backlog)
    return ours
