"""Synthetic outages of sites, drawn for any tick on its own.

Chosen: more frequent than in well-run data centres, so that contracts are tested; repairs are lognormal
(mara/data/SOURCES.md).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.units import DAYS_PER_WEEK, HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import RunConfig
from mara.feeds.synthetic.draws import RandomStream, generator

WHOLE_EVERY_DAYS: Final = 20.0
PARTIAL_EVERY_DAYS: Final = 10.0
PAIR_EVERY_DAYS: Final = 60.0
"""Mean days between outages of a whole site, a part of it, and a pair of sites.

The first two hold for each site, the last for the fleet: two of its sites fail at once.
"""
REPAIR_MEDIAN_MINUTES: Final = 30.0
REPAIR_LOG_SD: Final = 0.8
"""Standard deviation of the repair time's logarithm.

One repair in ten takes longer than 84 minutes: 30 min x exp(0.8 x 1.2816).
"""
MOST_REPAIR_MINUTES: Final = 24.0 * MINUTES_PER_HOUR
PARTIAL_MINUTES: Final = 2.0 * MINUTES_PER_HOUR
PARTIAL_LOSS_SHARE: Final = (0.30, 0.60)
"""Bounds of the part of a site's machines that a partial outage takes."""
MINUTES_PER_WEEK: Final = DAYS_PER_WEEK * HOURS_PER_DAY * MINUTES_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageInterval:
    """Loss of a share of a site's machines, in minutes counted from 1970 UTC."""

    site: int
    start_minutes: float
    duration_minutes: float
    loss_share: float


class OutageStream:
    """Outages of a run: Poisson streams of whole sites, parts of sites, and pairs."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        self._seed = seed
        self._width = config.fleet.site_count
        self._start_minutes = config.grid.start_epoch_s / SECONDS_PER_MINUTE
        self._tick_minutes = config.grid.tick_minutes
        self._ticks_per_day = HOURS_PER_DAY * config.grid.ticks_per_hour
        self._all = sealed(np.ones(self._width))
        self._day = lru_cache(maxsize=8)(self._draw_day)
        self._week = lru_cache(maxsize=8)(self._draw_week)

    def availability(self, tick: int) -> Floats:
        """Return the share of each site's machines that can run in a tick (S,).

        The shares that simultaneous outages leave are multiplied; 1 is all machines.
        """
        return self._day(tick // self._ticks_per_day)[tick % self._ticks_per_day]

    def outages(self, first_tick: int, end_tick: int) -> tuple[OutageInterval, ...]:
        """Return outages that begin in or last into ticks ``[first_tick, end_tick)``."""
        begin = self._start_minutes + first_tick * self._tick_minutes
        end = self._start_minutes + end_tick * self._tick_minutes
        weeks = range(int((begin - MOST_REPAIR_MINUTES) // MINUTES_PER_WEEK), int(-(-end // MINUTES_PER_WEEK)))
        return tuple(
            outage
            for week in weeks
            for outage in self._week(week)
            if outage.start_minutes < end
            and outage.start_minutes + outage.duration_minutes > begin - self._tick_minutes
        )

    def _draw_day(self, day: int) -> list[Floats]:
        """Draw the availability in each tick of a day of the run.

        Ticks without an outage share one array.
        """
        first = day * self._ticks_per_day
        rows = [self._all] * self._ticks_per_day
        for outage in self.outages(first, first + self._ticks_per_day):
            start, end = self._ticks_of(outage)
            for row in range(max(start - first, 0), min(end - first, self._ticks_per_day)):
                left = rows[row].copy()
                left[outage.site] *= 1.0 - outage.loss_share
                rows[row] = sealed(left)
        return rows

    def _ticks_of(self, outage: OutageInterval) -> tuple[int, int]:
        """Round an outage to whole ticks ``[start, end)``, at least one."""
        start = int((outage.start_minutes - self._start_minutes) // self._tick_minutes)
        return start, start + max(1, round(outage.duration_minutes / self._tick_minutes))

    def _draw_week(self, week: int) -> list[OutageInterval]:
        """Draw the outages that begin in a week counted from 1970."""
        chance = generator(self._seed, RandomStream.OUTAGES, week)
        whole = np.repeat(np.arange(self._width), chance.poisson(DAYS_PER_WEEK / WHOLE_EVERY_DAYS, self._width))
        partial = np.repeat(np.arange(self._width), chance.poisson(DAYS_PER_WEEK / PARTIAL_EVERY_DAYS, self._width))
        pairs = int(chance.poisson(DAYS_PER_WEEK / PAIR_EVERY_DAYS))
        drawn = _drawn(week, chance, whole, _repairs_minutes(chance, len(whole)), np.ones(len(whole)))
        losses = chance.uniform(*PARTIAL_LOSS_SHARE, len(partial))
        drawn += _drawn(week, chance, partial, np.full(len(partial), PARTIAL_MINUTES), losses)
        for _ in range(pairs):
            both = chance.permutation(self._width)[:2]
            start, repair = week * MINUTES_PER_WEEK + chance.random() * MINUTES_PER_WEEK, _repairs_minutes(chance, 1)[0]
            drawn += [
                OutageInterval(site=int(site), start_minutes=start, duration_minutes=float(repair), loss_share=1.0)
                for site in both
            ]
        return drawn


def _drawn(
    week: int, chance: np.random.Generator, sites: np.ndarray, durations_minutes: Floats, loss_share: Floats
) -> list[OutageInterval]:
    starts = (week + chance.random(len(sites))) * MINUTES_PER_WEEK
    return [
        OutageInterval(site=site, start_minutes=start, duration_minutes=duration, loss_share=loss)
        for site, start, duration, loss in zip(
            sites.tolist(), starts.tolist(), durations_minutes.tolist(), loss_share.tolist(), strict=True
        )
    ]


def _repairs_minutes(chance: np.random.Generator, count: int) -> Floats:
    spread = np.exp(REPAIR_LOG_SD * chance.standard_normal(count))
    return np.minimum(REPAIR_MEDIAN_MINUTES * spread, MOST_REPAIR_MINUTES)
