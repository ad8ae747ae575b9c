"""A history on the steps of a run, or its means where ticks are longer.

A series of steps shorter than an hour also holds the mean of the hour that begins with each step, so that a row of a
forecast is one look-up, whatever its length.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.fleet import Fleet
from mara.core.market import REGION_ZONE, demand_multiplier, token_demand_per_h
from mara.core.timegrid import TimeGrid, zone
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.errors import FeedInvalid
from mara.feeds.files.history import History
from mara.feeds.forecast_rows import ForecastRows, clock_hours, rows_from_now

CALENDAR_BEYOND_H: Final = 192
"""Hours after the history for which demand multipliers are computed in advance.

Forecasts that reach further have the table made longer.
"""


@dataclass(kw_only=True, eq=False)
class ReplayedSeries:
    """Values of a history by step, and the means of hours that have several.

    Attributes:
        first_s: seconds since 1970 UTC at the first step.
        count: steps, N. Arrays have N rows, or 2 N with the means.
        is_hourly: the history itself has hourly steps, and rows of forecasts are clock hours.
        day_ahead_usd_per_mwh: NaN at sites without (N or 2 N, S); None where no site has one.
        multiplier_factor, demand_tokens_per_h: of the demand regions, by step and beyond (M or 2 M, R).
    """

    fleet: Fleet
    step_minutes: int
    tick_minutes: int
    first_s: int
    count: int
    is_hourly: bool
    price_usd_per_mwh: Floats
    carbon_g_per_kwh: Floats
    renewable_share: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    hashprice_usd_per_ph_day: Floats
    day_ahead_usd_per_mwh: Floats | None
    calendar_count: int = 0
    multiplier_factor: Floats
    demand_tokens_per_h: Floats

    @property
    def step_s(self) -> int:
        return self.step_minutes * SECONDS_PER_MINUTE

    @property
    def day_steps(self) -> int:
        return HOURS_PER_DAY * MINUTES_PER_HOUR // self.step_minutes

    @property
    def day_offset(self) -> int:
        """Steps of the first step's UTC day that lie before it."""
        return self.first_s % (self.day_steps * self.step_s) // self.step_s

    def rows(self, passed_s: int, hours: int) -> ForecastRows:
        """Return the rows of a forecast, by seconds since the first step began."""
        if self.is_hourly:
            return clock_hours(hours)
        return rows_from_now(
            hours,
            tick_minutes=self.tick_minutes,
            step_minutes=self.step_minutes,
            into_step_minutes=passed_s % self.step_s // SECONDS_PER_MINUTE,
        )

    def at(self, steps: Ints, steps_ahead: Ints, rows: ForecastRows, newest: Ints) -> Ints:
        """Return where the arrays hold what stands for the rows of forecasts.

        Args:
            steps: the steps from which is forecast (B,).
            steps_ahead: the standing steps, from the present one on (B, H) or (B, H, S).
            newest: the steps that stand for those before the history begins (B,).
        """
        by_step, by_row = (-1, *[1] * (steps_ahead.ndim - 1)), (-1, *[1] * (steps_ahead.ndim - 2))
        found = steps_ahead + steps.reshape(by_step)
        return np.where(found < 0, newest.reshape(by_step), found + self.means_from(rows).reshape(by_row))

    def means_from(self, rows: ForecastRows) -> Ints:
        """Return where the means begin for the rows that are one, else 0 (H,)."""
        return np.asarray((rows.width_steps > 1) * self.count)

    def calendar(self, steps: Ints, rows: ForecastRows) -> tuple[Floats, Floats]:
        """Return demand multipliers and tokens of forecasts from steps (B, H, R)."""
        last = int(steps[-1] + rows.begin_step[-1] + rows.width_steps[-1])
        if last > self.calendar_count:
            self.reach(last)
        found = steps[:, None] + rows.begin_step + (rows.width_steps > 1) * self.calendar_count
        return self.multiplier_factor.take(found, axis=0), self.demand_tokens_per_h.take(found, axis=0)

    def reach(self, steps: int) -> None:
        """Tabulate the calendar for at least that many steps."""
        self.calendar_count = steps + CALENDAR_BEYOND_H * MINUTES_PER_HOUR // self.step_minutes
        epoch_h = (self.first_s + np.arange(self.calendar_count) * self.step_s) // SECONDS_PER_HOUR
        by_hour = multipliers_of_hours(int(epoch_h[0]), int(epoch_h[-1] - epoch_h[0]) + 1)
        multiplier = by_hour if self.is_hourly else with_hour_means(by_hour[epoch_h - epoch_h[0]], self.step_minutes)
        self.multiplier_factor = multiplier
        self.demand_tokens_per_h = sealed(token_demand_per_h(multiplier, self.fleet))


def series_of(history: History, fleet: Fleet, grid: TimeGrid) -> ReplayedSeries:
    """Put a history on the steps of a run.

    Its own, or the run's ticks where those are longer: then each is the mean of its steps.

    Raises:
        FeedInvalid: its sites are not the fleet's, or ticks and steps do not fit into each other.
    """
    history = history.for_sites(fleet.site_ids)
    step, tick = history.step_minutes, grid.tick_minutes
    if max(step, tick) % min(step, tick):
        raise FeedInvalid(
            f"{history.file} has steps of {step} minutes, into which ticks should fit whole, or they into a tick; came "
            f"ticks of {tick}: take --tick-minutes {step}, or another that divides it"
        )
    per_tick = max(1, tick // step)
    skipped = (grid.start_epoch_s - history.first_epoch_s) // history.step_s % per_tick
    count = (history.step_count - skipped) // per_tick
    minutes = step * per_tick

    def on_steps(values: Floats) -> Floats:
        if per_tick > 1:
            cut = values[skipped : skipped + count * per_tick]
            values = sealed(cut.reshape(count, per_tick, *cut.shape[1:]).mean(axis=1))
        return values if step == MINUTES_PER_HOUR else with_hour_means(values, minutes)

    day_ahead = history.day_ahead_usd_per_mwh
    series = ReplayedSeries(
        fleet=fleet,
        step_minutes=minutes,
        tick_minutes=tick,
        first_s=history.first_epoch_s + skipped * history.step_s,
        count=count,
        is_hourly=step == MINUTES_PER_HOUR,
        price_usd_per_mwh=on_steps(history.energy_price_usd_per_mwh),
        carbon_g_per_kwh=on_steps(history.carbon_intensity_g_per_kwh),
        renewable_share=on_steps(history.renewable_share),
        dry_bulb_c=on_steps(history.dry_bulb_c),
        wet_bulb_c=on_steps(history.wet_bulb_c),
        hashprice_usd_per_ph_day=on_steps(history.hashprice_usd_per_ph_day),
        day_ahead_usd_per_mwh=None if day_ahead is None else on_steps(day_ahead),
        multiplier_factor=_NOT_YET,
        demand_tokens_per_h=_NOT_YET,
    )
    series.reach(count)
    return series


def with_hour_means(values: Floats, step_minutes: int) -> Floats:
    """Append the mean of the hour that begins with each step: (N, ...) to (2 N, ...).

    The last ones, whose hour is not whole, stay as they are: no forecast asks for them.
    """
    per_hour = MINUTES_PER_HOUR // step_minutes
    if per_hour == 1:
        return values
    whole = len(values) - per_hour + 1
    means = values.copy()
    if whole > 0:
        means[:whole] = sum(values[k : k + whole] for k in range(per_hour)) / per_hour
    return sealed(np.concatenate([values, means]))


@lru_cache(maxsize=16)
def multipliers_of_hours(first_epoch_h: int, count: int) -> Floats:
    """Tabulate `demand_multiplier` by hour since 1970 UTC and region (count, R)."""
    zones = [zone(name) for name in REGION_ZONE]
    seconds = range(first_epoch_h * SECONDS_PER_HOUR, (first_epoch_h + count) * SECONDS_PER_HOUR, SECONDS_PER_HOUR)
    return sealed(np.array([[demand_multiplier(datetime.fromtimestamp(s, z)) for z in zones] for s in seconds]))


_NOT_YET: Final = sealed(np.zeros((0, 0)))
