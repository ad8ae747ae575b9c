"""A replayed history shows each tick its hour, and forecasts from what was known."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.core.contract import ContractRequest, Tier
from mara.core.fleet import WORKLOAD_COUNT, Cooling, Fleet, Site
from mara.core.market import token_demand_per_h
from mara.core.timegrid import TimeGrid, zone
from mara.core.world import Forecast, RunConfig
from mara.errors import FeedInvalid, FeedUnavailable
from mara.feeds.base import Feed
from mara.feeds.day_ahead import published_until_hour
from mara.feeds.files.history import History
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.files.pool import DEFAULT_MACHINES
from mara.feeds.forecast_rows import clock_hours, standing_steps
from mara.feeds.replay import ForecastKind, ReplayFeed
from tests.builders import multipliers_at

FIRST = datetime(2023, 1, 1, tzinfo=UTC)
AUCTION_BERLIN = ("Europe/Berlin", "DE-LU day-ahead")
AUCTION_KOLKATA = ("Asia/Kolkata", "IEX DAM")
REAL_TIME = ("America/Toronto", "IESO HOEP real-time")
MARKETS = (AUCTION_BERLIN, AUCTION_KOLKATA, REAL_TIME)
FORECAST_ARRAYS = ("energy_price_usd_per_mwh", "carbon_intensity_g_per_kwh", "dry_bulb_c", "wet_bulb_c")
CALENDAR_ARRAYS = ("demand_multiplier_share", "demand_tokens_per_h")
ALL_ARRAYS = (*FORECAST_ARRAYS, *CALENDAR_ARRAYS, "hashprice_usd_per_ph_day")


def fleet_of(markets: tuple[tuple[str, str], ...]) -> Fleet:
    count = len(markets)
    sites = tuple(
        Site(
            id=f"s{i}",
            name=f"Site {i}",
            country="X",
            lat_deg=0.0,
            lon_deg=0.0,
            timezone=timezone,
            price_zone=price_zone,
            cooling=Cooling.AIR,
        )
        for i, (timezone, price_zone) in enumerate(markets)
    )
    return Fleet(
        name="replayed",
        sites=sites,
        machines=DEFAULT_MACHINES,
        units_count=np.full((count, WORKLOAD_COUNT), 100),
        grid_limit_mw=np.full(count, 50.0),
        hedge_mw=np.zeros(count),
        hedge_price_usd_per_mwh=np.zeros(count),
    )


def history_of(hours: int, sites: int, first: datetime = FIRST) -> History:
    """A history in which every value tells its hour, and its decimals the column.

    Hashprice tells the UTC day.
    """
    hour = np.arange(hours, dtype=np.float64)[:, None] + np.arange(sites) / 100
    first_epoch_h = int(first.timestamp()) // 3_600
    return History(
        file=Path("somewhere/history.csv"),
        sha256="0",
        site_ids=tuple(f"s{i}" for i in range(sites)),
        step_minutes=60,
        first_epoch_s=first_epoch_h * 3_600,
        energy_price_usd_per_mwh=hour,
        carbon_intensity_g_per_kwh=hour + 0.1,
        renewable_share=hour / 1e6,
        dry_bulb_c=hour + 0.2,
        wet_bulb_c=hour + 0.3,
        hashprice_usd_per_ph_day=((np.arange(hours) + first_epoch_h) // 24).astype(np.float64),
    )


def first_hour_of(history: History) -> int:
    return history.first_epoch_s // 3_600


def feed_of(
    history: History,
    markets: tuple[tuple[str, str], ...] = MARKETS,
    kind: ForecastKind = "persistence",
    start: datetime | None = None,
    tick_minutes: int = 60,
) -> ReplayFeed:
    grid = TimeGrid(start=start or history.start, tick_minutes=tick_minutes)
    return ReplayFeed(RunConfig(fleet=fleet_of(markets), grid=grid), history, forecast=kind)


def prices(forecast: Forecast, site: int = 0) -> list[int]:
    """The hours of the history that a forecast's prices come from."""
    hours: list[int] = np.rint(forecast.energy_price_usd_per_mwh[:, site] - site / 100).astype(np.int64).tolist()
    return hours


def test_the_replay_is_a_feed() -> None:
    feed: Feed = feed_of(history_of(48, 3))
    assert feed.name == "replay"


@pytest.mark.parametrize("tick_minutes", [5, 10, 15, 30, 60])
def test_a_tick_sees_the_clock_hour_that_it_lies_in(tick_minutes: int) -> None:
    feed = feed_of(history_of(48, 3), tick_minutes=tick_minutes)
    ticks_per_hour = 60 // tick_minutes
    for tick in range(10 * ticks_per_hour):
        seen = feed.observe(tick)
        assert seen.tick == tick
        assert seen.energy_price_usd_per_mwh.tolist() == pytest.approx(
            [tick // ticks_per_hour + s for s in (0, 0.01, 0.02)]
        )


def test_all_of_an_hour_is_observed_and_nothing_can_be_written() -> None:
    seen = feed_of(history_of(48, 3), start=FIRST + timedelta(hours=30)).observe(2)
    assert seen.energy_price_usd_per_mwh[0] == 32.0
    assert seen.carbon_intensity_g_per_kwh[0] == 32.1
    assert seen.renewable_share[0] == 32.0 / 1e6
    assert seen.dry_bulb_c[0] == 32.2
    assert seen.wet_bulb_c[0] == 32.3
    assert seen.availability_share.tolist() == [1.0, 1.0, 1.0]
    assert seen.token_price_usd_per_mtok == 0.25
    assert seen.arrivals == ()
    assert not seen.energy_price_usd_per_mwh.flags.writeable
    assert not seen.demand_tokens_per_h.flags.writeable


def test_hashprice_changes_at_utc_midnight_only() -> None:
    feed = feed_of(history_of(72, 3), tick_minutes=30)
    seen = [feed.observe(tick).hashprice_usd_per_ph_day for tick in range(144)]
    assert [tick for tick in range(1, 144) if seen[tick] != seen[tick - 1]] == [48, 96]


def test_outages_and_contract_requests_come_from_whoever_makes_them() -> None:
    request = ContractRequest(id="c", tier=Tier.SPOT, customer="c", power_mw=1.0, duration_ticks=3, timezone="UTC")
    halves: Callable[[int], Floats] = lambda tick: np.full(3, 0.5 if tick == 2 else 1.0)  # noqa: E731
    feed = ReplayFeed(
        RunConfig(fleet=fleet_of(MARKETS), grid=TimeGrid(start=FIRST, tick_minutes=60)),
        history_of(48, 3),
        availability=halves,
        arrivals=lambda tick: (request,) if tick == 1 else (),
        token_price_usd_per_mtok=0.3,
    )
    assert feed.observe(2).availability_share.tolist() == [0.5, 0.5, 0.5]
    assert [feed.observe(tick).arrivals for tick in range(3)] == [(), (request,), ()]
    assert feed.observe(0).token_price_usd_per_mtok == 0.3


def test_demand_follows_the_local_clocks_of_its_regions_through_dst_and_new_year() -> None:
    start = datetime(2023, 3, 10, tzinfo=UTC)
    feed = feed_of(history_of(24 * 320, 3, start))
    fleet = fleet_of(MARKETS)
    for hour in [*range(24 * 20), *range(24 * 230, 24 * 245), *range(24 * 290, 24 * 305)]:
        expected = multipliers_at(start + timedelta(hours=hour))
        seen = feed.observe(hour)
        assert seen.demand_multiplier_share.tolist() == expected.tolist()
        assert seen.demand_tokens_per_h.tolist() == pytest.approx(token_demand_per_h(expected, fleet).tolist())


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2023, 3, 26, 0, tzinfo=UTC),  # Berlin springs forward at 01:00 UTC
        datetime(2023, 3, 26, 1, tzinfo=UTC),
        datetime(2023, 10, 29, 0, tzinfo=UTC),  # Berlin has 02:00 twice
        datetime(2023, 10, 29, 1, tzinfo=UTC),
        datetime(2023, 3, 12, 8, tzinfo=UTC),  # Chicago springs forward
        datetime(2023, 11, 5, 6, tzinfo=UTC),  # Chicago has 01:00 twice
        datetime(2023, 11, 5, 7, tzinfo=UTC),
        datetime(2023, 10, 1, 15, tzinfo=UTC),  # Sydney springs forward, in spring of the south
        datetime(2023, 6, 30, 18, tzinfo=UTC),  # Kolkata is at half past
        datetime(2023, 12, 31, 23, tzinfo=UTC),  # the year wraps
        datetime(2024, 1, 1, 0, tzinfo=UTC),
    ],
)
def test_the_price_of_an_instant_is_its_own_row_whatever_local_clocks_do(moment: datetime) -> None:
    history = history_of(24 * 400, 3)
    row = (moment - FIRST) // timedelta(hours=1)
    for start in (FIRST, moment - timedelta(hours=2)):
        grid = TimeGrid(start=start, tick_minutes=5)
        feed = feed_of(history, start=start, tick_minutes=5)
        for minutes in (0, 5, 55):
            seen = feed.observe(grid.tick_at(moment + timedelta(minutes=minutes)))
            assert seen.energy_price_usd_per_mwh[0] == row


def test_a_run_may_start_in_another_zone_and_between_hours() -> None:
    start = datetime(2023, 1, 2, 5, 45, tzinfo=zone("Asia/Kolkata"))  # 00:15 UTC
    feed = feed_of(history_of(72, 3), start=start, tick_minutes=15)
    assert [feed.observe(tick).energy_price_usd_per_mwh[0] for tick in range(5)] == [24, 24, 24, 25, 25]


def test_outside_the_history_nothing_can_be_observed_or_expected() -> None:
    feed = feed_of(history_of(48, 3), start=FIRST + timedelta(hours=1))
    feed.observe(-1)
    for tick in (-2, 47, 10_000):
        with pytest.raises(FeedUnavailable, match="covers 2023-01-01T00:00Z up to 2023-01-03T00:00Z, tick"):
            feed.observe(tick)
        with pytest.raises(FeedUnavailable):
            feed.forecast(tick, 24)


def test_a_run_that_starts_outside_the_history_is_refused_at_once() -> None:
    with pytest.raises(FeedUnavailable, match="tick 0 is at 2025-07-01T00:00Z: start the run within that period"):
        feed_of(history_of(48, 3), start=datetime(2025, 7, 1, tzinfo=UTC))


def test_a_history_of_other_sites_than_the_fleets_is_refused() -> None:
    with pytest.raises(FeedInvalid, match="has none of s2"):
        feed_of(history_of(48, 2))


@pytest.mark.parametrize("kind", ["persistence", "day-ahead", "perfect"])
@pytest.mark.parametrize("hours", [1, 24, 30, 168, 600])
@pytest.mark.parametrize("tick", [0, 5, 30, 90, 95])
def test_a_forecast_has_its_rows_and_begins_with_the_present(kind: ForecastKind, hours: int, tick: int) -> None:
    feed = feed_of(history_of(96, 3), kind=kind)
    seen, expected = feed.observe(tick), feed.forecast(tick, hours)
    assert expected.tick == tick
    for name in (*FORECAST_ARRAYS, *CALENDAR_ARRAYS):
        assert getattr(expected, name).shape == (hours, 3)
        assert getattr(expected, name)[0].tolist() == getattr(seen, name).tolist()
    assert expected.hashprice_usd_per_ph_day.shape == (hours,)
    assert expected.hashprice_usd_per_ph_day[0] == seen.hashprice_usd_per_ph_day
    assert not any(getattr(expected, name).flags.writeable for name in ALL_ARRAYS)


def test_persistence_expects_the_same_hour_of_the_day_before() -> None:
    forecast = feed_of(history_of(96, 3)).forecast(50, 30)
    assert prices(forecast) == [50, *range(27, 51), *range(27, 32)]
    assert forecast.carbon_intensity_g_per_kwh[1, 0] == 27.1
    assert forecast.dry_bulb_c[1, 0] == 27.2
    assert forecast.wet_bulb_c[1, 0] == 27.3
    assert len(set(forecast.hashprice_usd_per_ph_day.tolist())) == 1


def test_without_a_yesterday_the_present_is_expected() -> None:
    assert prices(feed_of(history_of(96, 3)).forecast(0, 26)) == [0] * 26
    assert prices(feed_of(history_of(96, 3)).forecast(3, 26)) == [3] * 21 + [0, 1, 2, 3, 3]


def test_persistence_goes_on_past_the_end_of_the_history() -> None:
    assert prices(feed_of(history_of(96, 3)).forecast(95, 49)) == [95, *range(72, 96), *range(72, 96)]


def test_perfect_knows_the_future_and_repeats_the_last_day_after_it() -> None:
    forecast = feed_of(history_of(96, 3), kind="perfect").forecast(70, 60)
    assert prices(forecast) == [*range(70, 96), *range(72, 96), *range(72, 82)]
    assert forecast.hashprice_usd_per_ph_day[2] == forecast.hashprice_usd_per_ph_day[0] + 1


def test_the_demand_calendar_is_known_however_far_ahead() -> None:
    feed = feed_of(history_of(96, 3))
    forecast = feed.forecast(90, 24 * 20)
    for hour in (0, 5, 100, 24 * 20 - 1):
        expected = multipliers_at(FIRST + timedelta(hours=90 + hour))
        assert forecast.demand_multiplier_share[hour].tolist() == expected.tolist()
    assert forecast.demand_tokens_per_h[7].tolist() == feed.forecast(90, 24).demand_tokens_per_h[7].tolist()


def test_day_ahead_prices_are_known_to_midnight_and_from_one_o_clock_to_the_next() -> None:
    feed = feed_of(history_of(120, 3), kind="day-ahead")
    # Berlin is at UTC + 1: at 12:00 UTC it is 13:00, and tomorrow ends at 23:00 UTC
    assert prices(feed.forecast(35, 48), site=0)[:13] == [*range(35, 47), 23]
    assert prices(feed.forecast(36, 48), site=0)[:36] == [*range(36, 71), 47]
    # Toronto's are real-time
    assert prices(feed.forecast(36, 48), site=2)[:3] == [36, 13, 14]


def test_a_market_day_that_ends_at_half_past_is_known_to_the_last_whole_hour() -> None:
    feed = feed_of(history_of(120, 3), kind="day-ahead")
    # Kolkata is at UTC + 5:30: midnight is 18:30 UTC, 13:00 is 07:30 UTC
    assert prices(feed.forecast(31, 24), site=1)[:12] == [*range(31, 42), 18]
    assert prices(feed.forecast(32, 48), site=1)[:36] == [*range(32, 66), 42, 43]


def test_beyond_what_is_published_the_last_published_day_repeats() -> None:
    forecast = feed_of(history_of(240, 3), kind="day-ahead").forecast(100, 72)
    until = (
        published_until_hour(int(FIRST.timestamp()) // 3_600 + 100, "Europe/Berlin") - int(FIRST.timestamp()) // 3_600
    )
    known = list(range(100, until))
    assert prices(forecast)[: len(known) + 24] == [*known, *range(until - 24, until)]


def test_carbon_weather_and_hashprice_are_not_published_ahead() -> None:
    history = history_of(240, 3)
    published, persisted = feed_of(history, kind="day-ahead").forecast(100, 72), feed_of(history).forecast(100, 72)
    for name in ("carbon_intensity_g_per_kwh", "dry_bulb_c", "wet_bulb_c", "hashprice_usd_per_ph_day"):
        assert getattr(published, name).tolist() == getattr(persisted, name).tolist()


@pytest.mark.parametrize(
    "clock",
    ["Europe/Berlin", "America/Chicago", "Asia/Kolkata", "Australia/Sydney", "America/Santiago", "Asia/Kathmandu"],
)
def test_publication_is_right_in_every_hour_of_a_year_with_its_dst_days(clock: str) -> None:
    history = history_of(24 * 366, 1)
    feed, first = feed_of(history, ((clock, "day-ahead"),), kind="day-ahead"), first_hour_of(history)
    for hour in range(24, 24 * 363):
        known = published_until_hour(first + hour, clock) - first - hour
        rows = prices(feed.forecast(hour, 48))
        assert rows[: known + 1] == [*range(hour, hour + known), hour + known - 24]


def peeks(kind: ForecastKind, tick_minutes: int = 60) -> bool:
    """True if a forecast changes with later values, published prices left alone."""
    history, now = history_of(24 * 8, len(MARKETS)), 24 * 4 + 14
    known = [now + 1] * len(MARKETS)
    if kind == "day-ahead":
        for site, (clock, price_zone) in enumerate(MARKETS):
            if price_zone != REAL_TIME[1]:
                known[site] = published_until_hour(first_hour_of(history) + now, clock) - first_hour_of(history)
    changed = changed_after(history, now, known)
    before, after = (feed_of(h, kind=kind, tick_minutes=tick_minutes) for h in (history, changed))
    ticks = range((now + 1) * 60 // tick_minutes)
    return any(
        getattr(before.forecast(tick, hours), name).tolist() != getattr(after.forecast(tick, hours), name).tolist()
        for tick in ticks
        for hours in (24, 60)
        for name in ALL_ARRAYS
    )


def changed_after(history: History, now: int, known: list[int]) -> History:
    noise = np.random.default_rng(1)
    arrays: dict[str, Any] = {name: np.array(getattr(history, name)) for name in (*FORECAST_ARRAYS, "renewable_share")}
    for name, array in arrays.items():
        for site in range(array.shape[1]):
            first = known[site] if name == "energy_price_usd_per_mwh" else now + 1
            array[first:, site] = noise.normal(size=len(array) - first)
    hashprice = np.array(history.hashprice_usd_per_ph_day)
    hashprice[(now // 24 + 1) * 24 :] = noise.normal(size=len(hashprice) - (now // 24 + 1) * 24)
    return replace(history, sha256="1", hashprice_usd_per_ph_day=hashprice, **arrays)


@pytest.mark.parametrize("tick_minutes", [60, 30])
def test_no_honest_forecast_looks_at_what_has_not_happened(tick_minutes: int) -> None:
    assert not peeks("persistence", tick_minutes)
    assert not peeks("day-ahead", tick_minutes)


def test_the_perfect_forecast_is_caught_looking() -> None:
    assert peeks("perfect")


def test_no_row_after_the_present_is_ever_expected_without_publication() -> None:
    for hours in (1, 24, 25, 100):
        ahead = standing_steps(clock_hours(hours), np.ones(1, dtype=np.int64), 24)[0]
        assert ahead.max() <= 0
        assert ahead.min() >= -23
        assert ahead[0] == 0


def test_a_real_year_can_be_replayed(real_history: History) -> None:
    fleet = fleet_of_history(real_history)
    grid = TimeGrid(start=datetime(2023, 3, 26, tzinfo=UTC), tick_minutes=60)
    feed = ReplayFeed(RunConfig(fleet=fleet, grid=grid), real_history, forecast="day-ahead")
    row = int(grid.start.timestamp()) // 3_600 - first_hour_of(real_history)
    column = real_history.site_ids.index("frankfurt-de")
    site = fleet.site_ids.index("frankfurt-de")
    for tick in range(48):
        seen = feed.observe(tick).energy_price_usd_per_mwh[site]
        assert seen == real_history.energy_price_usd_per_mwh[row + tick, column]
    # at 11:00 UTC of a summer-time day Frankfurt knows tomorrow: 35 hours of it to 22:00 UTC
    forecast = feed.forecast(11, 48).energy_price_usd_per_mwh[:, site]
    truth = real_history.energy_price_usd_per_mwh[row + 11 : row + 59, column]
    assert (forecast[:35] == truth[:35]).all()
    assert forecast[35] == truth[11]
