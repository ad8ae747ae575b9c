"""Where in a run a question looks: which site, which ticks."""

from datetime import datetime

from mara.core.fleet import site_index
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_MINUTE
from mara.errors import CommandError
from mara.store.read.read_model import ReadModel


def sites_of(reading: ReadModel) -> tuple[str, ...]:
    """The ids of the sites, in the order of every site index."""
    return reading.run().config.fleet.site_ids


def site_number(reading: ReadModel, named: str) -> int:
    """The index of a site of that id or name.

    Raises:
        CommandError: there is none.
    """
    return site_index(reading.run().config.fleet.sites, named)


def tick_from(moment: datetime, grid: TimeGrid) -> int:
    """The first tick that starts at or after the moment.

    Raises:
        CommandError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise CommandError(f"a moment with a time zone was expected, {moment.isoformat()} came: write it with Z")
    return -((grid.start_epoch_s - int(moment.timestamp())) // (grid.tick_minutes * SECONDS_PER_MINUTE))


def span_of(reading: ReadModel, grid: TimeGrid, from_: datetime | None, to: datetime | None) -> tuple[int, int]:
    """The stored ticks in ``[from_, to)`` as ``[first, end)``; None is no bound; empty where there are none."""
    end = reading.next_tick()
    first = 0 if from_ is None else max(0, tick_from(from_, grid))
    last = end if to is None else min(end, tick_from(to, grid))
    return first, max(first, last)
