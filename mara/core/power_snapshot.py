"""Snapshot of a fleet's power terms: bill, peaks, awards and batteries."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from mara.core.arrays import Floats
from mara.core.peak_avoidance import PeaksMet, peaks_met
from mara.core.plan import Plan
from mara.core.power_bill import BillPart, bill_hours, bill_of
from mara.core.power_calendar import demand_counts, local_times, power_of, supplied_mw, year_gone_h
from mara.core.power_settlement import open_accruals_micro_usd
from mara.core.power_state import PowerState
from mara.core.power_terms import AS_PRODUCED, BLOCK, TAKE_OR_PAY, SupplyContract, TermTimes
from mara.core.step import Step
from mara.core.units import HOURS_PER_DAY, HOURS_PER_YEAR, MICRO_USD_PER_USD, TOLERANCE_MW
from mara.core.world import RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardSnapshot:
    """Power that a site has sold to a grid product in the tick, at the meter."""

    product: str
    award_mw: float
    price_usd_per_mw_h: float
    """Paid in the tick for a megawatt held ready for an hour."""
    called_mw: float
    """Part of it that must stay away now."""
    delivered_mw: float
    call_ends_tick: int
    """Tick in which the call ends; 0 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplySnapshot:
    """Power that a site has contracted, and its shape over the local day."""

    kind: str
    """Kind: block, as_produced, take_or_pay, cfd or collar."""
    power_mw: float
    price_usd_per_mwh: float
    floor_usd_per_mwh: float
    """Least price of a collar; 0 for others."""
    hourly_mw: tuple[float, ...]
    """Power in each local hour of the day (24); empty for take-or-pay contracts."""
    taken_mwh: float = 0.0
    """Taken in the calendar year so far; counted for take-or-pay contracts alone."""
    due_mwh: float = 0.0
    """Energy that a take-or-pay contract asks for in a year."""
    due_so_far_mwh: float = 0.0
    """Part of it for the hours of the calendar year so far.

    Of a run that began within the year it is for the run's own hours.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandChargeSnapshot:
    """A demand charge of a site in the month under way."""

    peak_mw: float
    """Highest counted power of the month so far."""
    target_mw: float | None
    """Peak that the plan in force pays for.

    None where it has none, or the charge does not count now.
    """
    usd_per_mw: float
    """Rate of the charge: owed for each megawatt of the month's peak."""
    times: TermTimes
    """Local times in which it counts."""
    counts_now: bool

    @property
    def planned_usd(self) -> float:
        """Charge of the peak that the plan pays for, or of the one so far."""
        return self.usd_per_mw * max(self.peak_mw, self.target_mw or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoincidentPeakSnapshot:
    """A coincident peak charge of a site in the month under way."""

    usd_per_mw: float
    """Cost of a megawatt drawn at one of its peaks."""
    month_numbers: tuple[int, ...]
    """Months whose peaks count, 1 to 12."""
    system_peak_mw: float | None
    """Highest demand of the power system in its intervals so far; None where unknown."""
    load_at_peak_mw: float | None
    """Power that the site drew then."""
    peaks_met: PeaksMet | None
    """Peaks of the month so far; None in a month that it does not bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePowerSnapshot:
    """Power terms of one site after the tick."""

    site_id: str
    bill: tuple[BillPart, ...]
    """Bill of the local month so far, by part."""
    billed_h: float
    """Hours of the local month that the bill covers."""
    left_h: float
    """Hours until the local month ends."""
    drawn_mw: float
    peak_mw: float | None
    """Highest power of the month that a demand charge has counted; None without one."""
    peak_target_mw: float | None
    """Peak that the plan in force pays for; None without one."""
    next_mw_usd: float | None
    """Rate of all demand charges for a megawatt of peak; None without one."""
    accrued_peak_usd: float
    """Coincident peaks of the open month as they stand: due in the next year."""
    coincident_mw_usd: float | None
    """Cost of a megawatt drawn at one coincident peak; None without such a charge.

    Of several charges this and what is told of peaks are those of the dearest.
    """
    system_peak_mw: float | None
    """Highest demand of the power system in the month so far; None where unknown."""
    load_at_peak_mw: float | None
    """Power that the site drew then."""
    peak_risk_share: tuple[float, ...]
    """Peaks expected in this clock hour and the 23 after it; empty without charges."""
    battery_mw: float
    """Delivered by the battery; below 0 it charges."""
    battery_power_mw: float
    """Most that the battery charges or delivers; 0 without one."""
    planned_battery_mw: tuple[float, ...]
    """Mean planned for this clock hour and those after it; 24 at most."""
    stored_mwh: float
    energy_mwh: float
    """Most that the battery stores; 0 without one."""
    exported_mw: float
    flexible_mw: float
    """Power that runs and may stop."""
    headroom_mw: float
    """Power that could be sold beyond the awards."""
    awards: tuple[AwardSnapshot, ...]
    supplies: tuple[SupplySnapshot, ...]
    demand_charges: tuple[DemandChargeSnapshot, ...] = ()
    peaks_met: PeaksMet | None = None
    """Coincident peaks of the month so far; None where none is billed."""
    coincident_charges: tuple[CoincidentPeakSnapshot, ...] = ()
    """Coincident peak charges, the dearest megawatt first."""


def power_snapshot_of(
    step: Step, config: RunConfig, peak_risk_share: Floats | None = None, plan: Plan | None = None
) -> tuple[SitePowerSnapshot, ...]:
    """Build the snapshot of each site; empty for a fleet without power terms.

    Args:
        peak_risk_share: expected peaks in each of the next hours (24, S); None where unknown.
        plan: the plan in force, for what batteries do next.
    """
    terms, done, state = config.fleet.power, step.allocation.power, step.world.power
    if terms is None or done is None or state is None:
        return ()
    accrued = open_accruals_micro_usd(state, config.fleet) / MICRO_USD_PER_USD
    planned = planned_battery_mw(plan, step.tick, config)
    supplies = _supplies(state, step.tick, config)
    sites = []
    for s, site in enumerate(config.fleet.sites):
        peaks = _coincident_charges(state, s, config)
        dearest = peaks[0] if peaks else None
        charges = _demand_charges(state, s, step, config)
        target = _peak_target_mw(step, s, config) if charges else None
        hours = bill_hours(step.tick, site.timezone, config.grid)
        sites.append(
            SitePowerSnapshot(
                site_id=site.id,
                bill=bill_of(state, s, hours, sum(charge.planned_usd for charge in charges)),
                billed_h=hours.billed_h,
                left_h=hours.left_h,
                drawn_mw=float(done.drawn_mw[s]),
                peak_mw=max((charge.peak_mw for charge in charges), default=None),
                peak_target_mw=target,
                next_mw_usd=sum(charge.usd_per_mw for charge in charges) if charges else None,
                accrued_peak_usd=float(accrued[s]),
                coincident_mw_usd=dearest.usd_per_mw if dearest else None,
                system_peak_mw=dearest.system_peak_mw if dearest else None,
                load_at_peak_mw=dearest.load_at_peak_mw if dearest else None,
                peak_risk_share=tuple(peak_risk_share[:, s].tolist()) if peaks and peak_risk_share is not None else (),
                battery_mw=float(done.discharge_mw[s] - done.charge_mw[s]),
                battery_power_mw=float(terms.battery_power_mw[s]),
                planned_battery_mw=tuple(planned[:, s].tolist()) if terms.battery_energy_mwh[s] > 0.0 else (),
                stored_mwh=float(state.stored_mwh[s]),
                energy_mwh=float(terms.battery_energy_mwh[s]),
                exported_mw=float(done.exported_mw[s]),
                flexible_mw=float(done.flexible_mw[s]),
                headroom_mw=float(done.headroom_mw[s]),
                awards=_awards(step, s, config),
                supplies=supplies[s],
                demand_charges=charges,
                peaks_met=dearest.peaks_met if dearest else None,
                coincident_charges=peaks,
            )
        )
    return tuple(sites)


def planned_battery_mw(plan: Plan | None, tick: int, config: RunConfig) -> Floats:
    """Average what a plan's batteries deliver in each clock hour (H, S).

    The first is the rest of the tick's own hour; charging is negative. H is 24, or the hours that the plan reaches
    into; 0 for a plan without a horizon.
    """
    none = np.zeros((0, config.fleet.site_count))
    if plan is None or len(plan.steps) == 1:
        return none
    ends = plan.made_tick + np.cumsum(plan.step_ticks)
    by_hour: dict[int, list[Floats]] = {}
    now_h = config.grid.epoch_h(tick)
    for later in range(tick, int(ends[-1])):
        hour, step = config.grid.epoch_h(later) - now_h, plan.step_at(later).power
        if hour >= HOURS_PER_DAY or step is None:
            break
        by_hour.setdefault(hour, []).append(step.discharge_mw - step.charge_mw)
    return np.stack([np.mean(ticks, axis=0) for ticks in by_hour.values()]) if by_hour else none


def _demand_charges(state: PowerState, site: int, step: Step, config: RunConfig) -> tuple[DemandChargeSnapshot, ...]:
    """Demand charges of a site, in the order of the fleet file."""
    terms, epoch_h = power_of(config.fleet), config.grid.epoch_h(step.tick)
    counts, target = demand_counts(config.fleet, epoch_h), _peak_target_mw(step, site, config)
    return tuple(
        DemandChargeSnapshot(
            peak_mw=float(state.peak_mw[d]),
            target_mw=target if counts[d] else None,
            usd_per_mw=charge.usd_per_mw_month,
            times=charge.times,
            counts_now=bool(counts[d]),
        )
        for d, charge in enumerate(terms.demand)
        if charge.site == site
    )


def _coincident_charges(state: PowerState, site: int, config: RunConfig) -> tuple[CoincidentPeakSnapshot, ...]:
    """Coincident peak charges of a site, the dearest megawatt first."""
    found = []
    for q, charge in enumerate(power_of(config.fleet).peaks):
        if charge.site == site:
            has_peak = state.system_peak_mw[q, 0] >= 0.0
            found.append(
                CoincidentPeakSnapshot(
                    usd_per_mw=charge.usd_per_mw,
                    month_numbers=charge.month_numbers,
                    system_peak_mw=float(state.system_peak_mw[q, 0]) if has_peak else None,
                    load_at_peak_mw=float(state.load_at_peak_mw[q, 0]) if has_peak else None,
                    peaks_met=peaks_met(state, q, config.fleet),
                )
            )
    return tuple(sorted(found, key=lambda charge: -charge.usd_per_mw))


def _peak_target_mw(step: Step, site: int, config: RunConfig) -> float | None:
    """Peak that the step in force pays for.

    None where it may draw what it likes, or is limited to what is contracted, which is no peak.
    """
    if step.plan.power is None:
        return None
    limit_mw = float(step.plan.power.draw_limit_mw[site])
    is_peak = limit_mw < float(config.fleet.grid_limit_mw[site]) and not _is_contracted(limit_mw, step, site, config)
    return limit_mw if is_peak else None


def _is_contracted(limit_mw: float, step: Step, site: int, config: RunConfig) -> bool:
    """Say whether a limit is just what the hedge and contracts of a spread deliver."""
    local = local_times(config.fleet, config.grid.epoch_h(step.tick))[site]
    own = [c for c in power_of(config.fleet).supplies if c.site == site and c.kind in (BLOCK, AS_PRODUCED)]
    hedge_mw = float(config.fleet.hedge_mw[site])
    for spread in {contract.sellback_spread_share for contract in own} - {0.0}:
        volume_mw = sum(supplied_mw(c, local) for c in own if c.sellback_spread_share >= spread)
        if volume_mw > 0.0 and abs(limit_mw - hedge_mw - volume_mw) <= 2.0 * TOLERANCE_MW:
            return True
    return False


def _awards(step: Step, site: int, config: RunConfig) -> tuple[AwardSnapshot, ...]:
    done, signals = step.allocation.power, step.observation.power
    products = power_of(config.fleet).products
    assert done is not None
    return tuple(
        AwardSnapshot(
            product=product.id,
            award_mw=float(done.award_mw[p, site]),
            price_usd_per_mw_h=0.0 if signals is None else float(signals.reserve_price_usd_per_mw_h[p, site]),
            called_mw=float(done.called_mw[p, site]),
            delivered_mw=float(done.delivered_mw[p, site]),
            call_ends_tick=int(signals.call_ends_tick[p])
            if signals is not None and done.called_mw[p, site] > 0.0
            else 0,
        )
        for p, product in enumerate(products)
        if done.award_mw[p, site] > 0.0 or done.called_mw[p, site] > 0.0
    )


def _supplies(state: PowerState, tick: int, config: RunConfig) -> list[tuple[SupplySnapshot, ...]]:
    """Supply contracts of each site, in the order of the fleet file."""
    local = local_times(config.fleet, config.grid.epoch_h(tick))
    found: list[list[SupplySnapshot]] = [[] for _ in config.fleet.sites]
    annual = iter(state.taken_mwh.tolist())
    for contract in power_of(config.fleet).supplies:
        is_annual = contract.kind == TAKE_OR_PAY
        found[contract.site].append(
            SupplySnapshot(
                kind=contract.kind,
                power_mw=contract.power_mw,
                price_usd_per_mwh=contract.price_usd_per_mwh,
                floor_usd_per_mwh=contract.floor_usd_per_mwh,
                hourly_mw=()
                if is_annual
                else tuple(supplied_mw(contract, at) for at in _hours_of_day(local[contract.site])),
                taken_mwh=next(annual) if is_annual else 0.0,
                due_mwh=contract.energy_mwh_per_year,
                due_so_far_mwh=contract.energy_mwh_per_year * _year_gone_share(contract, tick, config),
            )
        )
    return [tuple(contracts) for contracts in found]


def _year_gone_share(contract: SupplyContract, tick: int, config: RunConfig) -> float:
    """Part of the calendar year that is gone after a tick; 0 where no year counts."""
    if contract.kind != TAKE_OR_PAY:
        return 0.0
    grid = config.grid
    gone_h = year_gone_h(config.fleet, contract.site, grid.epoch_s(tick), grid.start_epoch_s)
    return min((gone_h + grid.dt_h) / HOURS_PER_YEAR, 1.0)


def _hours_of_day(local: datetime) -> list[datetime]:
    return [local.replace(hour=hour, minute=0) for hour in range(HOURS_PER_DAY)]
