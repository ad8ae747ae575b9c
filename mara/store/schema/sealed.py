"""The rows that a tick's seal covers, and their digests read from a database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.core.units import SECONDS_PER_HOUR
from mara.store.encoding.seal import OLDER, Marks, head_mark, row_digest, rows_digest
from mara.store.schema import tables
from mara.store.schema.gain_table import DayGainsRow
from mara.store.schema.hourly import FLEET, Hourly
from mara.store.schema.tables import NamedRow, columns_of, table_of

UNSEALED: Final = frozenset({"solve_wall_s"})
"""Columns that differ between equal runs and that nothing is computed from."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table with a digest for each row, in the seal of the tick that wrote the row.

    Attributes:
        tick: the column that names that tick.
    """

    table: type[tables.Row]
    tick: str

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in table_of(self.table).primary_key.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in columns_of(self.table)[1] if name not in UNSEALED)

    def query(self, where: str = "") -> str:
        """SQL for the sealed columns of all rows, by tick and key."""
        order = ", ".join(dict.fromkeys((self.tick, *self.key)))
        return f"SELECT {', '.join(self.columns)} FROM {self.name} {where} ORDER BY {order}"  # noqa: S608  # names of ours


_LAST_HOUR: Final = f"""
SELECT h.hour_epoch_s FROM (SELECT epoch_s FROM ticks ORDER BY tick DESC LIMIT 1) AS last CROSS JOIN hourly h
WHERE h.site = {FLEET} AND h.hour_epoch_s = last.epoch_s - last.epoch_s % {SECONDS_PER_HOUR}
"""  # noqa: S608  # names of ours
FIRST_CHECKPOINT: Final = "SELECT tick, kept, content FROM checkpoints ORDER BY tick LIMIT 1"
BY_ROW: Final = (
    Sealed(tables.PlanStepRow, "from_tick"),
    Sealed(tables.SlaContractRow, "booked_tick"),
    Sealed(tables.SlaInterval, "from_tick"),
    Sealed(tables.SlaWindow, "closed_tick"),
    Sealed(tables.OptimizationRun, "adopted_tick"),
    Sealed(tables.EventRow, "tick"),
    Sealed(DayGainsRow, "closed_tick"),
)
HOURLY: Final = Sealed(Hourly, "hour_epoch_s")
RUN: Final = Sealed(tables.Run, "number")
OF_HOUR: Final = (
    f"SELECT {', '.join(HOURLY.columns)} FROM hourly WHERE site = {FLEET} AND hour_epoch_s = ? UNION ALL"  # noqa: S608
    f" SELECT {', '.join(f'h.{name}' for name in HOURLY.columns)} FROM site_inventories s CROSS JOIN hourly h"
    " WHERE h.site = s.site AND h.hour_epoch_s = ? ORDER BY 1"
)
HEADS: Final = " UNION ALL ".join(
    f"SELECT '{table}' AS log, number, {own} AS entry_hash FROM {table}"  # noqa: S608  # names of ours
    f" WHERE number = (SELECT max(number) FROM {table})"
    for table, own in (
        ("access_log", "entry_hash"),
        ("claude_requests", "NULL"),
        ("claude_runs", "row_hash"),
        ("rules_in_force", "entry_hash"),
        ("orders", "entry_hash"),
        ("alert_log", "entry_hash"),
        ("signal_log", "entry_hash"),
    )
)
_BY_TABLE: Final = {sealed.table: sealed for sealed in BY_ROW}


def marks_of(inserts: Sequence[tuple[type[tables.Row], list[Any]]]) -> Marks:
    """Digests of the rows that a tick is about to write."""
    return {
        table_of(table).name: tuple(
            row_digest(_sealed_columns(table)(row)) for row in sorted(values, key=_key_columns(table))
        )
        for table, values in inserts
        if values and table in _BY_TABLE
    }


@cache
def _sealed_columns(table: type[tables.Row]) -> "itemgetter[Any]":
    """Take the sealed columns of a row that is in the table's order."""
    return _columns(table, _BY_TABLE[table].columns)


@cache
def _key_columns(table: type[tables.Row]) -> "itemgetter[Any]":
    """Take the primary key of a row that is in the table's order."""
    return _columns(table, _BY_TABLE[table].key)


def _columns(table: type[tables.Row], names: Sequence[str]) -> "itemgetter[Any]":
    order = columns_of(table)[1]
    return itemgetter(*map(order.index, names))


def hour_marks(rows: Iterable[Sequence[Any]], heads: Iterable[Sequence[Any]]) -> Marks:
    """Digests that the next tick seals once an hour has ended.

    Args:
        rows: the hour's roll-up, by `OF_HOUR`.
        heads: the last line of each log beside the run, by `HEADS`.
    """
    return {"hourly": tuple(map(row_digest, rows))} | head_marks(heads)


def head_marks(heads: Iterable[Sequence[Any]]) -> Marks:
    """Marks of the last line of each log beside the run, by `HEADS`."""
    return {log: (head_mark(number, entry_hash or b""),) for log, number, entry_hash in heads}


def older_marks(connection: Connection) -> Marks:
    """Digests that the first seal of a run covers beside the rows of its own tick.

    They are of the run's row, its first checkpoint, and all rows that were written before.
    """
    found = {sealed.name: _rows(connection, sealed) for sealed in (*BY_ROW, HOURLY)}
    begins = connection.exec_driver_sql("SELECT 1 FROM ticks").first() is None
    marks = {
        name if begins else OLDER + name: tuple(map(row_digest, rows)) if begins else (rows_digest(rows),)
        for name, rows in found.items()
        if rows
    }
    first = connection.exec_driver_sql(FIRST_CHECKPOINT).all()
    runs, checkpoints = tuple(map(row_digest, _rows(connection, RUN))), tuple(map(row_digest, first))
    return {"runs": runs, "checkpoints": checkpoints} | marks


def _rows(connection: Connection, sealed: Sealed) -> Sequence[NamedRow]:
    return connection.exec_driver_sql(sealed.query()).all()


def pending_marks(connection: Connection, last_seal: bytes | None) -> Marks:
    """Digests that the next seal covers beside its own tick, read on opening."""
    if last_seal is None:
        return older_marks(connection) | head_marks(connection.exec_driver_sql(HEADS))
    return _last_hour_marks(connection)


def _last_hour_marks(connection: Connection) -> Marks:
    """Repeat `hour_marks` of the last tick; empty when no hour ended with it."""
    hour_epoch_s = connection.exec_driver_sql(_LAST_HOUR).scalar_one_or_none()
    if hour_epoch_s is None:
        return {}
    hour = int(hour_epoch_s)
    return hour_marks(connection.exec_driver_sql(OF_HOUR, (hour, hour)), connection.exec_driver_sql(HEADS))
