"""A run in a PostgreSQL database, for long histories or several readers.

The driver, psycopg, is an extra, imported when the first such URL is opened. SQL text is written once, with question
marks, and translated to the driver's marks (decision 0139).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from mara.errors import ConfigError, StoreBlocked, StoreError, StoreRefused
from mara.store.backends import server_upgrade
from mara.store.backends.server_connection import MILLISECONDS, Writer, arguments, translated, translation
from mara.store.backends.sqlite_connection import BUSY_TIMEOUT_S, READER_COUNT, too_large
from mara.store.backends.upgrade import HEAD
from mara.store.schema.tables import Row

MOST_READING_S: Final = 60
"""Time [s] after which the server cancels a reader's query."""
MANY_ROWS: Final = 10
"""Rows from which on an insert is one statement with an array for each column."""
ROWS_A_FETCH: Final = 5_000

_FULL: Final = "53100"
_BLOCKED: Final = ("55P03", "57014", "40001", "40P01")
"""SQLSTATE codes: lock timeout, query cancelled, serialization failure, deadlock."""
_READ_ONLY: Final = ("25006", "42501")
_CORRUPT: Final = ("XX001", "XX002")
_NO_TABLES: Final = ("42P01", "3F000", "3D000")
"""SQLSTATE codes: no such table, schema or database."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL database as `mara.store.backends.database.Database`.

    An advisory lock of the writer's connection keeps out a second writer.
    """

    url: URL

    @classmethod
    def of(cls, url: URL) -> Self:
        """Find the database of a URL.

        Raises:
            ConfigError: the URL names no database, or the driver is missing.
        """
        if not url.database:
            raise ConfigError("the database URL names no database: write it as postgresql://user@host/name")
        try:
            import psycopg  # noqa: F401  an extra: imported here, so that its absence is a clear error
        except ImportError as error:
            raise ConfigError("PostgreSQL needs psycopg, which is missing: pip install 'mara[postgres]'") from error
        return cls(url.set(drivername="postgresql+psycopg"))

    @property
    def name(self) -> str:
        url = self.url
        shown = URL.create("postgresql", url.username, host=url.host, port=url.port, database=url.database)
        return shown.render_as_string()

    def lease(self) -> "Writer":
        writer = Writer(self.url, self.name)
        try:
            with self.answering("its opening"), writer.engine.connect() as connection:
                server_upgrade.bring_up_to_date(connection, self.name)
        except BaseException:
            writer.release()
            raise
        return writer

    def upgrade(self) -> str | None:
        """Create or upgrade the schema without a backup; the server undoes a failure."""
        self.lease().release()
        return None

    def set_aside(self, *, force: bool) -> str | None:
        writer = Writer(self.url, self.name)
        try:
            with self.answering("its making"), writer.engine.connect() as connection:
                aside = server_upgrade.set_aside(connection, self.name, force=force)
                server_upgrade.bring_up_to_date(connection, self.name)
        finally:
            writer.release()
        return aside

    def is_there(self) -> bool:
        return bool(self.revision())

    def revision(self) -> str:
        engine = self.reader()
        try:
            with self.answering("its version"), engine.connect() as connection:
                return server_upgrade.revision_in(connection)
        finally:
            engine.dispose()

    def refuse_unreadable(self) -> None:
        revision = self.revision()
        if not revision:
            raise StoreRefused(
                f"Mara's tables were expected at {self.name}, there are none: run `mara simulate` or `mara run` first"
            )
        server_upgrade.refuse_newer(revision, self.name)
        if revision != HEAD:
            raise StoreRefused(f"{self.name} is of an older Mara: run `mara db upgrade` first")

    def reader(self) -> Engine:
        options = f"-c default_transaction_read_only=on -c statement_timeout={MOST_READING_S * MILLISECONDS}"
        return translated(
            create_engine(
                self.url,
                connect_args={**arguments("mara reader"), "options": options},
                isolation_level="AUTOCOMMIT",
                hide_parameters=True,
                poolclass=QueuePool,
                pool_size=READER_COUNT,
                max_overflow=0,
                pool_timeout=BUSY_TIMEOUT_S,
                pool_pre_ping=True,
            )
        )

    def editor(self) -> Engine:
        engine = create_engine(
            self.url, connect_args=arguments("mara editor"), hide_parameters=True, poolclass=QueuePool, pool_size=1
        )
        return translated(engine)

    @contextmanager
    def answering(self, doing: str) -> Iterator[None]:
        import psycopg

        try:
            yield
        except DBAPIError as error:
            raise refusal_of(self.name, doing, error.orig) from error
        except psycopg.Error as error:  # from calls that bypass SQLAlchemy
            raise refusal_of(self.name, doing, error) from error
        except OverflowError as error:  # the driver converts integers before it asks
            raise too_large(self.name, doing, error) from error
        except PoolTimeoutError as error:
            raise StoreError(
                f"{doing}: all {READER_COUNT} readers of {self.name} are busy: ask for less, or later"
            ) from error

    @contextmanager
    def one_state(self, connection: Connection) -> Iterator[Connection]:
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")

    def rows_of(self, connection: Connection, query: str) -> Iterator[Any]:
        """Read through a server-side cursor, within a transaction such as `one_state`."""
        from psycopg.rows import namedtuple_row

        driver: Any = connection.connection.driver_connection
        with driver.cursor(name=f"mara_{next(_CURSORS)}", row_factory=namedtuple_row) as cursor:
            cursor.itersize = ROWS_A_FETCH
            cursor.execute(translation(query), ())
            yield from cursor

    @contextmanager
    def batch(self, connection: Connection) -> Iterator["PostgresBatch"]:
        """Send the statements in psycopg's pipeline mode, without waiting for each answer."""
        driver: Any = connection.connection.driver_connection
        with driver.pipeline():
            yield PostgresBatch(driver)

    def wait_for_disk(self, connection: Connection, *, full: bool) -> None:
        """Set synchronous_commit; a killed process loses nothing either way.

        Without it a server that loses power may lose the last ticks, but none in part.
        """
        driver: Any = connection.connection.driver_connection
        driver.autocommit = True  # on its own, without BEGIN and COMMIT around it
        try:
            driver.execute(f"SET synchronous_commit = {'on' if full else 'off'}")
        finally:
            if not driver.closed:
                driver.autocommit = False

    def flush_log(self, connection: Connection) -> None:
        """Do nothing: the server keeps its own log."""

    def page_faults(self, _: Connection) -> Iterator[str]:
        """Report nothing: the server refuses a damaged page when it reads it."""
        yield from ()

    def free_bytes(self) -> int | None:
        return None

    def back_up(self, _: Path) -> None:
        raise ConfigError(f"{self.name} is on a PostgreSQL server: back it up with pg_dump, its own tool")


class PostgresBatch:
    """Statements of a server's transaction, as `mara.store.backends.database` says."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._cursor = driver.cursor()

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._cursor.execute(translation(statement), values)

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Any]) -> None:
        if len(values) == 1:
            self._cursor.execute(_insertion(table, tuple(columns)), values[0])
        elif len(values) < MANY_ROWS:
            self._cursor.executemany(_insertion(table, tuple(columns)), values)
        else:
            by_column = tuple(_array_of(column) for column in zip(*values, strict=True))
            self._cursor.execute(_insertion_by_column(table, tuple(columns)), by_column)

    def ask(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self._driver.execute(translation(statement), values)


def refusal_of(name: str, doing: str, error: BaseException | None) -> StoreError:
    """Choose the error for one of the server's or the driver's."""
    code = getattr(error, "sqlstate", None)
    said = str(error).strip().partition("\n")[0]
    if code == _FULL:
        return StoreBlocked(f"disk full at {doing}: nothing was lost: free space for {name} and try again")
    if code in _BLOCKED:
        return StoreBlocked(f"{name} is locked by another program at {doing} ({said}): close that one and try again")
    if code in _READ_ONLY:
        return StoreRefused(f"{name} cannot be written at {doing} ({said}): give this user the right to write")
    if code in _CORRUPT:
        return StoreRefused(f"{name} is damaged ({said}) at {doing}: stop, and restore a backup")
    if code in _NO_TABLES:
        return StoreRefused(
            f"{name} does not hold Mara's tables at {doing} ({said}): point MARA_DATABASE_URL at the database that"
            " holds the run or restore its backup there, then start again"
        )
    if _is_away(error, code):
        return StoreBlocked(f"{name} cannot be reached at {doing} ({said}): start the server, or mend the URL")
    return StoreError(f"{name} failed at {doing} ({said}): mend that and try again")


def _is_away(error: BaseException | None, code: str | None) -> bool:
    """True when the server could not be reached; such errors may carry no code."""
    if code is not None:
        return code.startswith(("08", "57P", "53"))
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)


@cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("%s" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # names of ours


@cache
def _insertion_by_column(table: str, columns: tuple[str, ...]) -> str:
    made = Row.metadata.tables[table].columns
    arrays = ", ".join(f"%s::{_TYPES[made[name].type.python_type]}[]" for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608  # names of ours


_TYPES: Final[dict[type, str]] = {int: "bigint", float: "double precision", str: "text", bytes: "bytea"}


def _array_of(column: Sequence[Any]) -> Any:
    """Make an array parameter of a column's values.

    Numbers are passed as text with all their digits, which is ten times faster than psycopg's conversion.
    """
    if not all(type(value) in (int, float) for value in column):
        return list(column)
    return "{" + ",".join(map(repr, column)) + "}"


_CURSORS: Final = count(1)
