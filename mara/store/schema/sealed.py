"""Which rows the seal of a tick covers, read from the database: columns, keys, and what is sealed after the fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.core.units import SECONDS_PER_HOUR
from mara.store.encoding.seal import OLDER, Marks, head_mark, row_digest, rows_digest
from mara.store.schema import tables
from mara.store.schema.columns import FLEET, columns_of
from mara.store.schema.hourly import Hourly

UNSEALED: Final = frozenset({"solve_wall_s"})
"""Columns that differ between equal runs, and that nothing is worked out from."""
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table with a digest for each row, in the seal of the tick that its `tick` column names."""

    table: type[tables.Row]
    tick: str

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.__table__.primary_key.columns)  # type: ignore[attr-defined]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in columns_of(self.table)[1] if name not in UNSEALED)

    def query(self, where: str = "") -> str:
        """All rows by tick and key, the sealed columns alone."""
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
)
HOURLY: Final = Sealed(Hourly, "hour_epoch_s")
RUN: Final = Sealed(tables.Run, "number")
_OF_HOUR: Final = (
    f"SELECT {', '.join(HOURLY.columns)} FROM hourly WHERE site = {FLEET} AND hour_epoch_s = ? UNION ALL"  # noqa: S608
    f" SELECT {', '.join(f'h.{name}' for name in HOURLY.columns)} FROM site_inventories s CROSS JOIN hourly h"
    " WHERE h.site = s.site AND h.hour_epoch_s = ? ORDER BY 1"
)
_HEADS: Final = " UNION ALL ".join(
    f"SELECT '{table}', number, {own} FROM {table} WHERE number = (SELECT max(number) FROM {table})"  # noqa: S608
    for table, own in (
        ("access_log", "entry_hash"),
        ("claude_requests", "NULL"),
        ("claude_runs", "row_hash"),
        ("rules_in_force", "entry_hash"),
        ("orders", "entry_hash"),
    )
)


@cache
def _places(table: type[tables.Row]) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(columns_of(table)[1]) if name not in UNSEALED)


_BY_TABLE: Final = {sealed.table: sealed.name for sealed in BY_ROW}


def marks_of(inserts: Sequence[tuple[type[tables.Row], list[Any]]]) -> Marks:
    """Of the rows that a tick is about to write."""
    return {
        _BY_TABLE[table]: tuple(row_digest([row[i] for i in _places(table)]) for row in sorted(values, key=_by_key))
        for table, values in inserts
        if values and table in _BY_TABLE
    }


def _by_key(row: Sequence[Any]) -> Any:
    """The key of every such table is its first one or two columns, whole numbers."""
    return row[:2] if isinstance(row[1], int) else row[:1]


def hour_marks(connection: Connection, hour_epoch_s: int) -> Marks:
    """What the next tick seals when an hour has ended: its roll-up, and how far the logs beside the run have come."""
    rows = connection.exec_driver_sql(_OF_HOUR, (hour_epoch_s, hour_epoch_s))
    return {"hourly": tuple(map(row_digest, rows))} | head_marks(connection)


def head_marks(connection: Connection) -> Marks:
    """How far the logs beside the run have come."""
    heads = connection.exec_driver_sql(_HEADS)
    return {name: (head_mark(number, entry_hash or b""),) for name, number, entry_hash in heads}


def older_marks(connection: Connection) -> Marks:
    """What the first seal of a run covers beside its own tick: what the run is, and all that was written before."""
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


def _rows(connection: Connection, sealed: Sealed) -> Rows:
    return connection.exec_driver_sql(sealed.query()).all()


def pending_marks(connection: Connection, last_seal: bytes | None) -> Marks:
    """What the next seal covers beside its own tick, as a writer finds it that opens the database."""
    if last_seal is None:
        return older_marks(connection) | head_marks(connection)
    return _last_hour_marks(connection)


def _last_hour_marks(connection: Connection) -> Marks:
    """What `hour_marks` gave after the last tick; nothing when no hour ended with it."""
    found = connection.exec_driver_sql(_LAST_HOUR).one_or_none()
    return {} if found is None else hour_marks(connection, int(found[0]))
