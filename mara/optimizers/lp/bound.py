"""Perfect-foresight bound on the profit of any policy over a past period.

It is stated in the program's accounts, and holds for every policy, in whole contracts or megawatts, planned or not:

- What a run does in a tick satisfies the rows of the program of that stretch: racks, kinds, grid, tokens, demand and
  what budgets allow are limits that `dispatch` and `judge` keep. The rows for N+1 reserve are a planner's own caution,
  which nothing enforces, so they are left out here.
- Months are solved one by one. A month after the first may begin with any load for nothing: what a run paid to get
  there is not charged. Each month may spend the whole budget of every window that reaches into it. Both only help, so
  the months' bounds add up to a bound of the whole.
- Ticks whose prices are alike are one step. Draw one tick of each step at random: the draw's mean keeps all rows, which
  are linear in what a step's ticks share; it earns as much, for what is bought and sold is priced convexly; and along
  the drawn ticks loads rise at most as much in all as they did tick by tick. So the program, whose changes are those of
  the means, finds at least what the run earned.
- The number is our own dual bound of the program, safe whatever the solver's multipliers are.

Model: docs/model.md#7-certificate-and-bounds
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.fleet import MINERS
from mara.core.plan import gap_share
from mara.errors import ConfigError
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.certificate import bound_usd
from mara.optimizers.lp.model import RESERVE_ROWS, model_of, without_rows
from mara.optimizers.lp.monthly_accounts import Month
from mara.optimizers.lp.solve import interior_point, solve

MOST_SITES: Final = 100
"""Most sites of a fleet: a month of more needs more memory than a laptop has."""
LOOSE_GAP_SHARE: Final = 1e-4
"""Largest gap of an interior point that is taken; else a vertex is sought."""
DEADLINE_S: Final = 1_800.0
"""Time limit for one month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthBound:
    """A month's bound, and what a run earned in it.

    Attributes:
        profit_usd: profit of the run, in the same accounts.
        gap_share: most by which the bound can exceed the optimum of its program, as a share of the bound.
    """

    month: str
    profit_usd: float
    bound_usd: float
    gap_share: float


def bounds_of(months: Sequence[Month], on_month: Callable[[int], None] | None = None) -> tuple[MonthBound, ...]:
    """Bound each month of a run.

    One program is in memory at a time.

    Raises:
        ConfigError: the fleet has more than `MOST_SITES` sites.
        PlanTimeout: a month's program takes too long.
        PlanRejected: a month's numbers are unfit for a program.
    """
    bounds: list[MonthBound] = []
    for index, month in enumerate(months):
        if month.case.sites > MOST_SITES:
            raise ConfigError(
                f"the bound is found for fleets of up to {MOST_SITES} sites, this one has {month.case.sites}: "
                "leave --bound out"
            )
        case = alike_merged(month.case)
        most_usd, gap = bound_of(with_free_start(case) if index else case)
        bounds.append(
            MonthBound(
                month=month.month,
                profit_usd=month.profit_usd,
                bound_usd=most_usd + month.first_fees_usd,
                gap_share=gap,
            )
        )
        if on_month is not None:
            on_month(index + 1)
    return tuple(bounds)


def bound_of(case: LpCase) -> tuple[float, float]:
    """Bound the profit of a case [USD]; also how far it may exceed the optimum.

    The second figure is a share of the bound.

    Raises:
        PlanError: there is no solution, none in time, or its certificate fails.
    """
    check(case)
    model = without_rows(model_of(case), RESERVE_ROWS)
    objective_usd, row_duals_usd_per_unit = interior_point(model, deadline_s=DEADLINE_S)
    most_usd = bound_usd(model, row_duals_usd_per_unit)
    gap = gap_share(objective_usd, most_usd, least_usd=1.0)
    if abs(gap) <= LOOSE_GAP_SHARE:
        return most_usd, gap
    exact = solve(model, deadline_s=DEADLINE_S).certificate
    return min(most_usd, exact.bound_usd), exact.gap_share


def share_of_bound(bounds: Sequence[MonthBound]) -> float | None:
    """Return the part of the bound that was earned; None where nothing could be."""
    most_usd = sum(month.bound_usd for month in bounds)
    return sum(month.profit_usd for month in bounds) / most_usd if most_usd > 0.0 else None


def with_free_start(case: LpCase) -> LpCase:
    """Free the start of a case: loads of its first step are no increase.

    Batteries begin full.
    """
    most_mw = case.available_mw.max(axis=0)
    most_promised_mw = case.demand_mw[:, :PROMISED_TIER_COUNT].max(axis=0) + 1.0
    contract = case.power_contract
    if contract is not None and contract.battery is not None:
        full = replace(contract.battery, start_mwh=contract.battery.energy_mwh)
        contract = replace(contract, battery=full)
    return replace(
        case,
        power_contract=contract,
        served_now_mw=np.repeat(most_promised_mw[None], case.sites, axis=0),
        miners_now_mw=most_mw[:, MINERS].sum(axis=1) + 1.0,
    )


def alike_merged(case: LpCase) -> LpCase:
    """Merge neighbouring steps of the same prices, weather and values.

    All else is averaged over time. Steps of a power contract stay: what a pledge needs in store is not linear in them.
    """
    if case.power_contract is not None:
        return case
    of_step = _group_of_step(case)
    first = np.flatnonzero(np.diff(of_step, prepend=-1))
    dt_h = np.asarray(np.bincount(of_step, weights=case.dt_h), dtype=np.float64)

    def mean(values: Floats) -> Floats:
        weighted = values * case.dt_h.reshape(-1, *[1] * (values.ndim - 1))
        return np.add.reduceat(weighted, first, axis=0) / dt_h.reshape(-1, *[1] * (values.ndim - 1))

    return replace(
        case,
        dt_h=dt_h,
        price_usd_per_mwh=case.price_usd_per_mwh[first],
        carbon_t_per_mwh=case.carbon_t_per_mwh[first],
        pue=case.pue[first],
        mining_value_usd_per_mwh=case.mining_value_usd_per_mwh[first],
        token_value_usd_per_mwh=case.token_value_usd_per_mwh[first],
        available_mw=mean(case.available_mw),
        demand_tokens_per_h=mean(case.demand_tokens_per_h),
        demand_mw=mean(case.demand_mw),
        shed_limit_mw=mean(case.shed_limit_mw),
        breakable_mw=mean(case.breakable_mw),
        unbacked_mw=mean(case.unbacked_mw),
    )


def _group_of_step(case: LpCase) -> Ints:
    """Number the merged step that each step belongs to (H,)."""
    changes = np.zeros(case.steps, dtype=np.bool_)
    for values in (
        case.price_usd_per_mwh,
        case.carbon_t_per_mwh,
        case.pue,
        case.mining_value_usd_per_mwh,
        case.token_value_usd_per_mwh,
    ):
        flat = values.reshape(case.steps, -1)
        changes[1:] |= (flat[1:] != flat[:-1]).any(axis=1)
    return np.asarray(np.cumsum(changes))
