"""The certificate of a solution bounds the optimum whatever the multipliers are.

The solver's own multipliers prove the optimum.
"""

from dataclasses import replace
from typing import Any

import highspy
import numpy as np
import pytest

from mara.optimizers.lp import solve as solve_module
from mara.optimizers.lp.certificate import DOT_NUMBERS, bound_usd, certificate_of, cost_usd, row_activity
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import Basis, Solution, listed_basis_of, solve
from tests.optimizers.lp_cases import CASE_COUNT, random_case
from tests.optimizers.power_cases import power_case
from tests.solved_before import make_solver

SEEDS = range(0, CASE_COUNT, 3)


def solved(seed: int) -> tuple[LpModel, Solution]:
    model = model_of(random_case(seed))
    return model, solve(model)


def transposed(model: LpModel, duals: np.ndarray) -> np.ndarray:
    """Compute A'y, row by row."""
    total = np.zeros(len(model.cost_usd_per_mw))
    for i, y in enumerate(duals):
        for j in range(model.matrix.indptr[i], model.matrix.indptr[i + 1]):
            total[model.matrix.indices[j]] += model.matrix.data[j] * y
    return total


@pytest.mark.parametrize("seed", SEEDS)
def test_a_solved_program_is_certified_optimal(seed: int) -> None:
    _, solution = solved(seed)
    assert solution.status == "optimal"
    assert abs(solution.certificate.gap_share) < 1e-9
    assert solution.certificate.residual_mw < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_no_multipliers_whatever_give_a_bound_below_the_optimum(seed: int) -> None:
    model, solution = solved(seed)
    draw, count = np.random.default_rng(seed), len(solution.row_duals_usd_per_unit)
    optimum = solution.certificate.objective_usd
    tried = [
        np.zeros(count),
        -solution.row_duals_usd_per_unit,
        solution.row_duals_usd_per_unit[::-1],
        solution.row_duals_usd_per_unit * draw.uniform(0.0, 2.0, count),
        np.full(count, np.nan),
        np.where(draw.random(count) < 0.1, np.inf, solution.row_duals_usd_per_unit),
        *(draw.normal(0.0, size, count) for size in (1e-3, 1.0, 100.0, 1e6)),
    ]
    for duals in tried:
        assert bound_usd(model, duals) >= optimum - 1e-9 * max(1.0, abs(optimum))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimal_multipliers_have_the_sign_of_their_rows_and_no_slack_beside_them(seed: int) -> None:
    model, solution = solved(seed)
    y, x, activity = solution.row_duals_usd_per_unit, solution.primal_mw, row_activity(model, solution.primal_mw)
    assert (y[~np.isfinite(model.row_lower)] <= 1e-7).all()
    slack = np.where(y > 0.0, activity - model.row_lower, model.row_upper - activity)
    assert np.abs(np.where(np.abs(y) <= 1e-7, 0.0, y * slack)).max() < 1e-5
    reduced = model.cost_usd_per_mw - transposed(model, y)
    room = np.where(reduced > 0.0, x - model.lower_mw, model.upper_mw - x)
    assert np.abs(reduced * room).max() < 1e-5


@pytest.mark.parametrize("seed", SEEDS)
def test_bounds_that_only_rows_imply_take_over_no_dual(seed: int) -> None:
    model, solution = solved(seed)
    columns = model.columns
    reduced = (model.cost_usd_per_mw - transposed(model, solution.row_duals_usd_per_unit)).reshape(
        model.steps, columns.width
    )
    implied = (columns.merchant, columns.contracts, columns.moved, columns.reserve, columns.reserve_sum, columns.ramp)
    assert all(reduced[:, places].min(initial=0.0) >= -1e-6 for places in (*implied, columns.breached))


def test_a_plan_that_is_off_is_said_to_be_off() -> None:
    model, solution = solved(0)
    miners = model.columns.miners[0, 0]
    moved = solution.primal_mw.copy()
    moved[miners] = model.upper_mw[miners] + 2.5
    assert certificate_of(model, moved, solution.row_duals_usd_per_unit).residual_mw >= 2.5 - 1e-9
    moved[miners] = -2.5
    assert certificate_of(model, moved, solution.row_duals_usd_per_unit).residual_mw >= 2.5 - 1e-9


def test_a_plan_that_earns_less_has_a_gap() -> None:
    model, solution = solved(1)
    worse = certificate_of(model, np.zeros_like(solution.primal_mw), solution.row_duals_usd_per_unit)
    assert worse.objective_usd < solution.certificate.objective_usd
    assert worse.gap_share > 1e-3
    assert replace(solution, certificate=worse).status == "feasible"


def test_the_cost_of_a_long_program_has_the_same_digits_whatever_the_number_of_processors() -> None:
    """BLAS sums up to so many products alone; of more its threads sum parts, one a processor."""
    chance = np.random.default_rng(0)
    cost, at_mw = chance.normal(0.0, 1e3, (2, 3 * DOT_NUMBERS - 7))
    model = replace(solved(0)[0], cost_usd_per_mw=cost, offset_usd=5.0)
    parts = np.array_split(np.arange(len(cost)), 3)
    assert cost_usd(model, at_mw) == sum(float(cost[part] @ at_mw[part]) for part in parts) + 5.0


@pytest.mark.parametrize("seed", range(4))
def test_a_basis_is_the_one_that_highs_lists(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []

    def both_ways(solver: highspy.Highs, *found: Any) -> Basis:
        quick, listed = basis_of(solver, *found), listed_basis_of(solver)
        compared.append(bool((quick.columns == listed.columns).all() and (quick.rows == listed.rows).all()))
        return quick

    basis_of = solve_module.basis_of
    monkeypatch.setattr(solve_module, "_solver", make_solver)
    monkeypatch.setattr(solve_module, "basis_of", both_ways)
    model = model_of(power_case(seed))
    cold = solve(model, swift=True)
    dearer = replace(model, cost_usd_per_mw=model.cost_usd_per_mw * 1.3 + 1.0)
    solve(dearer, basis=cold.basis)
    solve(dearer, basis=cold.basis, by_dual=True)
    solve(model)
    assert len(compared) >= 4
    assert all(compared)
