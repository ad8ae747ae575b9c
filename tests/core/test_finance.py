"""The ledger of a tick, line by line, against computed examples.

All of it is whole numbers, so that sums are exact.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from mara.core.contract import UNPLACED, ClosedWindow, Tier
from mara.core.finance import EnergyLine, Line, Settlement
from mara.core.market import Terms
from mara.core.step import advance
from mara.core.world import Observation, RunConfig, World
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, observation, step, world

MINE_WEST = [[6.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3]
USD = 1_000_000


def settled(
    of: RunConfig,
    seen: Observation,
    state: World | None = None,
    miners: ArrayLike = 0.0,
    contracts: ArrayLike = 0.0,
    merchant: ArrayLike = 0.0,
) -> Settlement:
    plan = step(of, miners=miners, contracts=contracts, merchant=merchant)
    return advance(state or world(of, miners=miners), seen, plan, of).settlement


def test_an_hour_of_mining_earns_its_hashes_less_power_and_carbon() -> None:
    of = config(tick_minutes=60)
    money = settled(of, observation(of, price=80.0, carbon=400.0), miners=MINE_WEST)
    west = money.lines_micro_usd[WEST]
    assert west[Line.MINING] == round(6 * 55 / (0.024 * 17.5) * USD)
    assert west[Line.ENERGY] == -round(6 * 1.06 * 80 * USD)
    # 6.36 MWh at 400 g/kWh are 2.544 t at 50 USD.
    assert west[Line.CARBON] == -round(127.2 * USD)
    assert money.emissions_g.tolist() == [2_544_000, 0, 0]
    assert money.profit_micro_usd == int(money.lines_micro_usd.sum()) == round((785.714286 - 508.8 - 127.2) * USD)
    assert money.revenue_micro_usd - money.cost_micro_usd == money.profit_micro_usd


def test_five_minutes_earn_a_twelfth_of_an_hour() -> None:
    hour, five = config(tick_minutes=60), config()
    whole = settled(hour, observation(hour), miners=MINE_WEST).lines_micro_usd
    part = settled(five, observation(five), miners=MINE_WEST).lines_micro_usd
    assert np.abs(part * 12 - whole).max() <= 6


def closed_window(site: int, credit_micro_usd: int, tier: Tier = Tier.STANDARD) -> ClosedWindow:
    return ClosedWindow(
        contract_id="c1",
        tier=tier,
        site=site,
        window_start_tick=0,
        window_end_tick=10,
        good_ticks=0,
        bad_ticks=10,
        excluded_ticks=0,
        charge_micro_usd=2 * credit_micro_usd,
        credit_micro_usd=credit_micro_usd,
    )


@pytest.mark.parametrize("credit", [1, 2, 100, 1_000_003, 987_654_321_987])
def test_the_credit_of_a_contract_that_never_ran_is_borne_by_all_sites_to_the_micro_dollar(credit: int) -> None:
    of = config(tick_minutes=60)
    state = replace(world(of), closed=(closed_window(UNPLACED, credit), closed_window(EAST, 7, Tier.PREMIUM)))
    lines = settled(of, observation(of), state).lines_micro_usd
    borne = -lines[:, Line.CREDIT_STANDARD]
    racks = of.fleet.racks_mw
    assert int(borne.sum()) == credit
    assert np.abs(borne - credit * racks / racks.sum()).max() < 1.0
    assert lines[:, Line.CREDIT_PREMIUM].tolist() == [-7 if site == EAST else 0 for site in range(3)]


def test_negative_prices_pay() -> None:
    of = config(tick_minutes=60)
    money = settled(of, observation(of, price=-30.0), miners=MINE_WEST)
    assert money.lines_micro_usd[WEST, Line.ENERGY] == round(6 * 1.06 * 30 * USD)


def test_carbon_without_a_price_costs_nothing_and_is_reported() -> None:
    of = config(tick_minutes=60, terms=Terms(carbon_price_usd_per_t=0.0))
    money = settled(of, observation(of, carbon=400.0), miners=MINE_WEST)
    assert not money.lines_micro_usd[:, Line.CARBON].any()
    assert money.emissions_g[WEST] == 2_544_000


@pytest.mark.parametrize(("price", "sellback"), [(100.0, 95.0), (-100.0, -105.0), (0.0, 0.0)])
def test_the_hedge_is_paid_whether_used_or_not_and_its_rest_is_sold_at_five_percent_less(
    price: float, sellback: float
) -> None:
    of = config(fleet(hedge_mw=[10.0, 0.0, 4.0], hedge_price=[40.0, 0.0, 60.0]), tick_minutes=60)
    money = settled(of, observation(of, price=price), miners=MINE_WEST).lines_micro_usd
    assert money[:, Line.HEDGE].tolist() == [-400 * USD, 0, -240 * USD]
    assert money[WEST, Line.SELLBACK] == round((10 - 6.36) * sellback * USD)
    assert money[EAST, Line.SELLBACK] == round(4 * sellback * USD)
    assert not money[:, Line.ENERGY].any()


def test_beyond_the_hedge_power_is_bought_at_the_price() -> None:
    of = config(fleet(hedge_mw=[5.0, 0.0, 0.0], hedge_price=40.0), tick_minutes=60)
    money = settled(of, observation(of, price=90.0, carbon=100.0), miners=MINE_WEST)
    assert money.lines_micro_usd[WEST, Line.ENERGY] == -round(1.36 * 90 * USD)
    assert not money.lines_micro_usd[:, Line.SELLBACK].any()
    # Carbon counts all grid energy used, hedged or not.
    assert money.emissions_g[WEST] == 636_000


def test_restarts_and_moves_are_paid_per_change_and_not_per_hour() -> None:
    for tick_minutes in (5, 60):
        of = config(tick_minutes=tick_minutes)
        tiers = (Tier.PREMIUM, Tier.STANDARD, Tier.FLEXIBLE, Tier.SPOT)
        state = world(
            of,
            tuple(contract(t.name, t, 2.0) for t in tiers),
            at=[WEST] * 4,
            miners=[[1.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3],
        )
        money = settled(of, observation(of), state, MINE_WEST, [[0.0] * 4, [2.0] * 4, [0.0] * 4]).lines_micro_usd
        assert money[WEST, Line.RESTART] == -5 * 3 * USD
        assert money[NORTH, Line.MIGRATION_PREMIUM : Line.RESTART].tolist() == [-80 * USD, -40 * USD, -16 * USD]
        assert not money[WEST, Line.MIGRATION_PREMIUM : Line.RESTART].any()


def test_who_goes_on_running_pays_no_restart() -> None:
    of = config()
    assert not settled(of, observation(of), miners=MINE_WEST).lines_micro_usd[:, Line.RESTART].any()


def test_merchant_tokens_earn_their_value_net_of_remote_serving() -> None:
    of = config(tick_minutes=60)
    merchant = np.zeros((3, 3, 2))
    merchant[0, WEST, 0], merchant[1, WEST, 1] = 2.0, 1.0
    money = settled(of, observation(of, demand=1e12, multiplier=[1.5, 0.8, 1.0]), merchant=merchant)
    assert money.lines_micro_usd[WEST, Line.INFERENCE] == round((2 * 1_620 + 0.8 * 1_800 - 4) * USD)


def test_contracts_are_billed_where_they_run() -> None:
    of = config(tick_minutes=60)
    state = world(of, tuple(contract(t.name, t, 2.0) for t in Tier), at=[WEST, WEST, NORTH, NORTH])
    money = settled(of, observation(of), state, contracts=[[2, 2, 0, 0], [0, 0, 2, 2], [0] * 4]).lines_micro_usd
    assert money[:, Line.CONTRACT_PREMIUM : Line.SELLBACK].tolist() == [
        [1_050 * USD, 600 * USD, 0, 0],
        [0, 0, 360 * USD, 120 * USD],
        [0, 0, 0, 0],
    ]


def test_every_watt_hour_has_a_place() -> None:
    of = config(fleet(hedge_mw=[10.0, 0.0, 0.0]), tick_minutes=60)
    state = world(of, (contract("c", Tier.STANDARD, 2.0),), at=[NORTH], miners=MINE_WEST)
    merchant = np.zeros((3, 3, 2))
    merchant[2, EAST, 0] = 1.0
    seen = observation(of, demand=1e12)
    energy = settled(of, seen, state, MINE_WEST, [[0] * 4, [0, 2, 0, 0], [0] * 4], merchant).energy_wh
    assert not energy.sum(axis=1).any()
    cooling = EnergyLine.COOLING
    assert energy[WEST].tolist() == [0, 10_000_000, -6_000_000, 0, 0, -360_000, -3_640_000, 0, 0]
    assert energy[NORTH].tolist() == [2_060_000, 0, 0, 0, -2_000_000, -60_000, 0, 0, 0]
    assert energy[EAST, EnergyLine.INFERENCE] == -1_000_000
    assert energy[EAST, cooling] == -(energy[EAST, EnergyLine.BOUGHT] - 1_000_000)
