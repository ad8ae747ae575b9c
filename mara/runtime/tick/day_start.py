"""What a run had earned when its simulated day began: with it, today's profit is of the same tick as all else shown."""

from dataclasses import dataclass

from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.world import World
from mara.store.read.balance import earned_micro_usd
from mara.store.read.read_model import ReadModel


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStart:
    """The first tick of a day in UTC, or of the run where it began later, and the cash before it."""

    first_tick: int
    cash_micro_usd: int


def dawn_of(reading: ReadModel, world: World, grid: TimeGrid) -> DayStart | None:
    """The dawn of the day of the last stored tick, before which `world` stands; None before the first.

    Raises:
        StoreRefused: the database does not answer.
    """
    if world.tick == 0:
        return None
    first = grid.first_tick_of_day(world.tick - 1)
    earned = earned_micro_usd(reading, first, world.tick)
    return DayStart(first_tick=first, cash_micro_usd=world.cash_micro_usd - earned)


def dawn_after(dawn: DayStart | None, step: Step, grid: TimeGrid) -> DayStart | None:
    """The dawn of the day of a settled step, seen from the one known before; None where that day's is not known."""
    first = grid.first_tick_of_day(step.tick)
    if step.tick == first:
        return DayStart(first_tick=first, cash_micro_usd=step.before.cash_micro_usd)
    return dawn if dawn is not None and dawn.first_tick == first else None
