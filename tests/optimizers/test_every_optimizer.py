"""Every optimizer gives a feasible plan of the right shape for every problem."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings

from mara.core.contract import Tier, budgets_of
from mara.core.dispatch import TO_PREMIUM
from mara.core.plan import Plan, Problem
from mara.core.step import Step, advance
from mara.core.world import conditions_of
from mara.optimizers.base import Optimizer
from mara.optimizers.fallback import WithFallback, check
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from tests.optimizers.problems import EDGES, problems, random_problem
from tests.sameness import differences

OPTIMIZERS: dict[str, Optimizer] = {
    "static": Static(),
    "static-breakeven": Static(breakeven=True),
    "rules": Rules(),
    "lp": Lp(),
    "guarded": WithFallback((Rules(), Static())),
}
_MADE: dict[tuple[int, int], tuple[Problem, Plan]] = {}
"""Plans by what made them and for what, beside their problems, which thus live on."""
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


def followed(plan: Plan, given_problem: Problem) -> Step:
    return advance(
        given_problem.world, given_problem.observation, plan.step_at(given_problem.tick), given_problem.config
    )


def plan_by(optimizer: Optimizer, given_problem: Problem) -> Plan:
    """Make a plan, or look up that of another test.

    An optimizer that would make another one the next time is found by
    `test_the_same_problem_has_the_same_plan`.
    """
    made = _MADE.get((id(optimizer), id(given_problem)))
    if made is None:
        made = _MADE[id(optimizer), id(given_problem)] = given_problem, optimizer.plan(given_problem)
    return made[1]


@every_optimizer
@settings(max_examples=40)
@given(given_problem=problems)
def test_every_problem_has_a_plan_of_valid_shape(optimizer: Optimizer, given_problem: Problem) -> None:
    plan = plan_by(optimizer, given_problem)
    check(plan, given_problem)
    assert plan.made_tick == given_problem.tick
    assert plan.optimizer
    assert len(plan.steps) == len(plan.step_ticks) > 0
    followed(plan, given_problem)


@every_optimizer
@pytest.mark.parametrize("name", EDGES)
def test_the_problems_that_break_careless_optimizers_have_a_plan(optimizer: Optimizer, name: str) -> None:
    plan = plan_by(optimizer, EDGES[name])
    check(plan, EDGES[name])
    followed(plan, EDGES[name])


@every_optimizer
@settings(max_examples=15)
@given(given_problem=problems)
def test_the_same_problem_has_the_same_plan(optimizer: Optimizer, given_problem: Problem) -> None:
    assert list(differences(optimizer.plan(given_problem), optimizer.plan(given_problem))) == []


@every_optimizer
@settings(max_examples=60)
@given(given_problem=problems)
def test_a_plan_keeps_to_the_limits_it_knows_of(optimizer: Optimizer, given_problem: Problem) -> None:
    conditions, fleet = conditions_of(given_problem.observation, given_problem.config), given_problem.config.fleet
    step = plan_by(optimizer, given_problem).step_at(given_problem.tick)
    contracts, merchant = step.contracts_mw.sum(axis=1), step.merchant_mw.sum(axis=0)
    assert (step.miners_mw <= conditions.available_mw[:, :3] + 1e-6).all()
    assert (merchant <= conditions.available_mw[:, 3:] + 1e-6).all()
    assert (contracts + merchant.sum(axis=1) <= conditions.racks_mw + 1e-5).all()
    drawn = (
        (step.miners_mw * conditions.pue[:, :3]).sum(axis=1)
        + (merchant * conditions.pue[:, 3:]).sum(axis=1)
        + contracts * conditions.rack_pue
    )
    assert (drawn <= fleet.grid_limit_mw + 1e-4).all()
    tokens = step.merchant_mw.sum(axis=1) @ fleet.tokens_per_mwh
    assert (tokens <= given_problem.observation.demand_tokens_per_h * (1 + 1e-9)).all()


@every_optimizer
@settings(max_examples=60)
@given(given_problem=problems)
def test_no_budget_is_spent_that_is_not_there_but_of_promises_that_may_be_broken(
    optimizer: Optimizer, given_problem: Problem
) -> None:
    plan = plan_by(optimizer, given_problem)
    done, broken = followed(plan, given_problem), plan.step_at(given_problem.tick).broken_contract
    world = given_problem.world
    left = budgets_of(world.book, world.accounts) - world.accounts.bad_ticks
    assert set(np.flatnonzero(done.allocation.scheduled & (left <= 0)).tolist()) <= set(broken.tolist())
    assert (world.book.tier[broken] == Tier.FLEXIBLE).all()
    assert (world.book.tier[done.allocation.scheduled] != Tier.SPOT).all()


@every_optimizer
@settings(max_examples=60)
@given(given_problem=problems)
def test_what_dispatch_takes_from_a_plan_is_stated_with_its_site(optimizer: Optimizer, given_problem: Problem) -> None:
    plan = plan_by(optimizer, given_problem)
    step, allocation = plan.step_at(given_problem.tick), followed(plan, given_problem).allocation
    stated: dict[tuple[int, str], float] = defaultdict(float)
    for d in allocation.deviations:
        stated[d.site, d.cause] += d.power_mw
    for site in range(given_problem.config.fleet.site_count):
        miners = (step.miners_mw - allocation.miners_mw)[site].sum()
        merchant = (step.merchant_mw - allocation.merchant_mw)[:, site].sum()
        assert stated[site, "miners held back"] == pytest.approx(miners, abs=1e-5)
        held_back, gave_way = stated[site, "merchant inference held back"], stated[site, TO_PREMIUM]
        if gave_way:
            assert not held_back
            assert gave_way >= merchant - 1e-5
        else:
            assert held_back == pytest.approx(merchant, abs=1e-5)
    book = given_problem.world.book
    lost = ~allocation.served & ~allocation.scheduled & given_problem.world.accounts.served & (book.tier != Tier.SPOT)
    stranded = sum(mw for (_, cause), mw in stated.items() if cause in ("promised load found no place", TO_PREMIUM))
    assert stranded >= book.power_mw[lost].sum() - 1e-6


@pytest.mark.parametrize("optimizer", [Static(), Static(breakeven=True)], ids=lambda o: o.name)
def test_dispatch_changes_nothing_in_a_static_plan_when_nothing_fails(optimizer: Optimizer) -> None:
    changed = [seed for seed in range(150) if _is_calm(random_problem(seed)) and _is_changed(optimizer, seed)]
    assert changed == []


def _is_calm(given_problem: Problem) -> bool:
    return not (given_problem.observation.availability_share < given_problem.world.availability_share).any()


def _is_changed(optimizer: Optimizer, seed: int) -> bool:
    given_problem = random_problem(seed)
    plan = optimizer.plan(given_problem)
    step, allocation = plan.step_at(0), followed(plan, given_problem).allocation
    return any(
        np.abs(getattr(step, name) - getattr(allocation, name)).max() > 1e-4
        for name in ("miners_mw", "merchant_mw", "contracts_mw")
    )
