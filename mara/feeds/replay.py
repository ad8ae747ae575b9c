"""A feed that replays a history, with forecasts from what was known at the time.

Model: docs/model.md#13-forecasts ; decisions 0043, 0155, 0156
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import ContractRequest
from mara.core.market import DEFAULT_TOKEN_PRICE_USD_PER_MTOK
from mara.core.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Forecast, Observation, RunConfig
from mara.errors import FeedEnded, FeedUnavailable
from mara.feeds.day_ahead import known_ahead, published_until_hours
from mara.feeds.files.history import History
from mara.feeds.files.history_clock import utc_text
from mara.feeds.forecast_rows import ForecastRows, standing_steps
from mara.feeds.real_time import RealTimePrices
from mara.feeds.replayed_series import ReplayedSeries, series_of

ForecastKind = Literal["persistence", "day-ahead", "perfect"]
"""Ways to forecast from a history; `ReplayFeed` describes each."""


STEPS_AT_ONCE: Final = 24
"""Number of steps from which forecasts are made at once.

A few large arrays cost less than many small ones. It divides the steps of every day, so that they are all of one day.
"""


class ReplayFeed:
    """The outside world out of a `History`; its values hold over shorter ticks.

    A tick that is longer than the history's steps sees their means.

    Forecasts, by `forecast`:

    - ``persistence``: the last 24 hours repeat; nothing after the present is read.
    - ``day-ahead``: the same, but prices of day-ahead markets are known to the end of the local day, and from 13:00
      local time to the end of the next one (`mara.feeds.day_ahead`); after that the last known day repeats. Where a
      real-time site has a day-ahead price too, that is known as long, and the real-time price fades into it.
    - ``perfect``: the values that will come, for bounds only; after the end of the history its last day repeats.

    The first two keep today's hashprice. Demand multipliers follow from the calendar, so all three know them.

    On steps shorter than an hour a real-time price is known when its step is over. The first two then expect the
    present price as well (`mara.feeds.real_time`), and the first row of a forecast is what a plan may go by.

    Args:
        availability: share of the machines of each site in a tick (S,); None: all, always.
        arrivals: contract requests of a tick; None: none.

    Raises:
        FeedInvalid: the history's sites are not the fleet's, or ticks do not fit its steps.
        FeedUnavailable: the run starts outside the history.
    """

    name = "replay"

    def __init__(
        self,
        config: RunConfig,
        history: History,
        *,
        forecast: ForecastKind = "persistence",
        token_price_usd_per_mtok: float = DEFAULT_TOKEN_PRICE_USD_PER_MTOK,
        availability: Callable[[int], Floats] | None = None,
        arrivals: Callable[[int], tuple[ContractRequest, ...]] | None = None,
    ) -> None:
        self._grid = grid = config.grid
        self._history = history.for_sites(config.fleet.site_ids)
        self._series = series = series_of(self._history, config.fleet, grid)
        self._start_s = grid.start_epoch_s - series.first_s
        self._tick_s = grid.tick_minutes * SECONDS_PER_MINUTE
        self._hashprice_floats: list[float] = series.hashprice_usd_per_ph_day[: series.count].tolist()
        self._token_price = token_price_usd_per_mtok
        self._all = sealed(np.ones(config.fleet.site_count))
        self._availability = availability
        self._arrivals = arrivals
        self._is_perfect = forecast == "perfect"
        self._prices = None if self._is_perfect else _ExpectedPrices(config, self._history, series, forecast)
        self._expects_present = self._prices is not None and self._prices.expects_present
        self._observations = lru_cache(maxsize=16)(self._observation_in)
        self._forecasts = lru_cache(maxsize=16)(self._forecast_in)
        self._forecasts_of_steps = lru_cache(maxsize=16)(self._forecast_from)
        self._step_of(0)

    def observe(self, tick: int) -> Observation:
        """Return the values of the step in which the tick begins.

        Raises:
            FeedUnavailable: a tick outside the history.
        """
        return self._observations(self._step_of(tick))(
            tick=tick,
            availability_share=self._all if self._availability is None else self._availability(tick),
            arrivals=() if self._arrivals is None else self._arrivals(tick),
        )

    def _observation_in(self, step: int) -> partial[Observation]:
        """Make the observations of a step's ticks, which share their arrays."""
        series = self._series
        return partial(
            Observation,
            energy_price_usd_per_mwh=series.price_usd_per_mwh[step],
            carbon_intensity_g_per_kwh=series.carbon_g_per_kwh[step],
            renewable_share=series.renewable_share[step],
            dry_bulb_c=series.dry_bulb_c[step],
            wet_bulb_c=series.wet_bulb_c[step],
            hashprice_usd_per_ph_day=self._hashprice_floats[step],
            token_price_usd_per_mtok=self._token_price,
            demand_multiplier_share=series.multiplier_factor[step],
            demand_tokens_per_h=series.demand_tokens_per_h[step],
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast `hours` hours (at least 1) by what was known at `tick`.

        Raises:
            FeedUnavailable: a tick outside the history.
        """
        assert hours >= 1
        rows = self._series.rows(self._start_s + tick * self._tick_s, hours)
        return self._forecasts(self._step_of(tick), rows)(tick=tick)

    def _forecast_in(self, step: int, rows: ForecastRows) -> partial[Forecast]:
        """Make the forecasts of a step's ticks with these rows, which share their arrays."""
        first = max(step - (step + self._series.day_offset) % STEPS_AT_ONCE, 0)
        by_step, at = self._forecasts_of_steps(first, rows), step - first
        return partial(
            Forecast,
            energy_price_usd_per_mwh=by_step.price_usd_per_mwh[at],
            carbon_intensity_g_per_kwh=by_step.carbon_g_per_kwh[at],
            dry_bulb_c=by_step.dry_bulb_c[at],
            wet_bulb_c=by_step.wet_bulb_c[at],
            hashprice_usd_per_ph_day=by_step.hashprice_usd_per_ph_day[at],
            demand_multiplier_share=by_step.multiplier_factor[at],
            demand_tokens_per_h=by_step.demand_tokens_per_h[at],
            row_minutes=rows.minutes,
            expects_present_price=self._expects_present,
            published_count=by_step.published_count[at],
        )

    def _forecast_from(self, first: int, rows: ForecastRows) -> "_Forecasts":
        """Forecast from each step up to the next multiple of `STEPS_AT_ONCE`."""
        series, prices = self._series, self._prices
        count = STEPS_AT_ONCE - (first + series.day_offset) % STEPS_AT_ONCE
        steps = np.arange(first, min(first + count, series.count))
        known = series.count - steps if self._is_perfect else np.ones_like(steps)
        ahead = standing_steps(rows, known, series.day_steps)
        standing = series.at(steps, ahead, rows, newest=steps)
        hashprice = series.hashprice_usd_per_ph_day
        multiplier, demand = series.calendar(steps, rows)
        return _Forecasts(
            price_usd_per_mwh=sealed(
                series.price_usd_per_mwh.take(standing, axis=0) if prices is None else prices.expected(steps, rows)
            ),
            carbon_g_per_kwh=sealed(series.carbon_g_per_kwh.take(standing, axis=0)),
            dry_bulb_c=sealed(series.dry_bulb_c.take(standing, axis=0)),
            wet_bulb_c=sealed(series.wet_bulb_c.take(standing, axis=0)),
            hashprice_usd_per_ph_day=sealed(
                hashprice.take(standing)
                if self._is_perfect
                else hashprice[steps].repeat(standing.shape[1]).reshape(standing.shape)
            ),
            multiplier_factor=sealed(multiplier),
            demand_tokens_per_h=sealed(demand),
            published_count=sealed(self._published_count(steps, rows)),
        )

    def _published_count(self, steps: Ints, rows: ForecastRows) -> Ints:
        """Count the first rows of each forecast with published prices (B, S)."""
        if self._prices is not None:
            return self._prices.published_count(steps, rows)
        count = len(rows.begin_step) if self._is_perfect else 1
        return np.full((len(steps), len(self._all)), count, dtype=np.int64)

    def _step_of(self, tick: int) -> int:
        """Return the step of the series in which a tick begins.

        Raises:
            FeedUnavailable: a tick before the history begins; `FeedEnded` after its end.
        """
        step = (self._start_s + tick * self._tick_s) // self._series.step_s
        if 0 <= step < self._series.count:
            return step
        refusal = FeedUnavailable if step < 0 else FeedEnded
        raise refusal(
            f"{self._history.file} covers {self._history.period}, tick {tick} is at {utc_text(self._grid.at(tick))}: "
            "start the run within that period, or end it earlier"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Forecasts:
    """Forecasts from successive steps, a row of each array for each (B, ...)."""

    price_usd_per_mwh: Floats
    carbon_g_per_kwh: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    hashprice_usd_per_ph_day: Floats
    multiplier_factor: Floats
    demand_tokens_per_h: Floats
    published_count: Ints


class _ExpectedPrices:
    """Prices by what is known of them at each step of a history.

    Sites whose prices are published alike share a column of what is known.

    Attributes:
        expects_present: some site's price of the present step is not known yet.
    """

    def __init__(self, config: RunConfig, history: History, series: ReplayedSeries, kind: ForecastKind) -> None:
        sites = config.fleet.sites
        is_ahead = np.array(known_ahead(sites, history.price_known))
        day_ahead = series.day_ahead_usd_per_mwh
        has_both = np.zeros(len(sites), dtype=np.bool_)
        self._later = series.price_usd_per_mwh
        if day_ahead is not None and kind == "day-ahead":
            has_both = ~is_ahead & np.isfinite(day_ahead).all(axis=0)
            self._later = sealed(np.where(has_both, day_ahead, self._later))
        is_late = ~is_ahead & (not series.is_hourly)
        self.expects_present = bool(is_late.any())
        is_published = (is_ahead | has_both) & (kind == "day-ahead")
        # what is known of a site follows from its clock, where prices are published, and from when the present one is
        known_by = [
            (site.timezone if published else "", int(not late or published))
            for site, published, late in zip(sites, is_published.tolist(), is_late.tolist(), strict=True)
        ]
        distinct = sorted(set(known_by))
        self._until = np.stack([_known_until(series, *how) for how in distinct], axis=1)
        self._column_of_site = np.array([distinct.index(how) for how in known_by])
        self._series, self._sites = series, np.arange(len(sites))
        self._moving = moving = np.flatnonzero(is_late | has_both)
        self._slopes = sorted({distinct.index(known_by[s]) for s in np.flatnonzero(has_both).tolist()})
        self._real_time = None
        if moving.size:
            beside = np.where(has_both, self._later, 0.0)[: series.count, moving]
            self._real_time = RealTimePrices(series, moving, beside, lag=int(self.expects_present))

    def expected(self, steps: Ints, rows: ForecastRows) -> Floats:
        """Expect the prices of forecasts from successive steps (B, H, S)."""
        series = self._series
        known = self._until[steps] - steps[:, None]
        ahead = standing_steps(rows, known, series.day_steps)
        newest = np.maximum(steps - self.expects_present, 0)
        found = series.at(steps, ahead, rows, newest)[:, :, self._column_of_site]
        price: Floats = self._later.take(found * len(self._sites) + self._sites)
        if self._real_time is not None:
            slope = known[:, self._slopes].min(axis=1) if self._slopes else np.zeros_like(steps)
            price[:, :, self._moving] = self._real_time.expected(steps, rows, price[:, :, self._moving], slope)
        return price

    def published_count(self, steps: Ints, rows: ForecastRows) -> Ints:
        """Count the first rows of each forecast with published prices (B, S)."""
        ends = rows.begin_step + rows.width_steps
        known = self._until[steps] - steps[:, None]
        count = (ends[:, None] <= known[:, None]).sum(axis=1)[:, self._column_of_site]
        count[:, self._moving] = 1  # what stands for these is moved by the real-time price, so it is a guess
        return np.asarray(np.maximum(count, 1))


def _known_until(series: ReplayedSeries, clock: str, present: int) -> Ints:
    """Return the first step whose price is unknown at each step of a series (N,).

    Args:
        clock: time zone of the market's days; an empty text where prices are not published in advance.
        present: 1 where the price of the present step is known, 0 where it is not yet.
    """
    next_step = np.arange(present, series.count + present)
    if not clock:
        return next_step
    first_h = series.first_s // SECONDS_PER_HOUR
    hour_of_step = (series.first_s + np.arange(series.count) * series.step_s) // SECONDS_PER_HOUR - first_h
    until = published_until_hours(first_h, first_h + int(hour_of_step[-1]) + 1, clock)
    known_s = until[hour_of_step] * SECONDS_PER_HOUR - series.first_s
    return np.clip(known_s // series.step_s, next_step, series.count)
