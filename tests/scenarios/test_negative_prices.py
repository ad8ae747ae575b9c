"""Negative prices at one site from 10 to 16 UTC: all that can run there runs."""

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.finance import EnergyLine, Line
from mara.core.step import Step
from mara.core.world import Observation, RunConfig, conditions_of
from mara.optimizers.rules.static import Static
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, observation, world
from tests.scenarios.days import day, hour_of

CONTRACTS = (contract("s", Tier.STANDARD, 3.0), contract("f", Tier.FLEXIBLE, 2.5), contract("x", Tier.SPOT, 2.0))


def is_windy(tick: int) -> bool:
    return 10 <= hour_of(tick) < 16


@pytest.fixture(scope="module")
def of() -> RunConfig:
    return config(fleet(limit_mw=[20.0, 22.0, 14.0], hedge_mw=[2.0, 2.0, 0.0], hedge_price=45.0))


def seen(of: RunConfig, tick: int) -> Observation:
    price = [150.0, -90.0 if is_windy(tick) else 140.0, 160.0]
    return observation(of, tick, price=price, carbon=[300.0, 30.0, 400.0])


@pytest.fixture(scope="module")
def steps(of: RunConfig) -> list[Step]:
    return day(of, world(of, CONTRACTS, at=[WEST, WEST, EAST]), lambda tick: seen(of, tick))


def test_every_miner_at_the_windy_site_runs_then_and_air_miners_nowhere_else(of: RunConfig, steps: list[Step]) -> None:
    for s in steps:
        if is_windy(s.tick) and s.tick > 120:
            assert s.allocation.miners_mw[NORTH] == pytest.approx(of.fleet.nameplate_mw[NORTH, :3])
        assert s.allocation.miners_mw[[WEST, EAST], 0].sum() == 0.0


def test_contracts_and_spot_gather_where_power_is_paid_for(steps: list[Step]) -> None:
    windy = [s for s in steps if is_windy(s.tick)]
    assert all(s.allocation.contracts_mw[NORTH].tolist() == [0.0, 3.0, 2.5, 2.0] for s in windy)
    assert all(not s.allocation.contracts_mw[:, Tier.SPOT].any() for s in steps if not is_windy(s.tick))


def test_taking_power_is_revenue_on_the_energy_line(steps: list[Step]) -> None:
    for s in steps:
        line = int(s.settlement.lines_micro_usd[NORTH, Line.ENERGY])
        assert line > 0 if is_windy(s.tick) else line <= 0


def test_selling_a_hedge_back_at_a_negative_price_costs(of: RunConfig) -> None:
    idle = day(of, world(of), lambda tick: observation(of, tick, price=-90.0, hashprice=0.0), Static(breakeven=True))
    # Nothing is worth running at a hashprice of 0 but what is paid 90 USD/MWh for taking power: all of it.
    assert all(not s.allocation.sold_mw.any() for s in idle)
    off = day(of, world(of), lambda tick: observation(of, tick, price=-90.0, up=0.0))
    sold = off[0].settlement.lines_micro_usd[:, Line.SELLBACK]
    assert sold.tolist() == [-round(2 * 94.5 / 12 * 1e6)] * 2 + [0]


def test_the_books_balance_all_day(steps: list[Step]) -> None:
    assert steps[-1].world.cash_micro_usd == sum(int(s.settlement.lines_micro_usd.sum()) for s in steps)
    assert not any(s.settlement.energy_wh.sum(axis=1).any() for s in steps)


def test_carbon_is_paid_for_power_that_is_paid_for(of: RunConfig, steps: list[Step]) -> None:
    windy = next(s for s in steps if is_windy(s.tick))
    used_wh = windy.settlement.energy_wh[NORTH, [EnergyLine.BOUGHT, EnergyLine.HEDGE, EnergyLine.SOLD]].sum()
    assert windy.settlement.emissions_g[NORTH] == pytest.approx(used_wh / 1_000 * 30, abs=1)
    assert windy.settlement.lines_micro_usd[NORTH, Line.CARBON] < 0


def test_the_gain_over_spreading_the_load_is_one_of_time_zones(steps: list[Step]) -> None:
    gains = steps[-1].world.gains
    assert gains.time_zone_micro_usd > abs(gains.climate_micro_usd)
    assert gains.time_zone_micro_usd > 0


def test_rules_earn_more_than_an_always_on_fleet_on_such_a_day(of: RunConfig, steps: list[Step]) -> None:
    always_on = day(of, world(of, CONTRACTS, at=[WEST, WEST, EAST]), lambda tick: seen(of, tick), Static())
    assert steps[-1].world.cash_micro_usd > always_on[-1].world.cash_micro_usd
    conditions = conditions_of(steps[0].observation, of)
    assert np.all(conditions.grid_cost_usd_per_mwh > 100.0)
