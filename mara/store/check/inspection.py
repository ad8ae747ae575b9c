"""What each part of `mara db check` looks at: one state of a database, streams of its rows; how a finding is told."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from mara.core.units import HOURS_PER_DAY
from mara.core.world import RunConfig
from mara.errors import StoreError
from mara.store.backends.database import Database

CHANGED: Final = "not what was written"
FOREIGN: Final = "was not written by Mara"
MISSING: Final = "missing"
Row = tuple[Any, ...]
Rows = list[Row]

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
"""What reading changed bytes may raise, whatever they were meant to be."""


@dataclass(slots=True, kw_only=True)
class Inspection:
    """A database as one transaction sees it, and what was learnt of it on the way.

    Attributes:
        raw_days: how many simulated days raw rows are kept.
        charter: None where there is none that can be read.
        first_tick, last_tick: of those that are stored; -1 without one.
        counts: rows looked at, by table.
    """

    database: Database
    connection: Connection
    raw_days: int
    config: RunConfig | None = None
    first_tick: int = -1
    last_tick: int = -1
    unsealed_ticks: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def ask(self, query: str, *values: object) -> Sequence[Row]:
        """All rows of a short answer."""
        return [tuple(row) for row in self.connection.exec_driver_sql(query, values)]

    def rows(self, query: str) -> Iterator[Sequence[Any]]:
        """All rows of a long one, a piece at a time."""
        return self.database.rows_of(self.connection, query)

    @property
    def oldest_raw_tick(self) -> int:
        """What is older has lawfully gone."""
        if self.config is None:
            return self.last_tick + 1
        return self.last_tick - self.raw_days * self.day_ticks

    @property
    def day_ticks(self) -> int:
        assert self.config is not None
        return HOURS_PER_DAY * self.config.grid.ticks_per_hour


class RowStream:
    """Rows ordered by one of their columns, a tick or a moment, taken in that order."""

    def __init__(self, rows: Iterable[Sequence[Any]], column: int = 0) -> None:
        self._groups = groupby(rows, key=itemgetter(column))
        self._next: tuple[int, Rows] | None = None
        self.strays: Rows = []
        """Rows that stand where nothing was asked for: the first few."""

    def take(self, at: int) -> Rows:
        """The rows of a tick; those passed over are strays."""
        for rows in self.before(at):
            self._stray(rows)
        if self._next is None or self._next[0] != at:
            return []
        found, self._next = self._next[1], None
        return found

    def before(self, at: int) -> Iterator[Rows]:
        """Everything up to a tick, group by group."""
        while self._fill() and self._next is not None and self._next[0] < at:
            found, self._next = self._next[1], None
            yield found

    def finish(self) -> Rows:
        """The strays, with what was never taken."""
        while self._fill() and self._next is not None:
            self._stray(self._next[1])
            self._next = None
        return self.strays

    def _fill(self) -> bool:
        if self._next is None:
            group = next(self._groups, None)
            self._next = None if group is None else (group[0], [tuple(row) for row in group[1]])
        return self._next is not None

    def _stray(self, rows: Rows) -> None:
        if len(self.strays) < MOST_STRAYS:
            self.strays += rows[:MOST_STRAYS]


MOST_STRAYS: Final = 20


def guarded(place: str, findings: Iterable[str]) -> Iterator[str]:
    """Findings up to where what is stored cannot be read at all, which is one more; never an exception."""
    try:
        yield from findings
    except UNREADABLE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        yield f"{place}: cannot be read ({said[:_MOST_SAID]})"


_MOST_SAID: Final = 160
