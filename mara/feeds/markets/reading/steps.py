"""Lengths of intervals, derived from the stamps of all files together."""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Ints
from mara.feeds.markets.declaration import Side
from mara.feeds.markets.reading.clocks import DAY_S, day_text, wall_clock
from mara.feeds.markets.reading.rows import MarketSeries

EPOCH_ORDINAL: Final = 719_163
"""The ordinal of 1970-01-01 in the calendar of `datetime.date`."""
_FAR: Final = 10**15


def stepped(series: MarketSeries) -> MarketSeries:
    """Derive both ends of each interval from a series' sorted stamps.

    Raises:
        FeedInvalid: the stamps of a local day have a distance that is no step of the layout.
    """
    at_s = series.begin_s
    if series.layout.is_tiled:
        return replace(series, begin_s=_tiles(series))
    step_s = _steps(series)
    if series.layout.side is Side.BEGIN:
        return replace(series, end_s=at_s + step_s)
    return replace(series, begin_s=at_s - step_s)


def deviated(series: MarketSeries) -> MarketSeries:
    """Correct the periods in which stamps named the other side of the interval."""
    for deviation in series.layout.deviations:
        if deviation.side in {None, series.layout.side} or series.key.point != deviation.value:
            continue
        there = np.ones(len(series.begin_s), dtype=np.bool_)
        if deviation.valid_from is not None:
            there &= series.begin_s >= (deviation.valid_from.toordinal() - EPOCH_ORDINAL) * DAY_S
        if deviation.valid_until is not None:
            there &= series.begin_s < (deviation.valid_until.toordinal() - EPOCH_ORDINAL) * DAY_S
        direction = 1 if series.layout.side is Side.END else -1
        shift_s = np.where(there, (series.end_s - series.begin_s) * direction, 0)
        series = replace(series, begin_s=series.begin_s + shift_s, end_s=series.end_s + shift_s)
    return series


def _steps(series: MarketSeries) -> Ints:
    """Step of each local day [s]: the least distance of its stamps."""
    declared = sorted(minutes * 60 for minutes in series.layout.steps_minutes)
    clock = wall_clock(series.day_zone)
    at_s = series.begin_s
    day = clock.days_of(at_s - (1 if series.layout.side is Side.END else 0))
    apart = np.diff(at_s)
    near = (np.diff(day) == 0) & (apart > 0)
    days, place = np.unique(day, return_inverse=True)
    least = np.full(len(days), _FAR)
    np.minimum.at(least, place[1:][near], apart[near])
    step_s = _nearest(least)[place]
    bad = np.flatnonzero(~np.isin(step_s, declared))
    if bad.size:
        row = int(bad[0])
        known = ", ".join(f"{one / 60:g}" for one in declared)
        came = "one stamp, which tells none" if step_s[row] == _FAR else f"stamps {step_s[row] / 60:g} minutes apart"
        raise series.refusal(
            row,
            f"local day {day_text(day[row])} ({series.day_zone}) should have a step of {known} minutes, has "
            f"{came}: a stamp was shifted, or rows are missing; correct them, or add the files around it",
        )
    return step_s


def _nearest(least: Ints) -> Ints:
    """Steps of all days [s]; a day of a single stamp gets that of the next."""
    known: Bools = least != _FAR
    if known.all() or not known.any():
        return least
    places = np.flatnonzero(known)
    near = np.clip(np.searchsorted(places, np.arange(len(least))), 0, len(places) - 1)
    return np.where(known, least, least[places[near]])


def _tiles(series: MarketSeries) -> Ints:
    """Beginnings [s] of dispatch intervals that end at irregular times."""
    step_s = min(series.layout.steps_minutes) * 60
    at_s = series.begin_s
    mark_s = (at_s - 1) // step_s * step_s
    before = np.r_[np.int64(-_FAR), at_s[:-1]]
    # an equal stamp is a repeat, which is checked later; it must not make an empty interval
    return np.maximum(mark_s, np.where(before == at_s, -_FAR, before))
