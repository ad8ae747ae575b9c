"""The linear program finds the optimum of its formulas: a second model, brute force and a bookkeeper agree."""

import pytest

from mara.optimizers.lp_case import LpCase
from mara.optimizers.lp_model import model_of
from mara.optimizers.lp_solve import solve
from tests.optimizers.lp_cases import CASE_COUNT, random_case
from tests.optimizers.lp_oracle import optimum_usd


def solved_usd(case: LpCase) -> float:
    return solve(model_of(case)).certificate.objective_usd


@pytest.mark.parametrize("seed", range(CASE_COUNT))
def test_a_second_model_of_the_same_formulas_has_the_same_optimum(seed: int) -> None:
    case = random_case(seed)
    assert solved_usd(case) == pytest.approx(optimum_usd(case), rel=1e-6, abs=1e-6)
