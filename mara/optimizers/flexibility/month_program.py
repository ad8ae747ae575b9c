"""Coarse program over the rest of a billing month: worth of a higher peak.

Days to come are taken to be like the last two weeks, the newest weighing most. These are valued as one chain of blocks
of hours: loads run in the order of their worth below the peak, and the battery keeps energy from one day for another.
Firm load is no choice. Model: docs/model.md#power-terms-in-a-run
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats
from mara.core.fleet import RACKS
from mara.core.placement import placed_mw
from mara.core.plan import Problem
from mara.core.power_calendar import counts_at, local_times, power_of
from mara.core.power_state import SEEN_BLOCK_H
from mara.core.power_terms import DemandCharge, TermTimes
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.optimizers.flexibility.below_peaks import Blocks, LoadsAndBattery, earned_usd

HALF_LIFE_DAYS: Final = 7.0
"""Age at which a day weighs half as much as the newest. Chosen: a week."""
BATTERY_PARTS_SHARE: Final = (0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0)
"""Peaks that are looked at beside those of loads, as parts of a battery's power.

Little power charges a battery for few dear hours.
"""
_BLOCKS: Final = HOURS_PER_DAY // SEEN_BLOCK_H


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeakWorth:
    """Worth of a higher peak on a day to come, falling with the peak, in N steps.

    Attributes:
        from_mw: peak at which each step begins, rising (N,). most_mw: at which the last ends.
        usd_per_mw_day: what a megawatt more earns on a mean day (N,); nothing beyond the last step.
        today_share: weight of a day that is planned now, beside those that are remembered.
    """

    from_mw: Floats
    most_mw: float
    usd_per_mw_day: Floats
    today_share: float


def peak_worth(problem: Problem, d: int) -> PeakWorth | None:
    """Value a higher peak for a demand charge by the days that are remembered.

    None without any.

    Args:
        d: place of the charge among those of the fleet.
    """
    state, charge = problem.world.power, power_of(problem.config.fleet).demand[d]
    if state is None or state.seen is None:
        return None
    seen = state.seen.usd_per_mwh[d, 1:]
    ages = np.flatnonzero(np.isfinite(seen).all(axis=1))
    if not len(ages):
        return None
    oldest = ages[::-1]
    weights = 0.5 ** ((oldest + 1.0) / HALF_LIFE_DAYS)
    site = _site(problem, charge.site)
    adder, counts = _by_block(problem, charge, oldest + 1)
    price = seen[oldest]
    blocks = Blocks(
        length_h=SEEN_BLOCK_H,
        price_usd_per_mwh=price.ravel(),
        cost_usd_per_mwh=(price + adder + problem.conditions.carbon_cost_usd_per_mwh[charge.site]).ravel(),
        counts=counts.ravel(),
        weight_share=np.repeat(weights, _BLOCKS),
    )
    peaks = _peaks_mw(site)
    rise_usd = np.diff(earned_usd(site, blocks, peaks)) / weights.sum()
    return PeakWorth(
        from_mw=peaks[:-1],
        # Rounding apart, a step is never worth more than the one before it.
        usd_per_mw_day=np.minimum.accumulate(np.maximum(rise_usd / np.diff(peaks), 0.0)),
        most_mw=float(peaks[-1]),
        today_share=float(1.0 / (1.0 + weights.sum())),
    )


def _site(problem: Problem, s: int) -> LoadsAndBattery:
    """Describe a site by the worth of its loads now.

    Racks that contracts leave serve tokens, in the share that all racks are asked for.
    """
    fleet, conditions, world = problem.config.fleet, problem.conditions, problem.world
    terms, pue = power_of(fleet), conditions.pue[s]
    firm_it_mw = float(placed_mw(world.accounts.site, world.book, fleet.site_count)[s].sum())
    racks = fleet.nameplate_mw[s, RACKS]
    most_tokens = float((fleet.nameplate_mw[:, RACKS] @ fleet.tokens_per_mwh).sum())
    asked = float(problem.forecast.demand_tokens_per_h.sum(axis=1).mean())
    busy_share = min(asked / most_tokens, 1.0) if most_tokens > 0.0 else 0.0
    free_share = max(1.0 - firm_it_mw / max(float(racks.sum()), 1e-9), 0.0)
    worth = np.concatenate(
        [conditions.mining_value_usd_per_mwh, conditions.merchant_value_usd_per_mwh[:, s].max(axis=0)]
    )
    load = fleet.nameplate_mw[s] * pue
    load[RACKS] *= min(busy_share, free_share)
    order = np.argsort(-worth / pue, kind="stable")
    return LoadsAndBattery(
        worth_usd_per_mwh=(worth / pue)[order],
        load_mw=load[order],
        firm_mw=firm_it_mw * float(conditions.rack_pue[s]),
        limit_mw=float(fleet.grid_limit_mw[s]),
        export_mw=float(terms.export_limit_mw[s]),
        fee_usd_per_mwh=float(terms.export_fee_usd_per_mwh[s]),
        power_mw=float(terms.battery_power_mw[s]),
        energy_mwh=float(terms.battery_energy_mwh[s]),
        into_share=float(terms.efficiency_in_share[s]),
        out_share=float(terms.efficiency_out_share[s]),
        wear_usd_per_mwh=float(terms.wear_usd_per_mwh[s]),
        end_mwh=float(terms.end_mwh[s]),
    )


def _by_block(problem: Problem, charge: DemandCharge, ages_days: np.ndarray) -> tuple[Floats, Bools]:
    """Average the adders, and find where the charge counts, by block (D, 6).

    The days are so long ago, and stand for those to come, so that the present month counts and not theirs.
    """
    fleet, epoch_h = problem.config.fleet, problem.config.grid.epoch_s(problem.tick) // SECONDS_PER_HOUR
    today = local_times(fleet, epoch_h)[charge.site].replace(hour=0, minute=0)
    own = [
        adder
        for adder in power_of(fleet).adders
        if adder.site == charge.site and counts_at(TermTimes(month_numbers=adder.times.month_numbers), today)
    ]
    usd, counted = np.zeros((len(ages_days), HOURS_PER_DAY)), np.zeros((len(ages_days), HOURS_PER_DAY))
    for i, age in enumerate(ages_days.tolist()):
        for hour in range(HOURS_PER_DAY):
            at = (today - timedelta(days=age)).replace(hour=hour)
            counted[i, hour] = counts_at(_any_month(charge.times), at)
            usd[i, hour] = sum(adder.usd_per_mwh for adder in own if counts_at(_any_month(adder.times), at))
    blocks = (len(ages_days), _BLOCKS, SEEN_BLOCK_H)
    return usd.reshape(blocks).mean(axis=2), counted.reshape(blocks).mean(axis=2) >= 0.5


def _any_month(times: TermTimes) -> TermTimes:
    return TermTimes(weekday_numbers=times.weekday_numbers, hour_numbers=times.hour_numbers)


def _peaks_mw(site: LoadsAndBattery) -> Floats:
    """Peaks at which the worth of a higher one may change.

    From the firm load to all that the site can draw.
    """
    loads = site.firm_mw + np.concatenate([[0.0], np.cumsum(site.load_mw)])
    parts = site.power_mw * np.array(BATTERY_PARTS_SHARE) * site.has_battery
    every = np.concatenate([loads, loads[0] + parts, loads[-1:] + parts[-1:]])
    return np.unique(np.round(np.minimum(every, max(site.limit_mw, site.firm_mw)), 6))
