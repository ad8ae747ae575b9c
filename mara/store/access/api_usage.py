"""Costs and outcomes of API requests to Claude, in wall time beside the ticks.

They survive a restart, so that a budget holds across it. Each row carries its own digest; their number is sealed with
the ticks.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import Field

from mara.store.encoding.seal import row_digest
from mara.store.schema.tables import BY_ROWID, WHOLE, Row, binary, key, table_of, whole, words
from mara.store.store import Store

MAX_RUNS_READ: Final = 100


class ClaudeRequest(Row, table=True):
    """One API request. Its maximum cost counts until the actual cost is known."""

    __tablename__ = "claude_requests"
    __table_args__ = BY_ROWID
    number: int = key()
    asked_epoch_s: int = whole()
    most_micro_usd: int = whole()
    cost_micro_usd: int | None = Field(sa_type=WHOLE, nullable=True)
    request_id: str = words()
    row_hash: bytes | None = binary(nullable=True)


class ClaudeRun(Row, table=True):
    """One consultation of Claude: its subject, and its outcome in words."""

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
    """A stored `ClaudeRun` as plain values.

    Attributes:
        request_id: the id of its last request.
    """

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
    """The two tables of API usage, for use from any thread.

    Every call is one short transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def reserve(self, asked_epoch_s: int, most_micro_usd: int) -> int:
        """Store a request with its maximum cost before it is made; returns its number.

        Raises:
            StoreError: the write failed: the request must not be made.
        """
        with self._store.aside("a request to Claude") as connection:
            number = int(connection.execute(select(func.coalesce(func.max(_REQUEST.number), 0))).scalar_one()) + 1
            values = {"number": number, "asked_epoch_s": asked_epoch_s, "most_micro_usd": most_micro_usd}
            connection.execute(insert(ClaudeRequest).values(**_with_digest(values | _UNSETTLED)))
        return number

    def record_cost(self, number: int, cost_micro_usd: int, request_id: str) -> None:
        """Store the actual cost of a request.

        Raises:
            StoreError: the write failed: the request goes on counting with its maximum cost.
        """
        with self._store.aside("a request to Claude") as connection:
            asked = select(_REQUEST.number, _REQUEST.asked_epoch_s, _REQUEST.most_micro_usd)
            found = connection.execute(asked.where(_REQUEST.number == number)).mappings().one()
            values = dict(found) | {"cost_micro_usd": cost_micro_usd, "request_id": request_id}
            changed = update(ClaudeRequest).where(_REQUEST.number == number)
            connection.execute(changed.values(**_with_digest(values)))

    def spent_since(self, epoch_s: int) -> tuple[int, int]:
        """Count the requests since a time, and sum their costs [micro-USD].

        A request without an actual cost counts with its maximum.
        """
        with self._store.aside("what Claude has cost") as connection:
            spent = connection.execute(_SPENT, {"epoch_s": epoch_s}).one()
        return int(spent.requests_count), int(spent.cost_micro_usd)

    def note(self, run: RunNote) -> None:
        """Store the outcome of a consultation.

        Raises:
            StoreError: the write failed.
        """
        with self._store.aside("a run of Claude") as connection:
            number = int(connection.execute(select(func.coalesce(func.max(_RUN.number), 0))).scalar_one()) + 1
            values = {"number": number} | {name: getattr(run, name) for name in RunNote.__slots__}
            connection.execute(insert(ClaudeRun).values(**_with_digest(values)))

    def runs(self, limit: int = MAX_RUNS_READ) -> tuple[RunNote, ...]:
        """List the newest consultations, newest first."""
        columns = [_RUN[name] for name in RunNote.__slots__]
        newest = select(*columns).order_by(_RUN.number.desc()).limit(min(limit, MAX_RUNS_READ))
        with self._store.aside("runs of Claude") as connection:
            return tuple(RunNote(**row) for row in connection.execute(newest).mappings())


def _with_digest(values: dict[str, Any]) -> dict[str, Any]:
    """Add the digest to a whole row, whose columns are in the table's order."""
    return values | {"row_hash": row_digest(values.values())}


_UNSETTLED: Final = {"cost_micro_usd": None, "request_id": ""}
_REQUEST: Final = table_of(ClaudeRequest).c
_RUN: Final = table_of(ClaudeRun).c
_COUNTED: Final = func.coalesce(_REQUEST.cost_micro_usd, _REQUEST.most_micro_usd)
# Asked at each look at what is left; SQLAlchemy takes longer to put it together than the database to answer.
_SPENT: Final = select(
    func.count().label("requests_count"), func.coalesce(func.sum(_COUNTED), 0).label("cost_micro_usd")
).where(_REQUEST.asked_epoch_s > bindparam("epoch_s"))
