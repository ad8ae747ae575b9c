"""A run in a file of its own: SQLite, as most have it."""

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

from mara.errors import ConfigError, StoreRefused
from mara.store import schema
from mara.store.backup import back_up, fault_of
from mara.store.connection import answering, pragma, reader_engine, writer_engine
from mara.store.damage import EMPTY, refusal, refuse_damage, refuse_orphan
from mara.store.lock import WriterLock

MOST_PAGE_FAULTS: Final = 5


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """See `mara.store.database.Database`. One writer by a lock on a file beside it."""

    path: Path

    @classmethod
    def of(cls, url: URL) -> Self:
        """The file of a URL.

        Raises:
            ConfigError: not the URL of an SQLite file; it is not repeated, because it may carry a password.
        """
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:") or url.query:
            raise ConfigError(
                f"the database must be an SQLite file or a PostgreSQL database, came {url.get_backend_name()}:"
                " write it as sqlite:///mara.db or postgresql://user@host/name"
            )
        return cls(Path(url.database or "").absolute())

    @property
    def name(self) -> str:
        return str(self.path)

    def hold(self) -> "SqliteHold":
        lock = WriterLock.taken(self.path)
        try:
            self._brought_up_to_date()
        except BaseException:
            lock.release()
            raise
        return SqliteHold(lock, writer_engine(self.path))

    def upgrade(self) -> str | None:
        lock = WriterLock.taken(self.path)
        try:
            backup = self._brought_up_to_date()
        finally:
            lock.release()
        return None if backup is None else str(backup)

    def _brought_up_to_date(self) -> Path | None:
        if not self.path.exists():
            refuse_orphan(self.path)
            schema.create(self.path)
            return None
        refuse_damage(self.path)
        schema.refuse_newer(self.path)
        return schema.upgrade(self.path)

    def set_aside(self, *, force: bool) -> str | None:
        lock = WriterLock.taken(self.path)
        try:
            files = (self.path, *(self.path.with_name(self.path.name + suffix) for suffix in ("-wal", "-shm")))
            present = [file for file in files if file.exists()]
            if present and not force:
                raise StoreRefused(f"{self.path} is there already: `mara db init --force` sets it aside, starts anew")
            aside = _set_aside(self.path, present) if present else None
            schema.create(self.path)
        finally:
            lock.release()
        return None if aside is None else str(aside)

    def is_there(self) -> bool:
        return self.path.is_file()

    def revision(self) -> str:
        return schema.revision_of(self.path)

    def refuse_unreadable(self) -> None:
        if self.path.is_file() and not self.path.stat().st_size:
            raise refusal(self.path, EMPTY)
        if not self.path.is_file():
            raise StoreRefused(
                f"a database was expected at {self.path}, there is none: run `mara simulate` or `mara run` first"
            )
        schema.refuse_newer(self.path)
        if self.revision() != schema.HEAD:
            raise StoreRefused(f"{self.path} is of an older Mara: run `mara db upgrade` first")

    def reader(self) -> Engine:
        return reader_engine(self.path)

    def editor(self) -> Engine:
        return writer_engine(self.path)

    def answering(self, doing: str) -> AbstractContextManager[None]:
        return answering(self.path, doing)

    @contextmanager
    def one_state(self, connection: Connection) -> Iterator[Connection]:
        """The write-ahead log grows meanwhile: keep it short."""
        connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")

    def rows_of(self, connection: Connection, query: str) -> Iterator[Sequence[Any]]:
        yield from connection.exec_driver_sql(query)

    def batch(self, _: Connection) -> AbstractContextManager[None]:
        return nullcontext()

    def insert(self, connection: Connection, table: str, columns: Sequence[str], values: Sequence[Any]) -> None:
        connection.exec_driver_sql(_insertion(table, tuple(columns)), list(values))

    def wait_for_disk(self, connection: Connection, *, full: bool) -> None:
        """A killed process loses nothing either way."""
        pragma(connection, f"synchronous = {'FULL' if full else 'NORMAL'}")

    def settle(self, connection: Connection) -> None:
        with suppress(sqlite3.Error):  # what is in the log is as safe there
            pragma(connection, "wal_checkpoint(TRUNCATE)")

    def page_faults(self, connection: Connection) -> Iterator[str]:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_PAGE_FAULTS})")
        yield from (str(row[0]) for row in found if row[0] != "ok")

    def free_bytes(self) -> int | None:
        return disk_usage(self.path.parent).free

    def back_up(self, target: Path) -> None:
        if not self.path.is_file():
            raise StoreRefused(f"a database was expected at {self.path}, there is none: nothing was backed up")
        fault = fault_of(self.path)
        if fault:
            raise refusal(self.path, f"is damaged ({fault}), nothing was backed up")
        back_up(self.path, target)


@dataclass(frozen=True, slots=True)
class SqliteHold:
    """A lock on the file beside the database, and the engine that writes it."""

    lock: WriterLock
    engine: Engine

    def bounded(self, _: float) -> AbstractContextManager[None]:
        """SQLite waits for a lock as long as it was told when it was opened, and for nothing else."""
        return nullcontext()

    def let_go_if_lost(self, _: Connection) -> None:
        """A file does not hang up."""

    def release(self) -> None:
        self.engine.dispose()
        self.lock.release()


@cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # names of ours


def _set_aside(path: Path, present: list[Path]) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.set-aside-{number}")).exists():
        number += 1
    for file in present:
        file.replace(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    return aside
