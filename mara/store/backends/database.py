"""Which database a URL names, and what differs between those that can hold a run: a file, or a PostgreSQL server."""

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
    """What keeps other writers away, from open to close, and the one connection that writes."""

    @property
    def engine(self) -> Engine: ...

    @property
    def loss(self) -> str:
        """What had been stored and is not there any more, in a sentence; empty where nothing is missing."""
        ...

    @property
    def is_new(self) -> bool:
        """Whether it was made just now."""
        ...

    def fault(self) -> str:
        """What has become of the database since it was opened, in a sentence; empty while all is well."""
        ...

    def acknowledge(self, run_id: str, next_tick: int) -> None:
        """A tick is stored: what is there to notice, should it be lost, is brought up to date."""
        ...

    def discard(self) -> None:
        """Take away a database that `is_new` and holds nothing, and let go."""
        ...

    def bounded(self, patience_s: float, /) -> AbstractContextManager[None]:
        """While the database is asked something: it counts as away when it says nothing for so long."""
        ...

    def let_go_if_lost(self, connection: Connection, /) -> None:
        """Have the next use connect again, should the connection have ended."""
        ...

    def release(self) -> None:
        """Close the connection and let the next writer in; harmless when repeated."""
        ...


class Database(Protocol):
    """A place for one run."""

    @property
    def name(self) -> str:
        """For messages: never a password."""
        ...

    def hold(self) -> WriterLease:
        """Keep other writers away and see that the schema is this Mara's: make it, or upgrade it.

        Raises:
            StoreRefused: another writer, damaged, read-only, of another program, or of a newer Mara.
            StoreError: it cannot be reached, or the upgrade failed and changed nothing.
        """
        ...

    def upgrade(self) -> str | None:
        """The same, and let go again; returns the name of the backup made first, if any."""
        ...

    def set_aside(self, *, force: bool) -> str | None:
        """Make room for a new run: with `force` what is there gets another name, which is returned.

        Raises:
            StoreRefused: something is there and `force` was not given, or another process writes it.
        """
        ...

    def is_there(self) -> bool:
        """Whether there is anything to read."""
        ...

    def revision(self) -> str:
        """Which migration it stands at; empty before the first."""
        ...

    def refuse_unreadable(self) -> None:
        """Raises StoreRefused where there is nothing, or nothing that this Mara can read."""
        ...

    def reader(self) -> Engine:
        """A small pool of read-only connections; each statement sees one committed state and holds it no longer."""
        ...

    def editor(self) -> Engine:
        """One connection for what is stored beside the run, whoever writes that."""
        ...

    def answering(self, doing: str) -> AbstractContextManager[None]:
        """Turn what the database raises into an error of ours; `doing` says what was asked, such as "tick 7"."""
        ...

    def one_state(self, connection: Connection) -> AbstractContextManager[Connection]:
        """One committed state for several queries of a reader's connection."""
        ...

    def rows_of(self, connection: Connection, query: str) -> Iterator[Sequence[Any]]:
        """All rows of a query, a piece at a time, however many there are."""
        ...

    def batch(self, connection: Connection, /) -> AbstractContextManager[None]:
        """Within a transaction: statements that nobody waits for an answer of before the end."""
        ...

    def insert(self, connection: Connection, table: str, columns: Sequence[str], values: Sequence[Any]) -> None:
        """Whole rows, as fast as it goes."""
        ...

    def wait_for_disk(self, connection: Connection, *, full: bool) -> None:
        """Whether the commits that follow wait until they would survive a power cut; between transactions."""
        ...

    def settle(self, connection: Connection) -> None:
        """Leave everything in order before the last connection is closed."""
        ...

    def page_faults(self, connection: Connection, /) -> Iterator[str]:
        """What the database itself finds wrong with how it is stored."""
        ...

    def free_bytes(self) -> int | None:
        """Room on its disk; None where that cannot be seen from here."""
        ...

    def back_up(self, target: Path, /) -> None:
        """A verified copy, live or not, in a new file.

        Raises:
            ConfigError: its own tool is for that.
            StoreRefused, StoreError: see `mara.store.backends.backup`.
        """
        ...


def database_of(url: str) -> Database:
    """The database of a URL; nothing is opened.

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
