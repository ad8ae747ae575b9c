"""Hours of the year in which a site's miners stayed off for coincident peaks.

The stored events tell them: one in each clock hour. They are kept for a year, longer than other events.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock

from mara.core.timegrid import TimeGrid, zone
from mara.store.read.decisions import Decisions
from mara.store.read.read_model import ReadModel


@dataclass(slots=True)
class PeakHours:
    """A running count of hours off for peaks, which reads each stored event once."""

    _hours: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set), init=False)
    """Clock hours since 1970 UTC with a stop, by site."""
    _next_tick: int = field(default=0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def by_site(self, read_model: ReadModel) -> dict[str, float]:
        """Count the clock hours of the calendar year so far, by site that pays for peaks.

        Raises:
            StoreRefused: the database holds no run, or does not answer.
        """
        config, next_tick = read_model.run().config, read_model.next_tick()
        if config.fleet.power is None or next_tick == 0:
            return {}
        sites = sorted({charge.site for charge in config.fleet.power.peaks})
        years = {s: _first_tick_of_year(config.grid, next_tick - 1, config.fleet.sites[s].timezone) for s in sites}
        with self._lock:
            self._read(read_model, min(years.values(), default=next_tick), next_tick, config.grid)
            return {
                config.fleet.sites[s].id: float(sum(hour >= config.grid.epoch_h(first) for hour in self._hours[s]))
                for s, first in years.items()
            }

    def _read(self, read_model: ReadModel, year_tick: int, next_tick: int, grid: TimeGrid) -> None:
        """Add the stops since the last reading, or since the year began."""
        if next_tick < self._next_tick:  # a database that lost its newest ticks
            self._hours.clear()
            self._next_tick = 0
        for tick, site in Decisions(read_model).ticks_told("peak", max(self._next_tick, year_tick), next_tick):
            self._hours[site].add(grid.epoch_h(tick))
        self._next_tick = next_tick


def _first_tick_of_year(grid: TimeGrid, tick: int, timezone: str) -> int:
    """First tick of the local calendar year, or of a run that began later."""
    local = grid.at(tick).astimezone(zone(timezone))
    new_year = local.replace(month=1, day=1, hour=0, minute=0, second=0, fold=0)
    return max(grid.first_tick_from(new_year), 0)
