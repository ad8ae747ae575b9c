"""Fixtures of optimizer tests: every linear program is solved, none recalled."""

import pytest


@pytest.fixture(autouse=True)
def _each_is_solved(solved_anew: None) -> None:
    pass
