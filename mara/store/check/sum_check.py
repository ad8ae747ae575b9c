"""Recompute figures that follow from other rows: totals, roll-ups, audit trail."""

import json
from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any, Final, NamedTuple

from mara.core.finance import COST_LINES, POWER_LINES, REVENUE_LINES
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import World
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, Inspection, RowStream
from mara.store.encoding.chain import linked
from mara.store.encoding.codec import record_of
from mara.store.encoding.seal import row_digest
from mara.store.read.query_scope import first_tick_of_next_day
from mara.store.schema.ledger import CASH, ENERGY_LEGS, LEGS, MONEY_LEGS, SUMS_BY_SITE
from mara.store.schema.sealed import HOURLY
from mara.store.write import resume
from mara.store.write.statements import rolled_up


class _Obeyed(NamedTuple):
    """A command that a tick obeyed, as plain JSON."""

    kind: str
    plain: dict[str, Any]


_DAYS: Final = "SELECT * FROM ledger_days ORDER BY tick, site"
_MOST: Final = 20
_PRECISION: Final = 1e-9
"""Tolerance of a recomputed mean, whose rows may be summed in another order."""


def _sum_of(lines: Sequence[int]) -> str:
    return " + ".join(MONEY_LEGS[line] for line in lines)


_TOTALS: Final = f"""
SELECT tick FROM ticks LEFT JOIN (
    SELECT tick, sum({_sum_of(REVENUE_LINES)}) AS revenue, -sum({_sum_of(COST_LINES)}) AS cost,
           -sum({_sum_of(POWER_LINES)}) AS energy FROM ledger GROUP BY tick
) AS sums USING (tick)
WHERE revenue IS NULL OR revenue_micro_usd <> revenue OR cost_micro_usd <> cost OR energy_cost_micro_usd <> energy
ORDER BY tick LIMIT {_MOST}
"""  # noqa: S608  # names of ours


def balance_findings(inspection: Inspection) -> Iterator[str]:
    """Check that ledger rows balance, and that totals and cash follow from the ledger.

    Raises:
        StoreRefused: a stored world cannot be read, or is of a newer Mara.
    """
    for unit, legs in (("micro-USD", (CASH, *MONEY_LEGS)), ("Wh", ENERGY_LEGS)):
        total = " + ".join(legs)
        uneven = f"SELECT tick, site, {total} AS excess FROM ledger WHERE {total} <> 0 LIMIT {_MOST}"  # noqa: S608  # names of ours
        for row in inspection.ask(uneven):
            yield f"ledger, tick {row.tick} site {row.site}: out of balance by {row.excess} {unit}"
    for row in inspection.ask(_TOTALS):
        yield f"ticks, tick {row.tick}: its totals are not those of its ledger"
    ask = inspection.connection.exec_driver_sql
    first_world = ask("SELECT content FROM checkpoints ORDER BY tick LIMIT 1").scalar()
    if first_world is not None:
        began_with = record_of(World, first_world).cash_micro_usd
        earned = -ask("SELECT coalesce(sum(cash_micro_usd), 0) FROM ledger").scalar_one()
        holds = resume.world_in(inspection.connection).cash_micro_usd
        if holds != began_with + earned:
            yield f"engine_parts: the world holds {holds} micro-USD, its ledger says {began_with + earned}"


def day_findings(inspection: Inspection) -> Iterator[str]:
    """Compare the stored sums of each UTC day that is over with those of its ledger."""
    assert inspection.config is not None
    grid, stored = inspection.config.grid, RowStream(inspection.rows(_DAYS))
    first, end = 0, inspection.last_tick + 1
    while (following := first_tick_of_next_day(first, grid)) <= end:
        expected = {row.site: row for row in inspection.ask(SUMS_BY_SITE, first, following)}
        found = {row.site: row for row in stored.take(first)}
        for site in sorted(expected | found):
            if site not in found or site not in expected:
                yield f"ledger_days, tick {first} site {site}: {MISSING if site in expected else FOREIGN}"
            elif any(getattr(found[site], leg) != getattr(expected[site], leg) for leg in LEGS):
                yield f"ledger_days, tick {first} site {site}: not the sum of its ledger"
        first = following
    yield from (f"ledger_days, tick {row.tick} site {row.site}: {FOREIGN}" for row in stored.finish())


def hour_findings(inspection: Inspection, from_s: int) -> Iterator[str]:
    """Recompute the roll-ups that no seal covers yet, while their raw rows are stored.

    Args:
        from_s: end of the sealed hours [epoch s].
    """
    assert inspection.config is not None
    grid, names = inspection.config.grid, HOURLY.columns
    unsealed_hours = _unsealed_hours(inspection, grid, from_s)
    for hour in unsealed_hours:
        hour_s = hour * SECONDS_PER_HOUR
        last_tick = (hour_s + SECONDS_PER_HOUR - grid.start_epoch_s - 1) // (grid.tick_minutes * SECONDS_PER_MINUTE)
        expected = {row.site: row for row in rolled_up(inspection.connection, hour_s, last_tick, grid)}
        query = f"SELECT {', '.join(names)} FROM hourly WHERE hour_epoch_s = ?"  # noqa: S608  # names of ours
        stored = {row.site: row for row in inspection.ask(query, hour_s)}
        for site in sorted(stored | expected):
            if site not in stored:
                yield f"hourly, site {site} hour_epoch_s {hour_s}: {MISSING}"
            elif site not in expected:
                yield f"hourly, site {site} hour_epoch_s {hour_s}: {FOREIGN}"
            elif not all(_alike(getattr(stored[site], name), getattr(expected[site], name)) for name in names):
                yield f"hourly, site {site} hour_epoch_s {hour_s}: {CHANGED}"
    later = f"SELECT site, hour_epoch_s FROM hourly WHERE hour_epoch_s >= ? LIMIT {_MOST}"  # noqa: S608
    for row in inspection.ask(later, unsealed_hours.stop * SECONDS_PER_HOUR):
        yield f"hourly, site {row.site} hour_epoch_s {row.hour_epoch_s}: {FOREIGN}"


def _unsealed_hours(inspection: Inspection, grid: TimeGrid, from_s: int) -> range:
    """Hours since 1970 that have ended unsealed and still have their raw rows."""
    if inspection.last_tick < 0:
        return range(0)
    if inspection.oldest_raw_tick > inspection.first_tick:
        first = -(-grid.epoch_s(inspection.oldest_raw_tick) // SECONDS_PER_HOUR)
    else:
        first = grid.epoch_s(inspection.first_tick) // SECONDS_PER_HOUR
    return range(max(first, -(-from_s // SECONDS_PER_HOUR)), grid.epoch_s(inspection.last_tick + 1) // SECONDS_PER_HOUR)


def _alike(stored: Any, worked_out: Any) -> bool:
    """True for equal values, and for null in a column that an older Mara left empty."""
    if isinstance(stored, float) and worked_out is not None:
        return isclose(stored, worked_out, rel_tol=_PRECISION, abs_tol=_PRECISION)
    return stored is None or stored == worked_out


def audit_findings(inspection: Inspection) -> Iterator[str]:
    """Check that the audit is one chain, with a line for each obeyed command."""
    obeyed = _obeyed(inspection)
    lines = inspection.rows(
        "SELECT number, tick, actor, address, action, before_hash, after_hash, previous_hash, entry_hash"
        " FROM audit ORDER BY number"
    )
    for line, holds in linked(lines):
        orders = obeyed.get(line.tick, [])
        order = next((order for order in orders if _tells(line, order)), None)
        if order is not None:
            orders.remove(order)
        if not holds:
            yield f"audit, number {line.number}: {CHANGED}, or not after the line before"
        elif order is None:
            yield f"audit, number {line.number}: tick {line.tick} obeyed no such order"
    yield from (f"audit, tick {tick}: {len(left)} lines {MISSING}" for tick, left in obeyed.items() if left)


def _obeyed(inspection: Inspection) -> dict[int, list[_Obeyed]]:
    """The commands that each tick obeyed, by tick."""
    found = inspection.rows("SELECT tick, commands FROM ticks WHERE commands IS NOT NULL ORDER BY tick")
    return {row.tick: [_Obeyed(kind, plain) for kind, plain in json.loads(row.commands)] for row in found}


def _tells(line: Any, order: _Obeyed) -> bool:
    """True if an audit line is of a command; an older Mara named no actor."""
    plain = order.plain
    action = f"{order.kind} {json.dumps(plain, separators=(',', ':'), allow_nan=False)}"
    actor, address = plain.get("by", line.actor), plain.get("address", line.address)
    return bool((line.action, line.actor, line.address) == (action, actor, address))


def claude_findings(inspection: Inspection) -> Iterator[str]:
    """Check that the rows about API calls match their digests and none is missing."""
    for table in ("claude_requests", "claude_runs"):
        for number, row in enumerate(inspection.rows(f"SELECT * FROM {table} ORDER BY number"), start=1):  # noqa: S608  # names of ours
            if row.number != number:
                yield f"{table}, number {number}: {MISSING}"
                break
            *values, row_hash = row
            if row_digest(values) != row_hash:
                yield f"{table}, number {number}: {CHANGED}"
