"""Read adopted plans with their reasons, and the decisions and events of a site."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from mara.core.fleet import Fleet
from mara.core.history import Decision, Optimization, OptimizationSnapshot, SiteShadow
from mara.core.plan import DualPrices, known_gap_share
from mara.core.snapshot import EventSnapshot
from mara.core.timegrid import TimeGrid
from mara.errors import CommandError
from mara.store.read.query_scope import site_number
from mara.store.read.read_model import ReadModel
from mara.store.schema.tables import EventRow, NamedRow, OptimizationRun, table_of
from mara.store.write.plan_record import prices_of, provenance_of, reasons_in

MOST_OPTIMIZATIONS: Final = 500
MOST_DECISIONS: Final = 500
MOST_LOOKED_AT: Final = 500
"""Stored plans that are searched for reasons about a site."""


def optimizations(read_model: ReadModel, limit: int, before: int | None = None) -> tuple[OptimizationSnapshot, ...]:
    """List the newest plans that came into force, newest first.

    Args:
        before: only plans adopted before this tick.

    Raises:
        CommandError: the limit is below 1.
    """
    grid = read_model.run().config.grid
    end = read_model.next_tick() if before is None else before
    asked = select(*_COLUMNS).where(_PLAN.adopted_tick < end).order_by(_PLAN.adopted_tick.desc())
    found = read_model.ask(asked.limit(_limited(limit, MOST_OPTIMIZATIONS)))
    return tuple(_snapshot(row, grid) for row in found)


def optimization(read_model: ReadModel, adopted_tick: int) -> Optimization:
    """Read all that is stored of the plan that came into force in a tick.

    Raises:
        CommandError: no plan was stored in that tick.
    """
    config = read_model.run().config
    found = read_model.ask(select(*_COLUMNS, _PLAN.shadow).where(_PLAN.adopted_tick == adopted_tick))
    if not found:
        raise CommandError(f"no plan was written down in tick {adopted_tick}: ask for the list of optimizations first")
    plan, prices = _snapshot(found[0], config.grid), prices_of(found[0].shadow)
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


def site_events(read_model: ReadModel, site_id: str, limit: int) -> tuple[EventSnapshot, ...]:
    """List the events of a site, newest first, as long as raw rows are kept.

    Raises:
        CommandError: there is no such site.
    """
    site, grid = site_number(read_model, site_id), read_model.run().config.grid
    asked = select(_EVENT.tick, _EVENT.severity, _EVENT.text).where(_EVENT.site == site)
    newest = asked.order_by(_EVENT.tick.desc(), _EVENT.number.desc()).limit(_limited(limit, MOST_DECISIONS))
    return tuple(
        EventSnapshot(tick=row.tick, at=grid.at(row.tick), severity=row.severity, site_id=site_id, text=row.text)
        for row in read_model.ask(newest)
    )


def decisions(read_model: ReadModel, site_id: str, limit: int) -> tuple[Decision, ...]:
    """List the stored reasons that name a site, and its events, newest first.

    Raises:
        CommandError: there is no such site.
    """
    most = _limited(limit, MOST_DECISIONS)
    config = read_model.run().config
    site = site_number(read_model, site_id)
    asked = select(_PLAN.adopted_tick, _PLAN.optimizer, _PLAN.reasons).where(_PLAN.reasons.is_not(None))
    found = read_model.ask(asked.order_by(_PLAN.adopted_tick.desc()).limit(MOST_LOOKED_AT))
    names = [known.name for known in config.fleet.sites]
    reasons = [
        Decision(
            tick=row.adopted_tick,
            at=config.grid.at(row.adopted_tick),
            source="plan",
            severity="info",
            optimizer=row.optimizer,
            text=reason,
        )
        for row in found
        for reason in reasons_in(row.reasons)
        if _site_named(reason, names) == site
    ]
    events = [
        Decision(tick=e.tick, at=e.at, source="event", severity=e.severity, optimizer="", text=e.text)
        for e in site_events(read_model, site_id, most)
    ]
    return tuple(sorted((*events, *reasons), key=lambda decision: -decision.tick)[:most])


def _limited(limit: int, most: int) -> int:
    if limit < 1:
        raise CommandError(f"a limit must be at least 1, {limit} came")
    return min(limit, most)


def _site_named(reason: str, names: Sequence[str]) -> int | None:
    """Find the site whose name a reason begins with; the longest name wins."""
    fitting = [i for i, name in enumerate(names) if reason.startswith((f"{name}:", f"{name} "))]
    return max(fitting, key=lambda i: len(names[i]), default=None)


_EVENT: Final = table_of(EventRow).c
_PLAN: Final = table_of(OptimizationRun).c
_COLUMNS: Final = tuple(column for column in _PLAN if column.name != "shadow")
"""Columns of a plan but for its dual prices, which are most of a row."""


def _snapshot(row: NamedRow, grid: TimeGrid) -> OptimizationSnapshot:
    return OptimizationSnapshot(
        adopted_tick=row.adopted_tick,
        adopted_at=grid.at(row.adopted_tick),
        made_tick=row.made_tick,
        optimizer=row.optimizer,
        status=row.status,
        horizon_ticks=row.horizon_ticks,
        objective_usd=row.objective_usd,
        bound_usd=row.bound_usd,
        note=row.note,
        headline=row.headline or "",
        reasons=reasons_in(row.reasons),
        baseline_usd=row.baseline_usd,
        solve_wall_s=row.solve_wall_s,
        provenance=provenance_of(row.provenance),
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
