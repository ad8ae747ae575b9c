"""The time range of a page's charts, read from its address.

It is past, or goes on with the run.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from components.site.site_lines import price_points
from components.time_range.chart_range import ChartRange, range_of
from mara.core.snapshot import SitePoint
from mara.errors import CommandError
from tests.ui.conftest import Screen, element_of
from tests.ui.snapshots import START, snapshot_at

PAST = "from=2025-07-01T06:00&to=2025-07-01T09:00Z"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"range": "wek"}, "hour, day, week, month was expected, “wek” came"),
        ({"range": "week", "from": "2025-07-01T00:00"}, "both came"),
        ({"from": "2025-07-01T00:00"}, "“to” is a time such as 2025-07-01T14:00Z, nothing came"),
        ({"from": "<b>", "to": "2025-07-01"}, "“from” is a time such as"),
        ({"from": "2025-07-02", "to": "2025-07-01"}, "“from” lies before “to”"),
        ({"from": "0001-01-01T00:00+14:00", "to": "2025-07-01"}, "“from” is a time such as"),
    ],
)
def test_an_address_that_states_no_range_is_refused_in_words(query: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        range_of(query)


def test_times_of_an_address_are_utc_unless_they_state_their_zone() -> None:
    shown = range_of({"from": "2025-07-01T00:00", "to": "2025-07-01T04:00+02:00"})
    assert shown.bounds == (datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 7, 1, 2, tzinfo=UTC))
    assert range_of({}) == range_of({"range": "day"}) == ChartRange()


@pytest.mark.parametrize("name", ["hour", "day", "week", "month"])
def test_readings_of_a_live_range_begin_where_earlier_ones_of_the_hour_did(name: str) -> None:
    now = datetime(2025, 7, 20, 12, 5, tzinfo=UTC)
    shown = ChartRange(name=name)
    assert shown.to_read(now) == shown.to_read(now + timedelta(minutes=50))
    begin, end = shown.to_read(now)
    assert end is None
    assert begin <= now - timedelta(hours=shown.hours)


def test_a_points_extremes_are_told_only_where_they_differ() -> None:
    def point(low: float | None, high: float | None) -> SitePoint:
        powers_mw = dict.fromkeys(("air_miner_mw", "hydro_miner_mw", "immersion_miner_mw", "gpu_mw", "asic_mw"), 1.0)
        return SitePoint(
            at=START,
            energy_price_usd_per_mwh=40.0,
            dry_bulb_c=12.0,
            site_power_mw=5.0,
            contracts_mw=1.0,
            energy_price_low_usd_per_mwh=low,
            energy_price_high_usd_per_mwh=high,
            **powers_mw,
        )

    (hour,) = price_points([point(12.0, 84.0)]).values()
    assert hour == {"price": 40.0, "price_low": 12.0, "price_high": 84.0}
    for same in ((40.0, 40.0), (None, None)):
        assert list(price_points([point(*same)]).values()) == [{"price": 40.0}]


@pytest.mark.parametrize(("path", "channels"), [("/", ("money",)), ("/sites/oslo", ("price", "load"))])
async def test_a_range_of_the_past_stays_as_it_is_when_a_tick_comes(
    screen: Screen, path: str, channels: tuple[str, ...]
) -> None:
    await screen.open(f"{path}?{PAST}")
    shown = screen.last("show")
    for channel in channels:
        times = sorted(map(int, shown[channel]))
        assert START.replace(hour=6).timestamp() <= times[0] <= times[-1] < START.replace(hour=9).timestamp()
    screen.platform.advance()
    for _ in range(6):
        assert not set(channels) & (await screen.after_a_look()).keys()
    assert not shown.get("forecast")


async def test_a_range_of_the_past_is_read_once(screen: Screen) -> None:
    await screen.open(f"/?{PAST}")
    asked = list(screen.platform.archive.asked)
    for _ in range(7):
        screen.platform.advance()
        await screen.after_a_look()
    assert screen.platform.archive.asked == asked
    assert sum("history" in question for question in asked) == 2


async def test_the_hour_ends_now_and_looks_an_hour_ahead(screen: Screen) -> None:
    await screen.open("/sites/oslo?range=hour")
    shown = screen.last("show")
    times = sorted(map(int, shown["price"]))
    assert times[-1] - times[0] == 3_600
    assert max(map(int, shown["forecast"])) - times[-1] <= 3_600


async def test_the_fleets_week_is_what_is_stored_and_what_came_since(screen: Screen) -> None:
    await screen.open("/?range=week")
    times = sorted(map(int, screen.last("show")["money"]))
    assert (times[0], times[-1]) == tuple(int(snapshot_at(tick).at.timestamp()) for tick in (0, 288))
    assert {later - earlier for earlier, later in pairwise(times)} == {900}
    newest = str(times[-1] + 300)
    screen.platform.advance()
    assert newest in (await screen.after_a_look())["money"]


async def test_an_address_without_a_range_that_there_is_shows_the_day_and_says_why(screen: Screen) -> None:
    answer = await screen.user.http_client.get("/sites/oslo?range=wek")
    assert answer.status_code == 400
    assert "“wek” came: choose one of them" in answer.text
    assert "Traceback" not in answer.text


async def test_the_picker_marks_what_is_shown(screen: Screen) -> None:
    await screen.open("/?range=month")
    assert element_of(screen.user, "range-picker").props["name"] == "month"
    await screen.open(f"/sites/oslo?{PAST}")
    picker = element_of(screen.user, "range-picker")
    assert picker.props["name"] == ""
    assert picker.props["span"] == [int(START.replace(hour=hour).timestamp()) for hour in (6, 9)]
