"""Select the adopted plans to store, and encode their reasons and dual prices.

Every solved plan is stored. Rules plan anew every tick without an objective: of their plans the first of each clock
hour is stored, and any with another optimizer, status or note than the last. The targets of all plans stand in `plans`.

Dual prices of a whole horizon are most of a row, so only the first plan of an hour keeps them all; others keep those
of their first step, the one that was in force.
"""

import zlib
from dataclasses import dataclass
from typing import Final

from mara.core.plan import DualPrices, Plan, Provenance
from mara.core.reasons import headline_of, reasons_of
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import RunConfig
from mara.store.encoding.codec import bytes_of, record_of, text_of, value_of
from mara.store.schema.rows import RowValues, finite, row_of
from mara.store.schema.tables import OptimizationRun

REASONS: Final = tuple[str, ...]
SHADOW_LEVEL: Final = 1
"""Compression level of zlib: most prices are zero, so the fastest level suffices."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The identity of the last stored plan, to compare the next one with."""

    tick: int = -1
    made_tick: int = -1
    optimizer: str = ""
    status: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanPrices:
    """A plan's dual prices, with the length [ticks] of the step of each of their rows."""

    shadow: DualPrices
    step_ticks: tuple[int, ...]


def plan_record_of(plan: Plan, tick: int, last: PlanRecord, grid: TimeGrid) -> PlanRecord:
    """The record of the plan in force, or `last` itself if it is not to be stored."""
    if (plan.optimizer, plan.made_tick) == (last.optimizer, last.made_tick):
        return last
    now = PlanRecord(tick=tick, made_tick=plan.made_tick, optimizer=plan.optimizer, status=plan.status, note=plan.note)
    solved = plan.objective_usd is not None or plan.provenance is not None
    other = (plan.optimizer, plan.status, plan.note) != (last.optimizer, last.status, last.note)
    return now if solved or other or _hour(tick, grid) != _hour(last.tick, grid) else last


def optimization_row(step: Step, plan: Plan, last: PlanRecord, config: RunConfig) -> RowValues:
    """Make the row of `optimization_runs` for a plan that came into force with `step`.

    Args:
        last: the plan stored before; all prices are kept if it is of an earlier hour.
    """
    provenance = plan.provenance
    begins_hour = _hour(step.tick, config.grid) != _hour(last.tick, config.grid)
    kept_ticks = plan.step_ticks[: None if begins_hour else 1]
    return row_of(
        OptimizationRun,
        adopted_tick=step.tick,
        made_tick=plan.made_tick,
        optimizer=plan.optimizer,
        status=plan.status,
        horizon_ticks=sum(plan.step_ticks),
        objective_usd=finite(plan.objective_usd),
        bound_usd=finite(plan.bound_usd),
        note=plan.note,
        headline=headline_of(step, config),
        reasons=text_of(REASONS, reasons_of(step, config, plan)),
        shadow=None if plan.shadow is None else _prices_bytes(plan.shadow, kept_ticks),
        provenance=None if provenance is None else text_of(Provenance, provenance),
        baseline_usd=finite(plan.baseline_usd),
        solve_wall_s=finite(plan.solve_wall_s),
    )


def _prices_bytes(shadow: DualPrices, step_ticks: tuple[int, ...]) -> bytes:
    """Encode the prices of the first steps, as many as `step_ticks` has."""
    steps = len(step_ticks)
    kept = DualPrices(
        site_power_usd_per_mwh=shadow.site_power_usd_per_mwh[:steps],
        grid_usd_per_mwh=shadow.grid_usd_per_mwh[:steps],
        capacity_usd_per_mwh=shadow.capacity_usd_per_mwh[:steps],
        demand_usd_per_mwh=shadow.demand_usd_per_mwh[:steps],
        budget_usd_per_mwh=shadow.budget_usd_per_mwh,
    )
    return zlib.compress(bytes_of(PlanPrices(shadow=kept, step_ticks=step_ticks)), SHADOW_LEVEL)


def prices_of(content: bytes | None) -> PlanPrices | None:
    """Decode the dual prices that `optimization_row` stored.

    Raises:
        StoreRefused: the bytes cannot be read, or are of a newer Mara.
    """
    return None if content is None else record_of(PlanPrices, zlib.decompress(content))


def provenance_of(text: str | None) -> Provenance | None:
    """Decode the provenance that `optimization_row` stored."""
    return None if text is None else value_of(Provenance, text)


def reasons_in(text: str | None) -> tuple[str, ...]:
    """Decode the stored reasons; empty for a row of an older Mara."""
    return () if text is None else value_of(REASONS, text)


def _hour(tick: int, grid: TimeGrid) -> int:
    return grid.epoch_s(tick) // SECONDS_PER_HOUR
