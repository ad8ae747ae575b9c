"""Connections to a PostgreSQL server: how it is spoken to, who writes, and when it counts as away.

Neither a server that was frozen nor a network that swallows everything says so: whoever waits for an answer decides
how long, and hangs up.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from secrets import token_hex
from threading import Timer
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.pool import StaticPool

from mara.errors import StoreBlocked, StoreRefused
from mara.store.backends.sqlite_connection import BUSY_TIMEOUT_S

LOCK_KEY: Final = int.from_bytes(b"MARA", "big")
"""Of the advisory lock that the one writer of a database holds; each database has locks of its own."""
CONNECT_TIMEOUT_S: Final = 10
SILENCE_S: Final = 15
"""A network that says nothing for so long has swallowed the connection: found out at both of its ends."""
KEEPALIVE_S: Final = 5
MILLISECONDS: Final = 1_000
MOST_NAME_CHARACTERS: Final = 63
"""Of what a connection calls itself."""
LOOKS_FOR_THE_LOCK: Final = 40
BETWEEN_LOOKS_S: Final = 0.05

_HOLDER: Final = """
SELECT pid, coalesce(nullif(application_name, ''), 'server process ' || pid)
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Writer:
    """The engine of the one writer: whenever it connects it takes the lock first, which goes when the connection ends.

    After a server was away the next transaction connects again; whoever wrote meanwhile is seen by the fencing.
    """

    loss = ""
    is_new = False

    def __init__(self, url: URL, name: str) -> None:
        self._name = name
        self._driver: Any = None
        # The end tells this writer's connections from those of another on the same machine.
        own = f"mara process {os.getpid()} on {socket.gethostname()}"
        self._called = f"{own[: MOST_NAME_CHARACTERS - 9]} {token_hex(4)}"
        self.engine = translated(
            create_engine(
                url,
                connect_args={
                    **arguments(self._called),
                    "options": f"-c lock_timeout={int(BUSY_TIMEOUT_S * MILLISECONDS)} {_NOTICE_THE_END}",
                },
                hide_parameters=True,
                poolclass=StaticPool,
            )
        )

        @event.listens_for(self.engine, "connect")
        def take_the_lock(driver: Any, _: Any) -> None:
            try:
                self._take_the_lock(driver)
            except BaseException:
                driver.close()
                raise
            self._driver = driver

    @contextmanager
    def bounded(self, patience_s: float) -> Iterator[None]:
        """Hang up when the server says nothing for so long, so that who waits for it is told."""
        timer = Timer(patience_s, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def let_go_if_lost(self, connection: Connection) -> None:
        """Have the next transaction connect again where the connection has ended unnoticed."""
        driver = self._driver
        if driver is not None and (driver.closed or driver.broken) and not connection.closed:
            self._driver = None
            if not connection.invalidated:
                connection.invalidate()

    def fault(self) -> str:
        """None to be seen from here: the server knows where its files are."""
        return ""

    def acknowledge(self, run_id: str, next_tick: int) -> None:
        """Nothing: the server keeps its own log."""

    def discard(self) -> None:
        """Nothing was made that is not of use to the next."""
        self.release()

    def release(self) -> None:
        """Let the next writer in; harmless when repeated."""
        self.engine.dispose()

    def _hang_up(self) -> None:
        """End the connection under whoever waits; nothing else wakes them while the server is frozen."""
        driver = self._driver
        if driver is None or driver.closed:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def _take_the_lock(self, driver: Any) -> None:
        """A server that froze, or lost us in its network, may still hold the lock for a connection that we gave up."""
        found = None
        for _ in range(LOOKS_FOR_THE_LOCK):
            with driver.cursor() as cursor:
                taken = cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()[0]
                found = None if taken else cursor.execute(_HOLDER, (LOCK_KEY,)).fetchone()
                if found is not None and found[1] == self._called:
                    # The server needs a moment to end what it still held.
                    cursor.execute("SELECT pg_terminate_backend(%s), pg_sleep(%s)", (found[0], BETWEEN_LOOKS_S))
            driver.commit()
            if taken:
                return
            if found is not None and found[1] != self._called:
                break
        if found is not None and found[1] == self._called:
            raise StoreBlocked(f"{self._name} still holds this Mara's last connection: it is tried again until it ends")
        holder = "unknown" if found is None else found[1].removeprefix("mara ").rpartition(" ")[0] or found[1]
        raise StoreRefused(
            f"{self._name} is being written by another Mara ({holder}):"
            " stop that one, or set MARA_DATABASE_URL to another database"
        )


def arguments(application: str) -> dict[str, Any]:
    """How a connection is made, whoever makes it."""
    return {
        "application_name": application,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": KEEPALIVE_S,
        "keepalives_interval": KEEPALIVE_S,
        "keepalives_count": SILENCE_S // KEEPALIVE_S,
        "tcp_user_timeout": SILENCE_S * MILLISECONDS,
    }


_NOTICE_THE_END: Final = (
    f"-c tcp_keepalives_idle={KEEPALIVE_S} -c tcp_keepalives_interval={KEEPALIVE_S}"
    f" -c tcp_keepalives_count={SILENCE_S // KEEPALIVE_S}"
)


def translated(engine: Engine) -> Engine:
    """SQL of ours in the driver's marks, and numbers of sums as Python's own."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def translate(_: Connection, __: Any, statement: str, parameters: Any, context: Any, ___: bool) -> tuple[str, Any]:
        return (translation(statement) if context.compiled is None else statement), parameters

    @event.listens_for(engine, "connect")
    def read_sums(driver: Any, _: Any) -> None:
        driver.adapters.register_loader("numeric", _number_loader())

    return engine


@cache
def translation(statement: str) -> str:
    """None of our statements has a question mark in its words."""
    return statement.replace("%", "%%").replace("?", "%s")


@cache
def _number_loader() -> Any:
    """Reads NUMERIC: a sum of whole numbers is whole, all else a float."""
    from psycopg.adapt import Loader

    class Number(Loader):
        def load(self, data: Any) -> int | float:
            text = bytes(data)
            return int(text) if text.lstrip(b"-").isdigit() else float(text)

    return Number
