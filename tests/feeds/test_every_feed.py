"""Properties that every feed has."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mara.core.market import REGION_COUNT
from mara.core.units import HOURS_PER_DAY
from mara.core.world import Forecast, Observation, RunConfig
from mara.feeds.base import Feed
from mara.feeds.files.history import History
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.feeds.synthetic.arrivals import ArrivalStream
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.feeds.synthetic.outages import OutageStream
from tests.feeds.synthetic_worlds import START, charter_of, hour_of

DAYS = 12
SEED = 7
CHARTER = charter_of()


def synthetic(config: RunConfig) -> Feed:
    return SyntheticFeed(config, SEED)


def replay_of(kind: ForecastKind) -> Callable[[RunConfig], Feed]:
    def replay(config: RunConfig) -> Feed:
        first = hour_of(START) - HOURS_PER_DAY
        source = SyntheticFeed(config, SEED).hours(first, first + DAYS * HOURS_PER_DAY)
        history = History(
            file=Path("history.csv"),
            sha256="",
            site_ids=config.fleet.site_ids,
            step_minutes=60,
            first_epoch_s=first * 3_600,
            energy_price_usd_per_mwh=source.price_usd_per_mwh,
            carbon_intensity_g_per_kwh=source.mix.carbon_intensity_g_per_kwh,
            renewable_share=source.mix.renewable_share,
            dry_bulb_c=source.weather.dry_bulb_c,
            wet_bulb_c=source.weather.wet_bulb_c,
            hashprice_usd_per_ph_day=np.full(DAYS * HOURS_PER_DAY, 55.0),
        )
        return ReplayFeed(
            config,
            history,
            forecast=kind,
            availability=OutageStream(config, SEED).availability,
            arrivals=ArrivalStream(config, SEED).arrivals,
        )

    return replay


every_feed = pytest.mark.parametrize(
    "make",
    [synthetic, replay_of("persistence"), replay_of("day-ahead"), replay_of("perfect")],
    ids=["synthetic", "replay-persistence", "replay-day-ahead", "replay-perfect"],
)
TICKS = (0, 1, 11, 12, 287, 288, 1_000, 2_500)


def is_same(one: Observation, other: Observation) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


@every_feed
def test_a_tick_is_the_same_for_whoever_asks_and_in_whatever_order(make: Callable[[RunConfig], Feed]) -> None:
    one, other = make(CHARTER), make(CHARTER)
    seen = [one.observe(tick) for tick in TICKS]
    again = [other.observe(tick) for tick in reversed(TICKS)]
    assert all(map(is_same, seen, reversed(again)))
    assert [observation.tick for observation in seen] == list(TICKS)


@every_feed
def test_an_observation_has_the_shapes_of_the_fleet_and_cannot_be_written(make: Callable[[RunConfig], Feed]) -> None:
    seen = make(CHARTER).observe(5)
    for field in fields(seen):
        values = getattr(seen, field.name)
        if isinstance(values, np.ndarray):
            assert values.shape == ((REGION_COUNT,) if field.name.startswith("demand") else (10,)), field.name
            assert values.dtype == np.float64
            assert not values.flags.writeable, field.name


@every_feed
@pytest.mark.parametrize("hours", [1, 2, 24, 48, 168])
def test_a_forecast_has_a_row_an_hour_and_begins_with_the_present(
    make: Callable[[RunConfig], Feed], hours: int
) -> None:
    feed = make(CHARTER)
    for tick in TICKS:
        seen, expected = feed.observe(tick), feed.forecast(tick, hours)
        assert expected.tick == tick
        for field in fields(Forecast):
            values = getattr(expected, field.name)
            if field.name != "published_count" and isinstance(values, np.ndarray):
                assert len(values) == hours, field.name
                assert np.isfinite(values).all(), field.name
                assert not values.flags.writeable, field.name
                np.testing.assert_allclose(values[0], getattr(seen, field.name), rtol=1e-12, err_msg=field.name)
        assert (expected.wet_bulb_c <= expected.dry_bulb_c).all()
        published = expected.published_count
        assert published is not None
        assert len(published) == CHARTER.fleet.site_count
        assert not published.flags.writeable
        assert ((published >= 1) & (published <= hours)).all()


@every_feed
def test_outages_and_customers_reach_the_observation(make: Callable[[RunConfig], Feed]) -> None:
    feed = make(CHARTER)
    assert len(feed.observe(0).arrivals) >= 45
    assert min(feed.observe(tick).availability_share.min() for tick in range(2_500)) < 1.0
    assert feed.name in {"synthetic", "replay"}
