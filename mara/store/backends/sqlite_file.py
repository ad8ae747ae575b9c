"""A run in an SQLite file, the usual database."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import disk_usage
from typing import Any, Final, Self

from sqlalchemy import Engine
from sqlalchemy.engine import URL, Connection

from mara.errors import ConfigError, StoreError, StoreRefused
from mara.store.backends import upgrade
from mara.store.backends.backup import back_up, fault_of
from mara.store.backends.integrity import EMPTY, refusal, refuse_corrupt, refuse_unusable
from mara.store.backends.loss import loss_of, refuse_missing
from mara.store.backends.restore import restored, set_aside
from mara.store.backends.sqlite_connection import UNLIMITED, answering, pragma, reader_engine, writer_engine
from mara.store.backends.writer_lease import SqliteWriterLease
from mara.store.files.fence import Fence
from mara.store.files.lock import WriterLock
from mara.store.files.private import files_of, hide_from_others
from mara.store.files.unfinished import sweep

MOST_PAGE_FAULTS: Final = 5


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """An SQLite file as `mara.store.backends.database.Database`.

    A lock file beside it and a lock on its inode keep out a second writer.
    """

    path: Path

    @classmethod
    def of(cls, url: URL) -> Self:
        """Find the file of a URL, by its real path, beside which SQLite keeps its log.

        Raises:
            ConfigError: not the URL of an SQLite file; it is not repeated, because it may carry a password.
            StoreRefused: the path is a folder.
        """
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:") or url.query:
            raise ConfigError(
                f"the database must be an SQLite file or a PostgreSQL database, came {url.get_backend_name()}:"
                " write it as sqlite:///mara.db or postgresql://user@host/name"
            )
        try:
            path = Path(url.database or "").resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a circle of links, or a NUL in the name
            raise ConfigError(
                f"the name of the database cannot be followed ({error}): write it as sqlite:///mara.db"
            ) from error
        if path.is_dir():
            raise StoreRefused(f"{path} should be a file, a folder came: set MARA_DATABASE_URL to a file")
        return cls(path)

    @property
    def name(self) -> str:
        return str(self.path)

    def lease(self) -> "SqliteWriterLease":
        lock = WriterLock.taken(self.path)
        try:
            is_new = not self.path.exists()
            fence, loss, _ = self._brought_up_to_date(lock)
        except BaseException:
            lock.release()
            raise
        return SqliteWriterLease(path=self.path, lock=lock, fence=fence, loss=loss, is_new=is_new)

    def upgrade(self) -> str | None:
        lock = WriterLock.taken(self.path)
        try:
            fence, _, backup = self._brought_up_to_date(lock)
            fence.release()
        finally:
            lock.release()
        return None if backup is None else str(backup)

    def _brought_up_to_date(self, lock: WriterLock) -> tuple[Fence, str, Path | None]:
        """Lock the database file, and create or upgrade its schema.

        Returns:
            The lock, a sentence about lost ticks (empty for none), and the backup made before an upgrade, if any.
        """
        sweep(self.path.parent)
        upgrade.sweep_creation(self.path)
        if not self.path.exists():
            refuse_missing(self.path, lock.before)
            upgrade.create(self.path)
            return Fence.raised(self.path), "", None
        refuse_unusable(self.path)
        fence = Fence.raised(self.path)
        try:
            refuse_corrupt(self.path)
            hide_from_others(self.path)
            revision = upgrade.refuse_newer(self.path)
            loss = loss_of(self.path, lock.before)
            return fence, loss, None if revision == upgrade.HEAD else upgrade.upgrade(self.path)
        except BaseException:
            fence.release()
            raise

    def set_aside(self, *, force: bool) -> str | None:
        with self._locked() as lock:
            present = any(file.exists() for file in files_of(self.path))
            if present and not force:
                raise StoreRefused(f"{self.path} is there already: `mara db init --force` sets it aside, starts anew")
            lock.remember("", 0)
            aside = set_aside(self.path)
            upgrade.create(self.path)
        return None if aside is None else str(aside)

    def restore(self, backup: Path | None) -> tuple[Path, str | None]:
        """Put a sound backup in place of the database, which is renamed.

        Args:
            backup: the newest automatic one where None.

        Returns:
            The backup, and the new name of what was there, if anything was.

        Raises:
            StoreRefused: there is no sound backup, or another process writes the database.
            StoreError: the write failed.
        """
        with self._locked() as lock:
            return restored(self.path, backup, lock)

    @contextmanager
    def _locked(self) -> Iterator[WriterLock]:
        """Lock out other writers, whether there is a database or not."""
        lock = WriterLock.taken(self.path)
        try:
            fence = Fence.raised(self.path) if self.path.is_file() else None
            try:
                yield lock
            except OSError as error:
                why = f"{self.path} could not be replaced ({error.strerror}): mend that, try again"
                raise StoreError(why) from error
            finally:
                if fence is not None:
                    fence.release()
        finally:
            lock.release()

    def is_there(self) -> bool:
        return self.path.is_file()

    def revision(self) -> str:
        return upgrade.revision_of(self.path)

    def refuse_unreadable(self) -> None:
        if self.path.is_file() and not self.path.stat().st_size:
            raise refusal(self.path, EMPTY)
        if not self.path.is_file():
            raise StoreRefused(
                f"a database was expected at {self.path}, there is none: run `mara simulate` or `mara run` first"
            )
        if upgrade.refuse_newer(self.path) != upgrade.HEAD:
            raise StoreRefused(f"{self.path} is of an older Mara: run `mara db upgrade` first")

    def reader(self) -> Engine:
        return reader_engine(self.path)

    def editor(self) -> Engine:
        return writer_engine(self.path)

    def answering(self, doing: str) -> AbstractContextManager[None]:
        return answering(self.path, doing)

    @contextmanager
    def one_state(self, connection: Connection) -> Iterator[Connection]:
        """Show several queries the same committed state, without a limit on their time.

        Keep it short, because the write-ahead log grows meanwhile.
        """
        connection.info[UNLIMITED] = True
        connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            connection.info.pop(UNLIMITED)
            connection.exec_driver_sql("ROLLBACK")

    def rows_of(self, connection: Connection, query: str) -> Iterator[Any]:
        yield from connection.exec_driver_sql(query)

    def batch(self, connection: Connection) -> AbstractContextManager["SqliteBatch"]:
        return nullcontext(SqliteBatch(connection))

    def wait_for_disk(self, connection: Connection, *, full: bool) -> None:
        """Set SQLite's synchronous mode; a killed process loses nothing either way."""
        pragma(connection, f"synchronous = {'FULL' if full else 'NORMAL'}")

    def flush_log(self, connection: Connection) -> None:
        with suppress(sqlite3.Error):  # rows are as safe in the log
            pragma(connection, "wal_checkpoint(TRUNCATE)")

    def page_faults(self, connection: Connection) -> Iterator[str]:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_PAGE_FAULTS})")
        yield from (str(said) for said in found.scalars() if said != "ok")

    def free_bytes(self) -> int | None:
        return disk_usage(self.path.parent).free

    def back_up(self, target: Path) -> None:
        if not self.path.is_file():
            raise StoreRefused(f"a database was expected at {self.path}, there is none: nothing was backed up")
        fault = fault_of(self.path)
        if fault:
            raise refusal(self.path, f"is damaged ({fault}), nothing was backed up")
        back_up(self.path, target)


class SqliteBatch:
    """Statements of a file's transaction, as `mara.store.backends.database` says."""

    def __init__(self, connection: Connection) -> None:
        self._driver: Any = connection.connection.driver_connection

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._driver.execute(statement, values)

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Any]) -> None:
        self._driver.executemany(_insertion(table, tuple(columns)), values)

    def ask(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        answer: sqlite3.Cursor = self._driver.execute(statement, values)
        return answer


@cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # names of ours
