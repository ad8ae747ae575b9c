"""Power terms over the steps of a plan: what is known, and what is expected.

Model: docs/model.md#power-terms-in-a-run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.outlook import row_ticks
from mara.core.plan import Problem
from mara.core.power_calendar import adder_usd_per_mwh, local_times, power_of
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR
from mara.optimizers.flexibility.contracted_supply import SupplyVolumes, take_or_pay_usd_per_mwh, volumes_ahead
from mara.optimizers.flexibility.demand_charges import DemandCharges, charges_ahead
from mara.optimizers.flexibility.peak_risk import peak_risk_share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedTerms:
    """Charges and prices over H steps, S sites and P products.

    Attributes:
        adder_usd_per_mwh: paid on each megawatt-hour drawn (H, S).
        peak_usd_per_mwh: expected cost of coincident peaks of a megawatt-hour drawn (H, S).
        risk_share: peaks that each step is expected to have (H, S).
        demand: prices of higher peaks, by the horizon's part of the time left in each month.
        reserve_price_usd_per_mw_h: (H, P, S).
        take_or_pay_usd_per_mwh: difference that contracts of a year's energy make to what is drawn (H, S).
        supply: contracted power that costs something where it is not drawn.
        begins_day: steps that begin a UTC day, in which batteries may deliver anew (H,).
    """

    adder_usd_per_mwh: Floats
    peak_usd_per_mwh: Floats
    risk_share: Floats
    demand: DemandCharges
    reserve_price_usd_per_mw_h: Floats
    take_or_pay_usd_per_mwh: Floats
    supply: SupplyVolumes | None
    begins_day: Bools


def expected_terms(problem: Problem, lengths: tuple[int, ...], rows: Ints) -> ExpectedTerms:
    """Expect the power terms of a plan's steps.

    Args:
        lengths: length of each step [ticks].
        rows: the forecast's row of each step (H,).
    """
    config = problem.config
    fleet, terms, grid = config.fleet, power_of(config.fleet), config.grid
    begins_s, local = _begins(problem, lengths)
    hours = np.array(lengths) * grid.dt_h
    peak, risk = _peaks_ahead(problem, local, hours, rows)
    market = problem.forecast.energy_price_usd_per_mwh[rows]
    prices = np.zeros((len(lengths), len(terms.products), fleet.site_count))
    if problem.forecast.power is not None:
        prices = problem.forecast.power.reserve_price_usd_per_mw_h[rows] * terms.sold_at
    return ExpectedTerms(
        adder_usd_per_mwh=np.stack([adder_usd_per_mwh(fleet, s // SECONDS_PER_HOUR) for s in begins_s]),
        peak_usd_per_mwh=peak,
        risk_share=risk,
        demand=charges_ahead(problem, begins_s, local, hours),
        reserve_price_usd_per_mw_h=prices,
        take_or_pay_usd_per_mwh=take_or_pay_usd_per_mwh(problem, market, hours),
        supply=volumes_ahead(fleet, local, market, config.terms.sellback_spread_share),
        begins_day=np.array(begins_s) % SECONDS_PER_DAY == 0,
    )


def peak_price_now(problem: Problem) -> Floats:
    """Expected cost by coincident peaks of power drawn in the tick (S,) [USD/MWh]."""
    lengths, rows = all_rows(problem)
    _, local = _begins(problem, lengths)
    usd_per_mwh, _ = _peaks_ahead(problem, local, np.array(lengths) * problem.config.grid.dt_h, rows)
    return np.asarray(usd_per_mwh[0])


def _begins(problem: Problem, lengths: tuple[int, ...]) -> tuple[list[int], list[tuple[datetime, ...]]]:
    """Begin of each step in seconds since 1970 UTC, and in each site's local time."""
    fleet, grid = problem.config.fleet, problem.config.grid
    begins_s = [grid.epoch_s(problem.tick + int(start)) for start in np.cumsum((0, *lengths[:-1]))]
    return begins_s, [local_times(fleet, s // SECONDS_PER_HOUR) for s in begins_s]


def _peaks_ahead(
    problem: Problem, local: Sequence[tuple[datetime, ...]], hours: Floats, rows: Ints
) -> tuple[Floats, Floats]:
    """Expect the coincident peaks of each step: cost [USD/MWh] and number (H, S)."""
    fleet, state = problem.config.fleet, problem.world.power
    assert state is not None
    shape = (len(local), fleet.site_count)
    peak, risk = np.zeros(shape), np.zeros(shape)
    if problem.forecast.power is None:
        return peak, risk
    demand = problem.forecast.power.system_demand_mw[rows]
    for q, charge in enumerate(power_of(fleet).peaks):
        s = charge.site
        share = peak_risk_share(
            demand[:, s],
            [sites[s] for sites in local],
            hours,
            charge=charge,
            month_peaks_mw=state.system_peak_mw[q],
            daily_peaks_mw=state.daily_peak_mw[q],
        )
        risk[:, s] += share
        peak[:, s] += share * charge.usd_per_mw / hours
    return peak, risk


def all_rows(problem: Problem) -> tuple[tuple[int, ...], Ints]:
    """Take each row of the forecast as a step: lengths [ticks], and the rows (H,)."""
    lengths = row_ticks(problem.forecast, problem.config.grid, problem.tick)
    return tuple(lengths.tolist()), np.arange(len(lengths))


def risk_of_next_day(problem: Problem) -> Floats:
    """Number of peaks expected in this clock hour and the 23 after it (24, S)."""
    lengths, rows = all_rows(problem)
    share = expected_terms(problem, lengths, rows).risk_share
    grid, begins = problem.config.grid, problem.tick + np.cumsum((0, *lengths[:-1]))
    hour = np.array([grid.epoch_h(int(tick)) for tick in begins]) - grid.epoch_h(problem.tick)
    table = np.zeros((HOURS_PER_DAY, share.shape[1]))
    near = hour < HOURS_PER_DAY
    np.add.at(table, hour[near], share[near])
    return table
