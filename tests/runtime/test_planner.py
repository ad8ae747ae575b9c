"""Planning beside the ticks: a slow or failing optimizer costs a worse plan.

The reason is kept. That it makes no tick late is measured by `test_slow_solver`.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import pytest

from bench.simulated_time import SimulatedLoop, taking
from mara.core.plan import Plan, Problem
from mara.core.world import first_world
from mara.errors import PlanInfeasible
from mara.optimizers.base import Optimizer
from mara.optimizers.fallback import WithFallback
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.registry import in_background, optimizer_of
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.clock import Clock
from mara.runtime.live.planner import STEPPING, Planner, WaitLimits
from mara.runtime.published_state import EngineState
from tests import builders
from tests.runtime.made_up import PATIENCE_S, Stubborn, running, stage, until

pytestmark = pytest.mark.usefixtures("solved_anew")

CHARTER = builders.config()
BRIEF = WaitLimits(wait_s=0.03)
AT_HAND = WaitLimits(wait_s=PATIENCE_S)
"""For an answer that comes at once, on a busy machine too."""
SECOND_S = 1.0
PATIENT = WaitLimits(wait_s=0.75 * SECOND_S)


def problem_at(tick: int) -> Problem:
    seen = builders.observation(CHARTER, tick)
    return builders.problem(CHARTER, replace(first_world(CHARTER), tick=tick), seen, hours=2)


def open_gate(stubborn: Stubborn) -> Stubborn:
    """An optimizer that answers at once."""
    stubborn.gate.set()
    return stubborn


def planner_of(optimizer: Optimizer, deadline_s: float = 60.0) -> Planner:
    """A planner that does not wait for its first plan."""
    return Planner(optimizer, RollingHorizon(Rules()), deadline_s, first_patience_s=0.0)


async def test_a_quick_optimizer_s_plan_is_followed_in_the_tick_that_asked() -> None:
    quick = open_gate(Stubborn())
    planner = planner_of(quick)
    plan = await planner.plan_for(problem_at(0), AT_HAND)
    planner.close()
    assert (plan.optimizer, plan.status, plan.note) == ("stubborn", "feasible", "")


async def test_while_the_first_plan_is_under_way_the_fallback_says_so() -> None:
    slow = Stubborn()
    planner = planner_of(slow)
    plan = await planner.plan_for(problem_at(0), BRIEF)
    assert (plan.optimizer, plan.status) == ("rules", "fallback")
    assert "stubborn" in plan.note
    assert "first plan" in plan.note
    slow.gate.set()
    planner.close()


async def test_an_optimizer_at_work_is_not_asked_twice() -> None:
    slow = Stubborn()
    planner = planner_of(slow)
    for tick in range(11):
        await planner.plan_for(problem_at(tick), BRIEF)
    assert slow.asked == [0]
    slow.gate.set()
    planner.close()


async def test_a_late_answer_is_followed_from_the_next_tick_on_and_its_maker_is_asked_again() -> None:
    slow = Stubborn()
    planner = planner_of(slow)
    await planner.plan_for(problem_at(0), BRIEF)
    slow.gate.set()
    await until(lambda: planner.is_idle)
    slow.gate.clear()
    plan = await planner.plan_for(problem_at(0), BRIEF)
    assert (plan.optimizer, plan.made_tick, plan.status) == ("stubborn", 0, "feasible")
    assert len(slow.asked) == 2
    slow.gate.set()
    planner.close()


async def test_the_forecast_behind_a_plan_is_the_one_it_was_made_from_and_not_a_later_one() -> None:
    quick = open_gate(Stubborn())
    planner = planner_of(quick)
    asked = problem_at(0)
    plan = await planner.plan_for(asked, AT_HAND)
    quick.gate.clear()
    later = problem_at(1)
    rules = await planner.plan_for(later, BRIEF)
    assert planner.forecast_behind(plan) is asked.forecast
    assert planner.forecast_behind(replace(rules, made_tick=1)) is later.forecast
    assert planner.forecast_behind(replace(plan, made_tick=-7)) is None
    quick.gate.set()
    planner.close()


def test_an_answer_after_the_deadline_is_not_followed_and_the_reason_names_the_deadline() -> None:
    quick, durations_s = open_gate(Stubborn()), iter((100.0, 0.01))

    def begin(optimizer: Optimizer, problem: Problem, clock: Clock) -> Future[Plan]:
        return taking(next(durations_s))(optimizer, problem, clock)

    async def ticks() -> tuple[Plan, Plan]:
        planner = Planner(quick, RollingHorizon(Rules()), 60.0, first_patience_s=0.0, begin=begin)
        await planner.plan_for(problem_at(0), BRIEF)
        await asyncio.sleep(61.0)
        late = await planner.plan_for(problem_at(0), BRIEF)
        assert not planner.is_idle
        await asyncio.sleep(40.0)
        anew = await planner.plan_for(problem_at(0), BRIEF)
        planner.close()
        return late, anew

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        late, anew = runner.run(ticks())
    assert (late.optimizer, late.status) == ("rules", "fallback")
    assert "60 s" in late.note
    assert quick.asked == [0, 0]
    assert anew.optimizer == "stubborn"


def test_a_plan_that_came_in_time_is_followed_however_late_the_next_tick_is() -> None:
    async def ticks() -> Plan:
        planner = Planner(
            open_gate(Stubborn()), RollingHorizon(Rules()), 60.0, first_patience_s=0.0, begin=taking(50.0)
        )
        first = await planner.plan_for(problem_at(0), BRIEF)
        assert first.optimizer == "rules"
        await asyncio.sleep(1_000.0)
        plan = await planner.plan_for(problem_at(0), BRIEF)
        planner.close()
        return plan

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        assert runner.run(ticks()).optimizer == "stubborn"


@pytest.mark.parametrize("failure", [PlanInfeasible("no plan exists"), ZeroDivisionError("by zero")])
async def test_a_failing_optimizer_leaves_the_plan_to_the_fallback_and_its_reason_to_the_reader(
    failure: Exception,
) -> None:
    failing = open_gate(Stubborn(failure=failure))
    planner = planner_of(failing)
    plan = await planner.plan_for(problem_at(0), AT_HAND)
    assert (plan.optimizer, plan.status) == ("rules", "fallback")
    assert "stubborn failed" in plan.note
    assert str(failure) in plan.note
    failing.failure = None
    plan = await planner.plan_for(problem_at(0), AT_HAND)
    planner.close()
    assert (plan.optimizer, plan.note) == ("stubborn", "")


async def test_a_bug_in_an_optimizer_does_not_stop_the_run() -> None:
    failing = open_gate(Stubborn(failure=ZeroDivisionError("by zero")))
    async with running(stage(optimizer=failing)) as here:
        here.platform.step(3)
        await here.stored(3)
        await here.in_state(EngineState.PAUSED)
        assert here.shown.plan.optimizer == "rules"
        assert "by zero" in here.shown.plan.note


async def test_an_old_plan_in_force_says_how_old_it_is() -> None:
    slow = open_gate(Stubborn())
    async with running(stage(optimizer=slow)) as here:
        await here.stored(1)
        slow.gate.clear()
        here.platform.step(4)
        await here.stored(5)
        await here.in_state(EngineState.PAUSED)
        slow.gate.set()
        assert here.shown.plan.optimizer == "stubborn"
        assert here.shown.plan.age_ticks == 4


async def test_a_plan_is_followed_to_its_horizon_and_not_beyond() -> None:
    slow = open_gate(Stubborn(step_ticks=(1, 2)))
    planner = planner_of(slow)
    await planner.plan_for(problem_at(10), AT_HAND)
    slow.gate.clear()
    last = await planner.plan_for(problem_at(12), BRIEF)
    beyond = await planner.plan_for(problem_at(13), BRIEF)
    assert (last.optimizer, last.made_tick) == ("stubborn", 10)
    assert (beyond.optimizer, beyond.status) == ("rules", "fallback")
    assert beyond.note == "the plan that stubborn made at tick 10 has run out"
    slow.gate.set()
    planner.close()


async def test_a_solver_at_work_is_listened_to_no_longer_and_not_torn_away() -> None:
    slow = Stubborn()
    planner = planner_of(slow)
    await planner.plan_for(problem_at(77), BRIEF)
    planner.close()
    at_work = [thread for thread in threading.enumerate() if thread.name == "mara-planner-77"]
    assert [thread.daemon for thread in at_work] == [False]
    slow.gate.set()
    at_work[0].join(5)
    assert planner.is_idle


async def test_the_live_solver_gives_up_when_nobody_listens_any_more() -> None:
    guarded = in_background(optimizer_of("lp", deadline_s=0.5)).optimizer
    assert isinstance(guarded, WithFallback)
    assert isinstance(guarded.optimizers[0], Lp)
    assert guarded.optimizers[0].deadline_s == 0.5


def solved(tick: int) -> Problem:
    """A problem that looks a day ahead, so that its plan has several steps."""
    return builders.problem(
        CHARTER, replace(first_world(CHARTER), tick=tick), builders.observation(CHARTER, tick), hours=24
    )


def waited_s(planner: Callable[[], Planner], *problems: Problem, patience: WaitLimits = PATIENT) -> list[float]:
    """Wait of each tick for its plan, in simulated time; ticks are a second apart."""

    async def ticks() -> list[float]:
        loop, here, waits = asyncio.get_running_loop(), planner(), list[float]()
        for problem in problems:
            began_s = loop.time()
            await here.plans_for(problem, {"beside": problem}, patience)
            waits.append(round(loop.time() - began_s, 6))
            await asyncio.sleep(SECOND_S - waits[-1])
        here.close()
        return waits

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(ticks())


def test_a_tick_waits_for_a_plan_that_is_due_and_for_nothing_else() -> None:
    def planner() -> Planner:
        return Planner(Lp(), RollingHorizon(Rules()), 60.0, begin=taking(0.5))

    assert waited_s(planner, *(solved(tick) for tick in (10, 11, 12, 13))) == [0.5, 0.0, 0.5, 0.0]


def test_a_tick_waits_for_all_worlds_together_and_no_longer_than_its_patience() -> None:
    def planner() -> Planner:
        beside = Planner(Lp(), RollingHorizon(Rules()), 60.0, begin=taking(0.6), first_patience_s=0.0)
        return Planner(
            Lp(),
            RollingHorizon(Rules()),
            60.0,
            begin=taking(0.9),
            first_patience_s=0.0,
            counterfactuals={"beside": beside},
        )

    # The first answer comes between two ticks; the third tick's is the last one of its hour.
    assert waited_s(planner, solved(10), solved(11), solved(12)) == [0.75, 0.0, 0.75]


def test_advice_makes_no_tick_wait_that_has_a_plan() -> None:
    def planner() -> Planner:
        return Planner(Lp(), RollingHorizon(Rules()), 60.0, begin=taking(0.5), every_tick=True)

    assert waited_s(planner, *(solved(tick) for tick in (5, 6, 7, 12, 13))) == [0.5, 0.0, 0.0, 0.5, 0.0]


def test_the_first_tick_waits_for_the_first_plan_however_short_ticks_are_and_the_later_ones_do_not() -> None:
    def planner() -> Planner:
        return Planner(Lp(), RollingHorizon(Rules()), 60.0, begin=taking(0.5), first_patience_s=0.8)

    brief = WaitLimits(wait_s=0.1)
    assert waited_s(planner, solved(5), solved(12), solved(13), patience=brief) == [0.5, 0.1, 0.0]


def test_a_first_plan_that_never_comes_is_waited_for_once() -> None:
    def planner() -> Planner:
        return Planner(Lp(), RollingHorizon(Rules()), 600.0, begin=taking(300.0), first_patience_s=0.8)

    brief = WaitLimits(wait_s=0.1)
    assert waited_s(planner, solved(5), solved(6), solved(7), patience=brief) == [0.8, 0.1, 0.1]


def test_a_plan_that_was_not_due_is_followed_and_not_kept_for_a_restart_unless_it_was_ordered() -> None:
    lp = Lp()
    keeper = RollingHorizon(Rules(), lp=lp)

    async def remembered() -> list[int]:
        here, ticks = Planner(lp, keeper, 60.0, begin=taking(0.1), every_tick=True), list[int]()
        for tick in (5, 6, 7):
            await here.plan_for(solved(tick), STEPPING)
            ticks.append(memory.made_tick if (memory := keeper.memory()) else -1)
        here.begin_now(solved(8))
        await asyncio.sleep(SECOND_S)
        plan = await here.plan_for(solved(9), PATIENT)
        here.close()
        assert plan.made_tick == 8
        return [*ticks, memory.made_tick if (memory := keeper.memory()) else -1]

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        assert runner.run(remembered()) == [5, 5, 5, 8]
