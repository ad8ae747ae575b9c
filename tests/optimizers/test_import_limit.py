"""A limit of the grid's operator binds plans, dispatch and promises like the connection."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.arrays import Floats, sealed
from mara.core.contract import Tier
from mara.core.plan import PlanStep, Problem
from mara.core.step import advance
from mara.core.world import Conditions, RunConfig, conditions_of
from mara.optimizers.base import Optimizer
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.plan_in_force import is_overtaken, plan_in_force_of
from tests.builders import config, contract, fleet, observation, problem, world
from tests.optimizers.test_every_optimizer import every_optimizer

LIMIT_MW = 4.0
OF = config()
CONTRACTS = tuple(contract(f"c{n}", Tier.STANDARD, 1.0) for n in range(4))


def limited(limit_mw: float, run: RunConfig = OF) -> Problem:
    """A problem in which all miners pay, and the first site may draw little."""
    ordered = np.full(run.fleet.site_count, np.inf)
    ordered[0] = limit_mw
    seen = replace(observation(run, price=5.0, demand=1e9), import_limit_mw=sealed(ordered))
    return problem(run, world(run, CONTRACTS, [0, 0, 0, 1]), seen, 6)


def drawn_mw(step: PlanStep, conditions: Conditions) -> Floats:
    return np.asarray(
        (step.miners_mw * conditions.pue[:, :3]).sum(axis=1)
        + (step.merchant_mw.sum(axis=0) * conditions.pue[:, 3:]).sum(axis=1)
        + step.contracts_mw.sum(axis=1) * conditions.rack_pue
    )


@every_optimizer
def test_no_plan_and_no_tick_draws_more_than_the_grid_s_operator_allows(optimizer: Optimizer) -> None:
    given = limited(LIMIT_MW)
    free = replace(given, observation=observation(OF, price=5.0, demand=1e9))
    free = replace(free, forecast=problem(OF, given.world, free.observation, 6).forecast)
    conditions = conditions_of(given.observation, OF)
    plan = optimizer.plan(given).step_at(0)
    careless = optimizer.plan(free).step_at(0)
    assert drawn_mw(careless, conditions)[0] > LIMIT_MW + 1.0
    assert drawn_mw(plan, conditions)[0] <= LIMIT_MW + 1e-4
    for step in (plan, careless):
        done = advance(given.world, given.observation, step, OF)
        assert done.allocation.site_power_mw[0] <= LIMIT_MW
        assert done.allocation.served.all()
        assert done.settlement.lines_micro_usd.sum() == done.settlement.profit_micro_usd


def test_promised_load_leaves_a_site_that_may_draw_nothing() -> None:
    given = limited(0.0)
    plan = Lp().plan(given)
    done = advance(given.world, given.observation, plan.step_at(0), OF)
    assert done.allocation.site_power_mw[0] == 0.0
    assert (done.allocation.site[done.allocation.served] != 0).all()
    assert done.allocation.served.all()


def test_the_linear_program_keeps_an_announced_limit_in_its_hours_alone() -> None:
    free = problem(OF, world(OF, CONTRACTS, [0, 0, 0, 1]), observation(OF, price=5.0), 6)
    ahead = np.full((6, OF.fleet.site_count), np.inf)
    ahead[2:4, 0] = LIMIT_MW
    given = replace(free, forecast=replace(free.forecast, import_limit_mw=sealed(ahead)))
    conditions = conditions_of(free.observation, OF)
    plan = Lp().plan(given)
    drawn = np.array([drawn_mw(step, conditions)[0] for step in plan.steps])
    begins_h = np.cumsum((0, *plan.step_ticks))[:-1] / OF.grid.ticks_per_hour
    is_limited = (begins_h >= 2.0) & (begins_h < 4.0)
    assert (drawn[is_limited] <= LIMIT_MW + 1e-4).all()
    assert drawn[~is_limited].min() > LIMIT_MW + 1.0


@pytest.mark.parametrize("hedge_mw", [3.0, 10.0])
def test_power_bought_ahead_beyond_a_limit_is_sold_back(hedge_mw: float) -> None:
    run = config(fleet(hedge_mw=hedge_mw, hedge_price=4.0))
    given = limited(LIMIT_MW, run)
    plan = Lp().plan(given)
    assert plan.status == "optimal"
    done = advance(given.world, given.observation, plan.step_at(0), run)
    assert drawn_mw(plan.step_at(0), conditions_of(given.observation, run))[0] == pytest.approx(LIMIT_MW, abs=1e-4)
    assert done.allocation.site_power_mw[0] <= LIMIT_MW


def test_a_plan_is_made_anew_when_a_limit_begins_changes_or_ends() -> None:
    free = problem(OF, world(OF, CONTRACTS, [0, 0, 0, 1]), observation(OF), 6)
    at_four, at_five = limited(4.0), limited(5.0)
    same = replace(at_four, observation=replace(at_four.observation))
    before = [plan_in_force_of(Lp().plan(free), free), plan_in_force_of(Lp().plan(at_four), at_four)]
    seen = replace(at_four.observation, energy_price_usd_per_mwh=free.observation.energy_price_usd_per_mwh)
    assert [is_overtaken(before[0], one) for one in (free, replace(at_four, observation=seen))] == [False, True]
    assert [is_overtaken(before[1], one) for one in (same, at_five, free)] == [False, True, True]
