"""Local calendar of each site by hour: month, hour of the day, weekend."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.market import SATURDAY
from mara.core.timegrid import zone
from mara.core.units import DAYS_PER_WEEK, HOURS_PER_DAY, SECONDS_PER_HOUR

EPOCH_WEEKDAY: Final = 3
"""Weekday of 1 January 1970, a Thursday; Monday is 0."""
DAYS_TO_2000: Final = 10_957
DAYS_PER_YEAR: Final = 365.2422
CALM_HOURS: Final = 21 * HOURS_PER_DAY
"""Hours in which no time zone changes its clock forth and back.

The shortest such change is Morocco's in Ramadan, about four weeks.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalHours:
    """Local time at the start of each hour at each site (N, S).

    Attributes:
        month: 0 for January.
        hour: hour of the day, 0 to 23.
        is_weekend: true on Saturday and Sunday.
    """

    month: Ints
    hour: Ints
    is_weekend: Bools


class LocalClock:
    """Local calendars of a list of sites, computed once for each time zone."""

    def __init__(self, timezones: tuple[str, ...]) -> None:
        self._zones = sorted(set(timezones))
        self._column_of_site = np.array([self._zones.index(name) for name in timezones])

    def hours(self, first: int, end: int) -> LocalHours:
        """Compute the calendar of hours ``[first, end)``, counted from 1970 UTC."""
        utc_h = np.arange(first, end)
        offset_s = np.stack([_offsets_s(name, first, end) for name in self._zones], axis=1)
        local_h = utc_h[:, None] + offset_s // SECONDS_PER_HOUR
        day = local_h // HOURS_PER_DAY
        month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
        is_weekend = (day + EPOCH_WEEKDAY) % DAYS_PER_WEEK >= SATURDAY
        site = self._column_of_site
        return LocalHours(month=month[:, site], hour=(local_h % HOURS_PER_DAY)[:, site], is_weekend=is_weekend[:, site])


def year_phase_share(first: int, end: int) -> Floats:
    """Compute the phase of the year in each hour ``[first, end)``, 0 to 1 (N,).

    Years are mean tropical years counted from 1 January 2000; hours are counted from 1970 UTC.
    """
    days = np.arange(first, end) / HOURS_PER_DAY - DAYS_TO_2000
    return np.asarray((days / DAYS_PER_YEAR) % 1.0)


@lru_cache(maxsize=4_096)
def _offsets_s(timezone: str, first: int, end: int) -> Ints:
    """Compute the seconds that local time is ahead of UTC, by hour (N,)."""
    if end - first > CALM_HOURS:
        edges = [*range(first, end, CALM_HOURS), end]
        return np.concatenate([_offsets_s(timezone, *pair) for pair in pairwise(edges)])
    start_s, last_s = _offset_s(timezone, first), _offset_s(timezone, end - 1)
    if start_s == last_s:
        return np.full(end - first, start_s)
    middle = (first + end) // 2
    return np.concatenate([_offsets_s(timezone, first, middle), _offsets_s(timezone, middle, end)])


def _offset_s(timezone: str, hour: int) -> int:
    offset = datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).astimezone(zone(timezone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
