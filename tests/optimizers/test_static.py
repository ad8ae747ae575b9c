"""The static baselines: spread by capacity, moved by outages alone.

Miners are always on, or off above their break-even price.
"""

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.step import advance
from mara.core.units import G_PER_KG
from mara.optimizers.rules.static import Static
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, observation, problem, world

OF = config()
FIFTY = tuple(contract(f"c{i}", Tier(i % 3), 0.4) for i in range(50))


def test_contracts_are_spread_by_rack_capacity() -> None:
    plan = Static().plan(problem(OF, world(OF, FIFTY), observation(OF)))
    assert plan.steps[0].contracts_mw.sum(axis=1) == pytest.approx([8.0, 8.0, 4.0], abs=0.41)
    assert plan.steps[0].contracts_mw.sum(axis=0) == pytest.approx([6.8, 6.8, 6.4, 0.0])


def test_nothing_moves_whatever_power_costs() -> None:
    state, moved = world(OF, FIFTY), 0.0
    for tick in range(6):
        seen = observation(OF, tick, price=np.roll([10.0, 500.0, -80.0], tick), demand=3e10)
        done = advance(state, seen, Static().plan(problem(OF, state, seen)).steps[0], OF)
        assert done.allocation.served.all()
        moved += float(done.allocation.moved_mw.sum())
        state = done.world
    assert moved == 0.0


def test_after_an_outage_its_contracts_run_elsewhere() -> None:
    state = world(OF, (contract("s", Tier.STANDARD, 2.0), contract("p", Tier.PREMIUM, 2.0)), at=[WEST, WEST])
    for tick in range(2):
        seen = observation(OF, tick, up=[0.0, 1.0, 1.0])
        done = advance(state, seen, Static().plan(problem(OF, state, seen)).steps[0], OF)
        assert done.allocation.served.tolist() == [tick > 0, True]
        state = done.world


def test_tokens_are_spread_over_the_racks_that_contracts_leave() -> None:
    state = world(OF, (contract("c", Tier.STANDARD, 5.0),), at=[WEST])
    step = Static().plan(problem(OF, state, observation(OF, demand=1e13))).steps[0]
    assert step.merchant_mw.sum(axis=(0, 2)) == pytest.approx([5.0, 10.0, 5.0])
    half = Static().plan(problem(OF, state, observation(OF, demand=[0.5 * 20 * 5.472e9, 0.0, 0.0]))).steps[0]
    assert half.merchant_mw.sum(axis=(0, 2)) == pytest.approx([2.5, 5.0, 2.5])


def test_tokens_take_no_more_racks_than_the_grid_can_feed() -> None:
    of = config(fleet(limit_mw=[5.3, 100.0, 100.0]))
    step = Static().plan(problem(of, world(of), observation(of, demand=1e13))).steps[0]
    assert step.merchant_mw.sum(axis=(0, 2)) == pytest.approx([5.0, 10.0, 5.0])


def test_all_miners_are_always_on() -> None:
    step = Static().plan(problem(OF, world(OF), observation(OF, price=5_000.0, hashprice=1.0))).steps[0]
    assert step.miners_mw.tolist() == OF.fleet.nameplate_mw[:, :3].tolist()


@pytest.mark.parametrize("margin_usd", [0.01, -0.01])
def test_break_even_counts_pue_and_carbon(margin_usd: float) -> None:
    # At 30 C an air miner has PUE 1.168 and immersion 1.04; 400 g/kWh at 50 USD/t cost 20 USD/MWh.
    price = np.array([130.952381 / 1.168, 0.0, 0.0]) - 20.0 - margin_usd
    seen = observation(OF, price=price, carbon=400.0, dry=30.0)
    step = Static(breakeven=True).plan(problem(OF, world(OF), seen)).steps[0]
    assert bool(step.miners_mw[WEST, 0]) == (margin_usd > 0)
    assert step.miners_mw[WEST, 2] == pytest.approx(4.05)


def test_each_miner_kind_is_off_exactly_where_it_does_not_pay_for_its_power() -> None:
    draw = np.random.default_rng(5)
    for _ in range(50):
        price, carbon = draw.normal(110.0, 40.0, 3), draw.uniform(0.0, 600.0, 3)
        dry, wet = draw.uniform(0.0, 34.0, 3), draw.uniform(0.0, 25.0, 3)
        seen = observation(OF, price=price, carbon=carbon, dry=dry, wet=wet)
        on = Static(breakeven=True).plan(problem(OF, world(OF), seen)).steps[0].miners_mw > 0.0
        pue = np.stack(
            [
                1.06 + 0.004 * np.maximum(dry - 18, 0) + 0.02 * np.maximum(dry - 27, 0),
                1.08 + 0.006 * np.maximum(wet - 15, 0),
                1.03 + 0.002 * np.maximum(dry - 25, 0),
            ],
            axis=1,
        )
        value = 55.0 / (0.024 * np.array([17.5, 16.0, 13.5]))
        pays = value >= pue * (price + 50.0 / G_PER_KG * carbon)[:, None]
        assert on.tolist() == (pays & (OF.fleet.units_count[:, :3] > 0)).tolist()


def test_tokens_come_before_spot_where_a_spreadsheet_plans_and_spot_first_where_nobody_does() -> None:
    spot = tuple(contract(f"s{n}", Tier.SPOT, 2.0) for n in range(12))
    seen = observation(OF, price=20.0, demand=1e13, multiplier=1.5)
    spreadsheet, nobody = (
        optimizer.plan(problem(OF, world(OF, spot), seen)).steps[0] for optimizer in (Static(breakeven=True), Static())
    )
    assert spreadsheet.merchant_mw.sum() == pytest.approx(25.0)
    assert spreadsheet.contracts_mw.sum() == 0.0
    assert nobody.contracts_mw[:, Tier.SPOT].sum() == 24.0
    assert nobody.merchant_mw.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("price_usd", "runs"), [(20.0, True), (90.0, False)])
def test_spot_takes_what_tokens_leave_where_it_pays_for_its_power(price_usd: float, runs: bool) -> None:
    state = world(OF, (contract("s", Tier.SPOT, 2.0),), at=[WEST])
    step = Static(breakeven=True).plan(problem(OF, state, observation(OF, price=price_usd))).steps[0]
    assert step.contracts_mw[WEST, Tier.SPOT] == (2.0 if runs else 0.0)


def test_spot_takes_no_power_that_miners_pay_better_for() -> None:
    # West's miners draw 7 x 1.06 + 4.05 x 1.03 MW: exactly what the grid allows, and nothing is left.
    of = config(fleet(limit_mw=[7.0 * 1.06 + 4.05 * 1.03, 100.0, 100.0]))
    state = world(of, (contract("s", Tier.SPOT, 2.0),), at=[WEST])
    step = Static(breakeven=True).plan(problem(of, state, observation(of, price=[20.0, 300.0, 300.0]))).steps[0]
    assert step.contracts_mw.sum() == 0.0
    assert step.miners_mw[WEST].tolist() == pytest.approx([7.0, 0.0, 4.05])


def test_where_grid_power_is_short_the_best_miners_run() -> None:
    of = config(fleet(limit_mw=[6.0, 100.0, 100.0]))
    step = Static().plan(problem(of, world(of), observation(of))).steps[0]
    assert step.miners_mw[WEST].tolist() == pytest.approx([(6.0 - 4.05 * 1.03) / 1.06, 0.0, 4.05])
    assert step.miners_mw[NORTH].sum() == pytest.approx(9.41)


def test_reserve_covers_the_premium_of_any_one_site() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0), contract("q", Tier.PREMIUM, 2.0)), at=[WEST, EAST])
    reserve = Static().plan(problem(OF, state, observation(OF))).steps[0].reserve_mw
    assert reserve.sum() - reserve[WEST] >= 3.0
    assert reserve.sum() - reserve[EAST] >= 2.0
