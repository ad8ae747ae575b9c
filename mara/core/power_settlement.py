"""Settlement of the power terms: ledger lines of a tick, and what they remember.

Model: docs/model.md#power-terms-in-a-run
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.fleet import Fleet
from mara.core.power_calendar import (
    adder_usd_per_mwh,
    counts_at,
    local_times,
    month_numbers,
    power_of,
    supplied_mw,
)
from mara.core.power_state import SEEN_BLOCK_H, CallSoFar, PowerAllocation, PowerState, SeenPrices
from mara.core.power_terms import AS_PRODUCED, BLOCK, CFD, COLLAR, TAKE_OR_PAY, CoincidentPeakCharge, PowerTerms
from mara.core.timegrid import TimeGrid
from mara.core.units import MICRO_USD_PER_USD, MONTHS_PER_YEAR, SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Observation, RunConfig


class PowerLine(IntEnum):
    """Lines of the power terms, in the order in which the ledger has them."""

    ADDER = 0
    DEMAND_CHARGE = 1
    COINCIDENT_PEAK = 2
    BATTERY_WEAR = 3
    EXPORT_REVENUE = 4
    RESERVE_REVENUE = 5
    DEPLOYMENT_REVENUE = 6
    RESERVE_PENALTY = 7
    SUPPLY = 8
    CFD = 9
    TAKE_OR_PAY = 10


POWER_LINE_COUNT: Final = 11
_WHOLE_MW: Final = 1e-9
Changes = dict[str, Any]
"""New values of fields of `PowerState`, by name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerSettlement:
    """Signed money by line and site (11, S) [micro-USD], and the state after the tick."""

    lines_micro_usd: Ints
    state: PowerState


def settle_power(
    done: PowerAllocation, state: PowerState, observation: Observation, config: RunConfig
) -> PowerSettlement:
    """Compute the lines of the power terms in one tick, each rounded once.

    Args:
        state: what the terms remember from the tick before.
    """
    epoch_s = config.grid.epoch_s(observation.tick)
    month = month_numbers(config.fleet, epoch_s // SECONDS_PER_HOUR)
    state, lines = _turned_over(state, month, epoch_s, config)
    usd = _hourly_usd(done, observation, epoch_s, config) * config.grid.dt_h
    lines += np.rint(usd * MICRO_USD_PER_USD).astype(np.int64)
    # Each changes fields of its own, and reads no others: the state is made anew once.
    changes = {
        "month_number": month,
        **_supply(state, lines, done, observation, epoch_s, config),
        **_demand(state, lines, done, epoch_s, config),
        **_prices(state, observation, epoch_s, config),
        **_system_peaks(state, done, observation, epoch_s, config),
        **_products(state, lines, done, observation, config),
        **_batteries(state, done, config),
    }
    return PowerSettlement(lines_micro_usd=lines, state=replace(state, **changes))


def open_accruals_micro_usd(state: PowerState | None, fleet: Fleet) -> Ints:
    """Price the peaks of the open month so far, by site (S,) [micro-USD].

    They are accrued once the month is over; a report that ends before counts them as they stand.
    """
    owed = np.zeros(fleet.site_count, dtype=np.int64)
    if state is not None and fleet.power is not None:
        for q, charge in enumerate(fleet.power.peaks):
            owed[charge.site] += _accrued_micro_usd(state, q, charge)
    return owed


def _turned_over(state: PowerState, month: Ints, epoch_s: int, config: RunConfig) -> tuple[PowerState, Ints]:
    """Close the months and days that ended with the last tick; post what is due then."""
    fleet, terms = config.fleet, power_of(config.fleet)
    lines = np.zeros((POWER_LINE_COUNT, fleet.site_count), dtype=np.int64)
    if epoch_s % SECONDS_PER_DAY == 0:
        state = replace(state, delivered_mwh=sealed(np.zeros(fleet.site_count)))
    is_new = (month != state.month_number) & (state.month_number >= 0)
    if not is_new.any():
        return state, lines
    d, q = (np.array([charge.site for charge in charges], dtype=np.int64) for charges in (terms.demand, terms.peaks))
    accrued = state.accrued_micro_usd
    for i, charge in enumerate(terms.peaks):
        if is_new[charge.site]:
            owed = _accrued_micro_usd(state, i, charge)
            lines[PowerLine.COINCIDENT_PEAK, charge.site] -= owed
            accrued += owed
    earlier = np.column_stack([state.peak_mw, state.earlier_peaks_mw[:, :-1]])
    annual = [contract for contract in terms.supplies if contract.kind == TAKE_OR_PAY]
    taken = state.taken_mwh.copy()
    for t, contract in enumerate(annual):
        site = contract.site
        if is_new[site] and month[site] // MONTHS_PER_YEAR != state.month_number[site] // MONTHS_PER_YEAR:
            short = max(_due_mwh(contract.energy_mwh_per_year, epoch_s, config.grid) - taken[t], 0.0)
            lines[PowerLine.TAKE_OR_PAY, site] -= round(short * contract.price_usd_per_mwh * MICRO_USD_PER_USD)
            taken[t] = 0.0
    calls = _calls_turned_over(state, lines, is_new, terms)
    turned = replace(
        state,
        earlier_peaks_mw=sealed(np.where(is_new[d][:, None], earlier, state.earlier_peaks_mw)),
        peak_mw=sealed(np.where(is_new[d], 0.0, state.peak_mw)),
        charged_micro_usd=sealed(np.where(is_new[d], 0, state.charged_micro_usd)),
        system_peak_mw=sealed(np.where(is_new[q][:, None], -1.0, state.system_peak_mw)),
        load_at_peak_mw=sealed(np.where(is_new[q][:, None], 0.0, state.load_at_peak_mw)),
        reserve_micro_usd=sealed(np.where(is_new, 0, state.reserve_micro_usd)),
        taken_mwh=sealed(taken),
        bill_micro_usd=sealed(np.where(is_new[:, None], 0, state.bill_micro_usd)),
        accrued_micro_usd=accrued,
        calls=calls,
    )
    return turned, lines


def _calls_turned_over(state: PowerState, lines: Ints, is_new: Bools, terms: PowerTerms) -> CallSoFar | None:
    """Claw back for calls that a month's end cuts, and begin them anew there.

    Each part of such a call costs revenue of its own month. A product that always calls is judged here alone.
    """
    if state.calls is None:
        return None
    calls, failed_share = _judged(state.calls.called_mwh, state.calls.short_mwh, is_new)
    _claw_back(failed_share, state.reserve_micro_usd.copy(), lines, terms)
    return calls


def _accrued_micro_usd(state: PowerState, q: int, charge: CoincidentPeakCharge) -> int:
    """Price what a site drew at the peaks of the state's month, if that month counts."""
    if int(state.month_number[charge.site]) % MONTHS_PER_YEAR + 1 not in charge.month_numbers:
        return 0
    seen = state.system_peak_mw[q, : charge.peaks_count] >= 0.0
    load_mw = float(state.load_at_peak_mw[q, : charge.peaks_count][seen].sum())
    return round(load_mw * charge.usd_per_mw * MICRO_USD_PER_USD)


def _due_mwh(mwh_per_year: float, epoch_s: int, grid: TimeGrid) -> float:
    """Energy that was due for the ticks of a run in the year that ended [MWh]."""
    year_s = 365.0 * SECONDS_PER_DAY
    return mwh_per_year * min((epoch_s - grid.start_epoch_s) / year_s, 1.0)


def _hourly_usd(done: PowerAllocation, observation: Observation, epoch_s: int, config: RunConfig) -> Floats:
    """Price what runs by the hour (11, S) [USD/h]."""
    fleet, terms, price = config.fleet, power_of(config.fleet), observation.energy_price_usd_per_mwh
    usd = np.zeros((POWER_LINE_COUNT, fleet.site_count))
    epoch_h = epoch_s // SECONDS_PER_HOUR
    usd[PowerLine.ADDER] = -done.drawn_mw * adder_usd_per_mwh(fleet, epoch_h)
    usd[PowerLine.BATTERY_WEAR] = -done.discharge_mw * terms.wear_usd_per_mwh
    usd[PowerLine.EXPORT_REVENUE] = done.exported_mw * (price - terms.export_fee_usd_per_mwh)
    if terms.products and observation.power is not None:
        paid = np.array([product.deployment_usd_per_mwh for product in terms.products])
        penalty = np.array([product.penalty_usd_per_mwh for product in terms.products])
        usd[PowerLine.RESERVE_REVENUE] = (done.award_mw * observation.power.reserve_price_usd_per_mw_h).sum(axis=0)
        usd[PowerLine.DEPLOYMENT_REVENUE] = paid @ done.delivered_mw
        usd[PowerLine.RESERVE_PENALTY] = -penalty @ (done.called_mw - done.delivered_mw)
    local = local_times(fleet, epoch_h)
    for contract in terms.supplies:
        site = contract.site
        volume, now = supplied_mw(contract, local[site]), float(price[site])
        if contract.kind == CFD:
            usd[PowerLine.CFD, site] += volume * (now - contract.price_usd_per_mwh)
        elif contract.kind == COLLAR:
            above = max(now - contract.price_usd_per_mwh, 0.0)
            usd[PowerLine.CFD, site] += volume * (above - max(contract.floor_usd_per_mwh - now, 0.0))
    return usd


def _supply(
    state: PowerState, lines: Ints, done: PowerAllocation, observation: Observation, epoch_s: int, config: RunConfig
) -> Changes:
    """Settle contracted supply beside the energy that the ledger buys at its price.

    Each contract in turn takes what a site draws beyond its hedge; what is not used is sold less the spread.
    """
    fleet, terms, dt_h = config.fleet, power_of(config.fleet), config.grid.dt_h
    left = np.maximum(done.drawn_mw - fleet.hedge_mw, 0.0)
    local = local_times(fleet, epoch_s // SECONDS_PER_HOUR)
    taken, annual = state.taken_mwh.copy(), 0
    for contract in terms.supplies:
        site, price = contract.site, float(observation.energy_price_usd_per_mwh[contract.site])
        gain_usd_per_mwh = price - contract.price_usd_per_mwh
        if contract.kind in (BLOCK, AS_PRODUCED):
            volume = supplied_mw(contract, local[site])
            used = min(float(left[site]), volume)
            spread = contract.sellback_spread_share * abs(price)
            usd = dt_h * (used * gain_usd_per_mwh + (volume - used) * (gain_usd_per_mwh - spread))
        elif contract.kind == TAKE_OR_PAY:
            used = min(float(left[site]), max(contract.energy_mwh_per_year - float(taken[annual]), 0.0) / dt_h)
            taken[annual] += used * dt_h
            annual += 1
            usd = dt_h * used * gain_usd_per_mwh
        else:
            continue
        left[site] -= used
        lines[PowerLine.SUPPLY, site] += round(usd * MICRO_USD_PER_USD)
    return {"taken_mwh": sealed(taken)} if len(taken) else {}


def _demand(state: PowerState, lines: Ints, done: PowerAllocation, epoch_s: int, config: RunConfig) -> Changes:
    """Raise the month's peaks by an interval that ends; charge the increase.

    A ratchet is charged from the month's first tick on.
    """
    terms, dt_h = power_of(config.fleet), config.grid.dt_h
    if not terms.demand:
        return {}
    local = local_times(config.fleet, epoch_s // SECONDS_PER_HOUR)
    energy, ticks = state.interval_mwh.copy(), state.interval_ticks.copy()
    peak, charged = state.peak_mw.copy(), state.charged_micro_usd.copy()
    end_s = epoch_s + config.grid.tick_minutes * SECONDS_PER_MINUTE
    for d, charge in enumerate(terms.demand):
        site = charge.site
        energy[d] += done.drawn_mw[site] * dt_h
        ticks[d] += 1
        if _ends(end_s, charge.interval_minutes, config.grid):
            if counts_at(charge.times, local[site]):
                peak[d] = max(peak[d], energy[d] / (ticks[d] * dt_h))
            energy[d], ticks[d] = 0.0, 0
        least = charge.ratchet_share * float(state.earlier_peaks_mw[d].max())
        owed = round(max(float(peak[d]), least) * charge.usd_per_mw_month * MICRO_USD_PER_USD)
        lines[PowerLine.DEMAND_CHARGE, site] -= owed - int(charged[d])
        charged[d] = owed
    return {
        "interval_mwh": sealed(energy),
        "interval_ticks": sealed(ticks),
        "peak_mw": sealed(peak),
        "charged_micro_usd": sealed(charged),
    }


def _prices(state: PowerState, observation: Observation, epoch_s: int, config: RunConfig) -> Changes:
    """Remember the price at each demand charge's site, as its block's mean."""
    if state.seen is None:
        return {}
    seen = state.seen.usd_per_mwh.copy()
    local = local_times(config.fleet, epoch_s // SECONDS_PER_HOUR)
    for d, charge in enumerate(power_of(config.fleet).demand):
        hour, into_hour_s = local[charge.site].hour, epoch_s % SECONDS_PER_HOUR
        if hour == 0 and into_hour_s == 0:
            seen[d] = np.concatenate([np.full((1, seen.shape[2]), np.nan), seen[d, :-1]])
        block, into_block_s = hour // SEEN_BLOCK_H, hour % SEEN_BLOCK_H * SECONDS_PER_HOUR + into_hour_s
        before = into_block_s // (config.grid.tick_minutes * SECONDS_PER_MINUTE)
        mean, price = seen[d, 0, block], observation.energy_price_usd_per_mwh[charge.site]
        seen[d, 0, block] = price if np.isnan(mean) else mean + (price - mean) / (before + 1)
    return {"seen": SeenPrices(usd_per_mwh=sealed(seen))}


def _ends(end_s: int, interval_minutes: int, grid: TimeGrid) -> bool:
    """Say whether an interval ends with a tick; each does where ticks are as long."""
    return interval_minutes <= grid.tick_minutes or end_s % (interval_minutes * SECONDS_PER_MINUTE) == 0


def _system_peaks(
    state: PowerState, done: PowerAllocation, observation: Observation, epoch_s: int, config: RunConfig
) -> Changes:
    """Note the system's highest intervals of the month, and the sites' load then."""
    terms, grid = power_of(config.fleet), config.grid
    if not terms.peaks or observation.power is None:
        return {}
    demand, local = observation.power.system_demand_mw, local_times(config.fleet, epoch_s // SECONDS_PER_HOUR)
    system, load = state.system_interval_mwh.copy(), state.load_interval_mwh.copy()
    ticks, peaks = state.system_interval_ticks.copy(), state.system_peak_mw.copy()
    at_peak, daily = state.load_at_peak_mw.copy(), state.daily_peak_mw.copy()
    end_s = epoch_s + grid.tick_minutes * SECONDS_PER_MINUTE
    for q, charge in enumerate(terms.peaks):
        site = charge.site
        if local[site].hour == 0 and epoch_s % SECONDS_PER_HOUR == 0:
            daily[q] = np.concatenate([[-1.0], daily[q, :-1]])
        system[q] += demand[site] * grid.dt_h
        load[q] += done.drawn_mw[site] * grid.dt_h
        ticks[q] += 1
        if not _ends(end_s, charge.interval_minutes, grid):
            continue
        mean_mw, drawn_mw = system[q] / (ticks[q] * grid.dt_h), load[q] / (ticks[q] * grid.dt_h)
        system[q], load[q], ticks[q] = 0.0, 0.0, 0
        if np.isfinite(mean_mw):
            daily[q, 0] = max(daily[q, 0], mean_mw)
            _insert(peaks[q], at_peak[q], float(mean_mw), float(drawn_mw))
    return {
        "system_interval_mwh": sealed(system),
        "load_interval_mwh": sealed(load),
        "system_interval_ticks": sealed(ticks),
        "system_peak_mw": sealed(peaks),
        "load_at_peak_mw": sealed(at_peak),
        "daily_peak_mw": sealed(daily),
    }


def _insert(peaks_mw: Floats, loads_mw: Floats, system_mw: float, drawn_mw: float) -> None:
    """Insert an interval among the highest so far, which stay sorted, in place."""
    place = int(np.searchsorted(-peaks_mw, -system_mw, side="right"))
    if place < len(peaks_mw):
        peaks_mw[place + 1 :], loads_mw[place + 1 :] = peaks_mw[place:-1].copy(), loads_mw[place:-1].copy()
        peaks_mw[place], loads_mw[place] = system_mw, drawn_mw


def _products(
    state: PowerState, lines: Ints, done: PowerAllocation, observation: Observation, config: RunConfig
) -> Changes:
    """Claw back revenue where a call that ends came short, and remember what is sold."""
    terms = power_of(config.fleet)
    if not terms.products:
        return {}
    called = done.called_mw.sum(axis=0) > 0.0
    earned = state.reserve_micro_usd.copy()
    if observation.power is not None:
        usd = done.award_mw * observation.power.reserve_price_usd_per_mw_h * config.grid.dt_h
        earned += np.rint(usd * MICRO_USD_PER_USD).astype(np.int64)
    calls, failed_share = _failures(done, state, observation, config)
    _claw_back(failed_share, earned, lines, terms)
    return {
        "award_mw": done.award_mw,
        "call_ends_tick": state.call_ends_tick if observation.power is None else observation.power.call_ends_tick,
        "called_base_mw": sealed(np.where(called, state.called_base_mw, done.flexible_mw)),
        "reserve_micro_usd": sealed(earned),
        "calls": calls,
    }


def _claw_back(failed_share: Floats, earned_micro_usd: Ints, lines: Ints, terms: PowerTerms) -> None:
    """Take back revenue by the part of a call that failed, in place."""
    for p, product in enumerate(terms.products):
        for site in np.flatnonzero(failed_share[p]).tolist():
            back = round(product.penalty_share * float(failed_share[p, site]) * max(int(earned_micro_usd[p, site]), 0))
            earned_micro_usd[p, site] -= back
            lines[PowerLine.RESERVE_PENALTY, site] -= back


def _judged(called_mwh: Floats, short_mwh: Floats, is_over: Bools) -> tuple[CallSoFar, Floats]:
    """Begin calls that are over anew; return their part that came short (P, S)."""
    so_far = CallSoFar(
        called_mwh=sealed(np.where(is_over, 0.0, called_mwh)), short_mwh=sealed(np.where(is_over, 0.0, short_mwh))
    )
    failed = is_over & (short_mwh > 0.0)
    return so_far, np.divide(short_mwh, called_mwh, out=np.zeros_like(short_mwh), where=failed)


def _failures(
    done: PowerAllocation, state: PowerState, observation: Observation, config: RunConfig
) -> tuple[CallSoFar | None, Floats]:
    """Add a tick to the calls under way.

    Returns the part of those that end that came short, too (P, S).
    """
    short_mw = done.called_mw - done.delivered_mw
    is_short = short_mw > _WHOLE_MW
    if state.calls is None:
        kept_share = np.divide(done.delivered_mw, done.called_mw, out=np.ones_like(short_mw), where=is_short)
        return None, 1.0 - kept_share
    dt_h = config.grid.dt_h
    called_mwh = state.calls.called_mwh + done.called_mw * dt_h
    short_mwh = state.calls.short_mwh + np.where(is_short, short_mw, 0.0) * dt_h
    is_over = done.called_mw == 0.0
    if observation.power is not None:
        is_over |= observation.power.call_ends_tick[:, None] <= observation.tick + 1
    return _judged(called_mwh, short_mwh, is_over)


def _batteries(state: PowerState, done: PowerAllocation, config: RunConfig) -> Changes:
    terms, dt_h = power_of(config.fleet), config.grid.dt_h
    if not terms.batteries:
        return {}
    change = dt_h * (done.charge_mw * terms.efficiency_in_share - done.discharge_mw / terms.efficiency_out_share)
    stored = np.clip(state.stored_mwh + change, 0.0, terms.battery_energy_mwh)
    return {
        "stored_mwh": sealed(stored),
        "delivered_mwh": sealed(state.delivered_mwh + done.discharge_mw * dt_h),
    }
