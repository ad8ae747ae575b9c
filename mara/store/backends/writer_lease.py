"""The locks and the connection that the one writer of a database file holds."""

import sqlite3
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from mara.store.backends.sqlite_connection import JOURNAL_LIMIT_BYTES, pragma, writer_engine
from mara.store.files.fence import Fence
from mara.store.files.file_watch import FileWatch
from mara.store.files.lock import WriterLock
from mara.store.files.private import files_of

TICKS_BETWEEN_TRIMS: Final = 32
"""Ticks between attempts to empty a long write-ahead log."""
TOO_LONG_RATIO: Final = 4
"""Ratio of the log's length to its limit from which on a tick waits for readers."""
READER_WAIT_MS: Final = 1_000
"""Time [ms] that a tick waits for readers, which else let the log grow for ever."""


@dataclass(slots=True, kw_only=True)
class SqliteWriterLease:
    """The lease of a database file, see `mara.store.backends.database.WriterLease`."""

    path: Path
    lock: WriterLock
    fence: Fence
    loss: str
    is_new: bool
    engine: Engine = field(init=False)
    _file_watch: FileWatch = field(init=False)
    _ticks: int = 0

    def __post_init__(self) -> None:
        self._file_watch = FileWatch(self.path)
        self._file_watch.begin()
        self.engine = writer_engine(self.path)

    def fault(self) -> str:
        return self._file_watch.fault()

    def bounded(self, timeout_s: float) -> AbstractContextManager[None]:  # noqa: ARG002  SQLite has its own
        """Set no limit: SQLite waits only for locks, with a timeout of its own."""
        return nullcontext()

    def let_go_if_lost(self, _: Connection) -> None:
        """Do nothing: a connection to a file does not end by itself."""

    def acknowledge(self, run_id: str, next_tick: int) -> None:
        self.lock.remember(run_id, next_tick)
        self._ticks += 1
        if self._ticks % TICKS_BETWEEN_TRIMS == 0:
            log_bytes = self._file_watch.log_bytes
            if log_bytes > JOURNAL_LIMIT_BYTES:
                self._trim(READER_WAIT_MS if log_bytes > TOO_LONG_RATIO * JOURNAL_LIMIT_BYTES else 0)

    def _trim(self, wait_ms: int) -> None:
        """Write a long log into the database and truncate it, unless it is being read."""
        with suppress(sqlite3.Error), self.engine.connect() as connection:
            ((timeout_ms,),) = pragma(connection, "busy_timeout")
            pragma(connection, f"busy_timeout = {wait_ms}")
            try:
                pragma(connection, "wal_checkpoint(TRUNCATE)")
            finally:
                pragma(connection, f"busy_timeout = {timeout_ms}")

    def release(self) -> None:
        self.engine.dispose()
        self.fence.release()
        self.lock.release()

    def discard(self) -> None:
        """Delete the empty database that this writer created, and release it."""
        self.engine.dispose()
        for file in files_of(self.path):
            file.unlink(missing_ok=True)
        self.release()
