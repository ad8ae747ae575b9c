"""Warnings about suspicious values of a series, which change nothing."""

from typing import Final

import numpy as np

from mara.core.arrays import Bools, Ints
from mara.feeds.markets.declaration import Cap
from mara.feeds.markets.reading.clocks import DAY_S, HOUR_S, utc_text
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.steps import EPOCH_ORDINAL

LEAST_ZERO_INTERVALS: Final = 4
"""Least number of zeros in a row that gives a warning."""
LEAST_EQUAL_S: Final = 12 * HOUR_S
"""Least time [s] of one unchanged price that gives a warning: half a day."""


def doubts_of(series: MarketSeries) -> tuple[str, ...]:
    """Write the warnings of a series: long runs, prices at a limit."""
    value = next(iter(series.values.values()))
    told = []
    for name, runs in (("zero", zero_runs(series)), ("one value", equal_runs(series))):
        if len(runs):
            first, last = runs[0]
            count = "1 run" if len(runs) == 1 else f"{len(runs):,} runs"
            told.append(
                f"{series.key.name}: {count} of {name}, the first {last - first} intervals of "
                f"{value[first]:g} from {utc_text(series.begin_s[first])}: is that so?"
            )
    told += [
        f"{series.key.name}: {deviation.note}"
        for deviation in series.layout.deviations
        if deviation.note
        and deviation.value == series.key.point
        and (deviation.valid_from is None or series.end_s[-1] > _day_s(deviation.valid_from.toordinal()))
    ]
    return tuple(told)


def zero_runs(series: MarketSeries) -> Ints:
    """Find long runs of zeros: first row, and the row after the last (R, 2)."""
    value = next(iter(series.values.values()))
    runs = _runs(value == 0.0)
    return runs[runs[:, 1] - runs[:, 0] >= LEAST_ZERO_INTERVALS]


def equal_runs(series: MarketSeries) -> Ints:
    """Find long runs of one value other than zero, as in `zero_runs` (R, 2)."""
    value = next(iter(series.values.values()))
    if not len(value):
        return np.zeros((0, 2), np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(value) != 0.0])
    ends = np.r_[starts[1:], len(value)]
    long = (series.end_s[ends - 1] - series.begin_s[starts] >= LEAST_EQUAL_S) & (value[starts] != 0.0)
    return np.stack([starts[long], ends[long]], axis=1)


def at_cap(series: MarketSeries) -> Bools:
    """Mark the rows at or beyond the market's floor or cap on their day (N,).

    Prices in another currency than that of the limits are not compared.
    """
    value = next(iter(series.values.values()))
    there = np.zeros(len(value), dtype=np.bool_)
    for cap, until_s in _dated(series.layout.caps):
        if series.key.currency != (cap.currency or series.layout.currency):
            continue
        since = (series.begin_s >= _day_s(cap.valid_from.toordinal())) & (series.begin_s < until_s)
        there |= since & ((value >= cap.cap_per_mwh) | (value <= cap.floor_per_mwh))
    return there


def _dated(caps: tuple[Cap, ...]) -> list[tuple[Cap, int]]:
    """Pair each cap with the instant [s] at which the next one follows."""
    ends = [*(_day_s(cap.valid_from.toordinal()) for cap in caps[1:]), 2**62]
    return list(zip(caps, ends, strict=False))


def _day_s(ordinal: int) -> int:
    return (ordinal - EPOCH_ORDINAL) * DAY_S


def _runs(there: Bools) -> Ints:
    """Find the runs of true rows: first row, and the row after the last (R, 2)."""
    edges = np.diff(np.r_[False, there, False].astype(np.int8))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)
