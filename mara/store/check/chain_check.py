"""The hash chain of ticks, walked beside the rows that its digests cover."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mara.core.timegrid import TimeGrid
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, UNREADABLE, Inspection, Rows, RowStream
from mara.store.encoding.chain import Digests, genesis_of, kept_digest, link_of, raw_digest
from mara.store.encoding.seal import Marks, market_digest, marks_in, matrix_digest

_TICKS: Final = (
    "SELECT tick, commands, raw_hash, kept_hash, world_hash, tick_hash, seal, epoch_s FROM ticks ORDER BY tick"
)
_RAW: Final = {
    "prices": "SELECT * FROM prices ORDER BY tick, site",
    "markets": "SELECT * FROM markets ORDER BY tick",
    "allocations": "SELECT * FROM allocations ORDER BY tick, site",
}


@dataclass(slots=True)
class ChainWalk:
    """Walks the ticks in order. `worlds` are the digests of the worlds before a tick, `link` the last hash."""

    of: Inspection
    site_count: int
    link: bytes = b""
    plan: bytes = b""
    plan_tick: int = -1
    told_plan_tick: int = -1
    worlds: dict[int, bytes] = field(default_factory=dict)

    def findings(self, run_id: str, grid: TimeGrid | None) -> Iterator[str]:
        of = self.of
        self.link = genesis_of(run_id)
        ledger = RowStream(of.rows("SELECT * FROM ledger ORDER BY tick, site"))
        plans = RowStream(of.rows("SELECT from_tick, content FROM plans ORDER BY from_tick"))
        raw = {name: RowStream(of.rows(query)) for name, query in _RAW.items()}
        for tick, commands, *hashes, link, seal, epoch_s in of.rows(_TICKS):
            stored = Digests(raw=hashes[0], kept=hashes[1], world=hashes[2])
            for _, content in plans.take(tick):
                self.plan, self.plan_tick = content, tick
            yield from self._kept(tick, ledger.take(tick), commands, stored.kept, seal)
            yield from self._raw(tick, {name: stream.take(tick) for name, stream in raw.items()}, stored.raw, seal)
            if link_of(self.link, tick, stored) != link:
                yield f"ticks, tick {tick}: its hash does not follow from the tick before"
            if grid is not None and grid.epoch_s(tick) != epoch_s:
                yield f"ticks, tick {tick}: epoch_s is {CHANGED}"
            self.link, self.worlds[tick + 1] = link, stored.world
        for name, stream in (("ledger", ledger), *raw.items()):
            yield from (f"{name}, tick {row[0]}: {FOREIGN}" for row in stream.finish())

    def _kept(self, tick: int, ledger: Rows, commands: Any, stored: bytes, seal: Any) -> Iterator[str]:
        try:
            if kept_digest(_matrix(ledger, np.int64), commands, self.plan) == stored and not self._sites(ledger):
                return
        except UNREADABLE:
            pass  # then it is not what was written either
        marks = _marks(seal)
        if not marks or self._sites(ledger) or _digest("ledger", ledger) != marks.get("ledger"):
            names = "ledger" if marks else "ledger, ticks or plans"
            yield f"{names}, tick {tick}{self._sites(ledger)}: {CHANGED}"
        elif self.told_plan_tick != self.plan_tick:
            self.told_plan_tick = self.plan_tick  # each tick that it was in force in would say so
            yield f"ticks, tick {tick}: its commands, or the plan of tick {self.plan_tick}, are {CHANGED}"

    def _raw(self, tick: int, found: dict[str, Rows], stored: bytes, seal: Any) -> Iterator[str]:
        if not any(found.values()) and tick < self.of.oldest_raw_tick:
            return
        try:
            prices, market, allocations = found.values()
            read = _matrix(prices, np.float64), market[0][1:], _matrix(allocations, np.int64)
            apart = len(market) != 1 or self._sites(prices) or self._sites(allocations)
            if raw_digest(*read) == stored and not apart:
                return
        except UNREADABLE:
            pass  # then it is not what was written either
        marks = _marks(seal)
        if not marks:
            yield f"{', '.join(found)}, tick {tick}: {CHANGED}"
        for name, rows in found.items() if marks else ():
            sites = "" if name == "markets" else self._sites(rows)
            if sites or _digest(name, rows) != marks.get(name):
                yield f"{name}, tick {tick}{sites}: {CHANGED if rows else MISSING}"

    def _sites(self, rows: Rows) -> str:
        """Which sites have a row too few or too many."""
        sites = [row[1] for row in rows]
        if not self.site_count or sites == list(range(self.site_count)):
            return ""
        return f" site {', '.join(map(str, sorted({*sites} ^ {*range(self.site_count)})))}"


def _marks(seal: bytes | None) -> Marks:
    """Without those of a seal that cannot be read, which the walk over seals tells."""
    try:
        return {} if seal is None else marks_in(seal)
    except UNREADABLE:
        return {}


def _digest(name: str, rows: Rows) -> tuple[bytes, ...] | None:
    try:
        if name == "markets":
            return (market_digest(rows[0][1:]),)
        return (matrix_digest(_matrix(rows, np.float64 if name == "prices" else np.int64)),)
    except UNREADABLE:
        return None


def _matrix(rows: Rows, dtype: type) -> np.ndarray:
    return np.array([row[2:] for row in rows], dtype=dtype)
