"""Expected rows of a market: UTC intervals and values, independent of layouts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    begin: datetime
    end: datetime
    value: float
    number: int = 0

    @property
    def minutes(self) -> int:
        return round((self.end - self.begin) / timedelta(minutes=1))


def zone_of(name: str) -> tzinfo:
    if name.startswith("UTC"):
        return timezone(timedelta(hours=int(name.removeprefix("UTC") or 0)))
    return ZoneInfo(name)


def midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)).astimezone(UTC)


def value_of(number: int) -> float:
    """The price of an interval; some are negative and some zero."""
    return round((number * 37) % 200 - 37 + 0.25 * (number % 3), 2) if number % 37 else 0.0


def rows_of(zone: str, first: date, days: int, minutes: int, start: int = 1) -> list[Row]:
    """The intervals of whole local days."""
    at, end = midnight(first, zone), midnight(first + days * DAY, zone)
    return list(_stepped(at, end, minutes, start))


def _stepped(at: datetime, end: datetime, minutes: int, number: int) -> Iterator[Row]:
    step = timedelta(minutes=minutes)
    while at < end:
        yield Row(at, at + step, value_of(number), number)
        at, number = at + step, number + 1


def switched(zone: str, change: date, before: int, after: int) -> list[Row]:
    """The day before a change from hours to quarters, and the day of the change."""
    first = rows_of(zone, change - DAY, 1, before)
    return [*first, *rows_of(zone, change, 1, after, start=len(first) + 1)]
