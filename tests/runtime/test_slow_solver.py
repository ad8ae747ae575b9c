"""A solver that takes far too long delays neither ticks nor the program's end.

Ticks start on time on the plan in force, which says how old it is.
"""

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from mara.core.plan import Plan, Problem
from mara.core.world import first_world
from mara.errors import CommandError
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.clock import SystemClock
from mara.runtime.live.planner import Planner, WaitLimits
from mara.runtime.published_state import EngineState
from tests import builders
from tests.runtime.made_up import TICK_S, running, stage, until

pytestmark = pytest.mark.usefixtures("solved_anew")

CHARTER = builders.config()
PERIOD_S = 0.1
TICKS = 20
MOST_LATE_S = 0.05
SLOW_S = 20.0
MOST_TO_END_S = 5.0
BRIEF = WaitLimits(wait_s=0.03)


@dataclass
class Sluggish:
    """The linear program; after the first plan each takes `SLOW_S` unless released."""

    let_go: Event
    asked: int = 0
    name: str = "lp"

    def plan(self, problem: Problem) -> Plan:
        self.asked += 1
        if self.asked > 1:
            self.let_go.wait(SLOW_S)
        return Lp().plan(problem)


def problem_at(tick: int, hours: int = 24) -> Problem:
    seen = builders.observation(CHARTER, tick)
    return builders.problem(CHARTER, replace(first_world(CHARTER), tick=tick), seen, hours)


async def test_with_a_solver_of_twenty_seconds_ticks_start_on_time_and_the_snapshot_says_how_old_the_plan_is() -> None:
    slow = Sluggish(Event())
    here = stage(optimizer=slow, clock=SystemClock(), speed_factor=TICK_S / PERIOD_S)
    async with running(here):
        await until(lambda: len(here.store.steps) >= TICKS, within_s=TICKS * PERIOD_S * 4)
        begun_s = [here.feed.seen_at_s[tick] for tick in range(TICKS)]
        lateness_s = np.diff(begun_s) - PERIOD_S
        assert np.quantile(lateness_s, 0.95) < MOST_LATE_S, np.sort(lateness_s)[-5:]
        await until(lambda: here.shown.tick >= TICKS - 1)
        shown = here.shown.plan
        slow.let_go.set()
    assert slow.asked == 2
    assert (shown.optimizer, shown.status) == ("lp", "optimal")
    assert shown.age_ticks == here.shown.tick - shown.made_tick >= 12
    assert shown.solve_wall_s is not None
    assert shown.solve_wall_s > 0.0


async def test_past_the_deadline_the_plan_in_force_goes_on_as_a_fallback_with_its_bound_and_says_so() -> None:
    slow = Sluggish(Event())
    planner = Planner(slow, RollingHorizon(Rules()), 1.0, first_patience_s=0.0)
    first = await _first_plan(planner)
    await planner.plan_for(problem_at(12), BRIEF)
    await _answered(planner)
    plan = await planner.plan_for(problem_at(13), BRIEF)
    assert (plan.optimizer, plan.made_tick, plan.status) == ("lp", first.made_tick, "fallback")
    assert plan.bound_usd == first.bound_usd
    assert plan.note == "lp failed: no answer within 1 s; the plan of tick 0 is gone on with"
    slow.let_go.set()
    await until(lambda: planner.is_idle)
    planner.close()


async def test_a_plan_can_be_asked_for_at_once_but_not_while_one_is_under_way() -> None:
    slow = Sluggish(Event())
    planner = Planner(slow, RollingHorizon(Rules()), 60.0, first_patience_s=0.0)
    await _first_plan(planner)
    planner.begin_now(problem_at(3))
    with pytest.raises(CommandError, match="a plan is under way since tick 3: wait for it"):
        planner.begin_now(problem_at(4))
    slow.let_go.set()
    await _answered(planner)
    plan = await planner.plan_for(problem_at(5), BRIEF)
    planner.close()
    assert (plan.optimizer, plan.made_tick, slow.asked) == ("lp", 3, 2)


async def test_optimize_now_works_in_a_pause_and_is_refused_before_the_start() -> None:
    here = stage(optimizer=Lp())
    with pytest.raises(CommandError, match="has not been started"):
        here.platform.optimize_now()
    async with running(here):
        await here.stored(1)
        here.platform.step(2)
        await here.stored(3)
        await here.in_state(EngineState.PAUSED)
        here.platform.optimize_now()
        await _answered(here.platform._opened.loop._planner)
        here.platform.step(1)
        await here.stored(4)
    assert [step.plan.book_changes_count for step in here.store.steps] == [0] * 4
    assert [plan.made_tick for plan in here.store.plans] == [0, 0, 0, 3]


ENDS = """
import asyncio, sys, time
import numpy as np
from tests import builders
from mara.core.world import first_world
from mara.optimizers.registry import in_background, optimizer_of
from mara.runtime.live.planner import WaitLimits, Planner

def problem():
    sites = tuple(builders.site(f"s{n}") for n in range(100))
    of = builders.config(builders.fleet(units=[(2000, 0, 1000, 600, 400)] * 100, sites=sites))
    price = 50.0 + 40.0 * np.sin(np.arange(100))
    return builders.problem(of, first_world(of), builders.observation(of, price=price, demand=1e11), 168)

async def main():
    asked = in_background(optimizer_of("lp", deadline_s=300.0))
    planner = Planner(asked.optimizer, asked.horizon, 300.0, cancel=asked.cancel, first_patience_s=0.0)
    await planner.plan_for(problem(), WaitLimits(wait_s=0.03))
    await asyncio.sleep(1.0)
    assert not planner.is_idle, "the solver was too quick for this test"
    planner.close()
    print("closed", flush=True)

asyncio.run(main())
"""


def test_a_program_ends_within_five_seconds_though_a_solve_is_under_way() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", ENDS], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "closed\n"
        closed_s = time.monotonic()
        assert process.wait(60.0) == 0
        assert time.monotonic() - closed_s < MOST_TO_END_S


async def _first_plan(planner: Planner) -> Plan:
    await planner.plan_for(problem_at(0), BRIEF)
    await _answered(planner)
    plan = await planner.plan_for(problem_at(0), BRIEF)
    assert plan.optimizer == "lp"
    return plan


async def _answered(planner: Planner) -> None:
    """Wait until an answer is there for the next tick to take, or was taken."""
    await until(lambda: planner._answer is None or planner._answer.done())
