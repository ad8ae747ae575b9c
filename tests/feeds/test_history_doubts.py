"""Warnings about a readable history whose units or times look wrong.

It is neither accepted in silence nor converted.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mara.errors import FeedInvalid
from mara.feeds.day_ahead import is_day_ahead, market_note
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.history_file import read_history
from tests.feeds.history_text import bitcoin_rows, write_history


def rows(price: float, carbon: float, *, hours: int = 24) -> list[str]:
    begin = datetime(2023, 1, 1, tzinfo=UTC)
    return [
        f"{begin + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{site},{price * (1 + hour % 3)},{carbon},0.5,10,5"
        for hour in range(hours)
        for site in ("north", "south")
    ]


def refusal_of(folder: Path) -> str:
    with pytest.raises(FeedInvalid) as caught:
        read_history(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("price", "carbon", "said"),
    [
        (0.04, 100.0, "price_usd_per_mwh of north and of 1 more is at most 0.12, which looks like USD/kWh"),
        (-0.04, 100.0, "which looks like USD/kWh"),
        (40.0, 0.35, "carbon_g_per_kwh of north and of 1 more is at most 0.35, which looks like t/MWh or kg/kWh"),
    ],
)
def test_values_of_another_unit_are_asked_about_and_taken_by_whoever_means_them(
    tmp_path: Path, price: float, carbon: float, said: str
) -> None:
    folder = write_history(tmp_path, rows(price, carbon))
    message = refusal_of(folder)
    assert said in message
    assert message.endswith("multiply by 1,000, or if you mean it, say MARA_TRUST_UNITS=true")
    assert read_history(folder, trusts_units=True).energy_price_usd_per_mwh[0, 0] == price


def test_a_hashprice_by_the_terahash_is_asked_about(tmp_path: Path) -> None:
    daily = [f"{line.split(',')[0]},0.055" for line in bitcoin_rows(3)]
    assert "looks like USD/TH/day" in refusal_of(write_history(tmp_path, rows(40.0, 100.0), bitcoin=daily))


def test_power_without_carbon_and_free_power_are_believed(tmp_path: Path) -> None:
    assert read_history(write_history(tmp_path, rows(0.0, 0.0))).step_count == 24


def local_rows(first: str, hours: int, zone: str) -> list[str]:
    """Hours of one site as a local clock shows them, labelled UTC by mistake."""
    begin = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    clock = ZoneInfo(zone)
    stamps = [(begin + timedelta(hours=hour)).astimezone(clock) for hour in range(hours)]
    return [f"{stamp:%Y-%m-%dT%H:%M:%SZ},north,40,100,0.5,10,5" for stamp in stamps]


@pytest.mark.parametrize(
    ("first", "zone", "said"),
    [
        ("2023-03-25", "Europe/Berlin", "does not exist in the local time of Europe/Berlin"),
        ("2023-10-28", "Europe/Berlin", "come twice in the local time of Europe/Berlin"),
        ("2023-03-11", "America/Chicago", "does not exist in the local time of America/New_York"),
        ("2023-11-04", "America/Chicago", "come twice in the local time of America/New_York"),
        ("2023-09-30", "Australia/Sydney", "does not exist in the local time of Australia/Sydney"),
        ("2023-04-01", "Australia/Sydney", "come twice in the local time of Australia/Sydney"),
    ],
)
def test_days_of_23_and_25_hours_name_local_time_as_the_likely_cause(
    tmp_path: Path, first: str, zone: str, said: str
) -> None:
    message = refusal_of(write_history(tmp_path, local_rows(first, 72, zone)))
    assert said in message
    assert "write every time in UTC, or with its offset such as +02:00" in message
    assert "add them" not in message
    assert "remove the repeated rows" not in message


def test_hours_that_are_missing_on_any_other_day_are_to_be_added(tmp_path: Path) -> None:
    whole = rows(40.0, 100.0)
    assert refusal_of(write_history(tmp_path, whole[:20] + whole[22:])).endswith(
        "hours are missing; 2 rows are not, "
        "first: line 22: '2023-01-01T11:00:00Z' (2023-01-01T11:00:00Z north), "
        "line 23: '2023-01-01T11:00:00Z' (2023-01-01T11:00:00Z south): add them"
    )


@pytest.mark.parametrize(
    "zone",
    [
        "NO1 day-ahead",
        "ERCOT HB Day-Ahead SPP",
        "ERCOT Dam",
        "DAY_AHEAD",
        "x dayahead",
        "day ahead",
        "pld",
        "JEPX system",
    ],
)
def test_a_day_ahead_market_is_known_in_any_spelling(zone: str) -> None:
    assert is_day_ahead(zone)


@pytest.mark.parametrize("zone", ["ERCOT real-time", "Rotterdam RTM", "NL Amsterdam", "ahead of the day", ""])
def test_other_words_are_no_day_ahead_market(zone: str) -> None:
    assert not is_day_ahead(zone)


def test_a_market_that_is_not_understood_is_said(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.toml"
    shipped = (Path(__file__).parents[2] / "mara/data/fleets/global_ten.toml").read_text(encoding="utf-8")
    fleet.write_text(shipped.replace("NO1 day-ahead", "NO1 day-haed"), encoding="utf-8")
    silent = market_note(read_fleet(str(fleet)).sites)
    assert "'NO1 day-haed'" in silent
    assert "count as real-time" in silent
