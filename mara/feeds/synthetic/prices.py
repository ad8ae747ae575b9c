"""Synthetic power prices: autocorrelated normal scores through a price curve.

    score = mean[month, local hour] + weekend[local hour] + sd[month, local hour] x noise        noise ~ N(0, 1)
    price = curve(score)

The noise is a sum of independent Gaussian series with memories from hours to weeks; the ends of the curve are spikes
and negative prices. In statistics this is a Gaussian copula with empirical margins.

Model: docs/model.md#14-the-synthetic-world ; decision 0020. Data: mara/data/SOURCES.md
"""

from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.fleet import Fleet
from mara.core.units import DAYS_PER_WEEK, HOURS_PER_DAY
from mara.feeds.day_ahead import is_day_ahead
from mara.feeds.files.site_fields import market_fields
from mara.feeds.synthetic.calibration import MONTHS_PER_YEAR, Calibration, Shape, shape_of
from mara.feeds.synthetic.draws import Decay, RandomStream, Series, generator
from mara.feeds.synthetic.local_hours import LocalHours
from mara.feeds.synthetic.price_level import PriceCurve, levelled

HOURLY_SERIES: Final = (
    Series((Decay(half_life_rows=0.5, doublings=3),)),
    Series((Decay(half_life_rows=5.0, doublings=6), Decay(half_life_rows=3.0, doublings=5))),
    Series((Decay(half_life_rows=24.0, doublings=8),)),
    Series((Decay(half_life_rows=24.0, doublings=8), Decay(half_life_rows=4.0, doublings=5))),
    Series(
        (
            Decay(half_life_rows=72.0, doublings=4, lag_rows=HOURS_PER_DAY),
            *2 * (Decay(half_life_rows=3.0, doublings=5),),
        )
    ),
)
WEEKLY_SERIES: Final = Series((Decay(half_life_rows=5.0, doublings=6),))
COMPONENTS: Final = ("within hours", "hours", "days", "smooth days", "same hour of other days", "weeks")
"""Components of the noise: the hourly series, then the weekly level."""
FUEL_SHARE: Final = 0.3
"""Chosen: share of the weekly level's variance common to all markets.

It stands for fuel prices.
"""
HOURS_PER_WEEK: Final = DAYS_PER_WEEK * HOURS_PER_DAY
WITHIN_HOUR_SD_SHARE: Final = 0.03
"""Chosen: relative standard deviation of tick prices around their hour's mean.

For real-time markets in ordinary hours.
"""
MOST_SCATTER: Final = 3.0
"""Standard deviations at which the scatter within an hour is cut."""


class MarketPrices:
    """Power prices of all sites of a fleet, by hour counted from 1970 UTC.

    Raises:
        ConfigError: a site's market names an unknown shape or contradicts itself.
    """

    def __init__(self, fleet: Fleet, calibration: Calibration, seed: int) -> None:
        shapes = [shape_of(site, calibration.shapes) for site in fleet.sites]
        self._seed = seed
        self._width = fleet.site_count
        self._mean = np.stack([shape.score_mean_z for shape in shapes])
        self._sd = np.stack([shape.score_sd_z for shape in shapes])
        self._weekend = np.stack([shape.score_weekend_z for shape in shapes])
        self._weights = np.sqrt([shape.component_share for shape in shapes]).T
        self._month_shift = month_shifts(fleet, shapes)
        self._site = np.arange(self._width)
        self._curves = _curves_of(fleet, calibration)
        self._bottom = np.array([curve.price_usd_per_mwh[0] for curve in self._curves])
        self._top = np.array([curve.price_usd_per_mwh[-1] for curve in self._curves])
        self._scatter_share = np.array(
            [
                0.0
                if is_day_ahead(site.price_zone)
                else market_fields(site).get("within_hour_sd_share", WITHIN_HOUR_SD_SHARE)
                for site in fleet.sites
            ]
        )

    def noise(self, first: int, end: int) -> Floats:
        """Draw the standard normal noise of hours ``[first, end)`` (N, S)."""
        series = components(self._seed, first, end, self._width)
        return np.asarray(np.einsum("cns,cs->ns", series, self._weights))

    def of_noise(self, noise_z: Floats, local: LocalHours) -> Floats:
        """Convert noise to hourly prices (N, S) [USD/MWh]."""
        month = (local.month + self._month_shift) % MONTHS_PER_YEAR
        score = self._mean[self._site, month, local.hour] + self._sd[self._site, month, local.hour] * noise_z
        score += np.where(local.is_weekend, self._weekend[self._site, local.hour], 0.0)
        price = np.empty_like(score)
        for site, curve in enumerate(self._curves):
            price[:, site] = np.interp(score[:, site], curve.score_z, curve.price_usd_per_mwh)
        return sealed(price)

    def within_hours(self, price_usd_per_mwh: Floats, first: int, ticks_per_hour: int) -> Floats:
        """Draw the prices of every tick of the hours from `first` on (N x ticks, S).

        Their means are the hours' prices (N, S). Only real-time markets move within the hour. Each hour has a generator
        of its own, so that it can be drawn alone.
        """
        hours = len(price_usd_per_mwh)
        ticks = np.repeat(price_usd_per_mwh[:, None, :], ticks_per_hour, axis=1)
        moving = np.flatnonzero(self._scatter_share)
        if ticks_per_hour > 1 and moving.size:
            shape = (ticks_per_hour, moving.size)
            scatter = np.stack(
                [
                    generator(self._seed, RandomStream.PRICE_WITHIN_HOUR, hour).standard_normal(shape)
                    for hour in range(first, first + hours)
                ]
            )
            scatter = np.clip(scatter, -MOST_SCATTER, MOST_SCATTER)
            scatter -= scatter.mean(axis=1, keepdims=True)
            ticks[:, :, moving] += self._scatter_sd(price_usd_per_mwh[:, moving], moving)[:, None, :] * scatter
        return sealed(ticks.reshape(hours * ticks_per_hour, self._width))

    def _scatter_sd(self, price_usd_per_mwh: Floats, moving: Ints) -> Floats:
        """Compute the standard deviation of prices within their hour [USD/MWh].

        It shrinks near floor and cap, so that prices stay between them.
        """
        room = np.minimum(self._top[moving] - price_usd_per_mwh, price_usd_per_mwh - self._bottom[moving])
        return np.asarray(
            np.minimum(self._scatter_share[moving] * np.abs(price_usd_per_mwh), room / (2.0 * MOST_SCATTER))
        )


@lru_cache(maxsize=4)
def _curves_of(fleet: Fleet, calibration: Calibration) -> tuple[PriceCurve, ...]:
    """Adjust each site's curve, once for all seeds of a fleet.

    Sites with the same shape and market fields share one.
    """
    made: dict[object, PriceCurve] = {}
    curves = []
    for site in fleet.sites:
        shape = shape_of(site, calibration.shapes)
        said = (shape.name, *sorted(market_fields(site).items()))
        if said not in made:
            measured = PriceCurve(
                probability_share=calibration.probability_share,
                score_z=shape.curve_score_z,
                price_usd_per_mwh=shape.curve_price_usd_per_mwh,
            )
            made[said] = levelled(measured, site)
        curves.append(made[said])
    return tuple(curves)


def components(seed: int, first: int, end: int, width: int) -> Floats:
    """Draw the unit-variance series from which the noise is mixed (C, N, width).

    In the order of `COMPONENTS`.
    """
    hourly = [
        series.drawn(seed, RandomStream.PRICE_HOURS, first, end, width, part)
        for part, series in enumerate(HOURLY_SERIES)
    ]
    return np.stack([*hourly, _weekly(seed, first, end, width)])


def month_shifts(fleet: Fleet, shapes: list[Shape]) -> Ints:
    """Return the months by which each site reads its shape's profile later (S,).

    Half a year where site and shape lie in different hemispheres, else 0.
    """
    differ = [(site.lat_deg < 0.0) != (shape.lat_deg < 0.0) for site, shape in zip(fleet.sites, shapes, strict=True)]
    return np.array(differ, dtype=np.int64) * (MONTHS_PER_YEAR // 2)


def _weekly(seed: int, first: int, end: int, width: int) -> Floats:
    """Draw the slow component (N, width): weekly values joined by lines.

    A part of them is common to all sites. The variance is 1 between the weeks too.
    """
    hours = np.arange(first, end)
    week = hours // HOURS_PER_WEEK
    first_week, end_week = int(week[0]), int(week[-1]) + 2
    own = WEEKLY_SERIES.drawn(seed, RandomStream.PRICE_WEEKS, first_week, end_week, width)
    fuel = WEEKLY_SERIES.drawn(seed, RandomStream.PRICE_FUEL, first_week, end_week, 1)
    level = np.sqrt(1.0 - FUEL_SHARE) * own + np.sqrt(FUEL_SHARE) * fuel
    passed = (hours % HOURS_PER_WEEK / HOURS_PER_WEEK)[:, None]
    line = (1.0 - passed) * level[week - first_week] + passed * level[week - first_week + 1]
    memory = WEEKLY_SERIES.decays[0].phi_share
    variance = (1.0 - passed) ** 2 + passed**2 + 2.0 * passed * (1.0 - passed) * memory
    return np.asarray(line / np.sqrt(variance))
