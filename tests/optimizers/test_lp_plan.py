"""The optimizer `lp` makes a plan that dispatch can follow from a tick's problem.

Refusals, fallbacks and warm starts are tested as well.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from mara.core.arrays import sealed
from mara.core.contract import Tier
from mara.core.plan import Problem
from mara.core.step import advance
from mara.errors import PlanError, PlanInfeasible, PlanRejected, PlanTimeout
from mara.optimizers.base import BudgetPolicy
from mara.optimizers.fallback import WithFallback, check
from mara.optimizers.lp import model as lp_model
from mara.optimizers.lp import optimizer as lp_module
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.case import check as check_case
from mara.optimizers.lp.horizon import case_of, step_lengths
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.optimizer import Lp, shifted
from mara.optimizers.lp.solve import solve
from mara.optimizers.rules.rules import Rules
from tests.builders import config, contract, observation, problem, world
from tests.optimizers.lp_cases import random_case
from tests.optimizers.problems import EDGES, problems, random_problem
from tests.sameness import differences


def daily(tick_minutes: int, hours: int = 24) -> Problem:
    of = config(tick_minutes=tick_minutes)
    contracts = (contract("p", Tier.PREMIUM, 1.0), contract("s", Tier.STANDARD, 2.0), contract("f", Tier.FLEXIBLE, 2.0))
    return problem(of, world(of, contracts, at=[0, 1, 2]), observation(of, demand=1e10), hours)


@pytest.mark.parametrize("name", EDGES)
def test_what_breaks_careless_optimizers_has_an_optimum(name: str) -> None:
    plan = Lp().plan(EDGES[name])
    check(plan, EDGES[name])
    assert plan.status == "optimal"
    assert plan.objective_usd is not None
    assert plan.bound_usd is not None
    assert plan.bound_usd >= plan.objective_usd


@settings(max_examples=30)
@given(given_problem=problems)
def test_every_problem_is_feasible(given_problem: Problem) -> None:
    plan = Lp().plan(given_problem)
    check(plan, given_problem)
    assert plan.status == "optimal"


@pytest.mark.parametrize(("tick_minutes", "hours"), [(5, 24), (5, 1), (60, 24), (60, 168), (15, 6)])
def test_steps_are_ticks_for_an_hour_and_hours_after_that(tick_minutes: int, hours: int) -> None:
    given_problem = daily(tick_minutes, hours)
    plan = Lp().plan(given_problem)
    per_hour = 60 // tick_minutes
    assert plan.step_ticks == (1,) * per_hour + (per_hour,) * (hours - 1)
    assert sum(plan.step_ticks) == hours * per_hour
    assert len(plan.steps) == len(plan.step_ticks)
    assert plan.shadow is not None
    assert plan.shadow.demand_usd_per_mwh.shape == (len(plan.steps), 4)
    assert plan.shadow.site_power_usd_per_mwh.shape == (len(plan.steps), 3)


def test_steps_take_the_forecast_of_their_own_hour() -> None:
    given_problem = daily(5)
    hourly = np.arange(24.0)[:, None] * np.ones(3)
    forecast = replace(given_problem.forecast, energy_price_usd_per_mwh=sealed(hourly))
    given_problem = replace(given_problem, forecast=forecast)
    case = case_of(given_problem, step_lengths(given_problem))
    assert case.price_usd_per_mwh[:, 0].tolist() == [0.0] * 12 + list(range(1, 24))
    assert case.dt_h.tolist() == [pytest.approx(1 / 12)] * 12 + [1.0] * 23


@pytest.mark.parametrize("seed", range(12))
def test_a_shifted_basis_leads_to_the_same_optimum(seed: int) -> None:
    case = replace(random_case(1), hedge_mw=random_case(1).hedge_mw)
    model = model_of(case)
    first = solve(model)
    draw = np.random.default_rng(seed)
    later = model_of(
        replace(
            case,
            price_usd_per_mwh=np.roll(case.price_usd_per_mwh, -1, axis=0)
            + draw.normal(0.0, 30.0, (case.steps, case.sites)),
            demand_mw=case.demand_mw * draw.uniform(0.7, 1.3),
        )
    )
    cold, warm = solve(later), solve(later, basis=shifted(first.basis, later))
    assert warm.status == cold.status == "optimal"
    assert warm.certificate.objective_usd == pytest.approx(cold.certificate.objective_usd, rel=1e-9)


def test_a_program_whose_layout_is_too_large_to_keep_is_the_same_program(monkeypatch: pytest.MonkeyPatch) -> None:
    case = random_case(1)
    kept = model_of(case)
    lp_model._layout_of.cache_clear()
    monkeypatch.setattr(lp_model, "MOST_ENTRIES_KEPT", 0)
    made = model_of(case)
    assert lp_model._layout_of.cache_info().currsize == 0
    for part in ("data", "indices", "indptr"):
        assert getattr(made.matrix, part).tobytes() == getattr(kept.matrix, part).tobytes()


def test_a_warm_optimizer_finds_what_a_cold_one_finds() -> None:
    warm, cold = Lp(warm=True), Lp()
    for seed in range(8):
        given_problem = random_problem(seed)
        a, b = warm.plan(given_problem), cold.plan(given_problem)
        assert a.objective_usd == pytest.approx(b.objective_usd, rel=1e-9, abs=1e-6)


def test_a_cold_plan_does_not_depend_on_the_plans_before_it() -> None:
    used, fresh = Lp(), Lp()
    used.plan(random_problem(3))
    assert list(differences(used.plan(random_problem(4)), fresh.plan(random_problem(4)))) == []


def test_dispatch_changes_nothing_in_a_rounded_plan_when_nothing_fails() -> None:
    assert [seed for seed in range(150) if _is_calm(random_problem(seed)) and _is_changed(random_problem(seed))] == []


def _is_calm(given_problem: Problem) -> bool:
    return not (given_problem.observation.availability_share < given_problem.world.availability_share).any()


def _is_changed(given_problem: Problem) -> bool:
    step = Lp().plan(given_problem).step_at(0)
    done = advance(given_problem.world, given_problem.observation, step, given_problem.config).allocation
    return any(
        np.abs(getattr(step, name) - getattr(done, name)).max() > 1e-4
        for name in ("miners_mw", "merchant_mw", "contracts_mw")
    )


WRONG: dict[str, object] = {
    "price_usd_per_mwh": np.full((24, 3), np.nan),
    "carbon_t_per_mwh": np.full((24, 3), np.inf),
    "pue": np.ones((24, 3, 4)),
    "grid_limit_mw": np.full(3, np.nan),
    "miners_now_mw": np.ones(2),
    "hedge_mw": np.full(3, 1e6),
    "available_mw": np.full((24, 3, 5), -1.0),
    "demand_mw": np.full((24, 4), np.nan),
    "dt_h": np.zeros(24),
    "budget_mwh": np.array([0.0, np.inf, 0.0]),
    "restart_usd_per_mw": float("nan"),
    "sellback_spread_share": float("inf"),
    "carbon_price_usd_per_t": float("nan"),
    "migration_usd_per_mw": np.array([40.0, -1.0, 8.0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_solver_must_not_see_is_refused_by_name_before_it_sees_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong_case(given_problem: Problem, lengths: tuple[int, ...], _: BudgetPolicy) -> LpCase:
        return replace(case_of(given_problem, lengths), **{name: WRONG[name]})  # type: ignore[arg-type]

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the solver was called")

    monkeypatch.setattr(lp_module, "case_of", wrong_case)
    monkeypatch.setattr(lp_module, "solve_one_way", never)
    with pytest.raises(PlanRejected, match=name):
        Lp().plan(daily(60))


def test_a_hedge_of_the_whole_connection_is_accepted() -> None:
    case = random_case(8)
    assert (case.hedge_mw == case.grid_limit_mw).all()
    check_case(case)


@pytest.mark.parametrize("error", [PlanTimeout("no optimum within 5 s"), PlanInfeasible("off by 3 MW")])
def test_rules_plan_when_the_solver_fails_and_the_reason_is_kept(
    error: PlanError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lp_module, "solve_one_way", failing)
    plan = WithFallback((Lp(), Rules())).plan(daily(60))
    assert (plan.optimizer, plan.status, plan.note) == ("rules", "fallback", f"lp: {error}")
    assert plan.shadow is None


def test_no_plan_comes_from_a_solver_that_ran_out_of_time() -> None:
    with pytest.raises(PlanTimeout, match="HiGHS had no optimum within 0 s"):
        Lp(deadline_s=0.0).plan(daily(60, 168))
