"""Conversion of ticks and UTC times, and calendar months of any time zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mara.core.timegrid import TimeGrid, zone

GRID = TimeGrid(start=datetime(2025, 7, 1, tzinfo=UTC), tick_minutes=5)
HOURLY = TimeGrid(start=datetime(2025, 1, 1, tzinfo=UTC), tick_minutes=60)


def test_a_tick_begins_at_its_number_times_its_length() -> None:
    assert GRID.at(0) == datetime(2025, 7, 1, tzinfo=UTC)
    assert GRID.at(288) == datetime(2025, 7, 2, tzinfo=UTC)
    assert GRID.dt_h == pytest.approx(1 / 12)
    assert GRID.ticks_per_hour == 12


@given(tick=st.integers(-100_000, 1_000_000), second=st.integers(0, 299))
def test_an_instant_belongs_to_the_tick_it_lies_in(tick: int, second: int) -> None:
    assert GRID.tick_at(GRID.at(tick) + timedelta(seconds=second)) == tick


def test_a_start_in_another_zone_is_the_same_instant() -> None:
    tokyo = datetime(2025, 7, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert TimeGrid(start=tokyo, tick_minutes=5).at(7) == GRID.at(7)


@pytest.mark.parametrize("tick_minutes", [0, -5, 7, 120])
def test_a_tick_that_does_not_divide_the_hour_is_refused(tick_minutes: int) -> None:
    with pytest.raises(ValueError, match="must divide 60"):
        TimeGrid(start=datetime(2025, 7, 1, tzinfo=UTC), tick_minutes=tick_minutes)


def test_a_start_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        TimeGrid(start=datetime(2025, 7, 1), tick_minutes=5)  # noqa: DTZ001  the point of the test


@pytest.mark.parametrize(
    ("moment", "timezone", "next_month"),
    [
        (datetime(2025, 1, 15, tzinfo=UTC), "UTC", datetime(2025, 2, 1, tzinfo=UTC)),
        (datetime(2025, 2, 28, 23, tzinfo=UTC), "UTC", datetime(2025, 3, 1, tzinfo=UTC)),
        (datetime(2025, 12, 31, 12, tzinfo=UTC), "UTC", datetime(2026, 1, 1, tzinfo=UTC)),  # the year wraps
        (datetime(2025, 12, 31, 23, tzinfo=UTC), "Europe/Berlin", datetime(2026, 1, 31, 23, tzinfo=UTC)),
        (datetime(2025, 3, 15, tzinfo=UTC), "Europe/Berlin", datetime(2025, 3, 31, 22, tzinfo=UTC)),  # now in summer
        (datetime(2025, 10, 15, tzinfo=UTC), "Europe/Berlin", datetime(2025, 10, 31, 23, tzinfo=UTC)),
        (datetime(2025, 10, 15, tzinfo=UTC), "Australia/Sydney", datetime(2025, 10, 31, 13, tzinfo=UTC)),  # UTC+11
        (datetime(2025, 7, 15, tzinfo=UTC), "Australia/Sydney", datetime(2025, 7, 31, 14, tzinfo=UTC)),  # UTC+10
        (datetime(2025, 9, 15, tzinfo=UTC), "America/Santiago", datetime(2025, 10, 1, 3, tzinfo=UTC)),
        (datetime(2025, 7, 31, 12, tzinfo=UTC), "Pacific/Kiritimati", datetime(2025, 8, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_month_ends_at_local_midnight(moment: datetime, timezone: str, next_month: datetime) -> None:
    assert HOURLY.at(HOURLY.next_month_tick(HOURLY.tick_at(moment), timezone)) == next_month


@pytest.mark.parametrize(
    ("tick_minutes", "next_month"),
    [(30, datetime(2025, 7, 31, 18, 30, tzinfo=UTC)), (60, datetime(2025, 7, 31, 19, tzinfo=UTC))],
)
def test_where_local_midnight_falls_inside_a_tick_the_month_begins_with_the_next(
    tick_minutes: int, next_month: datetime
) -> None:
    grid = TimeGrid(start=datetime(2025, 7, 1, tzinfo=UTC), tick_minutes=tick_minutes)
    assert grid.at(grid.next_month_tick(10, "Asia/Kolkata")) == next_month


@given(
    tick=st.integers(0, 300_000), name=st.sampled_from(["UTC", "Asia/Kolkata", "America/Santiago", "Asia/Kathmandu"])
)
def test_the_next_month_lies_ahead_and_at_most_31_days_and_a_clock_change_away(tick: int, name: str) -> None:
    ahead = GRID.next_month_tick(tick, name) - tick
    assert 0 < ahead <= 31 * 288 + 13


def test_a_span_has_at_least_one_tick() -> None:
    assert GRID.ticks_of_hours(0.01) == 1
    assert GRID.ticks_of_hours(24) == 288


def test_a_zone_that_does_not_exist_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match="Europe/Oslo"):
        zone("Mars/Olympus")
