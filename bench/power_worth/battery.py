"""Share of the best that a battery earns when it does not know the prices to come, on ERCOT's hub in 2024.

1 MW and 2 MWh, 85 % there and back split evenly, half full at both ends of each local day, as in
`bench.battery_referee`. Two businesses: a schedule fixed before the day-ahead auction and settled at what clears there,
and a battery that is planned anew every quarter of an hour and settled in real time.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from bench import grain
from bench.battery_referee import ENERGY_MWH, HALF, ONE_WAY_SHARE, days_of, profit_usd, schedule_mw
from bench.power_worth.demand import demand_by_hour
from mara.core.arrays import Floats
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR
from mara.core.world import RunConfig
from mara.feeds.files.history import History
from mara.feeds.replay import ReplayFeed

WINDOWS_DAYS: Final = (3, 7, 14)
"""Windows of days whose mean course is the usual one. Chosen on the first half of the year."""
FIRST_DAY: Final = 60
"""Day of the year before which nothing is forecast: the response to demand needs a past."""
CENTRE_USD_PER_MWH: Final = 25.0
SCALE_USD_PER_MWH: Final = 15.0
"""Prices are averaged in asinh((price - centre) / scale), so that one spike does not bend the course of a day."""
QUARTER_H: Final = 0.25
QUARTERS: Final = 4
SPRING_HOUR: Final = 2
"""Local hour that the day of 23 hours lacks, and that the day of 25 hours has twice."""


def as_24(hours: Sequence[float] | Floats) -> Floats:
    """Bring a local day to 24 hours: the missing hour repeats the one before, of two equal ones the first stays."""
    day = np.asarray(hours, dtype=np.float64)
    if len(day) < HOURS_PER_DAY:
        return np.insert(day, SPRING_HOUR, day[SPRING_HOUR - 1])
    return np.delete(day, SPRING_HOUR) if len(day) > HOURS_PER_DAY else day


def as_long_as(day: Floats, hours: int) -> Floats:
    """Bring a forecast of 24 hours to a local day of 23 to 25."""
    if hours < HOURS_PER_DAY:
        return np.delete(day, SPRING_HOUR)
    return np.insert(day, SPRING_HOUR, day[SPRING_HOUR]) if hours > HOURS_PER_DAY else day


def day_forecast(price_usd_per_mwh: Floats, demand_mw: Floats) -> Floats:
    """Forecast the prices of an auction by hour, from those of the days before and the demand forecast (24,).

    The usual course of the last days, and what demand is forecast to differ from theirs, times the response of price
    to such differences on all days before.

    Args:
        price_usd_per_mwh: cleared prices of the days before, oldest first (D, 24).
        demand_mw: demand forecast of the same days and, last, of the day to come (D + 1, 24).
    """
    level, days = np.arcsinh((price_usd_per_mwh - CENTRE_USD_PER_MWH) / SCALE_USD_PER_MWH), len(price_usd_per_mwh)
    longest = max(WINDOWS_DAYS)
    past = range(longest, days)
    off_level = np.array([level[day] - _usual(level, day) for day in past])
    off_demand = np.array([demand_mw[day] - _usual(demand_mw, day) for day in past])
    spread = float((off_demand**2).sum())
    response = float((off_level * off_demand).sum()) / spread if spread else 0.0
    expected = _usual(level, days) + response * (demand_mw[days] - _usual(demand_mw, days))
    return np.asarray(CENTRE_USD_PER_MWH + SCALE_USD_PER_MWH * np.sinh(expected))


def _usual(values: Floats, day: int) -> Floats:
    return np.asarray(np.mean([values[day - window : day].mean(axis=0) for window in WINDOWS_DAYS], axis=0))


def auction_usd(prices: Path) -> Floats:
    """Earn each day by a schedule made before the auction, and by the best one, from `FIRST_DAY` on (D, 2) [USD]."""
    days = days_of(prices, "day-ahead")
    cleared = np.array([as_24(day) for day in days.values()])
    start = datetime.strptime(next(iter(days)), "%m/%d/%Y").replace(tzinfo=grain.ZONE)
    demand = demand_by_hour(prices, start, sum(len(day) for day in days.values()))
    demand_of_day = np.array(
        [as_24(day) for day in np.split(demand, np.cumsum([len(day) for day in days.values()])[:-1])]
    )
    rows = []
    for number, day in enumerate(days.values()):
        if number < FIRST_DAY:
            continue
        forecast = as_long_as(day_forecast(cleared[:number], demand_of_day[: number + 1]), len(day))
        rows.append([profit_usd(schedule_mw(price, 1.0), day, 1.0) for price in (forecast, day)])
    return np.array(rows)


def real_time_usd(history: History, price_of_days: Sequence[Sequence[float]], first: int, stride: int = 1) -> Floats:
    """Earn days in real time: planned anew each quarter, and by the best schedule, from day `first` on (D, 2) [USD].

    The prices of the day to come are those that a replay expects: day-ahead prices are known, and of real time the
    quarters that are over.
    """
    config = RunConfig(
        fleet=grain.fleet_of(history), grid=TimeGrid(start=history.start, tick_minutes=history.step_minutes)
    )
    feed = ReplayFeed(config, history, forecast="day-ahead")
    begins = np.concatenate([[0], np.cumsum([len(day) for day in price_of_days])])
    rows = []
    for number in range(first, len(price_of_days), stride):
        price = np.asarray(price_of_days[number])
        best = profit_usd(schedule_mw(price, QUARTER_H), price, QUARTER_H)
        rows.append([profit_usd(_rolled_mw(feed, int(begins[number]), len(price)), price, QUARTER_H), best])
    return np.array(rows)


def _rolled_mw(feed: ReplayFeed, begin: int, quarters: int) -> Floats:
    """Follow the first quarter of each new plan (Q,)."""
    done, stored_mwh = np.zeros(quarters), HALF * ENERGY_MWH
    for quarter in range(quarters):
        seen = feed.forecast(begin + quarter, HOURS_PER_DAY + 1)
        lengths = np.array(seen.row_minutes) * QUARTERS // MINUTES_PER_HOUR
        expected = np.repeat(seen.energy_price_usd_per_mwh[:, 0], lengths)[: quarters - quarter]
        done[quarter] = schedule_mw(expected, QUARTER_H, stored_mwh)[0]
        stored_mwh = _after(stored_mwh, float(done[quarter]))
    return done


def _after(stored_mwh: float, draws_mw: float) -> float:
    """Store or deliver for a quarter; the solver's rounding leaves no energy below zero or above the most."""
    change = draws_mw * ONE_WAY_SHARE if draws_mw > 0.0 else draws_mw / ONE_WAY_SHARE
    return min(max(stored_mwh + QUARTER_H * change, 0.0), ENERGY_MWH)


def share(earned_usd: Floats) -> float:
    """Sum what was earned over the sum of the best (D, 2)."""
    return float(earned_usd[:, 0].sum() / earned_usd[:, 1].sum())
