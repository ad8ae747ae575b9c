"""A replay of two prices: what an auction set the day before, and real time.

Beside the replay's own readings it tells the day-ahead price of the tick and, in the last whole hour before an auction
closes, what is believed of the next local day. Only hours that have passed are read for that.

Model: docs/model.md#two-settlements ; decisions 0161 and 0162
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, sealed
from mara.core.market import token_demand_per_h
from mara.core.timegrid import zone
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Auction, Forecast, Observation, RunConfig
from mara.feeds.base import Feed
from mara.feeds.day_ahead import gate_closure_local_hour, known_ahead
from mara.feeds.files.history import History
from mara.feeds.replayed_series import multipliers_of_hours

RECORD_DAYS: Final = 14
HOURS_AROUND: Final = 4
"""Days and neighbouring hours whose pairs of prices an expectation is made of.

Chosen on ERCOT's hub average in the first half of 2024, among 7 to 28 days and 0 to 12 hours: decision 0162.
"""
MOST_SLOPE: Final = 0.95
"""Slope of real-time on day-ahead prices from which the two rise together."""


class TwoPriceFeed:
    """A feed with day-ahead prices beside those of `inner`, which are real-time.

    Args:
        sends_orders: whether forecasts tell of auctions that close soon.
    """

    def __init__(self, inner: Feed, config: RunConfig, history: History, *, sends_orders: bool) -> None:
        history = history.for_sites(config.fleet.site_ids)
        assert history.day_ahead_usd_per_mwh is not None
        self._inner, self._config, self._history = inner, config, history
        self._day_ahead = history.day_ahead_usd_per_mwh
        self._hours = _Hours.of(history) if sends_orders else None
        self._may_buy = tradable(config, history)
        self._all = sealed(np.ones(config.fleet.site_count))

    @property
    def name(self) -> str:
        return self._inner.name

    def observe(self, tick: int) -> Observation:
        """Observe a tick; the mean price of its steps where it is longer than a step.

        Raises:
            FeedUnavailable: a tick outside the history.
        """
        seen = self._inner.observe(tick)
        from_s = self._config.grid.epoch_s(tick) - self._history.first_epoch_s
        to_s = from_s + self._config.grid.tick_minutes * SECONDS_PER_MINUTE
        first, end = from_s // self._history.step_s, -(-to_s // self._history.step_s)
        steps = self._day_ahead[first:end]
        return replace(seen, day_ahead_usd_per_mwh=steps[0] if len(steps) == 1 else sealed(steps.mean(axis=0)))

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast as `inner` does, with the auction to which orders go in this tick.

        Raises:
            FeedUnavailable: a tick outside the history.
        """
        forecast = self._inner.forecast(tick, hours)
        auction = None if self._hours is None else self._auction(tick, self._hours)
        return forecast if auction is None else replace(forecast, auction=auction)

    def _auction(self, tick: int, record: "_Hours") -> Auction | None:
        """Describe the auctions that close within the hour; None for none."""
        now_h = self._config.grid.epoch_s(tick) // SECONDS_PER_HOUR
        if self._config.grid.epoch_s(tick - 1) // SECONDS_PER_HOUR == now_h:
            return None
        spans = {
            site: span
            for site in np.flatnonzero(self._may_buy).tolist()
            if (span := next_day_of(now_h, self._config.fleet.sites[site].timezone, self._gates[site])) is not None
        }
        if not spans:
            return None
        first, end = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
        oldest = min(last_passed_h(hour, now_h) for hour in range(first, end))
        if oldest - record.first_epoch_h < HOURS_PER_DAY * (RECORD_DAYS - 1) + HOURS_AROUND:
            return None  # too short a record: nothing is bought
        limits, expected = np.full((2, end - first, len(self._may_buy)), np.nan)
        for row, hour in enumerate(range(first, end)):
            limits[row], expected[row] = record.believed(hour, now_h)
        is_open = np.zeros_like(limits, dtype=np.bool_)
        for site, (begins, ends) in spans.items():
            is_open[begins - first : ends - first, site] = True
        return Auction(
            tick=tick,
            first_epoch_h=first,
            limit_usd_per_mwh=sealed(np.where(is_open, limits, np.nan)),
            likely=self._likely(tick, first, expected),
        )

    def _likely(self, tick: int, first_epoch_h: int, price_usd_per_mwh: Floats) -> tuple[Observation, ...]:
        """Build the ticks that are expected: weather as a day before, all machines up."""
        history, now = self._history, self._inner.observe(tick)
        now_h, count = self._config.grid.epoch_s(tick) // SECONDS_PER_HOUR, len(price_usd_per_mwh)
        multiplier = multipliers_of_hours(first_epoch_h, count)
        demand = token_demand_per_h(multiplier, self._config.fleet)
        passed = (last_passed_h(hour, now_h) for hour in range(first_epoch_h, first_epoch_h + count))
        rows = [(hour * SECONDS_PER_HOUR - history.first_epoch_s) // history.step_s for hour in passed]
        return tuple(
            replace(
                now,
                energy_price_usd_per_mwh=sealed(price_usd_per_mwh[h]),
                carbon_intensity_g_per_kwh=history.carbon_intensity_g_per_kwh[row],
                renewable_share=history.renewable_share[row],
                dry_bulb_c=history.dry_bulb_c[row],
                wet_bulb_c=history.wet_bulb_c[row],
                availability_share=self._all,
                demand_multiplier_share=multiplier[h],
                demand_tokens_per_h=sealed(demand[h]),
                arrivals=(),
            )
            for h, row in enumerate(rows)
        )

    @property
    def _gates(self) -> tuple[int, ...]:
        return tuple(gate_closure_local_hour(site.price_zone) for site in self._config.fleet.sites)


def tradable(config: RunConfig, history: History) -> Bools:
    """Tell for each site if power can be bought ahead and settled twice (S,).

    It can where the history has a day-ahead price beside a real-time one.
    """
    if history.day_ahead_usd_per_mwh is None:
        return np.zeros(config.fleet.site_count, dtype=np.bool_)
    history = history.for_sites(config.fleet.site_ids)
    is_same_price = np.array(known_ahead(config.fleet.sites, history.price_known))
    assert history.day_ahead_usd_per_mwh is not None
    return np.asarray(np.isfinite(history.day_ahead_usd_per_mwh).any(axis=0) & ~is_same_price)


def next_day_of(now_epoch_h: int, timezone: str, gate_local_hour: int) -> tuple[int, int] | None:
    """Return the first hour and the end of the next local day, from 1970 UTC.

    None unless this is the last whole clock hour before the auction closes. A day has 23, 24 or 25 hours.
    """
    local = datetime.fromtimestamp(now_epoch_h * SECONDS_PER_HOUR, UTC).astimezone(zone(timezone))
    left_minutes = (gate_local_hour - local.hour) * MINUTES_PER_HOUR - local.minute
    if not MINUTES_PER_HOUR <= left_minutes < 2 * MINUTES_PER_HOUR:
        return None
    midnight = local.replace(hour=0, minute=0, fold=0)
    first, end = (int((midnight + timedelta(days=days)).timestamp()) // SECONDS_PER_HOUR for days in (1, 2))
    return first, end


def last_passed_h(epoch_h: int, now_epoch_h: int) -> int:
    """Return the same hour of the last day on which it has passed, from 1970 UTC."""
    return epoch_h - HOURS_PER_DAY * ((epoch_h - now_epoch_h) // HOURS_PER_DAY + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Hours:
    """Hourly means of both prices (N, S), from `first_epoch_h` on."""

    first_epoch_h: int
    price_usd_per_mwh: Floats
    day_ahead_usd_per_mwh: Floats

    @classmethod
    def of(cls, history: History) -> "_Hours":
        assert history.day_ahead_usd_per_mwh is not None
        hours = (history.first_epoch_s + np.arange(history.step_count) * history.step_s) // SECONDS_PER_HOUR
        starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
        counts = np.diff(starts, append=len(hours))[:, None]
        price, day_ahead = (
            np.add.reduceat(values, starts, axis=0) / counts
            for values in (history.energy_price_usd_per_mwh, history.day_ahead_usd_per_mwh)
        )
        return cls(first_epoch_h=int(hours[0]), price_usd_per_mwh=price, day_ahead_usd_per_mwh=day_ahead)

    def believed(self, epoch_h: int, now_epoch_h: int) -> tuple[Floats, Floats]:
        """Return the limit of an hour's order and its expected real-time price (S,).

        A line is fitted to the pairs of prices round the same hour of the last days. Where it crosses the diagonal,
        real time is expected to cost just what the auction did; below, it costs more. The limit is that price, and
        never above the highest seen.
        """
        same = last_passed_h(epoch_h, now_epoch_h) - self.first_epoch_h
        around = np.arange(-HOURS_AROUND, HOURS_AROUND + 1)
        rows = (same - HOURS_PER_DAY * np.arange(RECORD_DAYS)[:, None] + around).ravel()
        rows = rows[rows < now_epoch_h - self.first_epoch_h]
        paid, ahead = self.price_usd_per_mwh[rows], self.day_ahead_usd_per_mwh[rows]
        return limit_of(ahead, paid), paid.mean(axis=0)


def limit_of(day_ahead_usd_per_mwh: Floats, price_usd_per_mwh: Floats) -> Floats:
    """Return the day-ahead price up to which real time is expected to cost more.

    It is in USD/MWh (S,); arguments are pairs of the past (N, S). With the least-squares line RT = a + b DA,
    0 <= b < 1, it is a / (1 - b); NaN where no price is low enough or a pair is missing. Own algebra: a + b DA >= DA
    where DA <= a / (1 - b).
    """
    mean_ahead, mean_paid = day_ahead_usd_per_mwh.mean(axis=0), price_usd_per_mwh.mean(axis=0)
    off = day_ahead_usd_per_mwh - mean_ahead
    square = (off * off).mean(axis=0)
    slope = np.maximum((off * (price_usd_per_mwh - mean_paid)).mean(axis=0), 0.0) / np.where(square > 0.0, square, 1.0)
    level = mean_paid - slope * mean_ahead
    rises_together = np.where(level > 0.0, np.inf, np.nan)
    crossing = level / (1.0 - np.minimum(slope, MOST_SLOPE))
    limit = np.where(slope < MOST_SLOPE, crossing, rises_together)
    return np.asarray(np.minimum(limit, day_ahead_usd_per_mwh.max(axis=0)))
