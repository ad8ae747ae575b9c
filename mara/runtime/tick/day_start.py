"""The start of the simulated day and the cash before it, for today's profit.

Today's profit is thus of the same tick as every other figure of a snapshot.
"""

from dataclasses import dataclass

from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.world import World
from mara.store.read.balance import earned_micro_usd
from mara.store.read.read_model import ReadModel


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStart:
    """The first tick of a day in UTC, and the cash before it.

    In a run that began within the day, its first tick.
    """

    first_tick: int
    cash_micro_usd: int


def day_start_of(reading: ReadModel, world: World, grid: TimeGrid) -> DayStart | None:
    """Find the start of the last stored tick's day; None before the first tick.

    `world` is the world before the next tick.

    Raises:
        StoreRefused: the database does not answer.
    """
    if world.tick == 0:
        return None
    first = grid.first_tick_of_day(world.tick - 1)
    earned = earned_micro_usd(reading, first, world.tick)
    return DayStart(first_tick=first, cash_micro_usd=world.cash_micro_usd - earned)


def day_start_after(day_start: DayStart | None, step: Step, grid: TimeGrid) -> DayStart | None:
    """Return the start of a settled step's day.

    None where `day_start`, the start known so far, is of another day.
    """
    first = grid.first_tick_of_day(step.tick)
    if step.tick == first:
        return DayStart(first_tick=first, cash_micro_usd=step.before.cash_micro_usd)
    return day_start if day_start is not None and day_start.first_tick == first else None
