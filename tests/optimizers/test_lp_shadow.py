"""Dual prices bound the gain: changing a limit never gains more than they say."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.core.plan import DualPrices
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.duals import shadow_of
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.solve import solve
from tests.optimizers.lp_cases import CASE_COUNT, KINDS, random_case

SEEDS = [seed for seed in range(CASE_COUNT) if KINDS[seed % len(KINDS)] != "no machines"]
some_seeds = pytest.mark.parametrize("seed", SEEDS[::3])


def profit_usd(case: LpCase) -> float:
    return solve(model_of(case)).certificate.objective_usd


def shadow(case: LpCase) -> tuple[float, DualPrices]:
    model = model_of(case)
    solution = solve(model)
    return solution.certificate.objective_usd, shadow_of(solution.row_duals_usd_per_unit, model, case)


def bumped(array: Floats, place: tuple[int, ...], by: float) -> Floats:
    changed = array.copy()
    changed[place] += by
    return changed


@some_seeds
def test_one_more_or_less_of_a_tier_never_gains_more_than_its_price(seed: int) -> None:
    case = random_case(seed)
    case = replace(case, shed_limit_mw=2.0 * case.demand_mw[:, :3] + 1.0)
    before, prices = shadow(case)
    for t in range(case.steps):
        for g in range(4):
            for by in (0.05, -min(0.05, float(case.demand_mw[t, g]))):
                after = profit_usd(replace(case, demand_mw=bumped(case.demand_mw, (t, g), by)))
                gain = -float(prices.demand_usd_per_mwh[t, g]) * by * float(case.dt_h[t])
                assert after - before <= gain + 1e-6 * max(1.0, abs(before))


@some_seeds
def test_more_or_less_of_a_budget_never_gains_more_than_its_price(seed: int) -> None:
    case = random_case(seed)
    before, prices = shadow(case)
    for g in range(3):
        for by in (0.05, -min(0.05, float(case.budget_mwh[g]))):
            after = profit_usd(replace(case, budget_mwh=bumped(case.budget_mwh, (g,), by)))
            assert after - before <= prices.budget_usd_per_mwh[g] * by + 1e-6 * max(1.0, abs(before))


def test_where_the_best_plan_is_one_of_a_kind_prices_are_derivatives() -> None:
    case = random_case(10)
    case = replace(case, shed_limit_mw=2.0 * case.demand_mw[:, :3] + 1.0)
    before, prices = shadow(case)
    small, exact = 1e-4, 0
    for t in range(case.steps):
        for g in range(4):
            up, down = (profit_usd(replace(case, demand_mw=bumped(case.demand_mw, (t, g), d))) for d in (small, -small))
            if abs(up + down - 2.0 * before) < 1e-7:
                assert (up - down) / (2.0 * small) == pytest.approx(-prices.demand_usd_per_mwh[t, g], abs=0.01)
                exact += 1
    assert exact > 2 * case.steps


@some_seeds
def test_power_is_worth_its_price_its_carbon_and_its_scarcity(seed: int) -> None:
    case = random_case(seed)
    _, prices = shadow(case)
    energy = case.price_usd_per_mwh + case.carbon_price_usd_per_t * case.carbon_t_per_mwh
    free = case.hedge_mw == 0.0
    difference = (prices.site_power_usd_per_mwh - energy - prices.grid_usd_per_mwh)[:, free]
    assert np.abs(difference).max(initial=0.0) < 1e-6
    assert (prices.grid_usd_per_mwh >= 0.0).all()
    assert (prices.capacity_usd_per_mwh >= 0.0).all()


def test_a_hedged_site_values_power_between_what_it_sells_and_what_it_buys_for_unless_power_is_short() -> None:
    case = random_case(4)
    _, prices = shadow(case)
    hedged = case.hedge_mw > 0.0
    carbon = case.carbon_price_usd_per_t * case.carbon_t_per_mwh
    least = case.price_usd_per_mwh - case.sellback_spread_share * np.abs(case.price_usd_per_mwh) + carbon
    assert hedged.any()
    assert (prices.site_power_usd_per_mwh[:, hedged] >= least[:, hedged] - 1e-6).all()


def test_full_racks_are_worth_what_the_next_megawatt_would_earn() -> None:
    case = random_case(0)
    one = slice(0, 1)
    available = np.zeros((1, 1, 5))
    available[0, 0, 3] = 2.0
    case = replace(
        case,
        dt_h=np.array([0.5]),
        price_usd_per_mwh=np.array([[40.0]]),
        carbon_t_per_mwh=np.zeros((1, 1)),
        pue=np.full((1, 1, 5), 1.25),
        grid_limit_mw=np.array([10.0]),
        hedge_mw=np.zeros(1),
        available_mw=available,
        mining_value_usd_per_mwh=case.mining_value_usd_per_mwh[one],
        token_value_usd_per_mwh=np.zeros((1, case.regions, 1, 2)),
        demand_tokens_per_h=case.demand_tokens_per_h[one],
        demand_mw=np.array([[0.0, 0.0, 5.0, 0.0]]),
        budget_mwh=np.zeros(3),
        shed_limit_mw=np.full((1, 3), 9.0),
        breakable_mw=np.zeros((1, 3)),
        unbacked_mw=np.zeros(1),
        goodwill_usd_per_mwh=np.zeros(3),
        migration_usd_per_mw=np.zeros(3),
        served_now_mw=np.zeros((1, 3)),
        miners_now_mw=np.zeros(1),
    )
    _, prices = shadow(case)
    # Flexible pays 180, its power costs 50, and what does not run pays credits of 540 an hour.
    assert prices.capacity_usd_per_mwh[0, 0] == pytest.approx(180 - 50 + 540)
    assert prices.demand_usd_per_mwh[0, 2] == pytest.approx(540)
    assert prices.grid_usd_per_mwh[0, 0] == pytest.approx(0.0)
