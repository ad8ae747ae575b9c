"""Probability that outages use up an error budget, exact even where nearly 1."""

from fractions import Fraction
from math import exp

import pytest

from mara.optimizers.quoting.risk import miss_share


def tail(most: int, mean: float) -> float:
    """P(N > most) of a Poisson number, term by term.

    All fractions are exact, but for one exponential.
    """
    exact, term = Fraction(0), Fraction(1)
    for n in range(1, most + 400):
        term = term * Fraction(mean) / n
        if n > most:
            exact += term
    return float(exact) * exp(-mean)


@pytest.mark.parametrize(("budget", "outages"), [(0, 1e-9), (3, 1e-3), (5, 0.2), (8, 2.5), (40, 30.0), (60, 5.0)])
def test_the_tail_has_all_its_digits(budget: int, outages: float) -> None:
    assert miss_share(0.0, outages, budget, outages) == pytest.approx(tail(budget, outages), rel=1e-9)


def test_many_outages_that_the_budget_bears_are_no_certain_miss() -> None:
    assert miss_share(0.0, 1_000.0, 2_000, 1_000.0) < 1e-9


def test_many_outages_that_the_budget_cannot_bear_are_a_certain_one() -> None:
    assert miss_share(0.0, 20_000.0, 10_500, 20_000.0) == pytest.approx(1.0)


def test_around_the_mean_it_is_an_even_chance() -> None:
    assert miss_share(0.0, 1_000.0, 1_000, 1_000.0) == pytest.approx(0.5, abs=0.02)


def test_without_outages_only_what_is_planned_counts() -> None:
    assert (miss_share(3.0, 0.0, 3, 0.0), miss_share(4.0, 0.0, 3, 0.0)) == (0.0, 1.0)
