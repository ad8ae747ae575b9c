"""Synthetic prices of the ten measured sites have the measured year's statistics.

Tolerances: mean 8 %, 1 % quantile 6 USD or 15 %, 99 % quantile 20 %, negative hours 1.5 points, autocorrelation 0.05
after an hour and 0.10 after a day, carbon and renewables 5 %. Simulated: eight seeds of twelve years, because the
spikes of one year are few.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.core.fleet import Fleet
from mara.feeds.files.history import History
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.synthetic.calibration import read_calibration
from mara.feeds.synthetic.feed import HourBlock, SyntheticFeed
from mara.feeds.synthetic.local_hours import LocalClock
from mara.feeds.synthetic.prices import MarketPrices
from tests.feeds.synthetic_worlds import charter_of, hour_of

SITES = (
    *("stockholm-se", "dallas-us", "singapore-sg", "sanjose-us", "toronto-ca"),
    *("frankfurt-de", "saopaulo-br", "sydney-au", "tokyo-jp", "mumbai-in"),
)
every_site = pytest.mark.parametrize("site_id", SITES)
YEAR = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
FIRST = hour_of(YEAR[0])
HOURS_PER_YEAR = 365 * 24
SEEDS = range(8)
YEARS = 12


@dataclass(frozen=True)
class Worlds:
    """A measured year and a century of simulated ones."""

    fleet: Fleet
    year: History
    simulated: Floats  # (seeds, N, S)

    def prices_at(self, site_id: str) -> tuple[Floats, Floats]:
        """Measured (8760,) and simulated (years, 8760) prices."""
        column = self.fleet.site_ids.index(site_id)
        return self.year.energy_price_usd_per_mwh[:, column], self.simulated[:, :, column].reshape(-1, HOURS_PER_YEAR)


@pytest.fixture(scope="module")
def worlds(real_history: History) -> Worlds:
    fleet = fleet_of_history(real_history)
    year = real_history.for_sites(fleet.site_ids).window(*YEAR)
    first, end = FIRST, FIRST + YEARS * HOURS_PER_YEAR
    local = LocalClock(tuple(site.timezone for site in fleet.sites)).hours(first, end)
    feeds = [MarketPrices(fleet, read_calibration(), seed) for seed in SEEDS]
    return Worlds(
        fleet=fleet,
        year=year,
        simulated=np.array([prices.of_noise(prices.noise(first, end), local) for prices in feeds]),
    )


def autocorrelation(series: Floats, lag: int) -> float:
    centred = series - series.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / centred.var())


@every_site
def test_mean_and_quantiles_of_prices_are_those_of_the_market(worlds: Worlds, site_id: str) -> None:
    measured, simulated = worlds.prices_at(site_id)
    low, high = np.quantile(measured, [0.01, 0.99])
    assert simulated.mean() == pytest.approx(measured.mean(), rel=0.08)
    assert np.quantile(simulated, 0.01) == pytest.approx(low, abs=max(6.0, 0.15 * abs(low)))
    assert np.quantile(simulated, 0.99) == pytest.approx(high, rel=0.20)


@every_site
def test_negative_hours_are_as_many_as_in_the_market(worlds: Worlds, site_id: str) -> None:
    measured, simulated = worlds.prices_at(site_id)
    assert (simulated < 0.0).mean() == pytest.approx((measured < 0.0).mean(), abs=0.015)


@every_site
@pytest.mark.parametrize(("lag", "tolerance"), [(1, 0.05), (24, 0.10)])
def test_prices_remember_as_the_market_does(worlds: Worlds, site_id: str, lag: int, tolerance: float) -> None:
    measured, simulated = worlds.prices_at(site_id)
    found = np.mean([autocorrelation(year, lag) for year in simulated])
    assert found == pytest.approx(autocorrelation(measured, lag), abs=tolerance)


@every_site
def test_prices_have_the_markets_day(worlds: Worlds, site_id: str) -> None:
    measured, simulated = worlds.prices_at(site_id)
    days = [np.median(series.reshape(-1, 24), axis=0) for series in (measured, simulated)]
    spread = np.quantile(measured, 0.75) - np.quantile(measured, 0.25)
    assert np.abs(days[0] - days[1]).max() < max(0.30 * spread, 1.0)


@pytest.fixture(scope="module")
def mix(worlds: Worlds) -> HourBlock:
    return SyntheticFeed(charter_of(worlds.fleet), 1).hours(FIRST, FIRST + 4 * HOURS_PER_YEAR)


@every_site
def test_carbon_and_renewables_are_those_of_the_grid(worlds: Worlds, mix: HourBlock, site_id: str) -> None:
    column = worlds.fleet.site_ids.index(site_id)
    carbon, renewable = mix.mix.carbon_intensity_g_per_kwh[:, column], mix.mix.renewable_share[:, column]
    measured_carbon = worlds.year.carbon_intensity_g_per_kwh[:, column]
    measured_renewable = worlds.year.renewable_share[:, column]
    assert carbon.mean() == pytest.approx(measured_carbon.mean(), rel=0.05)
    assert renewable.mean() == pytest.approx(measured_renewable.mean(), rel=0.05, abs=0.005)
    assert carbon.std() == pytest.approx(measured_carbon.std(), rel=0.20)
    assert renewable.std() == pytest.approx(measured_renewable.std(), rel=0.20)


@every_site
def test_weather_is_that_of_the_place(worlds: Worlds, mix: HourBlock, site_id: str) -> None:
    column = worlds.fleet.site_ids.index(site_id)
    dry, wet = mix.weather.dry_bulb_c[:, column], mix.weather.wet_bulb_c[:, column]
    measured_dry, measured_wet = worlds.year.dry_bulb_c[:, column], worlds.year.wet_bulb_c[:, column]
    assert dry.mean() == pytest.approx(measured_dry.mean(), abs=0.7)
    assert wet.mean() == pytest.approx(measured_wet.mean(), abs=0.7)
    assert dry.std() == pytest.approx(measured_dry.std(), rel=0.30)
    assert np.quantile(wet, 0.99) == pytest.approx(np.quantile(measured_wet, 0.99), abs=2.5)
