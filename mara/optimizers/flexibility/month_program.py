"""Coarse program over the rest of a billing month: worth of a higher peak.

Days to come are taken to be like the last two weeks, the newest weighing most, in blocks of hours. In each, loads run
in the order of their worth below the peak, and the battery is planned over levels of its energy. Firm load is no
choice. Model: docs/model.md#power-terms-in-a-run
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

HALF_LIFE_DAYS: Final = 7.0
"""Age at which a day weighs half as much as the newest. Chosen: a week."""
LEVELS: Final = 16
"""Steps of a battery's energy."""
BATTERY_PARTS_SHARE: Final = (0.0625, 0.125, 0.25, 0.5, 1.0)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Site:
    """A site as the coarse program sees it [MW at the meter].

    Own loads stand by falling worth.
    """

    worth_usd_per_mwh: Floats
    load_mw: Floats
    firm_mw: float
    limit_mw: float
    export_mw: float
    fee_usd_per_mwh: float
    power_mw: float
    energy_mwh: float
    into_share: float
    out_share: float
    wear_usd_per_mwh: float
    level: int


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
    weights = 0.5 ** ((ages + 1.0) / HALF_LIFE_DAYS)
    site = _site(problem, charge.site)
    adder, counts = _by_block(problem, charge, ages + 1)
    conditions = problem.conditions
    cost = seen[ages] + adder + conditions.carbon_cost_usd_per_mwh[charge.site]
    peaks = _peaks_mw(site)
    days_usd = _days_usd(site, peaks, seen[ages], cost, counts)
    mean_usd = weights @ days_usd / weights.sum()
    return PeakWorth(
        from_mw=peaks[:-1],
        # Levels of a battery are coarse: a step is never worth more than the one before it.
        usd_per_mw_day=np.minimum.accumulate(np.maximum(np.diff(mean_usd) / np.diff(peaks), 0.0)),
        most_mw=float(peaks[-1]),
        today_share=float(1.0 / (1.0 + weights.sum())),
    )


def _site(problem: Problem, s: int) -> _Site:
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
    return _Site(
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
        level=round(LEVELS * float(terms.end_mwh[s]) / max(float(terms.battery_energy_mwh[s]), 1e-9)),
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


def _peaks_mw(site: _Site) -> Floats:
    """Peaks at which the worth of a higher one may change.

    From the firm load to all that the site can draw.
    """
    loads = site.firm_mw + np.concatenate([[0.0], np.cumsum(site.load_mw)])
    parts = site.power_mw * np.array(BATTERY_PARTS_SHARE) * (site.energy_mwh > 0.0)
    every = np.concatenate([loads, loads[0] + parts, loads[-1:] + parts[-1:]])
    return np.unique(np.round(np.minimum(every, max(site.limit_mw, site.firm_mw)), 6))


def _days_usd(
    site: _Site, peaks_mw: Floats, price_usd_per_mwh: Floats, cost_usd_per_mwh: Floats, counts: Bools
) -> Floats:
    """Earn the most of each day below each peak (D, N) [USD].

    Args:
        price_usd_per_mwh, cost_usd_per_mwh: of energy, without and with all that drawing it costs (D, 6).
        counts: blocks in which the peak is a limit (D, 6).
    """
    levels = np.arange(-LEVELS, LEVELS + 1) if site.power_mw > 0.0 < site.energy_mwh else np.zeros(1, dtype=np.int64)
    stored = levels * site.energy_mwh / LEVELS / SEEN_BLOCK_H
    flow = np.where(stored > 0.0, stored / site.into_share, stored * site.out_share)
    able = np.abs(flow) <= site.power_mw + 1e-9
    levels, flow = levels[able], flow[able]
    count = LEVELS + 1
    # Earned from each level of energy on, worked out from the day's end, at which no less is stored than planned.
    earned = np.full((len(price_usd_per_mwh), len(peaks_mw), count), -np.inf)
    earned[:, :, min(site.level, LEVELS) if len(levels) > 1 else 0 :] = 0.0
    for block in reversed(range(_BLOCKS)):
        cap = np.where(counts[:, block, None], peaks_mw, site.limit_mw)
        gain = SEEN_BLOCK_H * _hourly_usd(site, cap, flow, price_usd_per_mwh[:, block], cost_usd_per_mwh[:, block])
        after = np.full_like(earned, -np.inf)
        for i, step in enumerate(levels.tolist()):
            here = slice(max(-step, 0), count - max(step, 0))
            there = slice(max(step, 0), count - max(-step, 0))
            after[:, :, here] = np.maximum(after[:, :, here], earned[:, :, there] + gain[:, :, i, None])
        earned = after
    return np.asarray(earned[:, :, site.level if len(levels) > 1 else 0])


def _hourly_usd(
    site: _Site, cap_mw: Floats, flow_mw: Floats, price_usd_per_mwh: Floats, cost_usd_per_mwh: Floats
) -> Floats:
    """Earn by the hour below each limit with each flow of the battery (D, N, F).

    Charging is positive [USD/h].
    """
    margin = np.maximum(site.worth_usd_per_mwh - cost_usd_per_mwh[:, None], 0.0)
    room = np.maximum(cap_mw[:, :, None] - flow_mw - site.firm_mw, 0.0)
    own, usd = np.zeros_like(room), np.zeros_like(room)
    for i, load_mw in enumerate(site.load_mw.tolist()):
        runs = np.minimum(room - own, load_mw) * (margin[:, i] > 0.0)[:, None, None]
        own, usd = own + runs, usd + runs * site.worth_usd_per_mwh[i]
    net = site.firm_mw + own + flow_mw
    usd = usd - np.maximum(net, 0.0) * cost_usd_per_mwh[:, None, None]
    usd = usd + np.maximum(-net, 0.0) * (price_usd_per_mwh - site.fee_usd_per_mwh)[:, None, None]
    usd = usd - np.maximum(-flow_mw, 0.0) * site.wear_usd_per_mwh
    # Charging beyond the limit, and feeding in beyond what the connection takes, cannot be.
    fits = (flow_mw <= np.maximum(cap_mw[:, :, None] - site.firm_mw, 0.0) + 1e-9) & (net >= -site.export_mw - 1e-9)
    return np.where(fits, usd, -np.inf)
