"""Conversion of words for time to ticks of the run, in UTC or a site's local time."""

from datetime import UTC, datetime

import pytest

from mara.core.timegrid import TimeGrid, zone
from mara.runtime.explain.tick_range import TickRange, says_local, tick_range_of

GRID = TimeGrid(start=datetime(2025, 7, 1, tzinfo=UTC), tick_minutes=5)
NOW = GRID.tick_at(datetime(2025, 7, 4, 10, 30, tzinfo=UTC))  # a Friday


def said(text: str, timezone: str = "UTC") -> TickRange:
    return tick_range_of(text, GRID, NOW, zone(timezone))


def ticks(first: tuple[int, int, int], end: tuple[int, int, int]) -> tuple[int, int]:
    """Ticks between two instants of July, each as day, hour, minute."""
    moments = [GRID.tick_at(datetime(2025, 7, *moment, tzinfo=UTC)) for moment in (first, end)]
    return moments[0], moments[1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("at 09:05", (4, 9, 5)),
        ("at 14:00", (3, 14, 0)),  # today's has not come yet
        ("yesterday at 6", (3, 6, 0)),
        ("at 2pm yesterday", (3, 14, 0)),
        ("at 12 am today", (4, 0, 0)),
        ("on 2025-07-02 at 23:55", (2, 23, 55)),
        ("on 2 july at noon", (2, 12, 0)),
        ("july 2nd, 2025 8:30", (2, 8, 30)),
        ("on wednesday at 07:00", (2, 7, 0)),
        ("an hour ago", (4, 9, 30)),
        ("90 minutes ago", (4, 9, 0)),
        ("half an hour ago", (4, 10, 0)),
        ("why is it off now", (4, 10, 30)),
        ("tick 12", (1, 1, 0)),
        ("tomorrow at 08:00", (5, 8, 0)),
    ],
)
def test_a_point_in_time_is_one_tick(text: str, moment: tuple[int, int, int]) -> None:
    found = said(text)
    assert (found.first_tick, found.end_tick) == (ticks(moment, moment)[0], ticks(moment, moment)[0] + 1)
    assert found.is_point


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("yesterday", (3, 0, 0), (4, 0, 0)),
        ("the day before yesterday", (2, 0, 0), (3, 0, 0)),
        ("today", (4, 0, 0), (4, 10, 35)),
        ("this morning", (4, 6, 0), (4, 10, 35)),
        ("last night", (3, 22, 0), (4, 6, 0)),
        ("in the evening", (3, 18, 0), (4, 0, 0)),
        ("between 16:00 and 20:00 on 2 july", (2, 16, 0), (2, 20, 0)),
        ("from 22:00 to 02:00", (3, 22, 0), (4, 2, 0)),
        ("2 days ago", (2, 0, 0), (3, 0, 0)),
        ("why was it off", (3, 10, 35), (4, 10, 35)),
    ],
)
def test_a_stretch_of_time_ends_at_the_last_stored_tick(
    text: str, first: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    found = said(text)
    assert (found.first_tick, found.end_tick) == ticks(first, end)
    assert not found.is_point


def test_local_time_is_the_places_own_with_its_summer_time() -> None:
    assert says_local("at 15:00 local time")
    assert says_local("at 15:00 their time")
    assert not says_local("at 15:00")
    assert said("yesterday at 15:00", "Asia/Singapore").first_tick == ticks((3, 7, 0), (3, 7, 0))[0]
    assert said("yesterday at 15:00", "America/Chicago").first_tick == ticks((3, 20, 0), (3, 20, 0))[0]


def test_days_that_no_calendar_has_are_not_read_as_days() -> None:
    assert said("on 31 june").is_stated is False
    assert said("on 2025-13-40").is_stated is False
