"""Tests of the optimizers judge the solver too: it solves each of their programs."""

import pytest


@pytest.fixture(autouse=True)
def _each_is_solved(solved_anew: None) -> None:
    pass
