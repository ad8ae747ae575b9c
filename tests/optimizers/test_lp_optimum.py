"""The linear program finds the optimum of its formulas, checked in three ways.

They are a second model, brute force, and a ledger of its schedule.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count, product
from typing import NoReturn

import numpy as np
import pytest

from mara.errors import PlanInfeasible, PlanTimeout
from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.model import LpModel, merged, model_of
from mara.optimizers.lp.schedule import Schedule
from mara.optimizers.lp.solve import BASIC, solve
from mara.optimizers.lp.staged import loose_rows, one_way
from mara.optimizers.lp.staged.loose_rows import solve_swiftly
from mara.optimizers.lp.staged.one_way import solve_one_way
from mara.optimizers.problem_answer import schedule_of
from tests.optimizers.lp_cases import CASE_COUNT, random_case
from tests.optimizers.lp_oracle import optimum_usd, point_of, program_of
from tests.optimizers.power_cases import power_case


def same(a_usd: float, b_usd: float) -> bool:
    return abs(a_usd - b_usd) <= 1e-6 * max(1.0, abs(a_usd))


@pytest.mark.parametrize("seed", range(CASE_COUNT))
def test_a_second_model_of_the_same_formulas_has_the_same_optimum(seed: int) -> None:
    case = random_case(seed)
    assert same(solve(model_of(case)).certificate.objective_usd, optimum_usd(case))


@pytest.mark.parametrize("seed", range(CASE_COUNT))
def test_the_plan_keeps_every_formula_and_earns_what_is_claimed(seed: int) -> None:
    case = random_case(seed)
    model = model_of(case)
    solution = solve(model)
    schedule = schedule_of(solution.primal_mw, model.columns, case)
    claimed, program, point = solution.certificate.objective_usd, program_of(case), point_of(schedule, case)
    assert program.worst_mw(point) < 1e-6
    assert same(program.gain_usd(point), claimed)
    assert same(profit_usd(schedule, case), claimed)


@pytest.mark.parametrize("seed", range(0, CASE_COUNT, 4))
def test_a_swift_solve_finds_the_same_optimum_cold_and_from_a_basis(seed: int) -> None:
    for has_contract in (False, True):
        model = model_of(power_case(seed) if has_contract else random_case(seed))
        plain, swift = solve(model), solve_swiftly(model, has_contract=has_contract)
        dearer = replace(model, cost_usd_per_mw=1.1 * model.cost_usd_per_mw)
        again = solve_swiftly(dearer, basis=swift.basis, by_dual=True, has_contract=has_contract)
        assert same(swift.certificate.objective_usd, plain.certificate.objective_usd)
        assert same(again.certificate.objective_usd, solve(dearer).certificate.objective_usd)
        assert (swift.status, again.status) == ("optimal", "optimal")
        basic = np.concatenate([swift.basis.columns, swift.basis.rows]) == BASIC
        assert basic.sum() == len(model.row_lower)


def test_a_program_too_large_for_a_plain_simplex_is_solved_swiftly_cold_and_from_a_basis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = random_case(2)
    model = model_of(case)
    dearer = replace(model, cost_usd_per_mw=1.1 * model.cost_usd_per_mw)
    swift = solve_swiftly(model, by_dual=True)
    swift_again = solve_swiftly(dearer, basis=swift.basis, by_dual=True)
    monkeypatch.setattr(one_way, "SIMPLEX_COLUMNS", len(model.cost_usd_per_mw) - 1)
    large = solve_one_way(model, case)
    again = solve_one_way(dearer, case, basis=large.basis)
    assert np.array_equal(large.primal_mw, swift.primal_mw)
    assert np.array_equal(again.primal_mw, swift_again.primal_mw)
    assert same(large.certificate.objective_usd, solve(model).certificate.objective_usd)


def _pays_less_for_pledges(model: LpModel) -> LpModel:
    """Let no product pay for load any more, in the second half of the horizon."""
    cost = model.cost_usd_per_mw.reshape(model.steps, -1).copy()
    pledged = np.concatenate([model.columns.pledged_miners.ravel(), model.columns.pledged_merchant.ravel()])
    cost[model.steps // 2 :, pledged] += 1_000.0
    return replace(model, cost_usd_per_mw=cost.ravel())


def _has_half_the_racks(model: LpModel) -> LpModel:
    upper = model.row_upper[: model.steps * model.period_rows].reshape(model.steps, -1).copy()
    for family in ("racks", "kinds"):
        upper[:, model.families[family]] *= 0.5
    return replace(model, row_upper=np.concatenate([upper.ravel(), model.row_upper[upper.size :]]))


@pytest.mark.parametrize("change", [_pays_less_for_pledges, _has_half_the_racks])
def test_a_warm_solve_ends_at_the_optimum_where_its_basis_is_far_from_it(
    change: Callable[[LpModel], LpModel],
) -> None:
    model = model_of(power_case(5))
    changed = change(model)
    warm = solve_swiftly(changed, basis=solve_swiftly(model).basis, by_dual=True, has_contract=True)
    assert same(warm.certificate.objective_usd, solve(changed).certificate.objective_usd)
    assert (warm.status, warm.certificate.residual_mw < 1e-6) == ("optimal", True)


def _no_plan(*_: object, **__: object) -> NoReturn:
    raise PlanInfeasible("the part has none")


def test_a_warm_solve_whose_part_has_no_plan_goes_on_with_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(power_case(5))
    begun = solve_swiftly(model, has_contract=True)
    monkeypatch.setattr(loose_rows, "solve_near", _no_plan)
    warm = solve_swiftly(_has_half_the_racks(model), basis=begun.basis, by_dual=True, has_contract=True)
    assert same(warm.certificate.objective_usd, solve(_has_half_the_racks(model)).certificate.objective_usd)


def test_a_cold_solve_whose_merged_periods_are_given_up_begins_without_them() -> None:
    model, asked = model_of(power_case(5)), count()
    found = solve(model, swift=True, has_contract=True, is_cancelled=lambda: next(asked) == 0)
    assert same(found.certificate.objective_usd, solve(model).certificate.objective_usd)
    assert next(asked) > 1


@pytest.mark.parametrize("asked", [1, 20])
def test_a_solve_that_is_given_up_ends_without_a_plan(asked: int) -> None:
    model, questions = model_of(power_case(5)), count(1)
    with pytest.raises(PlanTimeout, match="given up"):
        solve(model, is_cancelled=lambda: next(questions) >= asked)
    assert next(questions) <= asked + 2


def test_merged_periods_keep_what_a_plan_earns_that_does_the_same_in_each() -> None:
    model = model_of(power_case(3))
    group = np.arange(model.steps) // 4
    coarse = merged(model, group)
    width, rows = model.columns.width, model.period_rows
    alike = np.random.default_rng(3).uniform(0.0, 1.0, (coarse.steps, width))
    each = alike[group].ravel()
    assert coarse.cost_usd_per_mw @ alike.ravel() == pytest.approx(model.cost_usd_per_mw @ each)
    activity, budgets = np.split(model.matrix @ each, [model.steps * rows])
    summed = [activity.reshape(-1, rows)[group == g].sum(axis=0) for g in range(coarse.steps)]
    np.testing.assert_allclose(coarse.matrix @ alike.ravel(), np.concatenate([*summed, budgets]), atol=1e-9)


def test_a_swift_solve_begins_anew_where_merged_periods_have_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(power_case(3))

    def impossible(model: LpModel, group: np.ndarray) -> LpModel:
        coarse = merged(model, group)
        return replace(coarse, lower_mw=coarse.upper_mw + 1.0)

    expected = solve(model)
    monkeypatch.setattr("mara.optimizers.lp.solve.merged", impossible)
    assert same(solve(model, swift=True).certificate.objective_usd, expected.certificate.objective_usd)


def tiny_case(seed: int, sites: int, steps: int) -> LpCase:
    """A case in whole numbers, whose best schedule consists of whole half-megawatts.

    It has PUE 1, and one kind of miner and of rack.
    """
    draw = np.random.default_rng(seed)
    available = np.zeros((steps, sites, 5))
    available[:, :, 0], available[:, :, 3] = draw.integers(0, 4 - sites, sites), draw.integers(1, 3, sites)
    demand = np.zeros((steps, 4))
    tiers = [0, 3] if sites == 2 else [2, 3]
    demand[:, tiers] = draw.integers(0, 3, (steps, 2))
    base = random_case(0)
    return replace(
        base,
        dt_h=np.ones(steps),
        price_usd_per_mwh=draw.choice([-30.0, 20.0, 90.0, 400.0], (steps, sites)),
        carbon_t_per_mwh=draw.uniform(0.0, 0.5, (steps, sites)),
        pue=np.ones((steps, sites, 5)),
        grid_limit_mw=draw.integers(1, 5, sites).astype(np.float64),
        hedge_mw=(draw.integers(0, 2, sites) * (seed % 2)).astype(np.float64),
        available_mw=available,
        mining_value_usd_per_mwh=np.full((steps, 3), 110.0),
        token_value_usd_per_mwh=draw.choice([50.0, 250.0], (steps, 1, sites, 2)),
        tokens_per_mwh=np.ones(2),
        demand_tokens_per_h=draw.integers(0, 3, (steps, 1)).astype(np.float64),
        demand_mw=demand,
        budget_mwh=np.array([0.0, 0.0, 1.0]),
        shed_limit_mw=demand[:, :3],
        breakable_mw=np.zeros((steps, 3)),
        unbacked_mw=np.zeros(steps),
        served_now_mw=np.zeros((sites, 3)),
        miners_now_mw=np.zeros(sites),
        sellback_spread_share=0.05,
    )


def brute_force_usd(case: LpCase, tiers: list[int], grid_mw: float) -> float:
    """The best of all schedules on a grid, by the second model [USD]."""
    program = program_of(case)
    places = [(t, s) for t in range(case.steps) for s in range(case.sites)]
    tops = [
        top
        for t, s in places
        for top in (
            case.available_mw[t, s, 0],
            case.available_mw[t, s, 3],
            *(min(case.demand_mw[t, g], case.available_mw[t, s, 3]) for g in tiers),
        )
    ]
    best = -np.inf
    for chosen in product(*(np.arange(0.0, top + 1e-9, grid_mw).tolist() for top in tops)):
        decided = np.array(chosen).reshape(case.steps, case.sites, 2 + len(tiers))
        contracts = np.zeros((case.steps, case.sites, 4))
        contracts[:, :, tiers] = decided[:, :, 2:]
        schedule = Schedule(
            miners_mw=np.pad(decided[:, :, :1], ((0, 0), (0, 0), (0, 2))),
            merchant_mw=np.pad(decided[:, None, :, 1:2], ((0, 0), (0, 0), (0, 0), (0, 1))),
            contracts_mw=contracts,
            shed_mw=_shed(case, contracts),
            rested_mw=np.zeros((case.steps, case.sites, 3)),
        )
        point = point_of(schedule, case)
        if program.worst_mw(point) < 1e-9:
            best = max(best, program.gain_usd(point))
    return best


def _shed(case: LpCase, contracts: np.ndarray) -> np.ndarray:
    """Load shed inside the budget while it lasts, of what does not run (H, G) [MW].

    Credits are the same in each step.
    """
    short = np.maximum(case.demand_mw[:, :3] - contracts.sum(axis=1)[:, :3], 0.0)
    before = np.cumsum(short, axis=0) - short
    return np.asarray(np.clip(case.budget_mwh - before, 0.0, short))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("sites", "steps", "tiers", "grid_mw"), [(1, 1, [2, 3], 0.5), (2, 1, [0], 0.5)])
def test_no_schedule_on_a_fine_grid_is_better_and_one_is_as_good(
    seed: int, sites: int, steps: int, tiers: list[int], grid_mw: float
) -> None:
    case = tiny_case(seed, sites, steps)
    case = replace(case, demand_mw=np.where(np.isin(np.arange(4), tiers), case.demand_mw, 0.0))
    assert same(solve(model_of(case)).certificate.objective_usd, brute_force_usd(case, tiers, grid_mw))


@pytest.mark.parametrize("seed", range(6, 10))
def test_over_two_steps_no_schedule_on_a_grid_is_better_and_one_is_as_good(seed: int) -> None:
    case = tiny_case(seed, 1, 2)
    case = replace(case, demand_mw=np.where(np.arange(4) == 2, case.demand_mw, 0.0))
    assert same(solve(model_of(case)).certificate.objective_usd, brute_force_usd(case, [2], 1.0))
