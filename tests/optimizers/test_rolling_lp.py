"""The plan in force is followed for an hour, or until a change calls for another.

Without a new plan the old one goes on.
"""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.contract import Tier
from mara.core.plan import Plan, Problem
from mara.core.step import advance
from mara.core.world import World
from mara.errors import PlanError, PlanInfeasible, PlanTimeout
from mara.optimizers.base import ResumeState
from mara.optimizers.lp import optimizer as lp_module
from mara.optimizers.lp.accounting import worth_usd
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.plan_in_force import fallback_of, followed, is_due, plan_in_force_of
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.store.encoding.codec import bytes_of, record_of
from tests.builders import config, contract, observation, problem, world
from tests.sameness import differences

OF = config()
CONTRACTS = (contract("p", Tier.PREMIUM, 1.0), contract("s", Tier.STANDARD, 2.0), contract("f", Tier.FLEXIBLE, 2.0))


def rolling_lp() -> RollingHorizon:
    return RollingHorizon(Rules(), lp=Lp(warm=True))


def at(tick: int, state: World | None = None, **seen: object) -> Problem:
    before = replace(state or world(OF, CONTRACTS, at=[0, 1, 2]), tick=tick)
    return problem(OF, before, observation(OF, tick, **seen), 24)  # type: ignore[arg-type]


def test_a_plan_stays_in_force_to_the_end_of_its_hour() -> None:
    optimizer = rolling_lp()
    made = [optimizer.plan(at(tick)).made_tick for tick in range(5, 26)]
    assert made == [5] * 7 + [12] * 12 + [24] * 2


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        (at(1), False),
        (at(1, price=85.0), False),
        (at(1, price=87.0), True),
        (at(1, up=[0.5, 1.0, 1.0]), True),
        (at(1, replace(world(OF, CONTRACTS, at=[0, 1, 2]), book_changes_count=1)), True),
        (at(12), True),
    ],
    ids=["nothing", "a small price move", "one that pays for a restart", "machines", "contracts", "the hour"],
)
def test_a_new_plan_is_due_when_something_happens_that_matters(changed: Problem, due: bool) -> None:
    first = at(0)
    assert is_due(plan_in_force_of(Lp().plan(first), first), changed) == due


@pytest.mark.parametrize(
    ("minutes", "price", "due"), [(1, 85.0, False), (1, 87.0, True), (15, 61.0, False), (15, 63.0, True)]
)
def test_a_price_is_taken_to_hold_for_a_tick_and_for_five_minutes_at_least(
    minutes: int, price: float, due: bool
) -> None:
    of = config(tick_minutes=minutes)
    first, then = (
        problem(of, replace(world(of, CONTRACTS, at=[0, 1, 2]), tick=tick), observation(of, tick, **seen), 24)  # type: ignore[arg-type]
        for tick, seen in ((0, {}), (1, {"price": price}))
    )
    assert is_due(plan_in_force_of(Lp().plan(first), first), then) == due


def test_a_plan_of_one_step_is_due_anew_at_every_tick() -> None:
    assert is_due(plan_in_force_of(Rules().plan(at(0)), at(0)), at(1))


def test_between_two_plans_a_tick_follows_the_plan_and_what_really_comes() -> None:
    first = at(0)
    in_force = plan_in_force_of(Lp().plan(first), first)
    later = at(3, dry=30.0, demand=3e9)
    plan = followed(in_force, later)
    assert (plan.made_tick, plan.bound_usd) == (0, in_force.plan.bound_usd)
    step = plan.step_at(3)
    assert step.merchant_mw.sum() > 0.0 == in_force.plan.step_at(3).merchant_mw.sum()
    done = advance(later.world, later.observation, step, OF).allocation
    assert np.abs(done.contracts_mw - step.contracts_mw).max() < 1e-6
    assert done.deviations == ()


def test_a_contract_that_came_after_the_plan_was_made_is_not_left_out() -> None:
    first = at(0)
    in_force = plan_in_force_of(Lp().plan(first), first)
    newcomer = world(OF, (*CONTRACTS, contract("new", Tier.FLEXIBLE, 3.0)), at=[0, 1, 2, -1])
    later = at(1, replace(newcomer, book_changes_count=1))
    assert (followed(in_force, later).step_at(1).contract_site >= 0).all()


def test_a_resumed_optimizer_goes_on_as_if_it_had_never_stopped() -> None:
    kept, resumed = rolling_lp(), rolling_lp()
    for tick in range(3):
        kept.plan(at(tick))
    memory = kept.memory()
    assert memory is not None
    assert memory is kept.memory()
    resumed.recall(record_of(ResumeState, bytes_of(memory)))
    for tick in (3, 4, 11, 12, 13):
        assert list(differences(kept.plan(at(tick, demand=1e9)), resumed.plan(at(tick, demand=1e9)))) == []
    limited = replace(memory, import_limit_mw=sealed(np.array([np.inf, 1.5, np.inf])))
    assert list(differences(limited, record_of(ResumeState, bytes_of(limited)))) == []


@pytest.mark.parametrize("error", [PlanTimeout("no optimum within 5 s"), PlanInfeasible("off by 3 MW")])
def test_where_the_solver_fails_at_first_rules_plan_and_the_reason_is_kept(
    error: PlanError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lp_module, "solve_one_way", failing)
    plan = rolling_lp().plan(at(0))
    assert (plan.optimizer, plan.status, plan.note) == ("rules", "fallback", f"lp: {error}")


def test_where_it_fails_later_the_plan_in_force_is_gone_on_with_under_its_last_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise PlanTimeout("no optimum within 5 s")

    optimizer = rolling_lp()
    first = optimizer.plan(at(0))
    monkeypatch.setattr(lp_module, "solve_one_way", failing)
    plan = optimizer.plan(at(12))
    assert (plan.optimizer, plan.made_tick, plan.status) == ("lp", 0, "fallback")
    assert plan.bound_usd == first.bound_usd
    assert plan.note == "lp: no optimum within 5 s; the plan of tick 0 is gone on with"


def test_the_rules_take_over_where_they_are_worth_more_than_an_old_plan() -> None:
    first = at(0, price=900.0)
    old = plan_in_force_of(Lp().plan(first), first)
    assert old.plan.step_at(0).miners_mw.sum() == 0.0
    now = at(12, price=10.0)
    plan = fallback_of(old, Rules().plan(now), now, "why")
    assert (plan.optimizer, plan.status, plan.bound_usd) == ("rules", "fallback", old.plan.bound_usd)
    assert plan.note == "why; rules plan, which beats going on with the plan of tick 0"
    assert worth_usd(plan.step_at(12), now) > worth_usd(followed(old, now).step_at(12), now)


def test_a_plan_past_its_horizon_is_not_gone_on_with() -> None:
    first = at(0)
    in_force = plan_in_force_of(replace(Lp().plan(first), step_ticks=(1,) * 35), first)
    plan: Plan = fallback_of(in_force, Rules().plan(at(35)), at(35), "why")
    assert (plan.optimizer, plan.note) == ("rules", "why")
