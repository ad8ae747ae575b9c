"""Synthetic weather: seasons by hemisphere, heat in summer, possible humidity."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.core.climate import wet_bulb_c
from mara.feeds.synthetic.calibration import read_calibration
from mara.feeds.synthetic.humidity import DRY_BULBS_C, HUMIDITIES_SHARE, table, wet_bulbs_c
from mara.feeds.synthetic.local_hours import LocalClock
from mara.feeds.synthetic.weather import WAVE_RISE_C, Weather, saturation_share
from tests.feeds.synthetic_worlds import fleet_of, global_ten, hour_of, site_of

JULY, JANUARY = (hour_of(datetime(2025, month, 1, tzinfo=UTC)) for month in (7, 1))
MONTH_H = 31 * 24
SITES = global_ten().sites


def weather_of(seed: int, first: int, hours: int) -> tuple[Floats, Floats]:
    fleet = global_ten()
    local = LocalClock(tuple(site.timezone for site in fleet.sites)).hours(first, first + hours)
    seen = Weather(fleet, read_calibration(), seed).hours(first, first + hours, local)
    return seen.dry_bulb_c, seen.wet_bulb_c


def test_the_tabulated_wet_bulb_is_that_of_the_handbook() -> None:
    chance = np.random.default_rng(1)
    dry, humidity = chance.uniform(-35.0, 50.0, 2_000), chance.uniform(0.05, 1.0, 2_000)
    exact = np.array([wet_bulb_c(t, share) for t, share in zip(dry.tolist(), humidity.tolist(), strict=True)])
    away_from_freezing = np.abs(exact) > 1.0
    found = wet_bulbs_c(dry, humidity)
    assert np.abs(found - exact)[away_from_freezing].max() < 0.02
    assert (found <= dry).all()


def test_the_table_that_is_shipped_is_the_one_of_the_handbook() -> None:
    """Another machine's logarithms may end the handbook's search a step aside.

    A step is a thousandth of a degree.
    """
    rows = range(0, len(DRY_BULBS_C), 10)
    exact = [[wet_bulb_c(float(DRY_BULBS_C[row]), share) for share in HUMIDITIES_SHARE.tolist()] for row in rows]
    assert table()[:: rows.step] == pytest.approx(np.array(exact), abs=0.002)
    assert table().shape == (len(DRY_BULBS_C), len(HUMIDITIES_SHARE))


def test_summer_is_in_july_in_the_north_and_in_january_in_the_south() -> None:
    july, january = (
        np.mean([weather_of(s, m, MONTH_H)[0].mean(axis=0) for s in range(4)], axis=0) for m in (JULY, JANUARY)
    )
    for site, warmer in zip(SITES, july - january, strict=True):
        if abs(site.lat_deg) > 20.0:
            assert warmer * site.lat_deg > 0.0, site.id
            assert abs(warmer) > 7.0, site.id


def test_a_year_has_the_mean_temperature_of_the_place() -> None:
    wanted = np.array([5.0, 10.5, 6.5, 27.0, 20.0, 10.0, 16.5, 17.3, 16.6, 10.0])
    means = np.mean([weather_of(seed, JULY, 8_766)[0].mean(axis=0) for seed in range(6)], axis=0)
    np.testing.assert_allclose(means, wanted, atol=0.7)


def test_afternoons_are_warmest_by_the_local_clock() -> None:
    dry, _ = weather_of(2, JULY, MONTH_H)
    local = LocalClock(tuple(site.timezone for site in SITES)).hours(JULY, JULY + MONTH_H).hour
    for column in range(len(SITES)):
        by_hour = [dry[local[:, column] == hour, column].mean() for hour in range(24)]
        assert 12 <= int(np.argmax(by_hour)) <= 18


@pytest.mark.parametrize(("site_id", "month"), [("texas", 6), ("sydney", 12)])
def test_a_summer_has_three_heat_waves_of_four_days(site_id: str, month: int) -> None:
    calm = replace(global_ten(), sites=tuple(replace(s, climate={**s.climate, "noise_sd_c": 0.0}) for s in SITES))
    column = calm.site_ids.index(site_id)
    first = hour_of(datetime(2025, month, 1, tzinfo=UTC)) - 5 * 24
    hours = 100 * 24
    local = LocalClock(tuple(site.timezone for site in SITES)).hours(first, first + hours)
    weather = Weather(calm, read_calibration(), 7)
    dry = weather.hours(first, first + hours, local).dry_bulb_c[:, column]
    next_day_c = dry[24:] - dry[:-24]
    assert next_day_c.max() == pytest.approx(WAVE_RISE_C, abs=0.3)
    risen = dry - np.array([np.median(dry[local.hour[:, column] == h]) for h in range(24)])[local.hour[:, column]]
    is_hot = risen > WAVE_RISE_C / 2
    assert (np.diff(is_hot.astype(int)) == 1).sum() == 3
    assert is_hot.sum() == pytest.approx(3 * (4 * 24 - 12), abs=15)
    assert np.abs(np.diff(dry)).max() < 3.0


def test_hot_air_is_never_wetter_than_the_place_allows() -> None:
    dry, wet = weather_of(5, JULY, 3 * 8_766)
    assert (wet <= dry).all()
    limit = np.array([site.climate["most_dew_point_c"] for site in SITES])
    humid = wet_bulbs_c(dry, np.minimum(saturation_share(limit, dry), 0.99))
    assert (wet <= humid + 1e-9).all()
    assert wet.max() < 33.0


def test_a_site_that_says_nothing_gets_the_climate_of_its_latitude() -> None:
    fleet = fleet_of(*(replace(site_of(), lat_deg=lat) for lat in (1.0, 64.0, -34.0)))
    local = LocalClock(("Europe/Berlin",) * 3).hours(JULY, JULY + 8_766)
    dry = Weather(fleet, read_calibration(), 1).hours(JULY, JULY + 8_766, local).dry_bulb_c
    tropics, arctic, south = dry.mean(axis=0)
    assert tropics > 24.0
    assert arctic < 8.0
    assert 12.0 < south < 20.0
    assert dry[:MONTH_H, 1].mean() > arctic + 5.0
    assert dry[:MONTH_H, 2].mean() < south - 3.0


def test_a_measured_place_gets_its_measured_climate() -> None:
    fleet = replace(fleet_of(site_of()), sites=(replace(site_of(), id="singapore-sg", lat_deg=1.3),))
    local = LocalClock(("Asia/Singapore",)).hours(JULY, JULY + 8_766)
    assert Weather(fleet, read_calibration(), 1).hours(JULY, JULY + 8_766, local).dry_bulb_c.mean() == pytest.approx(
        27.4, abs=0.5
    )
