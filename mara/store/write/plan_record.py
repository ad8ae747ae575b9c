"""Which plans that came into force are written down, and what is kept of each: who, how good, what it gave, and why.

A solved plan always is. Rules plan anew every tick without an objective: of theirs the first of each clock hour is
kept, and any whose maker, status or note is another one. What every plan ordered stands in `plans`, tick by tick.

Prices of a whole horizon are most of a row: the first plan of an hour keeps them all, the others those of their first
step, which is the one that was in force.
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
from mara.store.encoding.rows import RowValues, finite

REASONS: Final = tuple[str, ...]
SHADOW_LEVEL: Final = 1
"""Of zlib: most prices of a plan are zero, so that the fastest level takes them to a fraction."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What tells a plan written down from the next one."""

    tick: int = -1
    made_tick: int = -1
    optimizer: str = ""
    status: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanPrices:
    """A plan's shadow prices and how long each of the steps is that their rows stand for."""

    shadow: DualPrices
    step_ticks: tuple[int, ...]


def adoption_of(plan: Plan, tick: int, last: PlanRecord, grid: TimeGrid) -> PlanRecord:
    """The plan in force in `tick` as one to write down, or `last` itself when it is not."""
    if (plan.optimizer, plan.made_tick) == (last.optimizer, last.made_tick):
        return last
    now = PlanRecord(tick=tick, made_tick=plan.made_tick, optimizer=plan.optimizer, status=plan.status, note=plan.note)
    solved = plan.objective_usd is not None or plan.provenance is not None
    other = (plan.optimizer, plan.status, plan.note) != (last.optimizer, last.status, last.note)
    return now if solved or other or _hour(tick, grid) != _hour(last.tick, grid) else last


def optimization_row(step: Step, plan: Plan, last: PlanRecord, config: RunConfig) -> RowValues:
    """The row of a plan that came into force with `step`, after `last`."""
    provenance = plan.provenance
    begins_hour = _hour(step.tick, config.grid) != _hour(last.tick, config.grid)
    return (
        step.tick,
        plan.made_tick,
        plan.optimizer,
        plan.status,
        sum(plan.step_ticks),
        finite(plan.objective_usd),
        finite(plan.bound_usd),
        plan.note,
        headline_of(step, config),
        text_of(REASONS, reasons_of(step, config, plan)),
        None if plan.shadow is None else _prices_bytes(plan.shadow, plan.step_ticks[: None if begins_hour else 1]),
        None if provenance is None else text_of(Provenance, provenance),
        finite(plan.baseline_usd),
        finite(plan.solve_wall_s),
    )


def _prices_bytes(shadow: DualPrices, step_ticks: tuple[int, ...]) -> bytes:
    """Prices of the steps that are given, which begin with the first."""
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
    """What `optimization_row` kept of the prices."""
    return None if content is None else record_of(PlanPrices, zlib.decompress(content))


def provenance_of(text: str | None) -> Provenance | None:
    """What `optimization_row` kept of the origin."""
    return None if text is None else value_of(Provenance, text)


def reasons_in(text: str | None) -> tuple[str, ...]:
    """The stored reasons; none from a Mara that did not store them."""
    return () if text is None else value_of(REASONS, text)


def _hour(tick: int, grid: TimeGrid) -> int:
    return grid.epoch_s(tick) // SECONDS_PER_HOUR
