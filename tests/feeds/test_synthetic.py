"""The synthetic feed is a function of its seed; its forecasts do not see ahead."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mara.core.arrays import Floats, Ints
from mara.core.market import token_demand_per_h
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH, Forecast, Observation
from mara.errors import ConfigError
from mara.feeds.base import Feed
from mara.feeds.day_ahead import is_day_ahead, published_until_hour
from mara.feeds.synthetic.feed import BLOCK_HOURS, HourBlock, SyntheticFeed
from tests.builders import multipliers_at
from tests.feeds.synthetic_worlds import HOURS_PER_YEAR, charter_of, fleet_of, global_ten, hour_of, site_of

DAY = 288
DAY_AHEAD = [i for i, site in enumerate(global_ten().sites) if is_day_ahead(site.price_zone)]
REAL_TIME = [i for i, site in enumerate(global_ten().sites) if not is_day_ahead(site.price_zone)]
SINGAPORE, SYDNEY, BERLIN = (global_ten().site_ids.index(name) for name in ("singapore", "sydney", "berlin"))


def arrays_of(record: Observation | Forecast) -> Iterator[tuple[str, Floats]]:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            yield field.name, value


def is_same(one: Observation, other: Observation) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def test_ticks_asked_for_in_any_order_are_the_same_ticks() -> None:
    ticks = [0, 1, 13, DAY - 1, DAY, 7 * DAY, 41 * DAY + 5, 400 * DAY]
    forwards, backwards = SyntheticFeed(charter_of(), 7), SyntheticFeed(charter_of(), 7)
    seen = {tick: forwards.observe(tick) for tick in ticks}
    for tick in reversed(ticks):
        backwards.forecast(tick, 24)
        assert is_same(backwards.observe(tick), seen[tick])


def test_another_seed_is_another_world() -> None:
    one, other = (SyntheticFeed(charter_of(), seed).observe(5) for seed in (7, 8))
    assert not np.isclose(one.energy_price_usd_per_mwh[SINGAPORE], other.energy_price_usd_per_mwh[SINGAPORE])
    assert one.hashprice_usd_per_ph_day != other.hashprice_usd_per_ph_day
    assert not np.isclose(one.dry_bulb_c, other.dry_bulb_c).any()


def test_the_world_is_the_same_whenever_a_run_begins_and_however_long_its_ticks_are() -> None:
    feed = SyntheticFeed(charter_of(), 7)
    later = SyntheticFeed(charter_of(tick_minutes=60, start=datetime(2025, 7, 3, tzinfo=UTC)), 7)
    for hours in (0, 30):
        ours, theirs = feed.observe(2 * DAY + 12 * hours), later.observe(hours)
        np.testing.assert_array_equal(ours.dry_bulb_c, theirs.dry_bulb_c)
        np.testing.assert_array_equal(
            ours.energy_price_usd_per_mwh[DAY_AHEAD], theirs.energy_price_usd_per_mwh[DAY_AHEAD]
        )
        assert ours.hashprice_usd_per_ph_day == theirs.hashprice_usd_per_ph_day


def test_a_week_is_the_same_drawn_alone_or_within_two_years() -> None:
    feed = SyntheticFeed(charter_of(), 7)
    first = hour_of(charter_of().grid.start)
    longer = feed.hours(first - 500, first + 2 * HOURS_PER_YEAR)
    for begin in range(0, 2 * HOURS_PER_YEAR - 168, 24 * 37):
        week, span = feed.hours(first + begin, first + begin + 168), slice(begin + 500, begin + 668)
        np.testing.assert_array_equal(week.price_usd_per_mwh, longer.price_usd_per_mwh[span])
        np.testing.assert_array_equal(week.weather.dry_bulb_c, longer.weather.dry_bulb_c[span])
        np.testing.assert_array_equal(week.weather.wet_bulb_c, longer.weather.wet_bulb_c[span])
        np.testing.assert_array_equal(week.mix.renewable_share, longer.mix.renewable_share[span])
        np.testing.assert_array_equal(week.mix.carbon_intensity_g_per_kwh, longer.mix.carbon_intensity_g_per_kwh[span])


def test_whatever_is_observed_can_be() -> None:
    feed = SyntheticFeed(charter_of(), 11)
    for tick in range(0, 2 * 365 * DAY, 997):
        seen = feed.observe(tick)
        for name, values in arrays_of(seen):
            assert np.isfinite(values).all(), name
            assert not values.flags.writeable, name
        assert seen.energy_price_usd_per_mwh.min() >= MIN_PRICE_USD_PER_MWH
        assert seen.energy_price_usd_per_mwh.max() <= MAX_PRICE_USD_PER_MWH
        assert (seen.wet_bulb_c <= seen.dry_bulb_c).all()
        assert seen.dry_bulb_c.min() > -40.0
        assert seen.dry_bulb_c.max() < 50.0
        assert (seen.carbon_intensity_g_per_kwh > 0.0).all()
        assert ((seen.renewable_share >= 0.0) & (seen.renewable_share <= 1.0)).all()
        assert ((seen.availability_share >= 0.0) & (seen.availability_share <= 1.0)).all()
        assert 30.0 < seen.hashprice_usd_per_ph_day < 90.0


def test_real_time_prices_move_within_the_hour_and_keep_its_mean() -> None:
    feed = SyntheticFeed(charter_of(), 7)
    first = hour_of(charter_of().grid.start)
    hourly = feed.hours(first, first + 48).price_usd_per_mwh
    seen = np.array([feed.observe(tick).energy_price_usd_per_mwh for tick in range(2 * DAY)]).reshape(48, 12, -1)
    np.testing.assert_allclose(seen.mean(axis=1), hourly, rtol=1e-9, atol=1e-9)
    assert np.ptp(seen, axis=1)[:, DAY_AHEAD].max() == 0.0
    moved = seen.std(axis=1)[:, [SINGAPORE, SYDNEY]] / np.abs(hourly[:, [SINGAPORE, SYDNEY]])
    assert 0.02 < np.median(moved) < 0.04


def test_a_forecast_begins_with_what_is_observed() -> None:
    feed: Feed = SyntheticFeed(charter_of(), 7)
    for tick in (0, 7, 40 * DAY + 3):
        seen, expected = feed.observe(tick), feed.forecast(tick, 24)
        for name, values in arrays_of(expected):
            if name == "published_count":  # by site, not by hour
                continue
            assert len(values) == 24
            np.testing.assert_allclose(values[0], getattr(seen, name), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("utc_hour", [0, 4, 10, 11, 12, 17, 23])
def test_published_prices_are_known_exactly_and_no_further(utc_hour: int) -> None:
    config = charter_of()
    feed = SyntheticFeed(config, 7)
    tick = 3 * DAY + 12 * utc_hour + 7
    hour = hour_of(config.grid.at(tick))
    forecast = feed.forecast(tick, 48)
    expected, published = forecast.energy_price_usd_per_mwh, forecast.published_count
    real = feed.hours(hour - 24, hour + 48).price_usd_per_mwh
    assert published is not None
    assert set(np.delete(published, DAY_AHEAD)) == {1}
    for site in DAY_AHEAD:
        known = published_until_hour(hour, config.fleet.sites[site].timezone) - hour
        assert 0 < known <= 36
        assert published[site] == known
        np.testing.assert_array_equal(expected[:known, site], real[24 : 24 + known, site])
        last_known_day = real[known : 24 + known, site]
        np.testing.assert_array_equal(expected[known:, site], np.tile(last_known_day, 2)[: 48 - known])
        assert not np.array_equal(expected[known:, site], real[24 + known :, site])


def test_nothing_that_is_still_unknown_changes_a_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    config = charter_of()
    tick = 5 * DAY + 12 * 9 + 4
    now = hour_of(config.grid.at(tick))
    honest = SyntheticFeed(config, 7).forecast(tick, 168)
    fed = SyntheticFeed(config, 7)
    draw = fed.hours
    until = [
        published_until_hour(now, site.timezone) if is_day_ahead(site.price_zone) else now + 1
        for site in config.fleet.sites
    ]

    def poisoned(first: int, end: int) -> HourBlock:
        block = draw(first, end)
        hours = np.arange(first, end)[:, None]

        def spoiled(values: Floats, known_until: Ints | int) -> Floats:
            return np.where(hours < known_until, values, 12_345.0)

        return HourBlock(
            price_usd_per_mwh=spoiled(block.price_usd_per_mwh, np.array(until)),
            mix=replace(
                block.mix,
                carbon_intensity_g_per_kwh=spoiled(block.mix.carbon_intensity_g_per_kwh, now + 1),
            ),
            weather=replace(
                block.weather,
                dry_bulb_c=spoiled(block.weather.dry_bulb_c, now + 1),
                wet_bulb_c=spoiled(block.weather.wet_bulb_c, now + 1),
            ),
        )

    monkeypatch.setattr(fed, "hours", poisoned)
    for name, values in arrays_of(fed.forecast(tick, 168)):
        np.testing.assert_array_equal(values, getattr(honest, name), err_msg=name)


def test_a_real_time_forecast_stays_within_the_last_day() -> None:
    feed = SyntheticFeed(charter_of(), 7)
    for tick in range(DAY, 60 * DAY, 1_001):
        hour = hour_of(charter_of().grid.at(tick))
        last = feed.hours(hour - 23, hour + 1).price_usd_per_mwh[:, REAL_TIME]
        expected = feed.forecast(tick, 24).energy_price_usd_per_mwh[1:, REAL_TIME]
        assert (expected >= last.min(axis=0)).all()
        assert (expected <= last.max(axis=0)).all()


def test_todays_level_makes_weather_forecasts_better_than_yesterday_alone() -> None:
    feed = SyntheticFeed(charter_of(), 7)
    first = hour_of(charter_of().grid.start)
    real = feed.hours(first, first + 24 * 70).weather.dry_bulb_c
    adjusted, plain = [], []
    for hour in range(48, 24 * 60, 11):
        expected = feed.forecast(12 * hour, 13).dry_bulb_c[1:]
        adjusted.append(np.abs(expected - real[hour + 1 : hour + 13]).mean())
        plain.append(np.abs(real[hour - 23 : hour - 11] - real[hour + 1 : hour + 13]).mean())
    assert np.mean(adjusted) < 0.9 * np.mean(plain)


@pytest.mark.parametrize("hours", [24, 168, 24 * 30])
def test_the_demand_calendar_is_known_however_far_ahead(hours: int) -> None:
    config = charter_of()
    tick = 6 * DAY + 100
    expected = SyntheticFeed(config, 7).forecast(tick, hours)
    for row in (0, 1, hours - 1):
        moment = (config.grid.at(tick) + timedelta(hours=row)).replace(minute=0)
        np.testing.assert_array_equal(expected.demand_multiplier_share[row], multipliers_at(moment))
        np.testing.assert_array_equal(
            expected.demand_tokens_per_h[row], token_demand_per_h(multipliers_at(moment), config.fleet)
        )


def test_a_run_may_begin_off_the_hour_and_in_a_zone_with_half_an_hour() -> None:
    fleet = fleet_of(site_of("Asia/Kolkata", "IEX DAM"), site_of("Australia/Lord_Howe", "none"))
    feed = SyntheticFeed(charter_of(fleet, 10, datetime(2024, 10, 5, 23, 37, tzinfo=UTC)), 3)
    for tick in range(200):
        seen, expected = feed.observe(tick), feed.forecast(tick, 30)
        np.testing.assert_array_equal(seen.energy_price_usd_per_mwh, expected.energy_price_usd_per_mwh[0])
    hours = [feed.observe(tick).energy_price_usd_per_mwh[0] for tick in range(3, 9)]
    assert len(set(hours)) == 1


def test_a_thousand_sites_have_a_world_too() -> None:
    sites = [site for _ in range(100) for site in global_ten().sites]
    feed = SyntheticFeed(charter_of(fleet_of(*sites)), 7)
    seen, expected = feed.observe(BLOCK_HOURS), feed.forecast(BLOCK_HOURS, 24)
    assert seen.energy_price_usd_per_mwh.shape == (1_000,)
    assert expected.energy_price_usd_per_mwh.shape == (24, 1_000)
    assert len(set(seen.energy_price_usd_per_mwh[BERLIN::10])) == 100


@pytest.mark.parametrize(
    ("table", "fields_of_table", "said"),
    [
        ("market", {"mean_price": 40.0}, "market.mean_price is not a field"),
        ("market", {"mean_renewable_share": 1.2}, "should be a number from 0 to 1, came 1.2"),
        ("market", {"mean_price_usd_per_mwh": "high"}, "came 'high'"),
        ("market", {"shape": "frankfurt"}, "the nearest is frankfurt-de"),
        ("market", {"min_price_usd_per_mwh": 9.0, "max_price_usd_per_mwh": 5.0}, "should be at least the lowest price"),
        ("market", {"mean_price_usd_per_mwh": 900.0, "max_price_usd_per_mwh": 100.0}, "cannot be 900"),
        ("climate", {"mean_dry_bulb": 10.0}, "the nearest is mean_dry_bulb_c"),
        ("climate", {"mean_dry_bulb_c": 300.0}, "should be a number from -30 to 40"),
    ],
)
def test_a_site_that_cannot_be_is_refused_with_the_field(
    table: str, fields_of_table: dict[str, float | str], said: str
) -> None:
    fleet = fleet_of(replace(site_of(), **{table: fields_of_table}))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=said):
        SyntheticFeed(charter_of(fleet), 1)
