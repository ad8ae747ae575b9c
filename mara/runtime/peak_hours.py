"""Hours of the year in which a site's miners stayed off for coincident peaks.

The stored events tell them: one in each clock hour. They are kept for 90 days.
"""

from mara.core.timegrid import TimeGrid, zone
from mara.store.read.decisions import Decisions
from mara.store.read.read_model import ReadModel


def hours_off_for_peaks(read_model: ReadModel) -> dict[str, float]:
    """Count the clock hours of the calendar year so far, by site that pays for peaks.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    config, last_tick = read_model.run().config, read_model.next_tick() - 1
    if config.fleet.power is None or last_tick < 0:
        return {}
    decisions, hours = Decisions(read_model), dict[str, float]()
    for site in sorted({charge.site for charge in config.fleet.power.peaks}):
        first_tick = _first_tick_of_year(config.grid, last_tick, config.fleet.sites[site].timezone)
        found = decisions.each_event(("peak",), first_tick, last_tick + 1, site)
        hours[config.fleet.sites[site].id] = float(len({config.grid.epoch_h(event.tick) for event in found}))
    return hours


def _first_tick_of_year(grid: TimeGrid, tick: int, timezone: str) -> int:
    """First tick of the local calendar year, or of a run that began later."""
    local = grid.at(tick).astimezone(zone(timezone))
    new_year = local.replace(month=1, day=1, hour=0, minute=0, second=0, fold=0)
    return max(grid.first_tick_from(new_year), 0)
