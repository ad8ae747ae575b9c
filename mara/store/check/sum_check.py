"""Figures that follow from other rows: totals from the ledger, roll-ups from raw rows, the audit from the ticks."""

import json
from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any, Final

from mara.core.finance import COST_LINES, REVENUE_LINES, Line
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import World
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, Inspection
from mara.store.encoding.chain import linked
from mara.store.encoding.codec import record_of
from mara.store.encoding.seal import row_digest
from mara.store.schema.ledger import CASH, ENERGY_LEGS, MONEY_LEGS
from mara.store.schema.sealed import HOURLY
from mara.store.write import resume
from mara.store.write.statements import rolled_up

_Order = tuple[str, dict[str, Any]]
_MOST: Final = 20
_PRECISION: Final = 1e-9
"""A mean over rows in another order differs by less."""


def _sum_of(lines: Sequence[Line]) -> str:
    return " + ".join(MONEY_LEGS[line] for line in lines)


_TOTALS: Final = f"""
SELECT tick FROM ticks LEFT JOIN (
    SELECT tick, sum({_sum_of(list(Line)[REVENUE_LINES])}) AS revenue, -sum({_sum_of(list(Line)[COST_LINES])}) AS cost,
           -sum({_sum_of((Line.ENERGY, Line.HEDGE))}) AS energy FROM ledger GROUP BY tick
) AS sums USING (tick)
WHERE revenue IS NULL OR revenue_micro_usd <> revenue OR cost_micro_usd <> cost OR energy_cost_micro_usd <> energy
ORDER BY tick LIMIT {_MOST}
"""  # noqa: S608  # names of ours


def balance_findings(of: Inspection) -> Iterator[str]:
    """Both units add up to zero, totals are those of the ledger, and cash is what the world says."""
    for unit, legs in (("micro-USD", (CASH, *MONEY_LEGS)), ("Wh", ENERGY_LEGS)):
        uneven = f"SELECT tick, site, {' + '.join(legs)} FROM ledger WHERE {' + '.join(legs)} <> 0 LIMIT {_MOST}"  # noqa: S608  # names of ours
        for tick, site, over in of.ask(uneven):
            yield f"ledger, tick {tick} site {site}: out of balance by {over} {unit}"
    for (tick,) in of.ask(_TOTALS):
        yield f"ticks, tick {tick}: its totals are not those of its ledger"
    first = of.ask("SELECT content FROM checkpoints ORDER BY tick LIMIT 1")
    if first:
        began_with = record_of(World, first[0][0]).cash_micro_usd
        earned = -of.ask("SELECT coalesce(sum(cash_micro_usd), 0) FROM ledger")[0][0]
        holds = resume.world_in(of.connection).cash_micro_usd
        if holds != began_with + earned:
            yield f"engine_parts: the world holds {holds} micro-USD, its ledger says {began_with + earned}"


def hour_findings(of: Inspection, from_s: int) -> Iterator[str]:
    """Roll-ups that no seal knows yet, from this moment on, are worked out again while raw rows are there."""
    assert of.config is not None
    grid, names = of.config.grid, HOURLY.columns
    of_hours = _unsealed_hours(of, grid, from_s)
    ends_s = of_hours.stop * SECONDS_PER_HOUR
    for hour in of_hours:
        hour_s = hour * SECONDS_PER_HOUR
        last_tick = (hour_s + SECONDS_PER_HOUR - grid.start_epoch_s - 1) // (grid.tick_minutes * SECONDS_PER_MINUTE)
        expected = {row[0]: row for row in rolled_up(of.connection, hour_s, last_tick, grid)}
        query = f"SELECT {', '.join(names)} FROM hourly WHERE hour_epoch_s = ?"  # noqa: S608  # names of ours
        stored = {row[0]: row for row in of.ask(query, hour_s)}
        for site in sorted(stored | expected):
            if site not in stored:
                yield f"hourly, site {site} hour_epoch_s {hour_s}: {MISSING}"
            elif site not in expected:
                yield f"hourly, site {site} hour_epoch_s {hour_s}: {FOREIGN}"
            elif not all(map(_alike, stored[site], expected[site])):
                yield f"hourly, site {site} hour_epoch_s {hour_s}: {CHANGED}"
    for site, hour_s in of.ask(f"SELECT site, hour_epoch_s FROM hourly WHERE hour_epoch_s >= ? LIMIT {_MOST}", ends_s):  # noqa: S608
        yield f"hourly, site {site} hour_epoch_s {hour_s}: {FOREIGN}"


def _unsealed_hours(of: Inspection, grid: TimeGrid, from_s: int) -> range:
    """Hours since 1970 that have ended, are not sealed, and whose raw rows are still there."""
    if of.last_tick < 0:
        return range(0)
    if of.oldest_raw_tick > of.first_tick:
        first = -(-grid.epoch_s(of.oldest_raw_tick) // SECONDS_PER_HOUR)
    else:
        first = grid.epoch_s(of.first_tick) // SECONDS_PER_HOUR
    return range(max(first, -(-from_s // SECONDS_PER_HOUR)), grid.epoch_s(of.last_tick + 1) // SECONDS_PER_HOUR)


def _alike(stored: Any, worked_out: Any) -> bool:
    """An older Mara left some columns empty."""
    if isinstance(stored, float) and worked_out is not None:
        return isclose(stored, worked_out, rel_tol=_PRECISION, abs_tol=_PRECISION)
    return stored is None or stored == worked_out


def audit_findings(of: Inspection) -> Iterator[str]:
    """The audit is one chain, and has a line for each order that a tick obeyed."""
    obeyed = _obeyed(of)
    lines = of.rows(
        "SELECT number, tick, actor, address, action, before_hash, after_hash, previous_hash, entry_hash"
        " FROM audit ORDER BY number"
    )
    for entry, holds in linked(lines):
        orders = obeyed.get(entry[1], [])
        order = next((order for order in orders if _tells(entry, order)), None)
        if order is not None:
            orders.remove(order)
        if not holds:
            yield f"audit, number {entry[0]}: {CHANGED}, or not after the line before"
        elif order is None:
            yield f"audit, number {entry[0]}: tick {entry[1]} obeyed no such order"
    yield from (f"audit, tick {tick}: {len(left)} lines {MISSING}" for tick, left in obeyed.items() if left)


def _obeyed(of: Inspection) -> dict[int, list[_Order]]:
    """The orders of each tick."""
    found = of.rows("SELECT tick, commands FROM ticks WHERE commands IS NOT NULL ORDER BY tick")
    return {tick: [(kind, plain) for kind, plain in json.loads(commands)] for tick, commands in found}


def _tells(entry: Sequence[Any], order: _Order) -> bool:
    """Whether a line tells of an order; of an older Mara's nobody knew who gave them."""
    kind, plain = order
    action = f"{kind} {json.dumps(plain, separators=(',', ':'), allow_nan=False)}"
    return bool(
        entry[4] == action and entry[2] == plain.get("by", entry[2]) and entry[3] == plain.get("address", entry[3])
    )


def claude_findings(of: Inspection) -> Iterator[str]:
    """What Claude cost: each row is what it says it is, and none is missing between them."""
    for table in ("claude_requests", "claude_runs"):
        for place, (*row, digest) in enumerate(of.rows(f"SELECT * FROM {table} ORDER BY number"), start=1):  # noqa: S608  # names of ours
            if row[0] != place:
                yield f"{table}, number {place}: {MISSING}"
                break
            if row_digest(row) != digest:
                yield f"{table}, number {row[0]}: {CHANGED}"
