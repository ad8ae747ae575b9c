"""The bound of a month holds with power terms, for program, rules and baselines.

All are compared in the same accounts.
"""

from pathlib import Path

import pytest

from mara.assembly.worlds import outside_of
from mara.optimizers.flexibility.blind import Blind
from mara.optimizers.lp.bound import bounds_of
from mara.optimizers.lp.monthly_accounts import MonthlyAccounts
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest
from tests.scenarios.test_power_terms import settings_of

TICKS = 48
"""Two whole afternoons in Texas, when its system peaks."""


def profit_and_bound(folder: Path, name: str, *, without: str = "") -> tuple[float, float, float]:
    """Profit and bound in the program's accounts, and the ledger's profit [USD]."""
    outside = outside_of(settings_of(folder))
    accounts = MonthlyAccounts(outside.config)
    planner = optimizer_of(name)
    totals, _ = backtest(  # which counts the open month's coincident peaks as they stand
        outside.config,
        outside.feed,
        Blind(planner, without) if without else planner,
        outside.world,
        TICKS,
        horizon_hours=24,
        on_step=accounts.add,
    )
    accounts.close()
    (month,) = bounds_of(accounts.months)
    return month.profit_usd, month.bound_usd, float(totals.lines_micro_usd.sum()) / 1e6


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float, float]]:
    folder = tmp_path_factory.mktemp("terms")
    seeing = {name: profit_and_bound(folder, name) for name in ("rules", "lp")}
    return seeing | {"blind": profit_and_bound(folder, "lp", without="coincident_peak")}


def test_no_policy_earns_more_than_the_bound_with_all_terms(found: dict[str, tuple[float, float, float]]) -> None:
    bounds = [bound for _, bound, _ in found.values()]
    assert bounds == pytest.approx([bounds[0]] * 3), "the bound does not depend on the policy"
    assert all(profit <= bound + 1e-6 for profit, bound, _ in found.values())
    assert found["lp"][0] > found["rules"][0]


def test_an_instrument_that_plans_ignore_is_worth_what_it_then_costs(
    found: dict[str, tuple[float, float, float]],
) -> None:
    """A program that ignores the month's peaks pays for them."""
    assert found["lp"][2] > found["blind"][2] + 100_000.0
