"""Connections to SQLite: how a file is opened, and what its errors mean.

One writer connection, synchronous; readers are read-only and see the last commit. Figures behind the settings are in
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

BUSY_TIMEOUT_S: Final = 5.0
READER_COUNT: Final = 4
JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
CACHE_KIB: Final = 16 * 1024

_WRITER_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # else REPLACE INTO would delete without asking the append-only triggers
    f"journal_size_limit = {JOURNAL_LIMIT_BYTES}",
    f"cache_size = -{CACHE_KIB}",
)


def reading_uri(path: Path) -> str:
    """How SQLite is told to open a file without ever writing or creating it."""
    return f"file:{quote(str(path.absolute()))}?mode=ro"


def writer_engine(path: Path) -> Engine:
    """The engine of the one writer: it never creates the file, and a transaction begins by taking the write lock."""

    def connect() -> sqlite3.Connection:
        uri = f"file:{quote(str(path))}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        for pragma in _WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def take_the_write_lock(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> Engine:
    """A small pool of read-only connections; each statement sees one committed state and holds it no longer."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            reading_uri(path), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        return connection

    return create_engine(
        "sqlite://",
        creator=connect,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=READER_COUNT,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_reset_on_return=None,
    )


def pragma(connection: Connection, words: str) -> None:
    """Set something of a connection, outside any transaction, where SQLite wants it."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA {words}").fetchall()


@contextmanager
def answering(path: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite raises into one of ours; `doing` says what was asked, such as "tick 7".

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
    except PoolTimeoutError as error:
        raise StoreError(f"{doing}: all {READER_COUNT} readers of {path} are busy: ask for less, or later") from error


def refusal_of(path: Path, doing: str, said: str) -> StoreError:
    """Our error for SQLite's words."""
    if "full" in said:
        return StoreBlocked(f"disk full at {doing}: nothing was lost: free space for {path} and try again")
    if "locked" in said or "busy" in said:
        return StoreBlocked(f"{path} is locked by another program at {doing}: close that one and try again")
    if "readonly" in said:
        return StoreRefused(f"{path} cannot be written at {doing}: make the file and its folder writable")
    if "malformed" in said or "not a database" in said:
        return StoreRefused(f"{path} is damaged ({said}) at {doing}: stop, and run `mara db check`")
    return StoreError(f"{path} failed at {doing} ({said}): mend the disk and try again")
