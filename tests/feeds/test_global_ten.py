"""The default fleet is as documented: sizes, limits, and the price level of sites."""

from dataclasses import dataclass

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.core.climate import pue_of
from mara.feeds.synthetic.feed import HourBlock, SyntheticFeed
from tests.feeds.synthetic_worlds import HOURS_PER_YEAR, charter_of, global_ten, hour_of

FLEET = global_ten()
ROOMY = ("iceland", "vancouver", "oslo", "texas")
IS_ROOMY = np.array([name in ROOMY for name in FLEET.site_ids])
SEEDS = (1, 2)
YEARS = 12


@dataclass(frozen=True)
class Level:
    """A market's row in the documentation's table of sites."""

    mean_usd_per_mwh: float
    carbon_g_per_kwh: float
    renewable_share: float


LEVELS = {
    "iceland": Level(43.0, 28.0, 1.00),
    "vancouver": Level(45.0, 73.0, 0.97),
    "oslo": Level(45.0, 33.0, 0.95),
    "singapore": Level(121.0, 485.0, 0.03),
    "texas": Level(28.0, 367.0, 0.35),
    "dublin": Level(115.0, 353.0, 0.44),
    "tokyo": Level(87.0, 544.0, 0.17),
    "sydney": Level(131.0, 552.0, 0.33),
    "santiago": Level(87.0, 238.0, 0.66),
    "berlin": Level(85.0, 340.0, 0.60),
}
every_site = pytest.mark.parametrize("site_id", list(LEVELS))


def needed_mw(dry_bulb_c: Floats) -> Floats:
    """Site power with everything running (S,) [MW]."""
    return np.asarray((FLEET.nameplate_mw * pue_of(dry_bulb_c, dry_bulb_c - 3.0, FLEET)).sum(axis=1))


MEAN_C = np.array([site.climate["mean_dry_bulb_c"] for site in FLEET.sites])
SUMMER_C = MEAN_C + np.array([site.climate["seasonal_amplitude_c"] for site in FLEET.sites])


@pytest.fixture(scope="module")
def worlds() -> list[HourBlock]:
    config = charter_of()
    first = hour_of(config.grid.start)
    return [SyntheticFeed(config, seed).hours(first, first + YEARS * HOURS_PER_YEAR) for seed in SEEDS]


def price_at(worlds: list[HourBlock], site_id: str) -> Floats:
    column = FLEET.site_ids.index(site_id)
    return np.concatenate([world.price_usd_per_mwh[:, column] for world in worlds])


def test_the_sites_stand_in_the_order_of_the_table() -> None:
    assert list(FLEET.site_ids) == list(LEVELS)


def test_the_whole_pool_is_distributed() -> None:
    assert FLEET.units_count.sum(axis=0).tolist() == [70_000, 25_000, 20_000, 5_200, 1_250]
    assert FLEET.racks_mw.sum() == pytest.approx(71.8, abs=0.05)


def test_the_grid_gives_five_hundred_megawatts_in_connections_of_twenty_to_ninety() -> None:
    assert FLEET.grid_limit_mw.sum() == pytest.approx(500.0, abs=10.0)
    assert FLEET.grid_limit_mw.min() == 20.0
    assert FLEET.grid_limit_mw.max() == 90.0
    assert FLEET.grid_limit_mw[IS_ROOMY].sum() == pytest.approx(220.0, abs=5.0)


def test_four_connections_are_roomy_and_five_bind() -> None:
    assert (FLEET.grid_limit_mw[IS_ROOMY] >= 1.03 * needed_mw(SUMMER_C)[IS_ROOMY]).all()
    assert (FLEET.grid_limit_mw[IS_ROOMY] <= 1.15 * needed_mw(MEAN_C)[IS_ROOMY]).all()
    binding = ~IS_ROOMY & (np.array(FLEET.site_ids) != "singapore")
    assert (FLEET.grid_limit_mw[binding] < 0.80 * needed_mw(MEAN_C)[binding]).all()


def test_racks_alone_fit_every_connection_on_a_hot_day() -> None:
    hot = SUMMER_C + 8.0
    racks_mw = FLEET.racks_mw * pue_of(hot, hot - 5.0, FLEET)[:, 3]
    assert (racks_mw < FLEET.grid_limit_mw).all()


def test_most_of_singapore_is_racks_and_its_cooling_is_in_the_orange() -> None:
    singapore = FLEET.site_ids.index("singapore")
    assert FLEET.racks_mw[singapore] >= 0.6 * FLEET.nameplate_mw[singapore].sum()
    efficiency_share = 1.0 / pue_of(MEAN_C, MEAN_C - 2.0, FLEET)[singapore, 3]
    assert 0.60 < efficiency_share < 0.80


@every_site
def test_a_market_has_the_mean_price_of_the_table(worlds: list[HourBlock], site_id: str) -> None:
    assert price_at(worlds, site_id).mean() == pytest.approx(LEVELS[site_id].mean_usd_per_mwh, rel=0.10)


@every_site
def test_a_grid_has_the_carbon_and_the_renewables_of_the_table(worlds: list[HourBlock], site_id: str) -> None:
    column = FLEET.site_ids.index(site_id)
    carbon = np.mean([world.mix.carbon_intensity_g_per_kwh[:, column].mean() for world in worlds])
    renewable = np.mean([world.mix.renewable_share[:, column].mean() for world in worlds])
    assert carbon == pytest.approx(LEVELS[site_id].carbon_g_per_kwh, rel=0.03)
    assert renewable == pytest.approx(LEVELS[site_id].renewable_share, abs=0.015)


def test_clean_hours_are_hours_of_wind_and_sun(worlds: list[HourBlock]) -> None:
    for site_id in ("texas", "dublin", "tokyo", "sydney", "santiago", "berlin"):
        column = FLEET.site_ids.index(site_id)
        mix = worlds[0].mix
        together = np.corrcoef(mix.carbon_intensity_g_per_kwh[:, column], mix.renewable_share[:, column])[0, 1]
        assert together < -0.8, site_id


def test_texas_and_sydney_have_their_medians_and_their_spikes(worlds: list[HourBlock]) -> None:
    texas, sydney = price_at(worlds, "texas"), price_at(worlds, "sydney")
    assert np.median(texas) == pytest.approx(20.0, rel=0.05)
    assert np.median(sydney) == pytest.approx(83.0, rel=0.05)
    assert 2_000.0 < texas.max() <= 5_000.0
    assert 5_000.0 < sydney.max() <= 15_000.0


def test_hours_below_zero_and_at_zero_are_as_many_as_the_table_says(worlds: list[HourBlock]) -> None:
    assert (price_at(worlds, "sydney") < 0.0).mean() == pytest.approx(0.06, abs=0.01)
    assert (price_at(worlds, "berlin") < 0.0).mean() == pytest.approx(0.05, abs=0.01)
    santiago = price_at(worlds, "santiago")
    assert (santiago == 0.0).mean() == pytest.approx(0.24, abs=0.02)
    assert santiago.min() == 0.0


def test_power_in_santiago_is_free_at_noon_and_dear_in_the_evening(worlds: list[HourBlock]) -> None:
    is_free = (price_at(worlds, "santiago").reshape(-1, 24) == 0.0).mean(axis=0)
    noon_utc, evening_utc, night_utc = slice(15, 18), slice(22, 24), slice(4, 9)
    assert is_free[noon_utc].mean() > 0.40
    assert is_free[evening_utc].mean() < 0.06
    assert is_free[night_utc].mean() < 0.25


def test_singapore_is_volatile_below_its_cap(worlds: list[HourBlock]) -> None:
    singapore = price_at(worlds, "singapore")
    assert singapore.std() == pytest.approx(161.0, rel=0.10)
    assert singapore.max() <= 3_300.0


def test_contract_and_tariff_are_near_flat(worlds: list[HourBlock]) -> None:
    assert np.ptp(price_at(worlds, "vancouver")) < 0.01
    assert price_at(worlds, "iceland").std() < 1.0


def test_markets_have_little_in_common_but_fuel(worlds: list[HourBlock]) -> None:
    daily = worlds[0].price_usd_per_mwh[:, 2:].reshape(-1, 24, 8).mean(axis=1)
    hourly = np.asarray(np.corrcoef(np.diff(daily, axis=0).T))
    assert np.abs(hourly[~np.eye(8, dtype=bool)]).max() < 0.4
