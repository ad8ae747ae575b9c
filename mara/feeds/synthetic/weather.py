"""Synthetic weather: season, time of day, passing fronts, and heat waves.

dry bulb = mean + seasonal x cos(year) + daily x cos(day) + noise        a heat wave replaces the noise by 8 C
humidity = mean + slope x (dry bulb - season) + noise

Chosen: the heat waves. Measured at ten sites, 2023 (mara/data/SOURCES.md): the memory of the noise, its calm in summer
and the daily slope of humidity. Model: docs/model.md#14-the-synthetic-world
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.fleet import Fleet, Site
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.feeds.files.site_fields import CLIMATE_BOUNDS, climate_fields
from mara.feeds.synthetic.calibration import Calibration
from mara.feeds.synthetic.draws import Decay, RandomStream, Series, generator
from mara.feeds.synthetic.humidity import wet_bulbs_c
from mara.feeds.synthetic.local_hours import DAYS_PER_YEAR, LocalHours, year_phase_share

FRONTS: Final = Series((Decay(half_life_rows=48.0, doublings=8),))
CLOUDS: Final = Series((Decay(half_life_rows=6.0, doublings=6),))
FRONTS_OF_DRY_BULB_SHARE: Final = 0.75
FRONTS_OF_HUMIDITY_SHARE: Final = 0.5
"""Share of the noise's variance that lasts for days; the rest lasts for hours."""
SUMMER_CALM_SHARE: Final = 0.2
"""Relative decrease of the noise at midsummer, and increase at midwinter."""
MOST_NOISE: Final = 2.75
"""Standard deviations at which the dry bulb's noise is cut.

Without a cut, long runs would go far beyond the records of a place.
"""
WARMEST_LOCAL_HOUR: Final = 15
DAILY_HUMIDITY_SLOPE_SHARE_PER_C: Final = -0.036
LEAST_HUMIDITY_SHARE: Final = 0.08
MOST_HUMIDITY_SHARE: Final = 0.99

WAVE_RISE_C: Final = 8.0
WAVE_HOURS: Final = 4 * HOURS_PER_DAY
WAVE_EDGE_HOURS: Final = 12
WAVES_PER_SUMMER: Final = 3
SUMMER_DAYS: Final = 90
"""Days of a summer, of which each third has one heat wave.

June to August in the north, December to February in the south.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeatherHours:
    """Weather by hour and site (N, S)."""

    dry_bulb_c: Floats
    wet_bulb_c: Floats


class Weather:
    """Weather at all sites of a fleet, by hour counted from 1970 UTC.

    Raises:
        ConfigError: a site's climate cannot be used.
    """

    def __init__(self, fleet: Fleet, calibration: Calibration, seed: int) -> None:
        self._seed = seed
        self._width = fleet.site_count
        climates = [climate_of(site, calibration) for site in fleet.sites]
        self._climate = {key: np.array([climate[key] for climate in climates]) for key in CLIMATE_BOUNDS}
        self._is_south = np.array([site.lat_deg < 0.0 for site in fleet.sites])

    def hours(self, first: int, end: int, local: LocalHours) -> WeatherHours:
        """Draw the weather of hours ``[first, end)``."""
        climate, phase = self._climate, year_phase_share(first, end)[:, None]
        year = np.cos(2.0 * np.pi * (phase - climate["warmest_day"] / DAYS_PER_YEAR))
        day = np.cos(2.0 * np.pi * (local.hour - WARMEST_LOCAL_HOUR) / HOURS_PER_DAY)
        season_c = climate["mean_dry_bulb_c"] + climate["seasonal_amplitude_c"] * year
        wave = self._waves(first, end)
        fair_c = climate["daily_amplitude_c"] * day + wave * WAVE_RISE_C
        noise = np.clip(
            self._noise(RandomStream.WEATHER, first, end, FRONTS_OF_DRY_BULB_SHARE), -MOST_NOISE, MOST_NOISE
        )
        noise_c = climate["noise_sd_c"] * (1.0 - SUMMER_CALM_SHARE * year) * (1.0 - wave) * noise
        dry_bulb_c = season_c + fair_c + noise_c
        humidity = climate["mean_humidity_share"] + DAILY_HUMIDITY_SLOPE_SHARE_PER_C * fair_c
        humidity += climate["humidity_slope_share_per_c"] * noise_c
        humidity += climate["humidity_sd_share"] * self._noise(
            RandomStream.HUMIDITY, first, end, FRONTS_OF_HUMIDITY_SHARE
        )
        most = np.minimum(saturation_share(climate["most_dew_point_c"], dry_bulb_c), MOST_HUMIDITY_SHARE)
        wet_bulb_c = wet_bulbs_c(dry_bulb_c, np.clip(humidity, LEAST_HUMIDITY_SHARE, most))
        return WeatherHours(dry_bulb_c=sealed(dry_bulb_c), wet_bulb_c=sealed(wet_bulb_c))

    def _noise(self, stream: RandomStream, first: int, end: int, fronts_share: float) -> Floats:
        fronts = FRONTS.drawn(self._seed, stream, first, end, self._width, part=0)
        clouds = CLOUDS.drawn(self._seed, stream, first, end, self._width, part=1)
        return np.asarray(np.sqrt(fronts_share) * fronts + np.sqrt(1.0 - fronts_share) * clouds)

    def _waves(self, first: int, end: int) -> Floats:
        """Compute the strength of heat waves, 0 to 1 (N, S).

        A wave lasts four days, with a smooth rise and fall of twelve hours each.
        """
        risen = np.zeros((end - first, self._width))
        first_year = _year_of(first - SUMMER_DAYS * HOURS_PER_DAY)
        for year in range(first_year, _year_of(end - 1) + 1):
            for begin in self._wave_begins(year):
                from_hour, to_hour = max(int(begin.min()), first), min(int(begin.max()) + WAVE_HOURS, end)
                if from_hour < to_hour:
                    hours = np.arange(from_hour, to_hour)[:, None]
                    passed = np.minimum(hours - begin, begin + WAVE_HOURS - hours) / WAVE_EDGE_HOURS
                    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(passed, 0.0, 1.0))
                    risen[from_hour - first : to_hour - first] += rise
        return risen

    def _wave_begins(self, year: int) -> Floats:
        """Draw the first hours of the waves of summers that begin in a year (waves, S)."""
        summer = np.where(self._is_south, _hour_of(year, 12), _hour_of(year, 6))
        third_h = SUMMER_DAYS * HOURS_PER_DAY / WAVES_PER_SUMMER
        free_h = third_h - WAVE_HOURS
        late = generator(self._seed, RandomStream.HEAT_WAVES, year).random((WAVES_PER_SUMMER, self._width))
        return np.asarray(np.floor(summer + np.arange(WAVES_PER_SUMMER)[:, None] * third_h + late * free_h))


def saturation_share(dew_point_c: Floats, dry_bulb_c: Floats) -> Floats:
    """Compute the relative humidity of air from its dew point, of equal shapes.

    Magnus formula, within 0.4 % from -40 to 50 C.

    Source: Alduchov and Eskridge 1996, doi:10.1175/1520-0450(1996)035<0601:IMFAOS>2.0.CO;2
    """
    exponents = [17.625 * t_c / (t_c + 243.04) for t_c in (dew_point_c, dry_bulb_c)]
    return np.asarray(np.exp(exponents[0] - exponents[1]))


def climate_of(site: Site, calibration: Calibration) -> dict[str, float]:
    """Return all climate fields of a site.

    Each is the site's own, else the one measured at the place of its id, else a guess by latitude.

    Raises:
        ConfigError: the site gives an unknown field, or a number out of its bounds.
    """
    measured = calibration.shapes[site.id].climate if site.id in calibration.shapes else {}
    return {**_climate_of_latitude(site.lat_deg), **measured, **climate_fields(site)}


def _climate_of_latitude(lat_deg: float) -> dict[str, float]:
    """Guess a climate: warm and even at the equator, cold and seasonal at the poles.

    Chosen: a straight line through the ten measured sites, accurate to about 5 C.
    """
    away_deg = abs(lat_deg)
    return {
        "mean_dry_bulb_c": 29.0 - 0.4 * away_deg,
        "seasonal_amplitude_c": 0.2 * away_deg,
        "daily_amplitude_c": 3.3,
        "noise_sd_c": 3.0,
        "warmest_day": 22.0 if lat_deg < 0.0 else 205.0,
        "mean_humidity_share": 0.73,
        "humidity_slope_share_per_c": -0.015,
        "humidity_sd_share": 0.12,
        "most_dew_point_c": 28.0 - 0.18 * away_deg,
    }


def _year_of(hour: int) -> int:
    return datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).year


def _hour_of(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) // SECONDS_PER_HOUR
