"""Sum the ledger's money lines by interval of time and site, in exact integers."""

from datetime import datetime
from typing import Final

from mara.core.finance import LINE_COUNT
from mara.core.history import MoneyBreakdown, MoneyInterval
from mara.core.units import SECONDS_PER_MINUTE
from mara.store.read import balance
from mara.store.read.query_scope import sites_of, tick_range_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import MONEY_LEGS

MOST_INTERVALS: Final = 62
"""Most intervals of one breakdown: a bar for each day of two months."""
STEPS_MINUTES: Final = (5, 15, 60, 180, 360, 1_440, 10_080)
"""Lengths of an interval to choose from; beyond them it is some weeks."""


def money_breakdown(read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None) -> MoneyBreakdown:
    """Sum each money line by site and by interval of time.

    The range is ``[from_, to)``; None is no bound. Intervals begin at multiples of their length since 1970, so that
    they stay where they are as time goes on.

    Raises:
        CommandError: a time has no time zone.
    """
    grid = read_model.run().config.grid
    first, end = tick_range_of(read_model, grid, from_, to)
    tick_s = grid.tick_minutes * SECONDS_PER_MINUTE
    step_minutes = step_of((end - first) * grid.tick_minutes, grid.tick_minutes)
    step_s = step_minutes * SECONDS_PER_MINUTE
    sites = sites_of(read_model)
    sums: dict[int, list[list[int]]] = {}
    length = max(1, balance.ROWS_A_QUERY // len(sites))
    for start in range(first, end, length):
        values = (grid.start_epoch_s, tick_s, step_s, start, min(start + length, end))
        for row in read_model.ask(_SUMS, *values):
            of_sites = sums.setdefault(int(row.place), [[0] * LINE_COUNT for _ in sites])
            kept = of_sites[int(row.site)]
            of_sites[int(row.site)] = [one + int(getattr(row, leg)) for one, leg in zip(kept, MONEY_LEGS, strict=True)]
    return MoneyBreakdown(
        starts_at=grid.at(first),
        ends_at=grid.at(end),
        ticks_count=end - first,
        step_minutes=step_minutes,
        kinds=tuple(leg.removesuffix("_micro_usd") for leg in MONEY_LEGS),
        site_ids=sites,
        intervals=tuple(
            MoneyInterval(at_epoch_s=place * step_s, amounts_micro_usd=tuple(map(tuple, of_sites)))
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


_SUMS: Final = (
    f"SELECT (? + ? * tick) / ? AS place, site, {', '.join(f'sum({leg}) AS {leg}' for leg in MONEY_LEGS)}"  # noqa: S608
    " FROM ledger WHERE tick >= ? AND tick < ? GROUP BY 1, 2"  # names of ours
)
