"""What asking Claude has cost, and what came of it: beside the ticks, in wall time; a restart forgets no cent.

Each row carries a digest of itself; how many there were is sealed with the ticks.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlmodel import Field

from mara.store.encoding.seal import row_digest
from mara.store.schema.tables import BY_ROWID, WHOLE, Row, binary, key, whole, words
from mara.store.store import Store

MAX_RUNS_READ: Final = 100


class ClaudeRequest(Row, table=True):
    """One request: what it could cost at most, and what it did; as long as nobody knows, it counts with the most."""

    __tablename__ = "claude_requests"
    __table_args__ = BY_ROWID
    number: int = key()
    asked_epoch_s: int = whole()
    most_micro_usd: int = whole()
    cost_micro_usd: int | None = Field(sa_type=WHOLE, nullable=True)
    request_id: str = words()
    row_hash: bytes | None = binary(nullable=True)


class ClaudeRun(Row, table=True):
    """One time that Claude was asked for advice: what for, and what came of it in words."""

    __tablename__ = "claude_runs"
    __table_args__ = BY_ROWID
    number: int = key()
    asked_epoch_s: int = whole()
    tick: int = whole()
    outcome: str = words()
    message: str = words()
    model: str = words()
    request_id: str = words()
    snapshot_hash: str = words()
    prompt_version: str = words()
    cost_micro_usd: int = whole()
    row_hash: bytes | None = binary(nullable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """A stored `ClaudeRun` as plain values. `request_id` is the last one's."""

    asked_epoch_s: int
    tick: int
    outcome: str
    message: str
    model: str
    request_id: str
    snapshot_hash: str
    prompt_version: str
    cost_micro_usd: int


class ClaudeCalls:
    """The two tables of a store, for any thread; every call is one short transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reserve(self, asked_epoch_s: int, most_micro_usd: int) -> int:
        """Write a request down before it is made; returns its number.

        Raises:
            StoreError: the disk refused: the request must not be made.
        """
        with self._store.aside("a request to Claude") as connection:
            number = int(connection.execute(select(func.coalesce(func.max(_REQUEST.number), 0))).scalar_one()) + 1
            values = {"number": number, "asked_epoch_s": asked_epoch_s, "most_micro_usd": most_micro_usd}
            connection.execute(insert(ClaudeRequest).values(**_with_digest(values | _UNSETTLED)))
        return number

    def settle(self, number: int, cost_micro_usd: int, request_id: str) -> None:
        """Write down what a request has cost.

        Raises:
            StoreError: the disk refused: it goes on counting with the most it could cost.
        """
        with self._store.aside("a request to Claude") as connection:
            asked = select(_REQUEST.number, _REQUEST.asked_epoch_s, _REQUEST.most_micro_usd)
            found = connection.execute(asked.where(_REQUEST.number == number)).one()
            values = dict(found._mapping) | {"cost_micro_usd": cost_micro_usd, "request_id": request_id}  # noqa: SLF001  SQLAlchemy's own name
            changed = update(ClaudeRequest).where(_REQUEST.number == number)
            connection.execute(changed.values(**_with_digest(values)))

    def spent_since(self, epoch_s: int) -> tuple[int, int]:
        """Requests made since, and micro-USD they have cost or may cost."""
        counted = func.coalesce(_REQUEST.cost_micro_usd, _REQUEST.most_micro_usd)
        asked = select(func.count(), func.coalesce(func.sum(counted), 0)).where(_REQUEST.asked_epoch_s > epoch_s)
        with self._store.aside("what Claude has cost") as connection:
            count, cost = connection.execute(asked).one()
        return int(count), int(cost)

    def note(self, run: RunNote) -> None:
        """Keep what came of asking.

        Raises:
            StoreError: the disk refused.
        """
        with self._store.aside("a run of Claude") as connection:
            number = int(connection.execute(select(func.coalesce(func.max(_RUN.number), 0))).scalar_one()) + 1
            values = {"number": number} | {name: getattr(run, name) for name in RunNote.__slots__}
            connection.execute(insert(ClaudeRun).values(**_with_digest(values)))

    def runs(self, limit: int = MAX_RUNS_READ) -> tuple[RunNote, ...]:
        """The newest runs, the newest first."""
        columns = [_RUN[name] for name in RunNote.__slots__]
        newest = select(*columns).order_by(_RUN.number.desc()).limit(min(limit, MAX_RUNS_READ))
        with self._store.aside("runs of Claude") as connection:
            return tuple(RunNote(**row._mapping) for row in connection.execute(newest))  # noqa: SLF001  SQLAlchemy's own name


def _with_digest(values: dict[str, Any]) -> dict[str, Any]:
    """A whole row, its columns in the order of the table."""
    return values | {"row_hash": row_digest(values.values())}


_UNSETTLED: Final = {"cost_micro_usd": None, "request_id": ""}
_REQUEST: Final = ClaudeRequest.__table__.c  # type: ignore[attr-defined]  # SQLModel hides it
_RUN: Final = ClaudeRun.__table__.c  # type: ignore[attr-defined]
