"""A tick entered into the day's sums."""

from dataclasses import replace

import numpy as np

from mara.core.contract import UNPLACED
from mara.core.day import NOT_BEGUN, Day
from mara.core.dispatch import Allocation
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.core.world import Observation, World


def day_after(before: World, seen: Observation, done: Allocation, *, booked: int, ended: int, grid: TimeGrid) -> Day:
    """The sums after a tick; the same object where it adds nothing, as most ticks do."""
    day, tick = before.day, before.tick
    if day.first_tick == NOT_BEGUN or begins_day(tick, grid):
        day = Day(first_tick=tick, cash_micro_usd=before.cash_micro_usd, refused_count=before.refused_count)
    news: dict[str, int | float] = {}
    if booked or ended:
        news["booked_count"], news["ended_count"] = day.booked_count + booked, day.ended_count + ended
    if done.site is not before.accounts.site:
        moves = done.served & (done.site != before.accounts.site) & (before.accounts.site != UNPLACED)
        news["moved_count"] = day.moved_count + int(np.count_nonzero(moves))
    resting = int(np.count_nonzero(done.scheduled))
    if resting:
        begun = np.count_nonzero(done.scheduled & (before.accounts.rest_ticks == 0))
        news["rested_count"], news["rest_ticks"] = day.rested_count + int(begun), day.rest_ticks + resting
    dearest = int(seen.energy_price_usd_per_mwh.argmax())
    if seen.energy_price_usd_per_mwh[dearest] > day.dearest_usd_per_mwh:
        news["dearest_usd_per_mwh"] = float(seen.energy_price_usd_per_mwh[dearest])
        news["dearest_site"] = dearest
    hottest = int(seen.dry_bulb_c.argmax())
    if seen.dry_bulb_c[hottest] > day.hottest_c:
        news["hottest_c"], news["hottest_site"] = float(seen.dry_bulb_c[hottest]), hottest
    return replace(day, **news) if news else day  # type: ignore[arg-type]


def begins_day(tick: int, grid: TimeGrid) -> bool:
    """Whether a UTC day begins with the tick."""
    return grid.epoch_s(tick) % (HOURS_PER_DAY * SECONDS_PER_HOUR) == 0
