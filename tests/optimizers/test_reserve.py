"""Premium without a reserve: the least amount that any placement leaves so.

A single site earns what its rules earn.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from mara.assembly.backtest import BacktestOrder
from mara.backtests import compared
from mara.core.contract import Tier
from mara.core.sla import owed_micro_usd
from mara.core.step import advance
from mara.optimizers.base import Optimizer
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from mara.optimizers.scheduling.reserve import least_unbacked_mw
from mara.optimizers.scheduling.site_load import all_fit
from mara.settings import read_settings
from tests.builders import WEST, config, contract, fleet, observation, problem, site, world


def least_by_program(room: np.ndarray, premium: float, standard: float) -> float:
    """The same least amount by a linear program over all placements and reserves."""
    s = len(room)
    rows, limits = [], []
    for i in range(s):
        row = np.zeros(3 * s + 1)
        row[[i, s + i, 2 * s + i]] = 1.0
        rows.append(row)
        limits.append(room[i])
        row = np.zeros(3 * s + 1)
        row[2 * s : 3 * s] = -1.0
        row[[i, 2 * s + i, 3 * s]] = 1.0, 0.0, -1.0
        rows.append(row)
        limits.append(0.0)
    sums = np.zeros((2, 3 * s + 1))
    sums[0, :s] = sums[1, s : 2 * s] = 1.0
    cost = np.zeros(3 * s + 1)
    cost[-1] = 1.0
    found = linprog(cost, A_ub=rows, b_ub=limits, A_eq=sums, b_eq=[premium, standard])
    assert found.status == 0
    return float(found.fun)


def test_no_placing_backs_more_premium() -> None:
    draw = np.random.default_rng(2)
    for _ in range(40):
        room = draw.uniform(0.0, 10.0, int(draw.integers(1, 5)))
        premium, standard = draw.dirichlet([1.0, 1.0, 1.0])[:2] * room.sum()
        own = least_unbacked_mw(room[None], np.array([premium]), np.array([standard]))[0]
        assert own == pytest.approx(least_by_program(room, premium, standard), abs=1e-7)


def test_a_fleet_that_can_back_all_premium_must_and_a_single_site_need_not() -> None:
    assert least_unbacked_mw(np.full((1, 3), 10.0), np.array([6.0]), np.array([9.0])).tolist() == [0.0]
    assert least_unbacked_mw(np.array([[10.0]]), np.array([2.0]), np.array([3.0])).tolist() == [2.0]


def earned_usd(optimizer: Optimizer, seed: int) -> float:
    """Earnings of a day at one nearly full site [USD].

    Tokens are wanted for a third of its racks at the top of the day.
    """
    own = fleet(units=((2_000, 0, 1_000, 600, 400),), sites=(site("west", "America/Chicago"),), limit_mw=30.0)
    of = config(own, tick_minutes=60)
    draw = np.random.default_rng(seed)
    book = tuple(
        contract(f"{tier.name}{n}", tier, mw, ticks=24 * 4)
        for tier, mw in ((Tier.PREMIUM, 1.0), (Tier.STANDARD, 1.7), (Tier.FLEXIBLE, 1.5))
        for n in range(2)
    )
    state = world(of, book)
    for tick in range(24):
        hour = draw.normal(60.0, 30.0), float(draw.uniform(0.5, 1.5))
        seen = observation(of, tick, price=hour[0], demand=hour[1] * 1.5e10, multiplier=hour[1])
        state = advance(state, seen, optimizer.plan(problem(of, state, seen, 24)).steps[0], of).world
    return (state.cash_micro_usd - owed_micro_usd(state)) / 1e6


@pytest.mark.parametrize("seed", range(4))
def test_on_one_full_site_the_program_earns_no_less_than_the_rules(seed: int) -> None:
    assert earned_usd(Lp(), seed) >= 0.999 * earned_usd(Rules(), seed)


def test_the_program_of_one_site_runs_its_premium_and_sells_nobody_the_racks_under_it() -> None:
    own = fleet(units=((2_000, 0, 1_000, 600, 400),), sites=(site("west"),), limit_mw=30.0)
    of = config(own, tick_minutes=60)
    state = world(of, (contract("p", Tier.PREMIUM, 2.0), contract("f", Tier.FLEXIBLE, 5.0)), at=[WEST, WEST])
    later = Lp().plan(problem(of, state, observation(of, demand=1e13), 3)).steps[1]
    assert later.contracts_mw[WEST, Tier.PREMIUM] == pytest.approx(2.0)
    assert later.merchant_mw.sum() + later.contracts_mw.sum() == pytest.approx(10.0)


CASE = Path(__file__).parents[3] / "shared" / "cases" / "16-one-site-lp-below-rules"


@pytest.mark.skipif(not CASE.is_dir(), reason="no ../shared/cases beside the checkout")
def test_four_days_of_one_full_site_in_oslo() -> None:
    settings = read_settings({}, {"history": CASE / "osl", "fleet": str(CASE / "one.toml"), "tick_minutes": 60})
    order = BacktestOrder(load_share=0.99)
    rules, lp = (result.figures["profit_usd"] for result in compared(settings, order, ("rules", "lp")))
    assert lp > rules


def test_contracts_fit_whole_or_not_at_all() -> None:
    room = np.array([10.0, 10.0])
    assert all_fit(np.array([6.0, 6.0, 4.0, 4.0]), room)
    assert not all_fit(np.array([6.0, 6.0, 6.0]), room)
    assert not all_fit(np.array([11.0]), room)
    assert all_fit(np.array([]), room)
