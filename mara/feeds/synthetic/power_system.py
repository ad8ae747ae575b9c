"""Synthetic power systems: demand, reserve prices and calls, drawn from the seed.

Drawn only for fleets with power terms, from streams of their own, so that all else of a world is the same without them.
Sites of one price zone share a system. Chosen: shapes and spreads of a system with a summer and a winter peak; no
system is measured. Model: docs/model.md#14-the-synthetic-world
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.power_calendar import power_of
from mara.core.timegrid import zone
from mara.core.units import (
    DAYS_PER_WEEK,
    HOURS_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MINUTE,
)
from mara.core.world import RunConfig
from mara.feeds.base import Feed
from mara.feeds.power_feed import PowerFeed
from mara.feeds.synthetic.draws import RandomStream, generator, normals

MEAN_DEMAND_MW: Final = 45_000.0
DAILY_SHARE: Final = 0.16
SEASON_SHARE: Final = 0.14
WEEKEND_SHARE: Final = 0.94
DAY_SD_SHARE: Final = 0.05
HOUR_SD_SHARE: Final = 0.008
FORECAST_SD_SHARE: Final = 0.015
"""Error of the forecast of the day before: the same for a day."""
PEAK_LOCAL_HOUR: Final = 17
PRICE_LOG_SD: Final = 0.6
DEFAULT_RESERVE_USD_PER_MW_H: Final = 3.0
"""Price of a product whose price a history would have."""
SHORTEST_CALL_SHARE: Final = 0.25
"""Shortest call as a part of the product's duration, which is the longest."""
SECONDS_PER_WEEK: Final = DAYS_PER_WEEK * SECONDS_PER_DAY
DAYS_PER_YEAR: Final = 365.0


class SyntheticPower:
    """Demand and reserve prices of imagined power systems."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        fleet = config.fleet
        self._seed, self._terms = seed, power_of(fleet)
        zones = sorted({site.price_zone for site in fleet.sites})
        self._zone_of = np.array([zones.index(site.price_zone) for site in fleet.sites])
        self._clocks = [zone(next(s.timezone for s in fleet.sites if s.price_zone == name)) for name in zones]
        self._day = lru_cache(maxsize=64)(self._draw_day)

    def demand_mw(self, from_s: int, to_s: int) -> Floats:
        """Mean demand between two times, on straight lines between the hours (S,)."""
        return self._at((from_s + to_s) / 2.0)

    def expected_demand_mw(self, now_s: int, begins_s: Ints) -> Floats:
        """Demand with the error of its day's forecast (H, S); the present one is seen."""
        rows = np.stack([self._at(float(s)) for s in begins_s])
        errors = np.stack([self._day(int(s) // SECONDS_PER_DAY)[1] for s in begins_s])[:, self._zone_of]
        errors[begins_s <= now_s] = 0.0
        return np.asarray(rows * np.exp(errors))

    def reserve_prices(self, from_s: int) -> Floats:
        """Prices of the hour (P, S) [USD/MW and hour]."""
        z = normals(
            self._seed,
            RandomStream.RESERVE_PRICES,
            from_s // SECONDS_PER_HOUR,
            from_s // SECONDS_PER_HOUR + 1,
            max(len(self._terms.products), 1),
        )[0]
        factor = np.exp(PRICE_LOG_SD * z - PRICE_LOG_SD**2 / 2.0)[: len(self._terms.products)]
        return np.asarray((self._mean_prices() * factor)[:, None] * np.ones(len(self._zone_of)))

    def expected_reserve_prices(self, now_s: int, begins_s: Ints) -> Floats:
        """Mean prices (H, P, S) [USD/MW and hour]; the present ones are known."""
        prices = np.tile(self._mean_prices()[:, None], (len(begins_s), 1, len(self._zone_of)))
        prices[0] = self.reserve_prices(now_s)
        return prices

    def _mean_prices(self) -> Floats:
        means = [
            DEFAULT_RESERVE_USD_PER_MW_H if product.price_column else product.price_usd_per_mw_h
            for product in self._terms.products
        ]
        return np.array(means, dtype=np.float64)

    def _at(self, epoch_s: float) -> Floats:
        hour, part = divmod(epoch_s - SECONDS_PER_HOUR / 2.0, SECONDS_PER_HOUR)
        first, second = self._hour(int(hour)), self._hour(int(hour) + 1)
        share = part / SECONDS_PER_HOUR
        return np.asarray((first * (1.0 - share) + second * share)[self._zone_of])

    def _hour(self, epoch_h: int) -> Floats:
        day, hour = divmod(epoch_h, HOURS_PER_DAY)
        row: Floats = self._day(day)[0][hour]
        return row

    def _draw_day(self, day: int) -> tuple[Floats, Floats]:
        """Demand of each hour of a UTC day by zone (24, Z), and its forecast's error (Z,)."""
        count = len(self._clocks)
        days = normals(self._seed, RandomStream.SYSTEM_DEMAND, day - 1, day + 1, 2 * count)
        level = DAY_SD_SHARE * (0.8 * days[1, :count] + 0.6 * days[0, :count])
        hourly = normals(
            self._seed, RandomStream.SYSTEM_DEMAND, day * HOURS_PER_DAY, (day + 1) * HOURS_PER_DAY, count, 1
        )
        demand = np.empty((HOURS_PER_DAY, count))
        for z, clock in enumerate(self._clocks):
            for hour in range(HOURS_PER_DAY):
                demand[hour, z] = MEAN_DEMAND_MW * _usual_share((day * HOURS_PER_DAY + hour) * SECONDS_PER_HOUR, clock)
        demand *= np.exp(level + HOUR_SD_SHARE * hourly)
        return sealed(demand), sealed(FORECAST_SD_SHARE * days[1, count:])


def with_synthetic_power(feed: Feed, config: RunConfig, seed: int) -> Feed:
    """Add the drawn power system to a feed; nothing without power terms."""
    if config.fleet.power is None:
        return feed
    return PowerFeed(feed, config, SyntheticPower(config, seed), SyntheticCalls(config, seed).at)


class SyntheticCalls:
    """Calls of grid products: as often as each expects, and announced tests."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        self._seed, self._config, self._terms = seed, config, power_of(config.fleet)
        self._week = lru_cache(maxsize=8)(self._draw_week)

    def at(self, tick: int) -> tuple[Floats, Ints]:
        """Return the called share of each product in a tick, and when each call ends (P,)."""
        grid, products = self._config.grid, self._terms.products
        called, ends = np.zeros(len(products)), np.zeros(len(products), dtype=np.int64)
        week = grid.epoch_s(tick) // SECONDS_PER_WEEK
        for p, begin, end in (*self._week(week - 1), *self._week(week)):
            if begin <= tick < end:
                called[p], ends[p] = 1.0, max(int(ends[p]), end)
        return sealed(called), sealed(ends)

    def _draw_week(self, week: int) -> list[tuple[int, int, int]]:
        """Draw the calls that begin in a week: product, first tick, end tick."""
        grid, drawn = self._config.grid, []
        for p, product in enumerate(self._terms.products):
            chance = generator(self._seed, RandomStream.CALLS, week, p)
            mean_minutes = product.duration_minutes * (1.0 + SHORTEST_CALL_SHARE) / 2.0
            week_minutes = DAYS_PER_WEEK * HOURS_PER_DAY * MINUTES_PER_HOUR
            often = product.expected_deployment_share * week_minutes / mean_minutes
            tests = product.tests_per_year_count * DAYS_PER_WEEK / DAYS_PER_YEAR
            for _ in range(int(chance.poisson(often + tests))):
                begin_s = week * SECONDS_PER_WEEK + chance.random() * SECONDS_PER_WEEK
                minutes = product.duration_minutes * chance.uniform(SHORTEST_CALL_SHARE, 1.0)
                first = int((begin_s - grid.start_epoch_s) // (grid.tick_minutes * SECONDS_PER_MINUTE))
                drawn.append((p, first, first + max(1, round(minutes / grid.tick_minutes))))
        return drawn


def _usual_share(epoch_s: int, clock: ZoneInfo) -> float:
    """Usual demand over its mean, by local hour, weekday and season."""
    local = datetime.fromtimestamp(epoch_s, UTC).astimezone(clock)
    daily = np.cos(2.0 * np.pi * (local.hour - PEAK_LOCAL_HOUR) / HOURS_PER_DAY)
    season = np.cos(4.0 * np.pi * (local.timetuple().tm_yday - 20) / DAYS_PER_YEAR)
    weekend = WEEKEND_SHARE if local.isoweekday() > 5 else 1.0
    return float((1.0 + DAILY_SHARE * daily + SEASON_SHARE * season) * weekend)
