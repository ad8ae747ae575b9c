"""Sum the ledger's money lines by interval of time and site, in exact integers."""

from datetime import datetime
from typing import Final

import numpy as np

from mara.core.arrays import Ints
from mara.core.finance import LINE_COUNT
from mara.core.history import MoneyBreakdown, MoneyInterval
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE
from mara.store.read.query_scope import by_days, by_ticks, sites_of, tick_range_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import MONEY_LEGS

MOST_INTERVALS: Final = 62
"""Most intervals of one breakdown: a bar for each day of two months."""
STEPS_MINUTES: Final = (5, 15, 60, 180, 360, 1_440, 10_080)
"""Lengths of an interval to choose from; beyond them it is some weeks."""
DAY_MINUTES: Final = HOURS_PER_DAY * MINUTES_PER_HOUR


def money_breakdown(read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None) -> MoneyBreakdown:
    """Sum each money line by site and by interval of time.

    The range is ``[from_, to)``; None is no bound. Intervals begin at multiples of their length since 1970, so that
    they stay where they are as time goes on. Where they are whole days, stored sums of days are read.

    Raises:
        CommandError: a time has no time zone.
    """
    grid = read_model.run().config.grid
    first, end = tick_range_of(read_model, grid, from_, to)
    step_minutes = step_of((end - first) * grid.tick_minutes, grid.tick_minutes)
    step_s, site_ids = step_minutes * SECONDS_PER_MINUTE, sites_of(read_model)
    is_of_days = step_minutes % DAY_MINUTES == 0
    pieces = by_days(first, end, grid, len(site_ids)) if is_of_days else by_ticks(first, end, len(site_ids))
    sums: dict[int, Ints] = {}
    for piece in pieces:
        of_ticks = (grid.start_epoch_s, grid.tick_minutes * SECONDS_PER_MINUTE, step_s)
        for place, site, *lines in read_model.ask(_SUMS[piece.table], *of_ticks, piece.first, piece.end):
            if place not in sums:
                sums[place] = np.zeros((len(site_ids), LINE_COUNT), dtype=np.int64)
            sums[place][site] += np.array(lines, dtype=np.int64)
    return MoneyBreakdown(
        starts_at=grid.at(first),
        ends_at=grid.at(end),
        ticks_count=end - first,
        step_minutes=step_minutes,
        kinds=tuple(leg.removesuffix("_micro_usd") for leg in MONEY_LEGS),
        site_ids=site_ids,
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


_SUMS: Final = {
    table: f"SELECT (? + ? * tick) / ? AS place, site, {', '.join(f'sum({leg}) AS {leg}' for leg in MONEY_LEGS)}"  # noqa: S608
    f" FROM {table} WHERE tick >= ? AND tick < ? GROUP BY 1, 2"  # names of ours
    for table in ("ledger", "ledger_days")
}
