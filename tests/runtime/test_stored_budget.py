"""Budget of the advisor by hour and by day, which is never negative."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mara.errors import AdviceError
from mara.runtime.advisor.stored_budget import SpendLimits, StoredBudget
from mara.store.access.api_usage import ClaudeCalls
from mara.store.store import Store
from tests.claude.script import Fault, Talk, Turn
from tests.clocks import HandClock
from tests.runtime.advised import problem_at, sensible, staged

USD = 1_000_000
HOUR_S = 3_600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'm.db'}")
    yield store
    store.close()


def test_a_days_budget_holds_though_every_hour_had_room(store: Store) -> None:
    clock = HandClock()
    budget = StoredBudget(
        ClaudeCalls(store), SpendLimits(usd_per_hour=1.0, usd_per_day=3.0, requests_per_hour=100), clock
    )
    for _ in range(3):
        budget.settle(budget.reserve(USD), USD, "")
        clock.passed_s += HOUR_S + 1.0
    assert budget.left_usd() == 0.0
    with pytest.raises(AdviceError, match="AI budget used"):
        budget.reserve(1)
    clock.passed_s += 24 * HOUR_S
    budget.reserve(USD)


def test_an_hours_budget_holds_though_the_day_has_room(store: Store) -> None:
    budget = StoredBudget(
        ClaudeCalls(store), SpendLimits(usd_per_hour=1.0, usd_per_day=9.0, requests_per_hour=9), HandClock()
    )
    budget.settle(budget.reserve(USD), USD, "")
    with pytest.raises(AdviceError, match="AI budget used"):
        budget.reserve(1)


def test_no_cost_fills_the_budget_again(store: Store) -> None:
    budget = StoredBudget(
        ClaudeCalls(store), SpendLimits(usd_per_hour=1.0, usd_per_day=1.0, requests_per_hour=9), HandClock()
    )
    budget.settle(budget.reserve(USD // 2), -5 * USD, "")
    assert budget.left_usd() == 1.0


@pytest.mark.parametrize("usage", [(-9_000_000, 10), (10, -9_000_000), (10, 10, -9_000_000), (10, 10, 0, -9_000_000)])
def test_a_service_that_says_it_used_less_than_nothing_is_paid_what_it_could_cost(
    store: Store, usage: tuple[int, ...]
) -> None:
    def odd(talk: Talk) -> Turn | Fault:
        said = sensible(talk)
        return replace(said, usage=usage) if isinstance(said, Turn) else said

    budget = SpendLimits(usd_per_hour=0.2, usd_per_day=0.2, requests_per_hour=100)
    with staged(odd, store, budget=budget) as stage:
        stage.plan(problem_at(0))
        assert stage.advisor.state.budget_left_usd < 0.15
        assert stage.advisor.state.cost_today_usd > 0.05
