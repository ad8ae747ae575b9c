"""Check the hash chain of ticks against the rows that its digests cover."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mara.core.timegrid import TimeGrid
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, UNREADABLE, Inspection, Rows, RowStream
from mara.store.encoding.chain import Digests, genesis_of, kept_digest, link_of, raw_digest
from mara.store.encoding.seal import Marks, market_digest, marks_in, matrix_digest
from mara.store.schema.rows import FIRST_COLUMNS, hashed, hashed_market

_TICKS: Final = (
    "SELECT tick, commands, raw_hash, kept_hash, world_hash, tick_hash, seal, epoch_s FROM ticks ORDER BY tick"
)
_RAW: Final = {
    "prices": "SELECT * FROM prices ORDER BY tick, site",
    "markets": "SELECT * FROM markets ORDER BY tick",
    "allocations": "SELECT * FROM allocations ORDER BY tick, site",
    "meters": "SELECT * FROM meters ORDER BY tick, site",
}
_SITE_KEY: Final = ("tick", "site")
_MARKET_KEY: Final = ("tick",)


@dataclass(slots=True)
class ChainWalk:
    """A walk over the ticks in order, with the last link and plan step.

    Attributes:
        link: hash of the last tick; the genesis link before the first.
        plan, plan_tick: content and first tick of the plan step in force.
        told_plan_tick: first tick of the last plan step that was reported, so that it is reported once.
        worlds: digest of the world before a tick, by tick.
    """

    inspection: Inspection
    site_count: int
    link: bytes = b""
    plan: bytes = b""
    plan_tick: int = -1
    told_plan_tick: int = -1
    worlds: dict[int, bytes] = field(default_factory=dict)

    def findings(self, run_id: str, grid: TimeGrid | None) -> Iterator[str]:
        """Report ticks, plans and rows that the chain does not confirm."""
        rows_of = self.inspection.rows
        self.link = genesis_of(run_id)
        ledger = RowStream(rows_of("SELECT * FROM ledger ORDER BY tick, site"))
        plans = RowStream(rows_of("SELECT from_tick, content FROM plans ORDER BY from_tick"), "from_tick")
        raw = {name: RowStream(rows_of(query)) for name, query in _RAW.items()}
        for row in rows_of(_TICKS):
            tick = row.tick
            stored = Digests(raw=row.raw_hash, kept=row.kept_hash, world=row.world_hash)
            for plan in plans.take(tick):
                self.plan, self.plan_tick = plan.content, tick
            yield from self._kept(row, ledger.take(tick))
            yield from self._raw(row, {name: stream.take(tick) for name, stream in raw.items()})
            if link_of(self.link, tick, stored) != row.tick_hash:
                yield f"ticks, tick {tick}: its hash does not follow from the tick before"
            if grid is not None and grid.epoch_s(tick) != row.epoch_s:
                yield f"ticks, tick {tick}: epoch_s is {CHANGED}"
            self.link, self.worlds[tick + 1] = row.tick_hash, stored.world
        for name, stream in (("ledger", ledger), *raw.items()):
            yield from (f"{name}, tick {row.tick}: {FOREIGN}" for row in stream.finish())

    def _kept(self, stored: Any, ledger: Rows) -> Iterator[str]:
        """Check the permanent rows of a tick: ledger, commands and plan step."""
        try:
            digest = kept_digest(_matrix("ledger", ledger), stored.commands, self.plan)
            if digest == stored.kept_hash and not self._sites(ledger):
                return
        except UNREADABLE:
            pass  # an unreadable row was changed too
        marks = _marks(stored.seal)
        if not marks or self._sites(ledger) or _digest("ledger", ledger) != marks.get("ledger"):
            names = "ledger" if marks else "ledger, ticks or plans"
            yield f"{names}, tick {stored.tick}{self._sites(ledger)}: {CHANGED}"
        elif self.told_plan_tick != self.plan_tick:
            self.told_plan_tick = self.plan_tick  # else each tick in which it was in force would report it
            yield f"ticks, tick {stored.tick}: its commands, or the plan of tick {self.plan_tick}, are {CHANGED}"

    def _raw(self, stored: Any, found: dict[str, Rows]) -> Iterator[str]:
        """Check the raw rows of a tick: prices, market, allocations and meters."""
        tick = stored.tick
        if not any(found.values()) and tick < self.inspection.oldest_raw_tick:
            return
        prices, market, allocations, meters = (found[name] for name in _RAW)
        try:
            told = _matrix("meters", meters) if meters else None
            digest = raw_digest(_matrix("prices", prices), _market(market), _matrix("allocations", allocations), told)
            apart = len(market) != 1 or self._sites(prices) or self._sites(allocations)
            if digest == stored.raw_hash and not apart:
                return
        except UNREADABLE:
            pass  # an unreadable row was changed too
        marks = _marks(stored.seal)
        if not marks:
            yield f"{', '.join(found)}, tick {tick}: {CHANGED}"
        for name, rows in found.items() if marks else ():
            if name == "meters" and not rows and name not in marks:
                continue
            sites = "" if name == "markets" else self._sites(rows)
            if sites or _digest(name, rows) != marks.get(name):
                yield f"{name}, tick {tick}{sites}: {CHANGED if rows else MISSING}"

    def _sites(self, rows: Rows) -> str:
        """Name the sites that have a row too few or too many; empty if there are none."""
        sites = [row.site for row in rows]
        if not self.site_count or sites == list(range(self.site_count)):
            return ""
        return f" site {', '.join(map(str, sorted({*sites} ^ {*range(self.site_count)})))}"


def _marks(seal: bytes | None) -> Marks:
    """Read a seal; empty if it is missing or unreadable."""
    try:
        return {} if seal is None else marks_in(seal)
    except UNREADABLE:
        return {}


def _digest(name: str, rows: Rows) -> tuple[bytes, ...] | None:
    try:
        if name == "markets":
            return (market_digest(_market(rows)),)
        return (matrix_digest(_matrix(name, rows)),)
    except UNREADABLE:
        return None


def _market(rows: Rows) -> tuple[Any, ...]:
    """The columns of a market row after its key that digests cover."""
    return hashed_market(tuple(rows[0][len(_MARKET_KEY) :]))


def _matrix(name: str, rows: Rows) -> np.ndarray:
    """The columns of per-site rows that digests cover (S, columns)."""
    values = [row[len(_SITE_KEY) :] for row in rows]
    if name == "meters":
        return np.array(values, dtype=np.float64).reshape(len(values), -1)
    width = FIRST_COLUMNS[name]
    if name == "prices":
        return hashed(name, np.array(values, dtype=np.float64).reshape(len(values), -1))
    # A later column is null where an older Mara wrote the row.
    whole = [(*value[:width], *(later or 0 for later in value[width:])) for value in values]
    return hashed(name, np.array(whole, dtype=np.int64).reshape(len(values), -1))
