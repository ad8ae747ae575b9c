"""What the one writer of a database file has of it from open to close: locks, connection, and an eye on the file."""

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
"""How often a log that has grown too long is tried to be emptied: while somebody reads in it, it cannot be."""
TIMES_TOO_LONG: Final = 4
PATIENCE_MS: Final = 1_000
"""How long a tick waits for those who read, once the log is so many times too long: readers that take turns without a
gap would let it grow for ever.
"""


@dataclass(slots=True, kw_only=True)
class SqliteWriterLease:
    """See `mara.store.backends.database.Hold`."""

    path: Path
    lock: WriterLock
    fence: Fence
    loss: str
    is_new: bool
    engine: Engine = field(init=False)
    _watch: FileWatch = field(init=False)
    _ticks: int = 0

    def __post_init__(self) -> None:
        self._watch = FileWatch(self.path)
        self._watch.begin()
        self.engine = writer_engine(self.path)

    def fault(self) -> str:
        return self._watch.fault()

    def bounded(self, _: float) -> AbstractContextManager[None]:
        """SQLite waits for a lock as long as it was told when it was opened, and for nothing else."""
        return nullcontext()

    def let_go_if_lost(self, _: Connection) -> None:
        """A file does not hang up."""

    def acknowledge(self, run_id: str, next_tick: int) -> None:
        self.lock.remember(run_id, next_tick)
        self._ticks += 1
        if self._ticks % TICKS_BETWEEN_TRIMS == 0 and self._watch.log_bytes > JOURNAL_LIMIT_BYTES:
            self._trim(PATIENCE_MS if self._watch.log_bytes > TIMES_TOO_LONG * JOURNAL_LIMIT_BYTES else 0)

    def _trim(self, patience_ms: int) -> None:
        """Empty a long write-ahead log into the database, unless somebody goes on reading in it."""
        with suppress(sqlite3.Error), self.engine.connect() as connection:
            timeout_ms = int(pragma(connection, "busy_timeout")[0][0])
            pragma(connection, f"busy_timeout = {patience_ms}")
            try:
                pragma(connection, "wal_checkpoint(TRUNCATE)")
            finally:
                pragma(connection, f"busy_timeout = {timeout_ms}")

    def release(self) -> None:
        self.engine.dispose()
        self.fence.release()
        self.lock.release()

    def discard(self) -> None:
        """Take away the empty database that this writer made, then let go."""
        self.engine.dispose()
        for file in files_of(self.path):
            file.unlink(missing_ok=True)
        self.release()
