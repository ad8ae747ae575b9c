"""Sum the ledger's money lines by interval of time and site, in exact integers."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

import numpy as np

from mara.core.arrays import Ints
from mara.core.finance import LINE_COUNT
from mara.core.history import MoneyBreakdown, MoneyInterval
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_DAY, SECONDS_PER_MINUTE
from mara.store.read import balance
from mara.store.read.money.kept_days import KeptDays
from mara.store.read.query_scope import first_tick_of_next_day, sites_of, tick_range_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import MONEY_LEGS

MOST_INTERVALS: Final = 62
"""Most intervals of one breakdown: a bar for each day of two months."""
STEPS_MINUTES: Final = (5, 15, 60, 180, 360, 1_440, 10_080)
"""Lengths of an interval to choose from; beyond them it is some weeks."""
DAY_MINUTES: Final = HOURS_PER_DAY * MINUTES_PER_HOUR


def money_breakdown(
    read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None, kept: KeptDays | None = None
) -> MoneyBreakdown:
    """Sum each money line by site and by interval of time.

    The range is ``[from_, to)``; None is no bound. Intervals begin at multiples of their length since 1970, so that
    they stay where they are as time goes on. Where they are whole days, those that are `kept` are not read again.

    Raises:
        CommandError: a time has no time zone.
    """
    grid = read_model.run().config.grid
    first, end = tick_range_of(read_model, grid, from_, to)
    step_minutes = step_of((end - first) * grid.tick_minutes, grid.tick_minutes)
    step_s = step_minutes * SECONDS_PER_MINUTE
    if kept is None or step_minutes % DAY_MINUTES:
        parts = _sums_by_interval(read_model, grid, step_s, first, end)
    else:
        parts = _sums_by_day(read_model, grid, first, end, kept)
    sums: dict[int, Ints] = {}
    for at_epoch_s, of_sites in parts:
        place = at_epoch_s // step_s
        sums[place] = sums[place] + of_sites if place in sums else of_sites
    return MoneyBreakdown(
        starts_at=grid.at(first),
        ends_at=grid.at(end),
        ticks_count=end - first,
        step_minutes=step_minutes,
        kinds=tuple(leg.removesuffix("_micro_usd") for leg in MONEY_LEGS),
        site_ids=sites_of(read_model),
        intervals=tuple(
            MoneyInterval(at_epoch_s=place * step_s, amounts_micro_usd=tuple(map(tuple, of_sites.tolist())))
            for place, of_sites in sorted(sums.items())
        ),
    )


def step_of(range_minutes: int, tick_minutes: int) -> int:
    """Return the length of an interval [min] for a range.

    It is the shortest that needs at most `MOST_INTERVALS`, and never shorter than a tick.
    """
    for step in (tick_minutes, *STEPS_MINUTES):
        if step >= tick_minutes and step % tick_minutes == 0 and range_minutes <= step * MOST_INTERVALS:
            return step
    week = STEPS_MINUTES[-1]
    return week * -(-range_minutes // (week * MOST_INTERVALS))


def _sums_by_day(
    read_model: ReadModel, grid: TimeGrid, first: int, end: int, kept: KeptDays
) -> Iterator[tuple[int, Ints]]:
    """Yield the begin [epoch s] and sums of each UTC day, cut at the range's ends.

    A day is kept once another one has passed since: after a crash a run may go back by some ticks.
    """
    settled = read_model.next_tick() - HOURS_PER_DAY * grid.ticks_per_hour
    while first < end:
        following = first_tick_of_next_day(first, grid)
        read = partial(_sums_of_all, read_model, grid, first, min(following, end))
        is_kept = grid.first_tick_of_day(first) == first and following <= min(end, settled)
        yield grid.epoch_s(first), kept.sums_of(first, read) if is_kept else read()
        first = following


def _sums_of_all(read_model: ReadModel, grid: TimeGrid, first: int, end: int) -> Ints:
    """Sum each money line over ``[first, end)`` by site."""
    parts = _sums_by_interval(read_model, grid, SECONDS_PER_DAY, first, end)
    return sum((sums for _, sums in parts), np.zeros((len(sites_of(read_model)), LINE_COUNT), dtype=np.int64))


def _sums_by_interval(
    read_model: ReadModel, grid: TimeGrid, step_s: int, first: int, end: int
) -> Iterator[tuple[int, Ints]]:
    """Yield the begin [epoch s] and sums of each interval.

    The ledger is read a piece at a time; an interval that two of them share is yielded twice.
    """
    tick_s = grid.tick_minutes * SECONDS_PER_MINUTE
    sites_count = len(sites_of(read_model))
    length = max(1, balance.ROWS_A_QUERY // sites_count)
    for start in range(first, end, length):
        sums: dict[int, Ints] = {}
        values = (grid.start_epoch_s, tick_s, step_s, start, min(start + length, end))
        for row in read_model.ask(_SUMS, *values):
            if row.place not in sums:
                sums[row.place] = np.zeros((sites_count, LINE_COUNT), dtype=np.int64)
            sums[row.place][int(row.site)] = [int(getattr(row, leg)) for leg in MONEY_LEGS]
        yield from ((place * step_s, of_sites) for place, of_sites in sums.items())


_SUMS: Final = (
    f"SELECT (? + ? * tick) / ? AS place, site, {', '.join(f'sum({leg}) AS {leg}' for leg in MONEY_LEGS)}"  # noqa: S608
    " FROM ledger WHERE tick >= ? AND tick < ? GROUP BY 1, 2"  # names of ours
)
