"""Contracts from a file start in their tick, whatever the length of ticks."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.core.contract import ContractRequest, Tier
from mara.core.timegrid import TimeGrid
from mara.errors import FeedInvalid
from mara.feeds.files.contract_file import read_contracts, requests_by_tick

HEADER = "contract_id,tier,power_mw,starts_at_utc,hours"
HOURLY = TimeGrid(start=datetime(2023, 1, 1, tzinfo=UTC), tick_minutes=60)
FIVE_MINUTES = TimeGrid(start=datetime(2023, 1, 1, tzinfo=UTC), tick_minutes=5)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "contracts.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_contract_becomes_a_request_in_its_tick(tmp_path: Path) -> None:
    (arrival,) = read_contracts(write(tmp_path, "c1,premium,2.5,2023-01-01T10:00:00Z,48"), HOURLY).arrivals
    assert arrival.start_tick == 10
    assert arrival.request == ContractRequest(
        id="c1", tier=Tier.PREMIUM, customer="c1", power_mw=2.5, duration_ticks=48, timezone="UTC"
    )


def test_the_same_file_serves_a_finer_clock(tmp_path: Path) -> None:
    (arrival,) = read_contracts(write(tmp_path, "c1,spot,2.5,2023-01-01T10:00:00Z,1.5"), FIVE_MINUTES).arrivals
    assert (arrival.start_tick, arrival.request.duration_ticks) == (120, 18)


def test_a_start_between_ticks_waits_for_the_next_one(tmp_path: Path) -> None:
    path = write(tmp_path, "c1,spot,1,2023-01-01T10:20:00Z,1", "c2,spot,1,2023-01-01T10:00:00.5Z,1")
    assert [arrival.start_tick for arrival in read_contracts(path, HOURLY).arrivals] == [11, 11]


def test_a_contract_that_already_runs_comes_first_with_what_is_left(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "later,flexible,1,2023-01-01T03:00:00Z,5",
        "running,standard,1,2022-12-31T20:00:00Z,10",
        "over,standard,1,2022-12-31T20:00:00Z,4",
    )
    arrivals = read_contracts(path, HOURLY).arrivals
    assert [(a.request.id, a.start_tick, a.request.duration_ticks) for a in arrivals] == [
        ("running", 0, 6),
        ("later", 3, 5),
    ]


def test_customer_and_time_zone_may_be_given(tmp_path: Path) -> None:
    header = "timezone,customer," + HEADER
    rows = ("Asia/Tokyo,Nippon AI,c1,premium,1,2023-01-01T00:00:00Z,1", ",,c2,premium,1,2023-01-01T00:00:00Z,1")
    first, second = (a.request for a in read_contracts(write(tmp_path, *rows, header=header), HOURLY).arrivals)
    assert (first.customer, first.timezone) == ("Nippon AI", "Asia/Tokyo")
    assert (second.customer, second.timezone) == ("c2", "UTC")


def test_a_feed_asks_for_the_requests_of_a_tick(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a,spot,1,2023-01-01T02:00:00Z,1",
        "b,spot,1,2023-01-01T01:00:00Z,1",
        "c,spot,1,2023-01-01T02:00:00Z,1",
    )
    requests_of = requests_by_tick(read_contracts(path, HOURLY).arrivals)
    assert [[r.id for r in requests_of(tick)] for tick in range(4)] == [[], ["b"], ["a", "c"], []]


def test_a_file_without_contracts_has_none(tmp_path: Path) -> None:
    assert read_contracts(write(tmp_path), HOURLY).arrivals == ()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,gold,1,2023-01-01T00:00:00Z,1", "tier should be one of premium, standard, flexible, spot"),
        ("a,Premium,1,2023-01-01T00:00:00Z,1", "the nearest is premium"),
        ("a,spot,0,2023-01-01T00:00:00Z,1", "power_mw should be a number above 0"),
        ("a,spot,nan,2023-01-01T00:00:00Z,1", "power_mw should be a number above 0"),
        ("a,spot,1,2023-01-01T00:00:00Z,-1", "hours should be a number above 0"),
        ("a,spot,1,2023-01-01T00:00:00Z,1e9", "hours should be a number above 0"),
        ("a,spot,1,2023-01-01T00:00:00,1", "starts_at_utc should be a time that says its zone"),
        ("ok,spot,1,2023-01-01T00:00:00Z,1", "contract_id should be unique"),
        (",spot,1,2023-01-01T00:00:00Z,1", "contract_id should be 1 to 64 characters"),
        ("a,spot,1,2023-01-01T00:00:00Z", "a row should have 5 values"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_named_with_its_line(tmp_path: Path, row: str, expected: str) -> None:
    path = write(tmp_path, "ok,spot,1,2023-01-01T00:00:00Z,1", row)
    with pytest.raises(FeedInvalid, match=r"contracts\.csv line 3: ") as caught:
        read_contracts(path, HOURLY)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_time_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a,spot,1,2023-01-01T00:00:00Z,1,Mars/Olympus", header=HEADER + ",timezone")
    with pytest.raises(FeedInvalid, match="timezone should be an IANA name"):
        read_contracts(path, HOURLY)
