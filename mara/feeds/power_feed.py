"""A feed that tells of the power system beside prices: demand, reserves, calls.

It stands before another feed and adds to its readings what a `PowerSource` knows. Fleets without power terms have none.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from typing import Final, Protocol

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.power_calendar import power_of, product_counts
from mara.core.power_signals import PowerForecast, PowerObservation
from mara.core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Forecast, Observation, RunConfig
from mara.errors import ConfigError
from mara.feeds.base import Feed
from mara.feeds.files.history import History

DEMAND: Final = "system_demand_mw"
DEMAND_FORECAST: Final = "system_demand_forecast_mw"

Calls = Callable[[int], tuple[Floats, Ints]]
"""Calls of a tick: called share, and the tick in which each call ends (P,)."""


class PowerSource(Protocol):
    """A source of system demand and reserve prices, by time and site."""

    def demand_mw(self, from_s: int, to_s: int) -> Floats:
        """Mean demand of each site's power system in a stretch of time (S,)."""
        ...

    def expected_demand_mw(self, now_s: int, begins_s: Ints) -> Floats:
        """Demand that is expected at the begin of each row, by what is known now (H, S)."""
        ...

    def reserve_prices(self, from_s: int) -> Floats:
        """Price of each product at a time (P, S) [USD/MW and hour]."""
        ...

    def expected_reserve_prices(self, now_s: int, begins_s: Ints) -> Floats:
        """Prices expected at the begin of each row (H, P, S) [USD/MW and hour]."""
        ...


class PowerFeed:
    """A feed with the power system beside the readings of `inner`.

    Args:
        calls: which products call what they bought, by tick.
    """

    def __init__(self, inner: Feed, config: RunConfig, source: PowerSource, calls: Calls) -> None:
        self._inner, self._config, self._source, self._calls = inner, config, source, calls

    @property
    def name(self) -> str:
        return self._inner.name

    def observe(self, tick: int) -> Observation:
        """Observe a tick.

        Raises:
            FeedUnavailable: the source has nothing for this tick.
        """
        seen, fleet = self._inner.observe(tick), self._config.fleet
        from_s = self._config.grid.epoch_s(tick)
        to_s = from_s + self._config.grid.tick_minutes * SECONDS_PER_MINUTE
        counts = product_counts(fleet, from_s // SECONDS_PER_HOUR)
        called, ends = self._calls(tick)
        return replace(
            seen,
            power=PowerObservation(
                system_demand_mw=sealed(self._source.demand_mw(from_s, to_s)),
                reserve_price_usd_per_mw_h=sealed(self._source.reserve_prices(from_s) * counts),
                called_share=sealed(called[:, None] * power_of(fleet).sold_at),
                call_ends_tick=ends,
            ),
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast as `inner` does, with the power system at the begin of each row.

        Raises:
            FeedUnavailable: the source has nothing for this tick.
        """
        forecast = self._inner.forecast(tick, hours)
        now_s = self._config.grid.epoch_s(tick)
        begins = row_begins_s(forecast, now_s)
        counts = np.stack([product_counts(self._config.fleet, int(s) // SECONDS_PER_HOUR) for s in begins])
        return replace(
            forecast,
            power=PowerForecast(
                system_demand_mw=sealed(self._source.expected_demand_mw(now_s, begins)),
                reserve_price_usd_per_mw_h=sealed(self._source.expected_reserve_prices(now_s, begins) * counts),
            ),
        )


def row_begins_s(forecast: Forecast, now_s: int) -> Ints:
    """Begin of each row of a forecast, in seconds since 1970 UTC (H,)."""
    if forecast.row_minutes:
        return now_s + SECONDS_PER_MINUTE * np.array(tuple(accumulate((0, *forecast.row_minutes[:-1]))))
    hour_s = now_s - now_s % SECONDS_PER_HOUR
    rows = len(forecast.hashprice_usd_per_ph_day)
    return np.concatenate([[now_s], hour_s + SECONDS_PER_HOUR * np.arange(1, rows)]).astype(np.int64)


class RecordedPower:
    """System demand and reserve prices from the columns of a history.

    What is not known in advance is expected to be as at the same time of the day before.

    Raises:
        ConfigError: a column is missing that a charge or a product needs.
    """

    def __init__(self, config: RunConfig, history: History) -> None:
        history, terms = history.for_sites(config.fleet.site_ids), power_of(config.fleet)
        self._history, self._sites, self._products = history, config.fleet.site_count, terms.products
        for charge in terms.peaks:
            if DEMAND not in history.further or np.isnan(history.further[DEMAND][:, charge.site]).any():
                raise ConfigError(
                    f"a coincident_peak charge needs a column {DEMAND} in the history, {history.file} has none for "
                    f"site {config.fleet.site_ids[charge.site]!r}: add it, or take the charge out"
                )
        for product in terms.products:
            if product.price_column and product.price_column not in history.further:
                raise ConfigError(
                    f"product {product.id!r} takes its price from a column {product.price_column}, {history.file} has "
                    "none: add it, or give a number as price"
                )

    def demand_mw(self, from_s: int, to_s: int) -> Floats:
        column = self._history.further.get(DEMAND)
        if column is None:
            return np.full(self._sites, np.nan)
        first, end = self._step(from_s), -(-(to_s - self._history.first_epoch_s) // self._history.step_s)
        return np.asarray(column[first:end].mean(axis=0))

    def expected_demand_mw(self, now_s: int, begins_s: Ints) -> Floats:
        further = self._history.further
        if DEMAND not in further:
            return np.full((len(begins_s), self._sites), np.nan)
        stands = further[DEMAND][self._known_steps(now_s, begins_s)]
        if DEMAND_FORECAST not in further:
            return np.asarray(stands)
        # A forecast of the day before reaches to the end of the next day at most.
        told = (begins_s - now_s < SECONDS_PER_DAY)[:, None]
        steps = np.minimum(self._step(begins_s), self._history.step_count - 1)
        return np.where(told, further[DEMAND_FORECAST][steps], stands)

    def reserve_prices(self, from_s: int) -> Floats:
        return np.asarray(self._prices(np.array([self._step(from_s)]))[0])

    def expected_reserve_prices(self, now_s: int, begins_s: Ints) -> Floats:
        return self._prices(self._known_steps(now_s, begins_s))

    def calls(self, drawn: Calls, config: RunConfig) -> Calls:
        """Return the calls that the history records; those of other products are drawn."""
        columns = {
            p: self._history.further[name]
            for p, product in enumerate(self._products)
            if (name := f"called_{product.id}_share") in self._history.further
        }
        if not columns:
            return drawn

        def at(tick: int) -> tuple[Floats, Ints]:
            some, until = drawn(tick)
            called, ends = some.copy(), until.copy()
            step = int(self._step(config.grid.epoch_s(tick)))
            for p, column in columns.items():
                called[p] = float(np.nan_to_num(column[step]).max())
                last = step
                while called[p] and last < len(column) and np.nan_to_num(column[last]).max() > 0.0:
                    last += 1
                end_s = self._history.first_epoch_s + last * self._history.step_s
                # A call ends with the tick in which it ends, which may be longer than the history's steps.
                since_s, tick_s = end_s - config.grid.start_epoch_s, config.grid.tick_minutes * SECONDS_PER_MINUTE
                ends[p] = -(-since_s // tick_s) if called[p] else 0
            return sealed(called), sealed(ends)

        return at

    def _prices(self, steps: Ints) -> Floats:
        prices = np.empty((len(steps), len(self._products), self._sites))
        for p, product in enumerate(self._products):
            prices[:, p] = (
                np.nan_to_num(self._history.further[product.price_column][steps])
                if product.price_column
                else product.price_usd_per_mw_h
            )
        return prices

    def _step(self, epoch_s: int | Ints) -> Ints:
        return np.asarray((epoch_s - self._history.first_epoch_s) // self._history.step_s)

    def _known_steps(self, now_s: int, begins_s: Ints) -> Ints:
        """The steps that stand for the begins of rows: the last known day's at that time."""
        days = np.maximum(-(-(begins_s - now_s) // SECONDS_PER_DAY), 0)
        return np.maximum(self._step(begins_s - days * SECONDS_PER_DAY), 0)
