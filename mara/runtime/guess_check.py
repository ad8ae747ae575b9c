"""Check of guessed prices: what was forecast in the last days against what came.

A forecast of an earlier tick is made again from what was known then: a live feed reads it in its journal, another
draws or looks up the same. What came is what the run stored.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.history import GuessError
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR
from mara.core.world import Forecast
from mara.errors import FeedError
from mara.feeds.base import Feed
from mara.store.read.read_model import ReadModel

HORIZONS_H: Final = (1, 6, 24)
DAYS: Final = 7
MOST_SITES: Final = 100
"""Sites up to which guesses are checked: forecasts of more take too long."""

LookBack = Callable[[], Feed]
"""Opens a feed of its own on a run's world: looking back disturbs no tick."""


def guess_errors(reading: ReadModel, look_back: LookBack, rest: Callable[[], None]) -> tuple[GuessError, ...]:
    """Measure the guesses of the last seven days, by site and hours ahead.

    Each counts in the hour that it is for, once that is over, beside the price of the same hour a day before; hours of
    which either is not stored are left out. Empty before there are any, and for fleets of more than `MOST_SITES`.

    Args:
        rest: called after each forecast, to let ticks and pages come first.
    """
    config = reading.run().config
    grid, sites = config.grid, config.fleet.site_ids
    end = int(reading.ask("SELECT coalesce(max(tick) + 1, 0) AS tick FROM ticks")[0].tick)
    if not end or len(sites) > MOST_SITES:
        return ()
    per_hour, a_day = grid.ticks_per_hour, grid.ticks_per_hour * HOURS_PER_DAY
    from_tick = max(0, end - (DAYS + 2) * a_day)
    came = _prices_from(reading, from_tick, end, len(sites))
    feed = look_back()
    errors: dict[int, list[Floats]] = {hours: [] for hours in HORIZONS_H}
    first = from_tick + (-grid.epoch_s(from_tick) // (MINUTES_PER_HOUR * 60 // per_hour)) % per_hour
    for origin in range(first, end - per_hour, per_hour):
        try:
            ahead = feed.forecast(origin, max(HORIZONS_H) + 1)
        except FeedError:
            continue  # nothing was known then
        for hours in HORIZONS_H:
            target = origin + hours * per_hour
            row, ticks = _row_at(ahead, hours, grid)
            if target < end - DAYS * a_day or target - a_day < from_tick or target + ticks > end:
                continue
            truth, before = (_mean(came, tick - from_tick, ticks) for tick in (target, target - a_day))
            errors[hours].append(np.stack([ahead.energy_price_usd_per_mwh[row] - truth, before - truth]))
        rest()
    return tuple(
        _summed(site_id, hours, np.array(found)[:, :, place])
        for place, site_id in enumerate(sites)
        for hours, found in errors.items()
        if found
    )


def _prices_from(reading: ReadModel, from_tick: int, end: int, sites: int) -> Floats:
    """Read the prices of each tick (N, S), NaN where one is past its retention."""
    came = np.full((end - from_tick, sites), np.nan)
    query = "SELECT tick, site, energy_price_usd_per_mwh AS price FROM prices WHERE tick >= ?"
    for found in reading.ask(query, from_tick):
        if found.tick < end:
            came[found.tick - from_tick, found.site] = found.price
    return came


def _row_at(ahead: Forecast, hours: int, grid: TimeGrid) -> tuple[int, int]:
    """Find the row of a forecast for some hours ahead, and its length in ticks."""
    if not ahead.row_minutes:
        return hours, grid.ticks_per_hour
    begins = np.cumsum((0, *ahead.row_minutes))[:-1]
    row = int(np.searchsorted(begins, hours * MINUTES_PER_HOUR, side="right")) - 1
    return row, ahead.row_minutes[row] // grid.tick_minutes


def _mean(price_usd_per_mwh: Floats, first: int, ticks: int) -> Floats:
    return np.asarray(price_usd_per_mwh[first : first + ticks].mean(axis=0))


def _summed(site_id: str, hours: int, error_usd_per_mwh: Floats) -> GuessError:
    """Sum up errors of guesses and of yesterday's prices (N, 2) [USD/MWh]."""
    known = error_usd_per_mwh[~np.isnan(error_usd_per_mwh).any(axis=1)]
    count = len(known)
    return GuessError(
        site_id=site_id,
        ahead_h=hours,
        count=count,
        error_usd_per_mwh=float(np.abs(known[:, 0]).mean()) if count else 0.0,
        bias_usd_per_mwh=float(known[:, 0].mean()) if count else 0.0,
        persistence_usd_per_mwh=float(np.abs(known[:, 1]).mean()) if count else 0.0,
    )
