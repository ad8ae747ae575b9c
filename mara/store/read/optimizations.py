"""Plans that came into force, why, and what was told of a site: read back as it was said then."""

from collections.abc import Sequence
from typing import Any, Final

from mara.core.fleet import Fleet
from mara.core.history import Decision, Optimization, SiteShadow
from mara.core.plan import DualPrices, known_gap_share
from mara.core.snapshot import EventSnapshot, OptimizationSnapshot
from mara.core.timegrid import TimeGrid
from mara.errors import CommandError
from mara.store.read.query_scope import site_number
from mara.store.read.read_model import ReadModel
from mara.store.write.plan_record import prices_of, provenance_of, reasons_in

MOST_OPTIMIZATIONS: Final = 500
MOST_DECISIONS: Final = 500
MOST_LOOKED_AT: Final = 500
"""Stored plans that are searched for reasons of a site."""


def optimizations(reading: ReadModel, limit: int, before: int | None = None) -> tuple[OptimizationSnapshot, ...]:
    """The newest plans that came into force, those before tick `before` if one is given; newest first."""
    grid = reading.run().config.grid
    end = reading.next_tick() if before is None else before
    query = f"SELECT {_COLUMNS} FROM optimization_runs WHERE adopted_tick < ? ORDER BY adopted_tick DESC LIMIT ?"  # noqa: S608
    found = reading.ask(query, end, _limited(limit, MOST_OPTIMIZATIONS))
    return tuple(_snapshot(row, grid) for row in found)


def optimization(reading: ReadModel, adopted_tick: int) -> Optimization:
    """All that is stored of the plan that came into force in a tick.

    Raises:
        CommandError: none was written down in that tick.
    """
    config = reading.run().config
    query = f"SELECT {_COLUMNS}, shadow FROM optimization_runs WHERE adopted_tick = ?"  # noqa: S608
    found = reading.ask(query, adopted_tick)
    if not found:
        raise CommandError(f"no plan was written down in tick {adopted_tick}: ask for the list of optimizations first")
    *row, content = found[0]
    plan, prices = _snapshot(row, config.grid), prices_of(content)
    gap = known_gap_share(plan.objective_usd, plan.bound_usd)
    if prices is None:
        return Optimization(plan=plan, gap_share=gap)
    shadow = prices.shadow
    return Optimization(
        plan=plan,
        gap_share=gap,
        step_ticks=prices.step_ticks,
        sites=_site_shadows(shadow, config.fleet),
        demand_usd_per_mwh=tuple(tuple(column) for column in shadow.demand_usd_per_mwh.T.tolist()),
        budget_usd_per_mwh=tuple(shadow.budget_usd_per_mwh.tolist()),
    )


def site_events(reading: ReadModel, site_id: str, limit: int) -> tuple[EventSnapshot, ...]:
    """What happened at a site, newest first, as long as raw rows are kept.

    Raises:
        CommandError: no such site.
    """
    site, grid = site_number(reading, site_id), reading.run().config.grid
    found = reading.ask(
        "SELECT tick, severity, text FROM events WHERE site = ? ORDER BY tick DESC, number DESC LIMIT ?",
        site,
        _limited(limit, MOST_DECISIONS),
    )
    return tuple(
        EventSnapshot(tick=tick, at=grid.at(tick), severity=severity, site_id=site_id, text=text)
        for tick, severity, text in found
    )


def decisions(reading: ReadModel, site_id: str, limit: int) -> tuple[Decision, ...]:
    """Reasons stored with plans that name a site, and its events, newest first.

    Raises:
        CommandError: no such site.
    """
    most = _limited(limit, MOST_DECISIONS)
    config = reading.run().config
    site = site_number(reading, site_id)
    found = reading.ask(
        "SELECT adopted_tick, optimizer, reasons FROM optimization_runs WHERE reasons IS NOT NULL"
        " ORDER BY adopted_tick DESC LIMIT ?",
        MOST_LOOKED_AT,
    )
    names = [known.name for known in config.fleet.sites]
    reasons = [
        Decision(tick=tick, at=config.grid.at(tick), source="plan", severity="info", optimizer=optimizer, text=reason)
        for tick, optimizer, stored in found
        for reason in reasons_in(stored)
        if _site_named(reason, names) == site
    ]
    events = [
        Decision(tick=e.tick, at=e.at, source="event", severity=e.severity, optimizer="", text=e.text)
        for e in site_events(reading, site_id, most)
    ]
    return tuple(sorted((*events, *reasons), key=lambda decision: -decision.tick)[:most])


def _limited(limit: int, most: int) -> int:
    if limit < 1:
        raise CommandError(f"a limit must be at least 1, {limit} came")
    return min(limit, most)


def _site_named(reason: str, names: Sequence[str]) -> int | None:
    """The site that a reason begins with: the longest name, should one begin like another."""
    fitting = [i for i, name in enumerate(names) if reason.startswith((f"{name}:", f"{name} "))]
    return max(fitting, key=lambda i: len(names[i]), default=None)


_COLUMNS: Final = (
    "adopted_tick, made_tick, optimizer, status, horizon_ticks, objective_usd, bound_usd, note, headline, reasons,"
    " baseline_usd, solve_wall_s, provenance"
)


def _snapshot(row: Sequence[Any], grid: TimeGrid) -> OptimizationSnapshot:
    adopted, made, optimizer, status, horizon, objective, bound, note, headline, reasons, baseline, solve, origin = row
    return OptimizationSnapshot(
        adopted_tick=adopted,
        adopted_at=grid.at(adopted),
        made_tick=made,
        optimizer=optimizer,
        status=status,
        horizon_ticks=horizon,
        objective_usd=objective,
        bound_usd=bound,
        note=note,
        headline=headline or "",
        reasons=reasons_in(reasons),
        baseline_usd=baseline,
        solve_wall_s=solve,
        provenance=provenance_of(origin),
    )


def _site_shadows(shadow: DualPrices, fleet: Fleet) -> tuple[SiteShadow, ...]:
    columns = zip(
        fleet.site_ids,
        shadow.site_power_usd_per_mwh.T.tolist(),
        shadow.grid_usd_per_mwh.T.tolist(),
        shadow.capacity_usd_per_mwh.T.tolist(),
        strict=True,
    )
    return tuple(
        SiteShadow(
            site_id=site_id,
            power_usd_per_mwh=tuple(power),
            grid_usd_per_mwh=tuple(grid),
            racks_usd_per_mwh=tuple(racks),
        )
        for site_id, power, grid, racks in columns
    )
