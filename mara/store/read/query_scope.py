"""Resolve the site and time range of a query to a site index and ticks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mara.core.fleet import site_index
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_MINUTE
from mara.errors import CommandError
from mara.store.read.read_model import ReadModel

ROWS_A_QUERY: Final = 100_000
"""Rows summed in one query, few enough not to hold back the write-ahead log."""


def sites_of(read_model: ReadModel) -> tuple[str, ...]:
    """The ids of the sites, in the order of every site index."""
    return read_model.run().config.fleet.site_ids


def site_number(read_model: ReadModel, named: str) -> int:
    """Find the index of a site by its id or name.

    Raises:
        CommandError: there is no such site.
    """
    return site_index(read_model.run().config.fleet.sites, named)


def tick_from(moment: datetime, grid: TimeGrid) -> int:
    """The first tick that starts at or after a time.

    Raises:
        CommandError: the time has no time zone.
    """
    refuse_without_zone(moment)
    return -((grid.start_epoch_s - int(moment.timestamp())) // (grid.tick_minutes * SECONDS_PER_MINUTE))


def refuse_without_zone(moment: datetime) -> None:
    """Check that a time has a time zone.

    Raises:
        CommandError: it has none.
    """
    if moment.tzinfo is None:
        raise CommandError(f"a moment with a time zone was expected, {moment.isoformat()} came: write it with Z")


def tick_range_of(
    read_model: ReadModel, grid: TimeGrid, from_: datetime | None, to: datetime | None
) -> tuple[int, int]:
    """The range ``[first, end)`` of stored ticks in ``[from_, to)``; None is no bound.

    Raises:
        CommandError: a time has no time zone.
    """
    end = read_model.next_tick()
    first = 0 if from_ is None else max(0, tick_from(from_, grid))
    last = end if to is None else min(end, tick_from(to, grid))
    return first, max(first, last)


def first_tick_of_next_day(tick: int, grid: TimeGrid) -> int:
    """The first tick that starts in a later UTC day than a tick."""
    midnight = grid.at(tick).replace(hour=0, minute=0, second=0, microsecond=0)
    return tick_from(midnight + timedelta(days=1), grid)


class Piece(NamedTuple):
    """A stretch of ticks ``[first, end)`` that one query sums, and its table.

    In `ledger_days` these are the days that begin in the stretch.
    """

    table: str
    first: int
    end: int


def by_ticks(first: int, end: int, sites_count: int) -> Iterator[Piece]:
    """Split ``[first, end)`` into pieces of the ledger."""
    yield from _pieces("ledger", first, end, ROWS_A_QUERY // sites_count)


def by_days(first: int, end: int, grid: TimeGrid, sites_count: int) -> Iterator[Piece]:
    """Split ``[first, end)`` into whole days and, at its ends, pieces of the ledger.

    Args:
        end: at most the first tick that is not stored; the days before it are over.
    """
    is_midnight = first == grid.first_tick_of_day(first)
    begin = first if is_midnight else min(first_tick_of_next_day(first, grid), end)
    finish = max(begin, grid.first_tick_of_day(end))
    day_ticks = HOURS_PER_DAY * grid.ticks_per_hour
    yield from by_ticks(first, begin, sites_count)
    yield from _pieces("ledger_days", begin, finish, ROWS_A_QUERY // sites_count * day_ticks)
    yield from by_ticks(finish, end, sites_count)


def _pieces(table: str, first: int, end: int, length: int) -> Iterator[Piece]:
    """Split ``[first, end)`` into pieces of at most `length` ticks, at least one."""
    for start in range(first, end, max(1, length)):
        yield Piece(table, start, min(start + max(1, length), end))
