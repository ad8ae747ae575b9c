"""Local calendars and publication times of auctions agree with the zone database."""

from datetime import UTC, datetime

import pytest

from mara.core.timegrid import zone
from mara.feeds.day_ahead import is_day_ahead, published_until_hour
from mara.feeds.synthetic.local_hours import LocalClock
from tests.feeds.synthetic_worlds import hour_of

ZONES = (
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Asia/Kolkata",
)


def test_local_calendars_are_those_of_the_zones_over_two_years() -> None:
    first = hour_of(datetime(2024, 1, 1, tzinfo=UTC))
    local = LocalClock(ZONES).hours(first, first + 17_000)
    for column, name in enumerate(ZONES):
        moments = [datetime.fromtimestamp(hour * 3_600, zone(name)) for hour in range(first, first + 17_000)]
        assert local.month[:, column].tolist() == [moment.month - 1 for moment in moments]
        assert local.hour[:, column].tolist() == [moment.hour for moment in moments]
        assert local.is_weekend[:, column].tolist() == [moment.weekday() >= 5 for moment in moments]


@pytest.mark.parametrize(
    ("now", "timezone", "until"),
    [
        ("2025-07-01T10:00", "Europe/Berlin", "2025-07-01T22:00"),
        ("2025-07-01T11:00", "Europe/Berlin", "2025-07-02T22:00"),
        ("2025-10-25T11:00", "Europe/Berlin", "2025-10-26T23:00"),  # the day of 25 hours
        ("2025-07-01T03:00", "Asia/Tokyo", "2025-07-01T15:00"),
        ("2025-07-01T04:00", "Asia/Tokyo", "2025-07-02T15:00"),
        ("2025-07-01T08:00", "Asia/Kolkata", "2025-07-02T18:00"),
        ("2025-07-01T17:00", "America/Chicago", "2025-07-02T05:00"),
        ("2025-07-01T18:00", "America/Chicago", "2025-07-03T05:00"),
    ],
)
def test_tomorrows_prices_are_known_from_one_in_the_afternoon(now: str, timezone: str, until: str) -> None:
    asked, known = (hour_of(datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in (now, until))
    assert published_until_hour(asked, timezone) == known


def test_a_market_is_day_ahead_when_its_zone_says_so() -> None:
    auctions = ("DE-LU day-ahead", "IEX DAM", "CCEE PLD horario SE/CO", "JEPX spot, Tokyo area")
    others = ("USEP real-time", "NEM NSW1 real-time", "Industrial tariff", "Power contract, indexed", "Amsterdam hub")
    assert [is_day_ahead(name) for name in auctions] == [True] * 4
    assert not any(is_day_ahead(name) for name in others)
