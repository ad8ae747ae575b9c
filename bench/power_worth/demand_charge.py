"""A year under a demand charge: plans made day by day beside the best that anybody could have earned.

One megawatt of miners and a battery of 1 MW and 2 MWh at ERCOT's day-ahead prices of 2024. A plan is made each day when
the next day's prices are published, with the month's peak so far remembered. The bound knows the whole year at once and
pays the same charge on each month's peak; it is a linear program of its own by scipy.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, diags_array, eye_array, hstack, vstack

from bench import grain
from bench.power_worth.instruments import BATTERY, DEMAND_CHARGE, Held
from mara.core.arrays import Floats, Ints
from mara.core.finance import Line
from mara.core.market import Terms
from mara.core.plan import Plan, Problem
from mara.core.power_terms import PowerTerms
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD, MONTHS_PER_YEAR
from mara.core.world import RunConfig, first_world
from mara.feeds.day_ahead import PUBLICATION_LOCAL_HOUR
from mara.feeds.files.history import History
from mara.feeds.replay import ReplayFeed
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest

HORIZON_HOURS: Final = 2 * HOURS_PER_DAY - PUBLICATION_LOCAL_HOUR
"""From a publication to the end of the day that it is for."""
HALF_MWH: Final = BATTERY.start_share * BATTERY.energy_mwh
"""Stored when the year begins."""


def is_published(problem: Problem, _: Plan) -> bool:
    """Tell whether the next day's prices are published in the present hour."""
    return problem.config.grid.at(problem.tick).astimezone(grain.ZONE).hour == PUBLICATION_LOCAL_HOUR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChargedYear:
    """What a run under a demand charge earned and drew.

    Attributes:
        drawn_mw: mean power of each hour (H,). month_numbers: local month of each hour (H,).
        charge_usd: posted for each hour (H,). usd_per_mw_month: price of a month's peak.
    """

    profit_usd: float
    usd_per_mw_month: float
    drawn_mw: Floats
    month_numbers: Ints
    charge_usd: Floats

    @property
    def unpaid_usd(self) -> float:
        """Largest difference between what was posted up to an hour and the price of the peaks up to it."""
        owed = np.zeros(len(self.drawn_mw))
        for month in np.unique(self.month_numbers):
            hours = self.month_numbers == month
            owed[hours] = np.diff(np.maximum.accumulate(self.drawn_mw[hours]), prepend=0.0)
        paid = np.cumsum(self.charge_usd)
        return float(np.abs(paid - np.cumsum(owed) * self.usd_per_mw_month).max())


def history_worth(history: History, worth_usd_per_mwh: float) -> History:
    """Let a megawatt-hour of miners be worth another price."""
    factor = worth_usd_per_mwh / grain.WORTH_USD_PER_MWH
    return replace(history, hashprice_usd_per_ph_day=history.hashprice_usd_per_ph_day * factor)


def rolled(history: History, usd_per_mw_month: float, hours: int | None = None) -> ChargedYear:
    """Run the year, or its first hours, with a plan for each day."""
    charge = replace(DEMAND_CHARGE, usd_per_mw_month=usd_per_mw_month)
    terms = PowerTerms(
        export_limit_mw=np.ones(1), export_fee_usd_per_mwh=np.zeros(1), demand=(charge,), batteries=(BATTERY,)
    )
    config = RunConfig(
        fleet=replace(grain.fleet_of(history), power=terms),
        grid=TimeGrid(start=history.start, tick_minutes=60),
        terms=Terms(carbon_price_usd_per_t=0.0, restart_usd_per_mw=0.0),
    )
    drawn, charged = [], []

    def note(step: Step) -> None:
        drawn.append(step.allocation.drawn_mw.sum())
        charged.append(-step.settlement.lines_micro_usd[:, Line.DEMAND_CHARGE].sum() / MICRO_USD_PER_USD)

    totals, _ = backtest(
        config,
        ReplayFeed(config, history, forecast="day-ahead"),
        Held(optimizer_of("lp"), is_due=is_published),
        first_world(config),
        hours or history.step_count,
        horizon_hours=HORIZON_HOURS,
        on_step=note,
    )
    return ChargedYear(
        profit_usd=totals.report()["profit_usd"],
        usd_per_mw_month=usd_per_mw_month,
        drawn_mw=np.array(drawn),
        month_numbers=months_of(history)[: len(drawn)],
        charge_usd=np.array(charged),
    )


def months_of(history: History) -> Ints:
    """Local month of each hour (H,)."""
    hours = (history.start + timedelta(hours=hour) for hour in range(history.step_count))
    return np.array([hour.astimezone(grain.ZONE).month for hour in hours])


def bound_usd(price_usd_per_mwh: Floats, month_numbers: Ints, worth_usd_per_mwh: float, rate: float) -> float:
    """Find the most that the miners and the battery can earn when all prices are known [USD].

    The battery may end empty, as a run's may. Going both ways at once is allowed, so that it is a bound.

    Args:
        rate: price of a month's peak [USD/MW].
    """
    return _best(price_usd_per_mwh, month_numbers, worth_usd_per_mwh, rate=rate)[0]


def usd_begun_alike(
    price_usd_per_mwh: Floats, month_numbers: Ints, worth_usd_per_mwh: float, rate: float, first_days: int
) -> float:
    """Find the most that a year earns whose months all begin with the same peak [USD].

    That peak is chosen with the whole year in view, and all prices are known once a month's first days are over: who
    cannot tell months apart before earns no more, however well they are told apart later.
    """
    return _best(price_usd_per_mwh, month_numbers, worth_usd_per_mwh, rate=rate, alike_days=first_days)[0]


def usd_with_known_peaks(
    price_usd_per_mwh: Floats, month_numbers: Ints, worth_usd_per_mwh: float, rate: float
) -> float:
    """Earn a year by a plan at each publication, each month's best peak being known [USD].

    Each plan leaves the battery half full. Beyond the peaks of the bound, nothing is known before its time.
    """
    _, _, peaks_mw = _best(price_usd_per_mwh, month_numbers, worth_usd_per_mwh, rate=rate)
    earned, stored_mwh = -rate * float(peaks_mw.sum()), HALF_MWH
    begins = _publications(len(month_numbers))
    for begin, after in pairwise([0, *begins, len(month_numbers)]):
        known = slice(begin, begin + max(HORIZON_HOURS, after - begin))
        _, hours, _ = _best(
            price_usd_per_mwh[known],
            month_numbers[known],
            worth_usd_per_mwh,
            peaks_mw=peaks_mw,
            stored_mwh=stored_mwh,
            end_mwh=HALF_MWH,
        )
        done = hours[:, : after - begin]
        earned += float((_gain(price_usd_per_mwh[begin:after], worth_usd_per_mwh) * done[:3]).sum())
        stored_mwh = min(max(float(done[3, -1]), 0.0), BATTERY.energy_mwh)
    return earned


def _under_one_peak(power: csr_array, month_numbers: Ints, days: int) -> csr_array:
    """Rows of a peak, in the last column, that is that of the first days of every month, and at most each month's.

    Args:
        power: rows of what is drawn in each hour.
    """
    columns, there = power.shape[1], np.unique(month_numbers)
    first = np.concatenate([np.flatnonzero(month_numbers == n)[: HOURS_PER_DAY * days] for n in there])

    def at(columns_of_rows: Ints) -> csr_array:
        rows = len(columns_of_rows)
        return csr_array((np.ones(rows), (np.arange(rows), columns_of_rows)), shape=(rows, columns))

    under_first = power[first] - at(np.full(len(first), columns - 1))
    below_months = at(np.full(len(there), columns - 1)) - at(columns - 2 - MONTHS_PER_YEAR + there)
    return csr_array(vstack([under_first, below_months]))


def _gain(price_usd_per_mwh: Floats, worth_usd_per_mwh: float) -> Floats:
    """Gain of a megawatt-hour mined, charged and delivered (3, H) [USD/MWh]."""
    return np.stack(
        [worth_usd_per_mwh - price_usd_per_mwh, -price_usd_per_mwh, price_usd_per_mwh - BATTERY.wear_usd_per_mwh]
    )


def _publications(hours: int) -> range:
    """Hours of the year in which prices are published; clock changes are left out."""
    return range(PUBLICATION_LOCAL_HOUR, hours, HOURS_PER_DAY)


def _best(
    price_usd_per_mwh: Floats,
    month_numbers: Ints,
    worth_usd_per_mwh: float,
    *,
    rate: float = 0.0,
    peaks_mw: Floats | None = None,
    stored_mwh: float = HALF_MWH,
    end_mwh: float = 0.0,
    alike_days: int = 0,
) -> tuple[float, Floats, Floats]:
    """Plan hours whose prices are known: profit [USD], what is done (4, H) and peaks of the months (12,) [MW].

    Mined, charged, delivered [MW] and stored [MWh].

    Args:
        peaks_mw: peaks of the months where they are given and not chosen (12,).
        alike_days: first days of each month, in which all months have one peak.
    """
    hours, one = len(price_usd_per_mwh), eye_array(len(price_usd_per_mwh))
    columns = MONTHS_PER_YEAR + (alike_days > 0)
    none, no_month = csr_array((hours, hours)), csr_array((hours, columns))
    of_month = csr_array((np.ones(hours), (np.arange(hours), month_numbers - 1)), shape=(hours, columns))
    before = diags_array(np.ones(hours - 1), offsets=-1, shape=(hours, hours))
    stored = hstack(
        [none, -BATTERY.efficiency_in_share * one, one / BATTERY.efficiency_out_share, one - before, no_month]
    )
    power = hstack([one, one, -one, none, no_month])
    under_peak = hstack([one, one, -one, none, -of_month])
    least_stored = np.zeros(hours)
    least_stored[-1] = end_mwh
    if alike_days:
        under_peak = vstack([under_peak, _under_one_peak(csr_array(power), month_numbers, alike_days)])
    given = [[0.0, np.inf]] * columns if peaks_mw is None else [[mw, mw] for mw in peaks_mw]
    gain = _gain(price_usd_per_mwh, worth_usd_per_mwh).ravel()
    found = linprog(
        np.concatenate([-gain, np.zeros(hours), np.full(MONTHS_PER_YEAR, rate), np.zeros(columns - MONTHS_PER_YEAR)]),
        A_ub=vstack([under_peak, power, -power]),
        b_ub=np.concatenate([np.zeros(under_peak.shape[0]), np.ones(2 * hours)]),
        A_eq=stored,
        b_eq=np.concatenate([[stored_mwh], np.zeros(hours - 1)]),
        bounds=np.array(
            [[0.0, 1.0]] * hours
            + [[0.0, BATTERY.power_mw]] * (2 * hours)
            + [[low, BATTERY.energy_mwh] for low in least_stored]
            + given
        ),
        method="highs-ipm",
    )
    assert found.status == 0, found.message
    return -float(found.fun), found.x[: 4 * hours].reshape(4, hours), found.x[4 * hours : 4 * hours + MONTHS_PER_YEAR]
