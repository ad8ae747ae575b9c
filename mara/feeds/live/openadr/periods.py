"""Periods of OpenADR events as half-open intervals of UTC seconds."""

import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from mara.errors import FeedInvalid
from mara.feeds.live.openadr.documents import AdrEvent, EventInterval, IntervalPeriod

ENDLESS_S: Final = 4_000_000_000
"""End of what has no end: an instant in the year 2096 [UTC seconds]."""
NOW_YEAR: Final = 1
"""Year that stands for the present."""
DURATION: Final = re.compile(
    r"P(?=\d|T\d)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
SECONDS_IN: Final = {
    "years": 31_536_000,
    "months": 2_592_000,
    "weeks": 604_800,
    "days": 86_400,
    "hours": 3_600,
    "minutes": 60,
    "seconds": 1,
}
"""Years count 365 days and months 30: only `P9999Y`, which is for ever, is usual."""


def duration_s(text: str, where: str) -> float:
    """Read a duration of ISO 8601 [s].

    Raises:
        FeedInvalid: it is none.
    """
    found = DURATION.fullmatch(text)
    if found is None:
        raise FeedInvalid(f"{where} should have an ISO 8601 duration such as PT1H, has {text[:40]!r}")
    return sum(float(number) * SECONDS_IN[unit] for unit, number in found.groupdict().items() if number is not None)


def spans_of(event: AdrEvent, first_seen_s: int) -> Iterator[tuple[EventInterval, int, int]]:
    """Yield each interval of an event with its begin and end [UTC seconds].

    Intervals without a period of their own follow one another. A length of zero has no end, which only the last
    interval may have.

    Args:
        first_seen_s: the present in the events that begin now and do not say when they were made.

    Raises:
        FeedInvalid: a period is missing or is none.
    """
    where, whole = f"event {event.id}", event.interval_period
    made_s = first_seen_s if event.created_date_time is None else int(event.created_date_time.timestamp())
    next_s = None if whole is None else _start_s(whole, event, made_s)
    for place, interval in enumerate(event.intervals):
        period = interval.interval_period or whole
        if period is None:
            raise FeedInvalid(f"{where} should say an intervalPeriod for interval {interval.id}, says none")
        if interval.interval_period is not None:
            next_s = _start_s(interval.interval_period, event, made_s)
        assert next_s is not None
        length_s = duration_s(period.duration, where)
        if not length_s and place < len(event.intervals) - 1:
            raise FeedInvalid(f"{where} should say a duration for interval {interval.id}, which is not its last")
        end_s = min(int(next_s + length_s), ENDLESS_S) if length_s else ENDLESS_S
        if end_s > next_s:
            yield interval, int(next_s), end_s
        next_s = end_s


def _start_s(period: IntervalPeriod, event: AdrEvent, made_s: int) -> int:
    """Find the begin of a period, randomised as it asks, the same at every reading."""
    start_s = made_s if period.start.year == NOW_YEAR else _seconds(period.start)
    if period.randomize_start is None:
        return start_s
    share = zlib.crc32(event.id.encode()) / 2**32
    return start_s + int(share * duration_s(period.randomize_start, f"event {event.id}"))


def _seconds(moment: datetime) -> int:
    return min(int(moment.timestamp()), ENDLESS_S)
