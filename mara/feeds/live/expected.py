"""Forecasts of a live feed: what is published, then what the last days were like.

Model: docs/model.md#13-forecasts ; decision 0192
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, sealed
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.feeds.forecast_rows import ForecastRows
from mara.feeds.live.known import NOTHING, KnownValues
from mara.feeds.markets.building.grid import Steps
from mara.feeds.persistence import PRICE_LEVEL_HALF_LIFE_H
from mara.feeds.real_time import STANDS_H

RISK_SHARE: Final = 0.5
"""Part of a price's usual change that a plan reckons with. Chosen."""
LEAST_KNOWN_H: Final = 2
"""Least known hours that tell a usual change."""
LOOK_BACK_H: Final = 2 * HOURS_PER_DAY
"""Hours before the present that are put on steps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ahead:
    """Values from the present step on, and which of them are published (N,)."""

    value: Floats
    is_published: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class StepClock:
    """The steps of a forecast: those of the ticks around the present one."""

    at_s: int
    tick_s: int
    count: int

    @property
    def back(self) -> int:
        """Steps before the present."""
        return LOOK_BACK_H * SECONDS_PER_HOUR // self.tick_s

    @property
    def steps(self) -> Steps:
        """All steps, from `LOOK_BACK_H` before the present on."""
        begin_s = self.at_s - self.back * self.tick_s
        return Steps(from_s=begin_s, to_s=self.at_s + self.count * self.tick_s, step_s=self.tick_s)

    @property
    def ahead_h(self) -> Floats:
        """Hours from the present to the begin of each step (N,)."""
        return np.asarray(np.arange(self.count) * (self.tick_s / SECONDS_PER_HOUR), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """A column of a source as it is known at the present.

    Attributes:
        now: what stands for the present, by column.
    """

    known: KnownValues
    name: str
    clock: StepClock
    now: Mapping[str, float]

    def day_ahead(self) -> Ahead:
        """Expect published values, and after them the same hour of the day before."""
        course, is_known = self._course()
        back = self.clock.back
        return Ahead(value=course[back:], is_published=is_known[back:])

    def real_time(self, beside: Ahead | None) -> Ahead:
        """Expect real-time prices: the newest for an hour, then it fades.

        It fades into the published day-ahead price, or else into the day before.
        """
        course, _ = self._course()
        later = course[self.clock.back :]
        if beside is not None:
            later = np.where(beside.is_published, beside.value, later)
        weight = 0.5 ** (np.maximum(self.clock.ahead_h - STANDS_H, 0.0) / PRICE_LEVEL_HALF_LIFE_H)
        is_published = np.zeros(self.clock.count, dtype=np.bool_)
        return Ahead(value=weight * self.now[self.name] + (1.0 - weight) * later, is_published=is_published)

    def measured(self, half_life_h: float) -> Ahead:
        """Expect what is told, then the day before, shifted to today's level."""
        course, is_known = self._course()
        back, a_day = self.clock.back, self._day_steps
        ahead, is_told = course[back:], is_known[back:]
        shift = (self.now[self.name] - course[back - a_day]) * 0.5 ** (self.clock.ahead_h / half_life_h)
        # only the first day repeats a day that was; later ones repeat what is expected already
        shifted = np.where(is_told | (np.arange(self.clock.count) >= a_day), ahead, ahead + shift)
        return Ahead(value=shifted, is_published=is_told)

    @property
    def _day_steps(self) -> int:
        return HOURS_PER_DAY * SECONDS_PER_HOUR // self.clock.tick_s

    def _course(self) -> tuple[Floats, Bools]:
        """Put values on all steps, unknown ones as a day before; tells which are known."""
        back, a_day, now = self.clock.back, self._day_steps, self.now[self.name]
        count = back + self.clock.count
        if self.known is NOTHING:
            return np.full(count, now), np.zeros(count, dtype=np.bool_)
        value = self.known.on(self.clock.steps, self.name)
        is_known = ~np.isnan(value)
        value[back] = now
        for first in range(0, count, a_day):
            part = value[first : first + a_day]
            before = value[first - a_day : first - a_day + len(part)] if first else np.full(len(part), np.nan)
            value[first : first + a_day] = np.where(np.isnan(part), before, part)
        return np.where(np.isnan(value), now, value), is_known


def stale_risk_usd_per_mwh(known: KnownValues, name: str, at_s: int, late_s: float) -> float:
    """Compute what a guessed price is raised by, because its source has been silent.

    Half of the mean change from hour to hour of the last two known days, times the root of the hours since the source
    became stale; at most the range of these days, and 0 for a source that is not stale. Decision 0211.
    """
    last = known.last(name, at_s)
    stale_h = 0.0 if last is None else (at_s - last[1] - late_s) / SECONDS_PER_HOUR
    if last is None or stale_h <= 0.0:
        return 0.0
    to_s = last[1] // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    steps = Steps(from_s=to_s - LOOK_BACK_H * SECONDS_PER_HOUR, to_s=to_s, step_s=SECONDS_PER_HOUR)
    course = known.on(steps, name)
    course = course[~np.isnan(course)]
    if len(course) < LEAST_KNOWN_H:
        return 0.0
    change = float(np.abs(np.diff(course)).mean())
    return min(RISK_SHARE * change * float(np.sqrt(stale_h)), float(course.max() - course.min()))


def on_rows(ahead: Floats, rows: ForecastRows) -> Floats:
    """Average steps over the rows of a forecast (N, ...) -> (H, ...)."""
    near = int((rows.width_steps == 1).sum())
    wide = len(rows.width_steps) - near
    if not wide:
        return sealed(ahead[:near].copy())
    width = int(rows.width_steps[-1])
    far = ahead[near : near + wide * width].reshape(wide, width, *ahead.shape[1:]).mean(axis=1)
    return sealed(np.concatenate([ahead[:near], far]))


def least_on_rows(ahead: Floats, rows: ForecastRows) -> Floats:
    """Take the least of steps over the rows of a forecast (N, ...) -> (H, ...)."""
    begins = np.asarray(rows.begin_step)
    return sealed(np.minimum.reduceat(ahead[: int(rows.width_steps.sum())], begins, axis=0))


def published_rows(is_published: Bools, rows: ForecastRows) -> int:
    """Count the first rows of a forecast whose steps (N,) are all published.

    The present counts always.
    """
    gaps = np.flatnonzero(~is_published)
    first = int(gaps[0]) if gaps.size else len(is_published)
    return max(int((rows.begin_step + rows.width_steps <= first).sum()), 1)
