"""A feed that replays a history, with forecasts from what was known at the time.

Model: docs/model.md#13-forecasts ; decision 0043.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import ContractRequest
from mara.core.fleet import Fleet
from mara.core.market import DEFAULT_TOKEN_PRICE_USD_PER_MTOK, REGION_ZONE, demand_multiplier, token_demand_per_h
from mara.core.timegrid import zone
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Forecast, Observation, RunConfig
from mara.errors import FeedEnded, FeedInvalid, FeedUnavailable
from mara.feeds.day_ahead import known_ahead, published_until_hour
from mara.feeds.files.history import History
from mara.feeds.files.history_clock import utc_text

ForecastKind = Literal["persistence", "day-ahead", "perfect"]
"""Ways to forecast from a history; `ReplayFeed` describes each."""

CALENDAR_BEYOND_H: Final = 192
"""Hours after the history for which demand multipliers are computed in advance.

Forecasts may reach further; those hours are then computed on each call.
"""
QUIET_BEFORE_END_H: Final = 14
"""Hours before the end of the known prices in which a new publication may come.

Between a publication and that moment nothing changes, so those hours need not be looked up one by one.
"""


class ReplayFeed:
    """The outside world out of a `History`; hourly values hold over shorter ticks.

    Forecasts, by `forecast`:

    - ``persistence``: the last 24 hours repeat; nothing after the present hour is read.
    - ``day-ahead``: the same, but prices of day-ahead markets are known to the end of the local day, and from 13:00
      local time to the end of the next one (`mara.feeds.day_ahead`); after that the last known day repeats.
    - ``perfect``: the values that will come, for bounds only; after the end of the history its last day repeats.

    The first two keep today's hashprice. Demand multipliers follow from the calendar, so all three know them.

    Args:
        availability: share of the machines of each site in a tick (S,); None: all, always.
        arrivals: contract requests of a tick; None: none.

    Raises:
        FeedInvalid: the history's sites are not the fleet's, or its steps are shorter than an hour.
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
        if history.step_minutes != MINUTES_PER_HOUR:
            raise FeedInvalid(
                f"{history.file} should have hourly rows to be replayed, has steps of {history.step_minutes} minutes: "
                "build it with step_minutes = 60"
            )
        self._fleet = fleet = config.fleet
        self._grid = grid = config.grid
        self._history = history = history.for_sites(fleet.site_ids)
        self._hours = history.step_count
        self._first_epoch_h = history.first_epoch_s // SECONDS_PER_HOUR
        self._start_s = grid.start_epoch_s - history.first_epoch_s
        self._tick_s = grid.tick_minutes * SECONDS_PER_MINUTE
        self._price = history.energy_price_usd_per_mwh
        self._carbon = history.carbon_intensity_g_per_kwh
        self._renewable = history.renewable_share
        self._dry_bulb = history.dry_bulb_c
        self._wet_bulb = history.wet_bulb_c
        self._hashprice = history.hashprice_usd_per_ph_day
        self._hashprice_floats: list[float] = self._hashprice.tolist()
        self._token_price = token_price_usd_per_mtok
        self._multiplier = multipliers_of_hours(self._first_epoch_h, self._hours + CALENDAR_BEYOND_H)
        self._demand = sealed(token_demand_per_h(self._multiplier, fleet))
        self._all = sealed(np.ones(fleet.site_count))
        self._availability = availability
        self._arrivals = arrivals
        self._is_perfect = forecast == "perfect"
        self._known = _KnownAhead(fleet, history) if forecast == "day-ahead" else None
        self._hour_of(0)

    def observe(self, tick: int) -> Observation:
        """Return the values of the clock hour in which the tick begins.

        Raises:
            FeedUnavailable: a tick outside the history.
        """
        hour = self._hour_of(tick)
        return Observation(
            tick=tick,
            energy_price_usd_per_mwh=self._price[hour],
            carbon_intensity_g_per_kwh=self._carbon[hour],
            renewable_share=self._renewable[hour],
            dry_bulb_c=self._dry_bulb[hour],
            wet_bulb_c=self._wet_bulb[hour],
            availability_share=self._all if self._availability is None else self._availability(tick),
            hashprice_usd_per_ph_day=self._hashprice_floats[hour],
            token_price_usd_per_mtok=self._token_price,
            demand_multiplier_share=self._multiplier[hour],
            demand_tokens_per_h=self._demand[hour],
            arrivals=() if self._arrivals is None else self._arrivals(tick),
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast `hours` hourly rows (at least 1) by what was known at `tick`.

        Raises:
            FeedUnavailable: a tick outside the history.
        """
        assert hours >= 1
        hour = self._hour_of(tick)
        rows = expected_rows(hour, self._hours if self._is_perfect else hour + 1, hours)
        if self._known is None:
            price = self._price.take(rows, axis=0)
        else:
            price = self._price.take(self._known.flat_rows(hour, hours))
        today = self._hashprice_floats[hour]
        hashprice = self._hashprice.take(rows) if self._is_perfect else np.full(hours, today)
        multiplier, demand = self._calendar(hour, hours)
        return Forecast(
            tick=tick,
            energy_price_usd_per_mwh=sealed(price),
            carbon_intensity_g_per_kwh=sealed(self._carbon.take(rows, axis=0)),
            dry_bulb_c=sealed(self._dry_bulb.take(rows, axis=0)),
            wet_bulb_c=sealed(self._wet_bulb.take(rows, axis=0)),
            hashprice_usd_per_ph_day=sealed(hashprice),
            demand_multiplier_share=multiplier,
            demand_tokens_per_h=demand,
        )

    def _hour_of(self, tick: int) -> int:
        """Return the history's row for a tick.

        Raises:
            FeedUnavailable: a tick before the history begins; `FeedEnded` after its end.
        """
        hour = (self._start_s + tick * self._tick_s) // SECONDS_PER_HOUR
        if 0 <= hour < self._hours:
            return hour
        refusal = FeedUnavailable if hour < 0 else FeedEnded
        raise refusal(
            f"{self._history.file} covers {self._history.period}, tick {tick} is at {utc_text(self._grid.at(tick))}: "
            "start the run within that period, or end it earlier"
        )

    def _calendar(self, hour: int, hours: int) -> tuple[Floats, Floats]:
        if hour + hours <= len(self._multiplier):
            return self._multiplier[hour : hour + hours], self._demand[hour : hour + hours]
        multiplier = multipliers_of_hours(self._first_epoch_h + hour, hours)
        return multiplier, sealed(token_demand_per_h(multiplier, self._fleet))


class _KnownAhead:
    """Known day-ahead prices by hour of a history.

    Sites whose markets share a time zone share a column.
    """

    def __init__(self, fleet: Fleet, history: History) -> None:
        ahead = known_ahead(fleet.sites, history.price_known)
        clocks = [site.timezone if is_ahead else "" for site, is_ahead in zip(fleet.sites, ahead, strict=True)]
        distinct = sorted(set(clocks))
        until = np.empty((history.step_count, len(distinct)), dtype=np.int64)
        for column, clock in enumerate(distinct):
            until[:, column] = _known_until(history, clock)
        self._until = sealed(until)
        self._column_of_site = np.array([distinct.index(clock) for clock in clocks])
        self._sites = np.arange(fleet.site_count)

    def flat_rows(self, hour: int, hours: int) -> Ints:
        """Return `expected_rows` of each site as indices into flattened prices (H, S).

        The prices are (hours of the history, S) before they are flattened.
        """
        until = self._until[hour]
        ahead = np.arange(hour, hour + hours)[:, None]
        rows = np.where(ahead < until, ahead, until - HOURS_PER_DAY + (ahead - until) % HOURS_PER_DAY)
        if hour < HOURS_PER_DAY:
            rows[rows < 0] = hour
        return np.asarray(rows[:, self._column_of_site] * len(self._sites) + self._sites)


def _known_until(history: History, clock: str) -> Ints:
    """Return the first row whose price is unknown in each hour of the history.

    Without a clock (an empty text) prices are real-time: the next row.
    """
    count, first_epoch_h = history.step_count, history.first_epoch_s // SECONDS_PER_HOUR
    next_row = np.arange(1, count + 1)
    if not clock:
        return next_row
    until = np.empty(count, dtype=np.int64)
    hour = 0
    while hour < count:
        known = published_until_hour(first_epoch_h + hour, clock) - first_epoch_h
        same_until = max(hour + 1, known - QUIET_BEFORE_END_H)
        until[hour:same_until] = known
        hour = same_until
    return np.clip(until, next_row, count)


def expected_rows(hour: int, known_until: int, hours: int) -> Ints:
    """Return the history's row that stands for the present and each next hour (H,).

    Rows before `known_until` stand for themselves; later hours repeat the last 24 known ones, or the present where the
    history does not reach back that far.
    """
    rows: Ints = hour + _rows_ahead(min(known_until - hour, hours), hours)
    if known_until < HOURS_PER_DAY:
        rows[rows < 0] = hour
    return rows


@lru_cache(maxsize=256)
def _rows_ahead(known_hours: int, hours: int) -> Ints:
    """Return `expected_rows` relative to the present hour (H,).

    The first `known_hours` hours, with the present, are known.
    """
    rows = np.arange(hours)
    beyond = rows[known_hours:]
    beyond[:] = known_hours - HOURS_PER_DAY + (beyond - known_hours) % HOURS_PER_DAY
    return sealed(rows)


def multipliers_of_hours(first_epoch_h: int, count: int) -> Floats:
    """Tabulate `demand_multiplier` by hour since 1970 UTC and region (count, R)."""
    zones = [zone(name) for name in REGION_ZONE]
    seconds = range(first_epoch_h * SECONDS_PER_HOUR, (first_epoch_h + count) * SECONDS_PER_HOUR, SECONDS_PER_HOUR)
    return sealed(np.array([[demand_multiplier(datetime.fromtimestamp(s, z)) for z in zones] for s in seconds]))
