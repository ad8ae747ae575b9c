"""Connections to a PostgreSQL server: timeouts, writer's lock, parameter marks.

A frozen server or a dead network gives no error, so the caller limits how long it waits for an answer.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cache
from math import ceil
from secrets import token_hex
from threading import Condition, Thread, Timer
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.pool import StaticPool

from mara.errors import StoreBlocked, StoreRefused
from mara.store.backends.sqlite_connection import BUSY_TIMEOUT_S

LOCK_KEY: Final = int.from_bytes(b"MARA", "big")
"""Key of the writer's advisory lock; each database has locks of its own."""
CONNECT_TIMEOUT_S: Final = 10
SILENCE_S: Final = 15
"""Time [s] without an answer after which a network connection is closed."""
KEEPALIVE_S: Final = 5
MILLISECONDS: Final = 1_000
MOST_NAME_CHARACTERS: Final = 63
"""Longest application name that PostgreSQL keeps."""
END_S: Final = 1.0
"""Longest time [s] that is waited for the server to end the writer's connection."""
BETWEEN_PATIENCE_S: Final = 0.25
"""Time [s] between looks whether an answer is late."""
MOST_IDLE_LOOKS: Final = 20
LOOKS_FOR_THE_LOCK: Final = 40
BETWEEN_LOOKS_S: Final = 0.05

_HOLDER: Final = """
SELECT pid, coalesce(nullif(application_name, ''), 'server process ' || pid) AS called
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Writer:
    """The connection of the one writer, which takes the lock when it connects.

    The lock ends with the connection. After the server was unreachable the next transaction connects again; another
    writer in the meantime is noticed by the fencing number.
    """

    loss = ""
    is_new = False

    def __init__(self, url: URL, name: str) -> None:
        self._name = name
        self._driver: Any = None
        self._patience = _Patience(self._hang_up)
        # The random end distinguishes this writer's connections from others on the same machine.
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
            from psycopg.types.numeric import Int8BinaryDumper

            try:
                self._take_the_lock(driver)
            except BaseException:
                driver.close()
                raise
            # All integer columns are BIGINT. psycopg's own choice by value gives an insert of twenty columns hundreds
            # of types, each of which the server parses, plans and keeps on its own.
            driver.adapters.register_dumper(int, Int8BinaryDumper)
            self._driver = driver

    def bounded(self, timeout_s: float) -> AbstractContextManager[None]:
        """Close the connection when the server does not answer in time."""
        return self._patience.at_most(timeout_s)

    def let_go_if_lost(self, connection: Connection) -> None:
        """Make the next transaction connect again if the connection has ended unnoticed."""
        driver = self._driver
        if driver is not None and (driver.closed or driver.broken) and not connection.closed:
            self._driver = None
            if not connection.invalidated:
                connection.invalidate()

    def fault(self) -> str:
        """Return no fault: the server looks after its own files."""
        return ""

    def acknowledge(self, run_id: str, next_tick: int) -> None:
        """Do nothing: the server keeps its own log."""

    def discard(self) -> None:
        """Release the database; the empty tables stay for the next writer."""
        self.release()

    def release(self) -> None:
        """Close the connection, which releases the lock; harmless when repeated.

        The server releases it before it closes its end. The next writer would be refused if it came sooner.
        """
        self._patience.end()
        driver, self._driver = self._driver, None
        if driver is None or driver.closed:
            self.engine.dispose()
            return
        with ExitStack() as held:
            line = None
            with suppress(OSError):  # there may be no more descriptors
                line = held.enter_context(socket.socket(fileno=os.dup(driver.fileno())))
            self.engine.dispose()
            if line is not None:
                _wait_for_the_end(line)

    def _hang_up(self) -> None:
        """Shut down the socket, the only way to wake a caller while the server is frozen."""
        driver = self._driver
        if driver is None or driver.closed:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(driver.fileno())) as line:
            _shut(line)

    def _take_the_lock(self, driver: Any) -> None:
        """Take the advisory lock, or refuse if another writer holds it.

        After a freeze or a network failure the server may still hold the lock for a connection that was given up.
        """
        from psycopg.rows import namedtuple_row

        holder = None
        for _ in range(LOOKS_FOR_THE_LOCK):
            with driver.cursor(row_factory=namedtuple_row) as cursor:
                taken = cursor.execute("SELECT pg_try_advisory_lock(%s) AS taken", (LOCK_KEY,)).fetchone().taken
                holder = None if taken else cursor.execute(_HOLDER, (LOCK_KEY,)).fetchone()
                if holder is not None and holder.called == self._called:
                    # The server needs a moment to end what it still held.
                    cursor.execute("SELECT pg_terminate_backend(%s), pg_sleep(%s)", (holder.pid, BETWEEN_LOOKS_S))
            driver.commit()
            if taken:
                return
            if holder is not None and holder.called != self._called:
                break
        if holder is not None and holder.called == self._called:
            raise StoreBlocked(f"{self._name} still holds this Mara's last connection: it is tried again until it ends")
        raise self._refusal("unknown" if holder is None else holder.called)

    def _refusal(self, called: str) -> StoreRefused:
        """Make the refusal that names the connection which holds the lock."""
        holder = called.removeprefix("mara ").rpartition(" ")[0] or called
        return StoreRefused(
            f"{self._name} is being written by another Mara ({holder}):"
            " stop that one, or set MARA_DATABASE_URL to another database"
        )


class _Patience:
    """Gives up waits that take too long, by one thread for all of them.

    A thread for each wait took a tenth of the time of a tick. The thread counts looks, because the store has no clock;
    it ends when nothing was waited for during some looks.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self._give_up = give_up
        self._change = Condition()
        self._looks_left: int | None = None
        self._is_watched = False
        self._is_over = False

    @contextmanager
    def at_most(self, timeout_s: float) -> Iterator[None]:
        """Give up a wait after its time, or `BETWEEN_PATIENCE_S` later at the most."""
        with self._change:
            # the next look may come at once, and does not count
            around, self._looks_left = self._looks_left, ceil(timeout_s / BETWEEN_PATIENCE_S) + 1
            self._is_over = False
            if not self._is_watched:
                self._is_watched = True
                Thread(target=self._watch, name="mara-patience", daemon=True).start()
        try:
            yield
        finally:
            with self._change:
                self._looks_left = around

    def end(self) -> None:
        """End the thread; the next wait starts another."""
        with self._change:
            self._is_over = True
            self._change.notify()

    def _watch(self) -> None:
        idle_looks = 0
        with self._change:
            while idle_looks < MOST_IDLE_LOOKS:
                self._change.wait(BETWEEN_PATIENCE_S)
                if self._is_over:
                    break
                idle_looks = idle_looks + 1 if self._looks_left is None else 0
                if self._looks_left is not None:
                    self._looks_left -= 1
                    if not self._looks_left:
                        self._give_up()
            self._is_watched = False


def _wait_for_the_end(line: socket.socket) -> None:
    """Read a connection to its end, or for `END_S`.

    The lock of a frozen server is waited for by who wants it.
    """
    timer = Timer(END_S, _shut, (line,))
    timer.daemon = True
    timer.start()
    line.settimeout(END_S)  # the driver left it so that a read returns at once
    with suppress(OSError):
        while line.recv(1 << 16):
            pass
    timer.cancel()


def _shut(line: socket.socket) -> None:
    """Shut down a connection, which wakes who reads from it."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def arguments(application: str) -> dict[str, Any]:
    """Parameters of every connection to the server, whatever it is used for."""
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
    """Adapt an engine to PostgreSQL: placeholders of textual SQL, and sums as numbers.

    Placeholders become those of psycopg; a NUMERIC sum is read as a plain Python number, not as a Decimal.
    """

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def translate(_: Connection, __: Any, statement: str, parameters: Any, context: Any, ___: bool) -> tuple[str, Any]:
        return (translation(statement) if context.compiled is None else statement), parameters

    @event.listens_for(engine, "connect")
    def read_sums(driver: Any, _: Any) -> None:
        driver.adapters.register_loader("numeric", _number_loader())

    return engine


@cache
def translation(statement: str) -> str:
    """Rewrite SQL text from question marks to the driver's ``%s`` (decision 0139).

    Raises:
        ValueError: a question mark stands within a quoted text, where it would be taken for a parameter.
    """
    if any("?" in quoted for quoted in statement.split("'")[1::2]):
        raise ValueError(f"a question mark within quotes cannot be translated: {statement}")
    return statement.replace("%", "%%").replace("?", "%s")


@cache
def _number_loader() -> Any:
    """Make a reader of NUMERIC: an int for a whole number, as in sums, else a float."""
    from psycopg.adapt import Loader

    class Number(Loader):
        def load(self, data: Any) -> int | float:
            text = bytes(data)
            return int(text) if text.lstrip(b"-").isdigit() else float(text)

    return Number
