"""The plan in force goes on while a solver takes far too long.

A plan can be asked for, one at a time.
"""

from dataclasses import replace
from threading import Event

import pytest

from mara.core.plan import Plan, Problem
from mara.core.world import first_world
from mara.errors import CommandError
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.live.planner import Planner, WaitLimits
from mara.runtime.published_state import EngineState
from tests import builders
from tests.runtime.made_up import running, stage, until
from tests.runtime.sluggish import Sluggish

pytestmark = pytest.mark.usefixtures("solved_anew")

CHARTER = builders.config()
BRIEF = WaitLimits(wait_s=0.03)


def problem_at(tick: int, hours: int = 24) -> Problem:
    seen = builders.observation(CHARTER, tick)
    return builders.problem(CHARTER, replace(first_world(CHARTER), tick=tick), seen, hours)


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


async def _first_plan(planner: Planner) -> Plan:
    await planner.plan_for(problem_at(0), BRIEF)
    await _answered(planner)
    plan = await planner.plan_for(problem_at(0), BRIEF)
    assert plan.optimizer == "lp"
    return plan


async def _answered(planner: Planner) -> None:
    """Wait until an answer is there for the next tick to take, or was taken."""
    await until(lambda: planner._answer is None or planner._answer.done())
