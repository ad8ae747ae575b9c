"""A day in five-minute ticks, planned by rules: the base of each scenario here."""

from collections.abc import Callable

from mara.core.step import Step, advance
from mara.core.world import Observation, RunConfig, World
from mara.optimizers.base import Optimizer
from mara.optimizers.rules.rules import Rules
from tests.builders import problem

DAY_TICKS = 288


def hour_of(tick: int) -> float:
    """Hours since midnight UTC."""
    return tick / 12


def day(
    of: RunConfig, state: World, seen: Callable[[int], Observation], optimizer: Optimizer | None = None
) -> list[Step]:
    """Plan and advance every tick of a day."""
    planner = optimizer or Rules()
    steps = []
    for tick in range(DAY_TICKS):
        observed = seen(tick)
        plan = planner.plan(problem(of, state, observed))
        steps.append(advance(state, observed, plan.step_at(tick), of))
        state = steps[-1].world
    return steps
