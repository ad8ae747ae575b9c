"""A feed that generates a plausible outside world from one seed.

Every tick can be drawn alone and in any order. Model: docs/model.md#14-the-synthetic-world
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.market import DEFAULT_TOKEN_PRICE_USD_PER_MTOK, token_demand_per_h
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Forecast, Observation, RunConfig
from mara.feeds.day_ahead import is_day_ahead, published_until_hours
from mara.feeds.persistence import lead_of, rows_until
from mara.feeds.replayed_series import multipliers_of_hours
from mara.feeds.synthetic.arrivals import ArrivalStream
from mara.feeds.synthetic.calibration import read_calibration
from mara.feeds.synthetic.grid_mix import GridMix, MixHours
from mara.feeds.synthetic.hashprices import expected_hashprices, hashprices
from mara.feeds.synthetic.local_hours import LocalClock
from mara.feeds.synthetic.outages import OutageStream
from mara.feeds.synthetic.prices import MarketPrices
from mara.feeds.synthetic.weather import Weather, WeatherHours

BLOCK_HOURS: Final = 168
"""Hours that are drawn together and kept: a week."""
PUBLISHED_HOURS: Final = 48
"""Upper bound of the hours for which day-ahead prices are known in advance.

They reach a day and a half ahead, and an hour more when clocks change.
"""
CALENDAR_BEYOND_HOURS: Final = 192
"""Hours after a block for which demand multipliers are computed with it.

Forecasts may reach further; those hours are then computed on each call.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HourBlock:
    """A week of the generated world by hour (N, S)."""

    price_usd_per_mwh: Floats  # (N, S)
    mix: MixHours
    weather: WeatherHours


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HourSpan:
    """A block with the day before it and the published prices after it.

    Observations and forecasts of the block's hours need no more than this.

    Attributes:
        price_usd_per_mwh: prices of the day before, the block and the published days (24 + N + 48, S).
        persistent: carbon intensity [g/kWh], dry bulb and wet bulb [C] of the day before and the block (3, 24 + N, S).
        renewable_share: of the block (N, S).
        hashprice_usd_per_ph_day: of the block (N,).
        known_until_row: first row of the prices that is unknown in each hour of the block (N, S).
        multiplier_factor: demand multipliers of the demand regions, of the block and beyond (N + 192, R).
        demand_tokens_per_h: token demand of the regions for the same hours (N + 192, R).
    """

    price_usd_per_mwh: Floats
    persistent: Floats
    renewable_share: Floats
    hashprice_usd_per_ph_day: list[float]
    known_until_row: Ints
    multiplier_factor: Floats
    demand_tokens_per_h: Floats


class SyntheticFeed:
    """Feed of generated prices, carbon, weather, demand, outages and requests.

    Hourly values hold over shorter ticks; real-time prices move within the hour and keep its mean. Forecasts repeat the
    last day at today's level and know the published prices of day-ahead markets, but nothing else of the future.

    Raises:
        ConfigError: a site's market or climate cannot be used.
    """

    name = "synthetic"

    def __init__(
        self, config: RunConfig, seed: int, token_price_usd_per_mtok: float = DEFAULT_TOKEN_PRICE_USD_PER_MTOK
    ) -> None:
        fleet, grid = config.fleet, config.grid
        calibration = read_calibration()
        self._seed = seed
        self._fleet = fleet
        self._token_price = token_price_usd_per_mtok
        self._start_s = grid.start_epoch_s
        self._tick_s = grid.tick_minutes * SECONDS_PER_MINUTE
        self._ticks_per_hour = grid.ticks_per_hour
        self._prices = MarketPrices(fleet, calibration, seed)
        self._mix = GridMix(fleet, calibration, seed)
        self._weather = Weather(fleet, calibration, seed)
        self._clock = LocalClock(tuple(site.timezone for site in fleet.sites))
        self._day_ahead = np.array([is_day_ahead(site.price_zone) for site in fleet.sites])
        self._real_time = np.flatnonzero(~self._day_ahead)
        self._site = np.arange(fleet.site_count)
        self._availability = OutageStream(config, seed).availability
        self._arrivals = ArrivalStream(config, seed).arrivals
        self._block = lru_cache(maxsize=6)(self._draw_block)
        self._span = lru_cache(maxsize=2)(self._join_span)
        self._day = lru_cache(maxsize=4)(self._tick_prices)
        self._hourly = lru_cache(maxsize=2)(self._forecast_in_hour)

    def observe(self, tick: int) -> Observation:
        """Draw the outside world in a tick; the feed never ends."""
        second = self._start_s + tick * self._tick_s
        hour = second // SECONDS_PER_HOUR
        block, row = divmod(hour, BLOCK_HOURS)
        span = self._span(block)
        carbon, dry_bulb, wet_bulb = span.persistent[:, row + HOURS_PER_DAY]
        return Observation(
            tick=tick,
            energy_price_usd_per_mwh=self._price_at(second),
            carbon_intensity_g_per_kwh=carbon,
            renewable_share=span.renewable_share[row],
            dry_bulb_c=dry_bulb,
            wet_bulb_c=wet_bulb,
            availability_share=self._availability(tick),
            hashprice_usd_per_ph_day=span.hashprice_usd_per_ph_day[row],
            token_price_usd_per_mtok=self._token_price,
            demand_multiplier_share=span.multiplier_factor[row],
            demand_tokens_per_h=span.demand_tokens_per_h[row],
            arrivals=self._arrivals(tick),
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast `hours` hourly rows (at least 1) from `tick` on."""
        second = self._start_s + tick * self._tick_s
        hour = second // SECONDS_PER_HOUR
        block, row = divmod(hour, BLOCK_HOURS)
        prices = self._expected_prices(self._span(block), second, row, hours)
        return Forecast(tick=tick, energy_price_usd_per_mwh=prices, **self._hourly(hour, hours))

    def _forecast_in_hour(self, hour: int, hours: int) -> dict[str, Any]:
        """Forecast all but prices, which alone move within an hour.

        Hours count from 1970 UTC.
        """
        block, row = divmod(hour, BLOCK_HOURS)
        span, lead, now = self._span(block), lead_of(hours), row + HOURS_PER_DAY
        persistent = span.persistent.take(now + lead.back_rows, axis=1)
        persistent += lead.level_share * (span.persistent[:, now] - span.persistent[:, row])[:, None, :]
        carbon, dry_bulb, wet_bulb = sealed(persistent)
        multiplier, demand = self._calendar(span, row, hour, hours)
        return {
            "carbon_intensity_g_per_kwh": sealed(np.maximum(carbon, 0.0)),
            "dry_bulb_c": dry_bulb,
            "wet_bulb_c": sealed(np.minimum(wet_bulb, dry_bulb)),
            "hashprice_usd_per_ph_day": sealed(expected_hashprices(span.hashprice_usd_per_ph_day[row], hours)),
            "demand_multiplier_share": multiplier,
            "demand_tokens_per_h": demand,
            "published_count": sealed(np.minimum(span.known_until_row[row] - now, hours)),
        }

    def hours(self, first: int, end: int) -> HourBlock:
        """Draw the hourly values of hours ``[first, end)``, counted from 1970 UTC.

        Meant for statistics over years at once; a run reads its feed tick by tick.
        """
        local = self._clock.hours(first, end)
        noise = self._prices.noise(first, end)
        return HourBlock(
            price_usd_per_mwh=self._prices.of_noise(noise, local),
            mix=self._mix.hours(first, end, local, noise),
            weather=self._weather.hours(first, end, local),
        )

    def _price_at(self, second: int) -> Floats:
        """Return the prices of the tick that begins at a second since 1970 UTC (S,)."""
        day, passed_s = divmod(second, HOURS_PER_DAY * SECONDS_PER_HOUR)
        price: Floats = self._day(day)[passed_s // self._tick_s]
        return price

    def _expected_prices(self, span: HourSpan, second: int, row: int, hours: int) -> Floats:
        """Return published prices, else the last day's at the present level (H, S)."""
        now = row + HOURS_PER_DAY
        rows = rows_until(now, hours, span.known_until_row[row])
        price = span.price_usd_per_mwh[rows, self._site]
        present = self._price_at(second)
        moving = self._real_time
        if moving.size:
            last_day = span.price_usd_per_mwh[row + 1 : now + 1, moving]
            level = lead_of(hours).price_level_share * (present[moving] - span.price_usd_per_mwh[row, moving])
            price[:, moving] = np.clip(price[:, moving] + level, last_day.min(axis=0), last_day.max(axis=0))
        price[0] = present
        return sealed(price)

    def _calendar(self, span: HourSpan, row: int, hour: int, hours: int) -> tuple[Floats, Floats]:
        if row + hours <= len(span.multiplier_factor):
            return span.multiplier_factor[row : row + hours], span.demand_tokens_per_h[row : row + hours]
        multiplier = multipliers_of_hours(hour, hours)
        return multiplier, sealed(token_demand_per_h(multiplier, self._fleet))

    def _draw_block(self, block: int) -> HourBlock:
        return self.hours(block * BLOCK_HOURS, (block + 1) * BLOCK_HOURS)

    def _join_span(self, block: int) -> HourSpan:
        before, own, after = (self._block(block + offset) for offset in (-1, 0, 1))
        first = block * BLOCK_HOURS
        multiplier = multipliers_of_hours(first, BLOCK_HOURS + CALENDAR_BEYOND_HOURS)
        return HourSpan(
            price_usd_per_mwh=sealed(
                np.concatenate(
                    [
                        before.price_usd_per_mwh[-HOURS_PER_DAY:],
                        own.price_usd_per_mwh,
                        after.price_usd_per_mwh[:PUBLISHED_HOURS],
                    ]
                )
            ),
            persistent=sealed(np.stack([np.concatenate(pair) for pair in _persistent_pairs(before, own)])),
            renewable_share=own.mix.renewable_share,
            hashprice_usd_per_ph_day=hashprices(self._seed, first, first + BLOCK_HOURS).tolist(),
            known_until_row=self._known_until_row(first),
            multiplier_factor=multiplier,
            demand_tokens_per_h=sealed(token_demand_per_h(multiplier, self._fleet)),
        )

    def _known_until_row(self, first: int) -> Ints:
        """Find the span's row of the first unknown price in each hour of a block (N, S).

        Of real-time prices only the present hour is known.
        """
        next_row = np.arange(1, BLOCK_HOURS + 1) + HOURS_PER_DAY
        rows: Ints = np.tile(next_row[:, None], self._fleet.site_count)
        for timezone in {site.timezone for site in self._fleet.sites}:
            of_zone = [site.timezone == timezone for site in self._fleet.sites] & self._day_ahead
            if of_zone.any():
                until = published_until_hours(first, first + BLOCK_HOURS, timezone)
                rows[:, of_zone] = (until - first + HOURS_PER_DAY)[:, None]
        rows.flags.writeable = False
        return rows

    def _tick_prices(self, day: int) -> Floats:
        """Return the prices of every tick of a UTC day (ticks, S)."""
        first = day * HOURS_PER_DAY
        block, row = divmod(first, BLOCK_HOURS)
        price = self._block(block).price_usd_per_mwh[row : row + HOURS_PER_DAY]
        return self._prices.within_hours(price, first, self._ticks_per_hour)


def _persistent_pairs(before: HourBlock, own: HourBlock) -> list[tuple[Floats, Floats]]:
    last = slice(-HOURS_PER_DAY, None)
    return [
        (before.mix.carbon_intensity_g_per_kwh[last], own.mix.carbon_intensity_g_per_kwh),
        (before.weather.dry_bulb_c[last], own.weather.dry_bulb_c),
        (before.weather.wet_bulb_c[last], own.weather.wet_bulb_c),
    ]
