"""Ticks and instants of a run.

A run's clock is an integer; UTC follows from it, local time from IANA zones.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from mara.core.units import MINUTES_PER_HOUR, SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE


def moment_text(at: datetime) -> str:
    """Format a UTC time for people: `2 Jul 2025 14:05 UTC`."""
    return f"{at.day} {at:%b %Y %H:%M} UTC"


@dataclass(frozen=True, kw_only=True)
class TimeGrid:
    """Time grid of a run.

    Tick ``n`` covers ``[start + n x tick_minutes, + tick_minutes)``.

    Raises:
        ValueError: a start without time zone, or a tick that does not divide an hour evenly.
    """

    start: datetime
    tick_minutes: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"start must carry a time zone, got {self.start.isoformat()}")
        if self.tick_minutes <= 0 or MINUTES_PER_HOUR % self.tick_minutes:
            raise ValueError(f"tick_minutes must divide 60, got {self.tick_minutes}")

    @property
    def dt_h(self) -> float:
        """Length of a tick in hours."""
        return self.tick_minutes / MINUTES_PER_HOUR

    @property
    def ticks_per_hour(self) -> int:
        return MINUTES_PER_HOUR // self.tick_minutes

    @cached_property
    def start_epoch_s(self) -> int:
        return int(self.start.timestamp())

    def epoch_s(self, tick: int) -> int:
        """Seconds since 1970 UTC at the start of the tick."""
        return self.start_epoch_s + tick * self.tick_minutes * SECONDS_PER_MINUTE

    def epoch_h(self, tick: int) -> int:
        """Whole hours since 1970 UTC at the start of the tick."""
        return self.epoch_s(tick) // SECONDS_PER_HOUR

    def at(self, tick: int) -> datetime:
        """First instant of the tick, UTC."""
        return datetime.fromtimestamp(self.epoch_s(tick), UTC)

    def tick_at(self, instant: datetime) -> int:
        """Tick that contains the instant."""
        return (int(instant.timestamp()) - self.start_epoch_s) // (self.tick_minutes * SECONDS_PER_MINUTE)

    def ticks_of_hours(self, hours: float) -> int:
        """Number of whole ticks in a span, at least one."""
        return max(1, round(hours * self.ticks_per_hour))

    def first_tick_of_day(self, tick: int) -> int:
        """First tick of the UTC day that a tick is in.

        The run's first where it began later.
        """
        epoch_s = self.epoch_s(tick)
        midnight_s = epoch_s - epoch_s % SECONDS_PER_DAY
        return max(0, -((self.start_epoch_s - midnight_s) // (self.tick_minutes * SECONDS_PER_MINUTE)))

    def first_tick_of_month(self, tick: int, timezone: str) -> int:
        """First tick of the calendar month of the time zone that a tick is in.

        The run's first where it began later.
        """
        return max(0, self.first_tick_from(self.month_start(tick, timezone)))

    def next_month_tick(self, tick: int, timezone: str) -> int:
        """First tick of the next calendar month of the time zone."""
        return _next_month_tick(self, tick, timezone)

    def month_start(self, tick: int, timezone: str) -> datetime:
        """First instant of the calendar month that a tick is in, by a time zone."""
        local = self.at(tick).astimezone(zone(timezone))
        return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)

    def first_tick_from(self, instant: datetime) -> int:
        """First tick that begins at the instant or later."""
        seconds = int(instant.timestamp()) - self.start_epoch_s
        return -(-seconds // (self.tick_minutes * SECONDS_PER_MINUTE))


@lru_cache(maxsize=1_024)  # all windows that end with a month ask for the same months
def _next_month_tick(grid: TimeGrid, tick: int, timezone: str) -> int:
    following = grid.month_start(tick, timezone) + timedelta(days=32)
    return grid.first_tick_from(following.replace(day=1))


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Look up an IANA zone; cached because a tick asks for it once per contract.

    Raises:
        ValueError: no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"time zone must be an IANA name such as Europe/Oslo, got {name!r}") from error
