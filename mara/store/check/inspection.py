"""Database state, row streams and messages shared by the parts of `mara db check`."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from mara.core.units import HOURS_PER_DAY
from mara.core.world import RunConfig
from mara.errors import StoreError
from mara.store.backends.database import Database
from mara.store.schema.tables import NamedRow

CHANGED: Final = "not what was written"
FOREIGN: Final = "was not written by Mara"
MISSING: Final = "missing"
Rows = list[Any]
"""Rows with named columns, of SQLAlchemy or of a server-side cursor."""

UNREADABLE: Final = (
    StoreError,
    SQLAlchemyError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    zlib.error,
)
"""Errors that reading changed bytes may raise, whatever they were."""


@dataclass(slots=True, kw_only=True)
class Inspection:
    """A database as one transaction sees it, and what the check knows of it so far.

    Attributes:
        raw_days: retention of raw rows [simulated days].
        config: the run's configuration; None where it cannot be read.
        first_tick, last_tick: the first and last stored tick; -1 without one.
    """

    database: Database
    connection: Connection
    raw_days: int
    config: RunConfig | None = None
    first_tick: int = -1
    last_tick: int = -1

    def ask(self, query: str, *values: object) -> Sequence[NamedRow]:
        """Run a query and return all its rows."""
        return self.connection.exec_driver_sql(query, values).all()

    def rows(self, query: str) -> Iterator[Any]:
        """Run a query of many rows and return them a piece at a time."""
        return self.database.rows_of(self.connection, query)

    @property
    def oldest_raw_tick(self) -> int:
        """The first tick whose raw rows must still be stored; older ones may be pruned."""
        if self.config is None:
            return self.last_tick + 1
        return self.last_tick - self.raw_days * self.day_ticks

    @property
    def day_ticks(self) -> int:
        """Ticks in a day."""
        assert self.config is not None
        return HOURS_PER_DAY * self.config.grid.ticks_per_hour


class RowStream:
    """Rows ordered by one of their columns, a tick or a time, and taken in that order."""

    def __init__(self, rows: Iterable[Any], column: str = "tick") -> None:
        self._groups = groupby(rows, key=attrgetter(column))
        self._next: tuple[int, Rows] | None = None
        self.strays: Rows = []
        """Rows between those that were taken, the first few."""

    def take(self, at: int) -> Rows:
        """Take the rows of a tick; rows that are passed over become strays."""
        for rows in self.before(at):
            self._stray(rows)
        if self._next is None or self._next[0] != at:
            return []
        found, self._next = self._next[1], None
        return found

    def before(self, at: int) -> Iterator[Rows]:
        """Take all rows before a tick, a group for each value of the column."""
        while self._fill() and self._next is not None and self._next[0] < at:
            found, self._next = self._next[1], None
            yield found

    def finish(self) -> Rows:
        """Return the strays, with the rows that were never taken."""
        while self._fill() and self._next is not None:
            self._stray(self._next[1])
            self._next = None
        return self.strays

    def _fill(self) -> bool:
        if self._next is None:
            group = next(self._groups, None)
            self._next = None if group is None else (group[0], list(group[1]))
        return self._next is not None

    def _stray(self, rows: Rows) -> None:
        if len(self.strays) < MOST_STRAYS:
            self.strays += rows[:MOST_STRAYS]


MOST_STRAYS: Final = 20


def guarded(subject: str, findings: Iterable[str]) -> Iterator[str]:
    """Pass on findings, and turn an error while reading the database into one more."""
    try:
        yield from findings
    except UNREADABLE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        yield f"{subject}: cannot be read ({said[:_MOST_SAID]})"


_MOST_SAID: Final = 160
