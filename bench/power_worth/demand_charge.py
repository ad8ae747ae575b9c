"""A year under a demand charge: plans made day by day beside the best that anybody could have earned.

One megawatt of miners and a battery of 1 MW and 2 MWh at ERCOT's day-ahead prices of 2024. A plan is made each day when
the next day's prices are published, with the month's peak so far remembered. The bound knows the whole year at once and
pays the same charge on each month's peak; it is a linear program of its own by scipy.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, diags_array, eye_array, hstack, vstack

from bench import grain
from bench.power_worth.instruments import BATTERY, DEMAND_CHARGE
from mara.core.arrays import Floats, Ints
from mara.core.finance import Line
from mara.core.market import Terms
from mara.core.plan import Plan, Problem
from mara.core.power_terms import PowerTerms
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD
from mara.core.world import RunConfig, first_world
from mara.feeds.day_ahead import PUBLICATION_LOCAL_HOUR
from mara.feeds.files.history import History
from mara.feeds.replay import ReplayFeed
from mara.optimizers.base import Optimizer
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest

HORIZON_HOURS: Final = 2 * HOURS_PER_DAY - PUBLICATION_LOCAL_HOUR
"""From a publication to the end of the day that it is for."""


@dataclass(slots=True)
class AtPublication:
    """An optimizer that plans at the begin, and then whenever the next day's prices are published."""

    optimizer: Optimizer
    _plan: Plan | None = None

    @property
    def name(self) -> str:
        return self.optimizer.name

    def plan(self, problem: Problem) -> Plan:
        """Return the plan that stands, or make the next.

        Raises:
            PlanError: the optimizer failed.
        """
        hour = problem.config.grid.at(problem.tick).astimezone(grain.ZONE).hour
        if self._plan is None or hour == PUBLICATION_LOCAL_HOUR:
            self._plan = self.optimizer.plan(problem)
        return self._plan


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
        AtPublication(optimizer_of("lp")),
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


def bound_usd(
    price_usd_per_mwh: Floats,
    month_numbers: Ints,
    worth_usd_per_mwh: float,
    usd_per_mw_month: float,
    *,
    by_day: bool = False,
) -> float:
    """Find the most that the miners and the battery can earn when all prices are known [USD].

    The battery ends no emptier than it began. Going both ways at once is allowed, so that it is a bound.

    Args:
        by_day: the battery ends each day no emptier either, as plans of a day have it, so that a month's peak is all
            that is known beyond the day.
    """
    hours, (months, month) = len(price_usd_per_mwh), np.unique(month_numbers, return_inverse=True)
    one, none = eye_array(hours), csr_array((hours, hours))
    of_month = csr_array((np.ones(hours), (np.arange(hours), month)), shape=(hours, len(months)))
    no_month = csr_array((hours, len(months)))
    before = diags_array(np.ones(hours - 1), offsets=-1, shape=(hours, hours))
    start = BATTERY.start_share * BATTERY.energy_mwh
    # mining, charging, delivering, stored, peaks of the months
    stored = hstack(
        [none, -BATTERY.efficiency_in_share * one, one / BATTERY.efficiency_out_share, one - before, no_month]
    )
    power = hstack([one, one, -one, none, no_month])
    under_peak = hstack([one, one, -one, none, -of_month])
    least_stored = np.zeros(hours)
    least_stored[-1] = start
    if by_day:
        least_stored[HOURS_PER_DAY - 1 :: HOURS_PER_DAY] = start
    worth = worth_usd_per_mwh - price_usd_per_mwh
    found = linprog(
        -np.concatenate(
            [
                worth,
                -price_usd_per_mwh,
                price_usd_per_mwh - BATTERY.wear_usd_per_mwh,
                np.zeros(hours),
                np.full(len(months), -usd_per_mw_month),
            ]
        ),
        A_ub=vstack([under_peak, power, -power]),
        b_ub=np.concatenate([np.zeros(hours), np.ones(2 * hours)]),
        A_eq=stored,
        b_eq=np.concatenate([[start], np.zeros(hours - 1)]),
        bounds=np.array(
            [[0.0, 1.0]] * hours
            + [[0.0, BATTERY.power_mw]] * (2 * hours)
            + [[low, BATTERY.energy_mwh] for low in least_stored]
            + [[0.0, np.inf]] * len(months)
        ),
        method="highs-ipm",
    )
    assert found.status == 0, found.message
    return -float(found.fun)
