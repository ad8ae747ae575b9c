"""Expected real-time prices: the newest one, on the usual course of prices.

The settlement price of a quarter of an hour is known only when the quarter is over, so that a plan has to expect it.
The newest price goes on as prices of these steps of the day usually do: by the mean change of the last days and by a
part of the slope of the day-ahead price, where there is one. It stands for an hour; then what it differs from the
day-ahead price, or else from yesterday's, fades.

Model: docs/model.md#13-forecasts ; measured: decision 0156
"""

from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.units import MINUTES_PER_HOUR
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH
from mara.feeds.forecast_rows import ForecastRows
from mara.feeds.persistence import PRICE_LEVEL_HALF_LIFE_H
from mara.feeds.replayed_series import ReplayedSeries, with_hour_means

STANDS_H: Final = 1.0
"""Time for which the newest price stands before it fades."""
USUAL_DAYS: Final = 14
"""Days whose mean change between two steps is the usual one."""
MOST_CHANGE_USD_PER_MWH: Final = 20.0
"""Largest change that counts in a mean, so that no spike returns every day."""
SLOPE_SHARE: Final = 0.4
"""Part of the day-ahead price's slope that the real-time price follows.

It comes beside the real-time price's usual course.
"""


class RealTimePrices:
    """Expected prices of the real-time sites of a series.

    Args:
        sites: columns of the sites (S',).
        day_ahead_usd_per_mwh: of these sites (N, S'), zero where there is none.
        lag: steps before the present whose price is the newest: 0 or 1.
    """

    def __init__(self, series: ReplayedSeries, sites: Ints, day_ahead_usd_per_mwh: Floats, lag: int) -> None:
        self._step_minutes, self._day_steps, self._lag = series.step_minutes, series.day_steps, lag
        self._count = series.count
        self._offset = series.day_offset
        self._price = np.ascontiguousarray(series.price_usd_per_mwh[: series.count, sites])
        self._half_hour = MINUTES_PER_HOUR // series.step_minutes // 2
        slope = SLOPE_SHARE * _over_an_hour(day_ahead_usd_per_mwh, self._half_hour)
        self._slope = with_hour_means(slope, series.step_minutes)
        changes = np.diff(self._price, axis=0, prepend=self._price[:1])
        self._changes = np.clip(changes, -MOST_CHANGE_USD_PER_MWH, MOST_CHANGE_USD_PER_MWH)
        self._course = lru_cache(maxsize=2)(self._course_of_day)

    def expected(self, steps: Ints, rows: ForecastRows, later_usd_per_mwh: Floats, known_steps: Ints) -> Floats:
        """Expect the prices of forecasts from successive steps (B, H, S').

        Args:
            steps: the steps from which is forecast, all of one day (B,).
            later_usd_per_mwh: price that the newest one fades into (B, H, S').
            known_steps: steps from the present on whose day-ahead prices are published (B,).
        """
        newest = np.maximum(steps - self._lag, 0)
        day, slot = int(steps[0] + self._offset) // self._day_steps, (steps + self._offset) % self._day_steps
        course, begin, weight = self._course(day), *_places(rows, self._day_steps)
        next_slot = slot + 1
        ahead = course.take(next_slot[:, None] + begin, axis=0) - course[next_slot - (steps - newest)][:, None]
        sloped = np.flatnonzero(known_steps > self._half_hour)
        if len(sloped):
            found = self._slope_rows(steps[sloped], rows, known_steps[sloped])
            ahead[sloped] += self._slope.take(found, axis=0) - self._slope[newest[sloped]][:, None]
        ahead += self._price[newest][:, None]
        # a weight of one leaves the newest price as it is, to the last digit
        price = weight * ahead + (1.0 - weight) * later_usd_per_mwh
        return np.asarray(np.clip(price, MIN_PRICE_USD_PER_MWH, MAX_PRICE_USD_PER_MWH))

    def _slope_rows(self, steps: Ints, rows: ForecastRows, known_steps: Ints) -> Ints:
        """Find the rows of the slope (B, H).

        Beyond published prices it is the last published one.
        """
        begin = np.minimum(rows.begin_step, known_steps[:, None] - self._half_hour - rows.width_steps)
        found = np.maximum(begin + steps[:, None], 0)
        if self._half_hour:
            found += (rows.width_steps > 1) * self._count
        return np.asarray(found)

    def _course_of_day(self, day: int) -> Floats:
        """Sum the usual changes up from the begin of a day on, for three days.

        Row n is the sum of the first n changes; means of hours follow. Only whole days before it count.
        """
        end = day * self._day_steps - self._offset
        days = min(USUAL_DAYS, max(end, 0) // self._day_steps)
        usual = np.zeros((self._day_steps, self._price.shape[1]))
        if days:
            usual = self._changes[end - days * self._day_steps : end].reshape(days, *usual.shape).mean(axis=0)
        course = np.cumsum(np.concatenate([np.zeros_like(usual[:1]), np.tile(usual, (3, 1))]), axis=0)[:-1]
        return with_hour_means(sealed(course), self._step_minutes)


@lru_cache(maxsize=64)
def _places(rows: ForecastRows, day_steps: int) -> tuple[Ints, Floats]:
    """Return the rows' places in a day's course (H,), and their weights (H, 1)."""
    begin = np.minimum(rows.begin_step, day_steps) + (rows.width_steps > 1) * (3 * day_steps)
    weight = 0.5 ** (np.maximum(rows.ahead_h - STANDS_H, 0.0) / PRICE_LEVEL_HALF_LIFE_H)
    return sealed(begin), sealed(weight[:, None])


def _over_an_hour(values: Floats, half_hour: int) -> Floats:
    """Average each step's surroundings of an hour (N, S)."""
    if not half_hour:
        return values
    padded = np.concatenate([values[:1].repeat(half_hour, axis=0), values, values[-1:].repeat(half_hour, axis=0)])
    count = len(values)
    inner = sum(padded[k : k + count] for k in range(1, 2 * half_hour))
    ends = padded[:count] + padded[2 * half_hour : 2 * half_hour + count]
    return np.asarray((inner + ends / 2.0) / (2 * half_hour))
