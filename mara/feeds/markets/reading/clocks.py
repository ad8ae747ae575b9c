"""Local clocks for arrays: wall time to UTC and back, lengths of local days.

Times are whole seconds since 1970: of UTC, or of a wall clock read as if it were UTC ("wall seconds").
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from mara.core.arrays import Bools, Ints, sealed
from mara.errors import ConfigError

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
FIRST_YEAR: Final = 1995
END_YEAR: Final = 2060
"""Year before which clock changes are looked up."""
BLOCK: Final = 500_000
"""Number of times that are looked up together."""
NO_TIME: Final = int(np.iinfo(np.int64).min)
_FIXED: Final = re.compile(r"UTC(?:(?P<sign>[+-])(?P<hours>\d{1,2})(?::(?P<minutes>\d\d))?)?")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WallClock:
    """A local clock with all its changes of offset.

    Attributes:
        changes_s: UTC instants from which another offset holds, ascending (C,).
        offset_s: wall time less UTC: before the first change, and after each (C + 1,).
    """

    zone: str
    changes_s: Ints
    offset_s: Ints

    def offsets_at(self, utc_s: Ints) -> Ints:
        """Offset from UTC [s] at each instant (N,)."""
        return self.offset_s[np.searchsorted(self.changes_s, utc_s, side="right")]

    def wall_of(self, utc_s: Ints) -> Ints:
        """Wall time [s] at each UTC instant (N,)."""
        return utc_s + self.offsets_at(utc_s)

    def candidates(self, wall_s: Ints) -> tuple[Ints, Ints]:
        """The two UTC instants [s] at which the clock may show each wall time (N,).

        The first is the earlier one. Both are equal where the time is shown once, and `NO_TIME` where the clock skips
        it.
        """
        if not len(self.changes_s):
            once = wall_s - self.offset_s[0]
            return once, once
        if len(wall_s) <= BLOCK:
            return self._candidates(wall_s)
        # in blocks, because a lookup needs half a dozen temporary arrays of that length
        parts = [self._candidates(wall_s[start : start + BLOCK]) for start in range(0, len(wall_s), BLOCK)]
        return np.concatenate([first for first, _ in parts]), np.concatenate([second for _, second in parts])

    def _candidates(self, wall_s: Ints) -> tuple[Ints, Ints]:
        before = self.offsets_at(wall_s - DAY_S)
        after = self.offsets_at(wall_s + DAY_S)
        early, late = wall_s - np.maximum(before, after), wall_s - np.minimum(before, after)
        early_is = self.wall_of(early) == wall_s
        late_is = self.wall_of(late) == wall_s
        first = np.where(early_is, early, np.where(late_is, late, NO_TIME))
        return first, np.where(late_is, late, first)

    def repeats(self, wall_s: Ints) -> Bools:
        """Mark the wall times that the clock shows twice (N,)."""
        first, second = self.candidates(wall_s)
        return np.not_equal(first, second)

    def days_of(self, utc_s: Ints) -> Ints:
        """Local day of each instant (N,), counted from 1970-01-01."""
        return self.wall_of(utc_s) // DAY_S

    def midnights_of(self, days: Ints) -> Ints:
        """UTC instant [s] at which each local day (N,) begins, also at a skipped midnight."""
        first, _ = self.candidates(days * DAY_S)
        skipped = first == NO_TIME
        if skipped.any():
            first = np.where(skipped, self.candidates(days * DAY_S + HOUR_S)[0], first)
        return first

    def lengths_of(self, days: Ints) -> Ints:
        """Length [s] of each local day (N,): mostly 23, 24 or 25 hours."""
        return self.midnights_of(days + 1) - self.midnights_of(days)


@lru_cache(maxsize=64)
def wall_clock(zone: str) -> WallClock:
    """Make the clock of an IANA zone, or of a fixed offset such as `UTC+10:00`.

    Raises:
        ConfigError: there is no such zone.
    """
    fixed = _FIXED.fullmatch(zone)
    if fixed:
        sign = -1 if fixed["sign"] == "-" else 1
        offset_s = sign * (int(fixed["hours"] or 0) * HOUR_S + int(fixed["minutes"] or 0) * 60)
        return WallClock(zone=zone, changes_s=sealed(np.zeros(0, np.int64)), offset_s=sealed(np.array([offset_s])))
    try:
        rules = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"clock {zone!r} should be an IANA zone such as America/Chicago or an offset such as UTC+10:00: correct it"
        ) from error
    changes, offsets = _changes_of(rules)
    return WallClock(
        zone=zone, changes_s=sealed(np.array(changes, np.int64)), offset_s=sealed(np.array(offsets, np.int64))
    )


def _changes_of(rules: ZoneInfo) -> tuple[list[int], list[int]]:
    """The changes of a zone, each found to the second by bisection."""

    def offset_at(utc_s: int) -> int:
        offset = datetime.fromtimestamp(utc_s, rules).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    step_s = 7 * DAY_S
    here_s = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    end_s = int(datetime(END_YEAR, 1, 1, tzinfo=UTC).timestamp())
    changes: list[int] = []
    offsets = [offset_at(here_s)]
    while here_s < end_s:
        there_s = here_s + step_s
        if offset_at(there_s) != offsets[-1]:
            low_s, high_s = here_s, there_s
            while high_s - low_s > 1:
                middle_s = (low_s + high_s) // 2
                low_s, high_s = (middle_s, high_s) if offset_at(middle_s) == offsets[-1] else (low_s, middle_s)
            changes.append(high_s)
            offsets.append(offset_at(there_s))
        here_s = there_s
    return changes, offsets


def day_text(day: int) -> str:
    """Format a day counted from 1970-01-01 as ISO 8601."""
    return str(date(1970, 1, 1) + timedelta(days=int(day)))


def utc_text(utc_s: int) -> str:
    """Format a UTC instant for messages and reports; whole minutes without seconds."""
    moment = datetime.fromtimestamp(int(utc_s), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment.second else f"{moment:%Y-%m-%dT%H:%MZ}"
