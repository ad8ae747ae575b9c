"""The interface of a database that can hold a run, and the one that a URL names."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError

from mara.errors import ConfigError
from mara.store.backends.postgres import PostgresServer
from mara.store.backends.sqlite_file import SqliteFile

POSTGRES_DRIVERS = ("postgresql", "postgresql+psycopg")


class WriterLease(Protocol):
    """The exclusive right to write a database, with the one connection that writes."""

    @property
    def engine(self) -> Engine: ...

    @property
    def loss(self) -> str:
        """A sentence about ticks that had been stored and are missing; empty for none."""
        ...

    @property
    def is_new(self) -> bool:
        """True when opening has just created the database."""
        ...

    def fault(self) -> str:
        """Describe the loss of the open database in a sentence; empty without one."""
        ...

    def acknowledge(self, run_id: str, next_tick: int) -> None:
        """Record that a tick is stored, so that its loss can be noticed later."""
        ...

    def discard(self) -> None:
        """Delete a database that `is_new` and holds nothing, and release it."""
        ...

    def bounded(self, timeout_s: float, /) -> AbstractContextManager[None]:
        """Limit the time [s] to wait for an answer of the database."""
        ...

    def let_go_if_lost(self, connection: Connection, /) -> None:
        """Make the next use connect again if the connection has ended."""
        ...

    def release(self) -> None:
        """Close the connection and release the database; harmless when repeated."""
        ...


class StatementAnswer(Protocol):
    """The answer to a statement of a batch, to be read once the batch has ended."""

    @property
    def rowcount(self) -> int:
        """The number of rows that the statement changed."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows, as plain tuples."""
        ...


class StatementBatch(Protocol):
    """Statements of a transaction, sent to the driver past SQLAlchemy.

    They are the same in every tick, and need nothing of it.
    """

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement whose answer nobody needs."""
        ...

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Any]) -> None:
        """Insert whole rows in bulk."""
        ...

    def ask(self, statement: str, values: Sequence[Any] = ()) -> StatementAnswer:
        """Run a statement with question marks for `values`."""
        ...


class Database(Protocol):
    """A database for one run: an SQLite file, or a database on a PostgreSQL server."""

    @property
    def name(self) -> str:
        """The name for messages; never with a password."""
        ...

    def lease(self) -> WriterLease:
        """Lock out other writers, and create or upgrade the schema.

        Raises:
            StoreRefused: the database is locked, damaged, read-only, of another program, or of a newer Mara.
            StoreError: the database cannot be reached, or the upgrade failed and changed nothing.
        """
        ...

    def upgrade(self) -> str | None:
        """Create or upgrade the schema; returns the name of the backup made first, if any."""
        ...

    def set_aside(self, *, force: bool) -> str | None:
        """Make room for a new run; returns the new name of what is there, if anything is.

        Args:
            force: rename what is there instead of refusing.

        Raises:
            StoreRefused: something is there and `force` was not given, or another process writes it.
        """
        ...

    def is_there(self) -> bool:
        """True when there is anything to read."""
        ...

    def revision(self) -> str:
        """The migration that the schema stands at; empty before the first."""
        ...

    def refuse_unreadable(self) -> None:
        """Check that there is a database of this version.

        Raises:
            StoreRefused: there is none, or one of another version.
        """
        ...

    def reader(self) -> Engine:
        """Make a small pool of read-only connections.

        Each statement sees one committed state and holds it no longer.
        """
        ...

    def editor(self) -> Engine:
        """Make an engine of one connection, for rows beside the run."""
        ...

    def answering(self, doing: str) -> AbstractContextManager[None]:
        """Convert the database's errors to Mara's.

        Args:
            doing: what was asked, for messages, such as "tick 7".

        Raises:
            StoreError: the database failed, or is busy, damaged or away.
        """
        ...

    def one_state(self, connection: Connection) -> AbstractContextManager[Connection]:
        """Show several queries of a reader's connection the same committed state."""
        ...

    def rows_of(self, connection: Connection, query: str) -> Iterator[Any]:
        """Run a query of any number of rows; yields them with their columns as attributes."""
        ...

    def batch(self, connection: Connection, /) -> AbstractContextManager[StatementBatch]:
        """Send statements of the present transaction without waiting for each answer.

        Their errors are the driver's, at the latest where the batch ends.
        """
        ...

    def wait_for_disk(self, connection: Connection, *, full: bool) -> None:
        """Set whether later commits wait until they would survive a power cut.

        Called between transactions.
        """
        ...

    def flush_log(self, connection: Connection) -> None:
        """Write the log into the database before the last connection is closed."""
        ...

    def page_faults(self, connection: Connection, /) -> Iterator[str]:
        """Report faults that the database itself finds in its pages."""
        ...

    def free_bytes(self) -> int | None:
        """Free space on its disk [bytes]; None where it cannot be seen from here."""
        ...

    def back_up(self, target: Path, /) -> None:
        """Write a verified copy, live or not, to a new file.

        Raises:
            ConfigError: the database is on a server, which has its own backup tool.
            StoreRefused, StoreError: see `mara.store.backends.backup`.
        """
        ...


def database_of(url: str) -> Database:
    """Find the database that a URL names; nothing is opened.

    Raises:
        ConfigError: not the URL of one; it is not repeated, because it may carry a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("the database URL cannot be read: write it as sqlite:///mara.db") from error
    if parsed.drivername in POSTGRES_DRIVERS:
        return PostgresServer.of(parsed)
    return SqliteFile.of(parsed)
