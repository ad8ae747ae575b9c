"""The greedy planner keeps every limit and reports its true profit.

It is never better than the optimum.
"""

import numpy as np
import pytest

from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.rules.greedy import greedy
from tests.optimizers.lp_cases import CASE_COUNT, KINDS, random_case
from tests.optimizers.lp_oracle import optimum_usd, point_of, program_of


@pytest.mark.parametrize("seed", range(CASE_COUNT))
def test_rules_keep_every_formula_and_are_never_better_than_the_optimum(seed: int) -> None:
    case = random_case(seed)
    schedule, program = greedy(case), program_of(case)
    point = point_of(schedule, case)
    assert program.worst_mw(point) < 1e-9
    earned = profit_usd(schedule, case)
    assert earned == pytest.approx(program.gain_usd(point), rel=1e-9, abs=1e-6)
    optimum = optimum_usd(case)
    assert earned <= optimum + 1e-9 * abs(optimum) + 1e-6


def test_rules_are_within_a_fifth_of_the_optimum_on_plain_days() -> None:
    gaps = []
    for seed in range(0, CASE_COUNT, len(KINDS)):
        case = random_case(seed)
        optimum = optimum_usd(case)
        gaps.append((optimum - profit_usd(greedy(case), case)) / abs(optimum))
    assert np.median(gaps) < 0.2
