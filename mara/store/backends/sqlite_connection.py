"""Connections to an SQLite file, and Mara's errors for those of SQLite.

There is one writer connection; readers are read-only and see the last commit. Measurements behind the settings are in
`docs/decisions/0050-one-writer-one-transaction-a-tick.md`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool, StaticPool

from mara.errors import StoreBlocked, StoreError, StoreRefused
from mara.store.files.file_watch import FileWatch
from mara.store.files.private import files_of
from mara.store.files.space import FULL, lack_of_room

BUSY_TIMEOUT_S: Final = 5.0
READER_COUNT: Final = 4
JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
CACHE_KIB: Final = 16 * 1024
STEPS_A_LOOK: Final = 10_000_000
"""SQLite virtual machine steps between calls of the progress handler; about 0.2 s."""
MOST_LOOKS: Final = 300
"""Handler calls after which a reader's query is interrupted, about a minute.

A longer query would keep the write-ahead log from being reset.
"""

_WRITER_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # else REPLACE INTO would delete without running the append-only triggers
    f"journal_size_limit = {JOURNAL_LIMIT_BYTES}",
    f"cache_size = -{CACHE_KIB}",
)


def reading_uri(path: Path) -> str:
    """The URI that opens a file without ever writing or creating it."""
    return f"file:{quote(str(path.absolute()))}?mode=ro"


def open_to_read(path: Path, **options: Any) -> sqlite3.Connection:
    """Open a read-only connection, which sees all commits.

    SQLite recovers the log if needed, and writes an index beside the file for it. On a read-only medium it cannot:
    there a database is read without index, but only one without a write-ahead log, which would be ignored.

    Raises:
        StoreRefused: read-only, and a write-ahead log stands beside it.
        sqlite3.Error: the file cannot be opened.
    """
    connection: sqlite3.Connection = sqlite3.connect(reading_uri(path), uri=True, **options)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").close()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in _NO_INDEX or not path.is_file():
            raise
        log = files_of(path)[1]
        if log.exists():
            raise StoreRefused(
                f"{path} cannot be read where it is ({error}): its write-ahead log {log.name} needs a folder"
                " that can be written; copy both files to one, and set MARA_DATABASE_URL to the copy"
            ) from error
        connection = sqlite3.connect(f"{reading_uri(path)}&immutable=1", uri=True, **options)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


_NO_INDEX: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def writer_engine(path: Path) -> Engine:
    """Make the engine of the one writer, which never creates the file.

    A transaction begins by checking that the file is still the one that was opened, because SQLite would go on writing
    to a removed one; then it takes the write lock.
    """

    def connect() -> sqlite3.Connection:
        uri = f"file:{quote(str(path))}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        for pragma in _WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        file_watch.begin()
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)
    file_watch = FileWatch(path)

    @event.listens_for(engine, "begin")
    def take_the_write_lock(connection: Connection) -> None:
        file_watch.refuse_lost()
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> Engine:
    """Make a small pool of read-only connections.

    Each statement sees one committed state and holds it no longer.
    """

    def connect() -> sqlite3.Connection:
        connection = open_to_read(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=READER_COUNT,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_reset_on_return=None,
    )
    _limit_queries(engine)
    return engine


def _limit_queries(engine: Engine) -> None:
    """Interrupt each reader's query that takes too many virtual machine steps.

    Steps are counted instead of time, because the store has no clock.
    """

    @event.listens_for(engine, "before_cursor_execute")
    def count_anew(connection: Connection, *_: Any) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(None if connection.info.get(UNLIMITED) else _StepLimit(), STEPS_A_LOOK)


UNLIMITED: Final = "unlimited"
"""Key in a connection's `info` that lifts the limit on its queries."""


class _StepLimit:
    """A progress handler that interrupts the query after `MOST_LOOKS` calls."""

    def __init__(self) -> None:
        self._looks_left = MOST_LOOKS

    def __call__(self) -> bool:
        self._looks_left -= 1
        return self._looks_left < 0


def pragma(connection: Connection, words: str) -> list[tuple[Any, ...]]:
    """Run a PRAGMA outside any transaction, as SQLite requires."""
    driver: Any = connection.connection.driver_connection
    return list(driver.execute(f"PRAGMA {words}").fetchall())


@contextmanager
def answering(path: Path, doing: str) -> Iterator[None]:
    """Convert SQLite's errors to Mara's.

    Args:
        doing: what was asked, for messages, such as "tick 7".

    Raises:
        StoreBlocked: full or locked: nothing was changed, trying again helps once that has passed.
        StoreError: a failing disk: nothing was changed, trying again may help.
        StoreRefused: damaged or read-only: trying again does not help.
    """
    try:
        yield
    except DBAPIError as error:
        raise refusal_of(path, doing, str(error.orig)) from error
    except sqlite3.Error as error:
        raise refusal_of(path, doing, str(error)) from error
    except OverflowError as error:  # the driver converts integers before it asks
        raise too_large(path, doing, error) from error
    except PoolTimeoutError as error:
        raise StoreError(f"{doing}: all {READER_COUNT} readers of {path} are busy: ask for less, or later") from error


def too_large(name: Path | str, doing: str, error: OverflowError) -> StoreError:
    """Make the error for an integer that no column holds."""
    return StoreError(
        f"{name} holds integers of 64 bits, {doing} has a longer one ({error}): report it, nothing was changed"
    )


def refusal_of(path: Path, doing: str, said: str) -> StoreError:
    """Choose the error for one of SQLite's messages."""
    if "locked" in said or "busy" in said:
        return StoreBlocked(f"{path} is locked by another program at {doing}: close that one and try again")
    if "readonly" in said:
        return StoreRefused(f"{path} cannot be written at {doing}: make the file and its folder writable")
    if "malformed" in said or "not a database" in said:
        return StoreRefused(f"{path} is damaged ({said}) at {doing}: stop, and run `mara db check`")
    if said == "interrupted":
        return StoreError(f"{doing}: the query was given up, it took too long: ask for less of {path}")
    why = lack_of_room(path) or (FULL if "full" in said else "")
    if why:
        return StoreBlocked(f"{why} at {doing}: nothing was lost: make room for {path} and it goes on")
    return StoreError(f"{path} failed at {doing} ({said}): mend the disk and try again")
