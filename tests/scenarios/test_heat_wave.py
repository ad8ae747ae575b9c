"""A day of 48 C at a site: machines slow down or stop, and promises are kept.

Racks lose grid power meanwhile.
"""

from math import cos, pi

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.fleet import Workload
from mara.core.step import Step
from mara.core.world import Observation, RunConfig, conditions_of
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, observation, world
from tests.scenarios.days import DAY_TICKS, day, hour_of

CONTRACTS = (
    contract("p", Tier.PREMIUM, 3.0),
    contract("s", Tier.STANDARD, 3.0),
    contract("f", Tier.FLEXIBLE, 2.5),
)
NOON, MIDNIGHT = 144, 0


@pytest.fixture(scope="module")
def of() -> RunConfig:
    return config(fleet(limit_mw=[14.0, 20.0, 12.0]))


@pytest.fixture(scope="module")
def steps(of: RunConfig) -> list[Step]:
    def seen(tick: int) -> Observation:
        heat = 36.0 - 12.0 * cos(2 * pi * hour_of(tick) / 24)  # 24 C at midnight, 48 C at noon
        return observation(
            of, tick, price=[40.0, 55.0, 60.0], dry=[heat, 18.0, 24.0], wet=[22.0, 14.0, 21.0], carbon=200.0
        )

    return day(of, world(of, CONTRACTS, at=[WEST, WEST, WEST]), seen)


def test_air_miners_run_at_night_lose_power_in_the_heat_and_stop_above_47_degrees(steps: list[Step]) -> None:
    air = [s.allocation.miners_mw[WEST, Workload.AIR_MINER] for s in steps]
    heat = [s.observation.dry_bulb_c[WEST] for s in steps]
    assert air[MIDNIGHT] > 0.0
    assert all(mw == 0.0 for mw, c in zip(air, heat, strict=True) if c >= 47.0)
    assert max(heat) > 47.0


def test_no_grid_limit_is_exceeded_while_cooling_takes_its_share(of: RunConfig, steps: list[Step]) -> None:
    assert all((s.allocation.site_power_mw <= of.fleet.grid_limit_mw).all() for s in steps)
    night, noon = (conditions_of(steps[t].observation, of) for t in (MIDNIGHT, NOON))
    assert noon.rack_pue[WEST] > 1.55 > 1.1 > night.rack_pue[WEST]
    assert noon.contract_room_mw[WEST] < 9.0 < night.contract_room_mw[WEST]


def test_every_promise_is_kept_for_nothing_has_failed(steps: list[Step]) -> None:
    assert steps[-1].world.accounts.bad_ticks.tolist() == [0, 0, 0]
    assert steps[-1].world.accounts.good_ticks.tolist() == [DAY_TICKS] * 3


def test_contracts_leave_the_heat_where_that_pays_and_the_gain_is_the_climates(steps: list[Step]) -> None:
    assert steps[MIDNIGHT].allocation.site_contracts_it_mw[WEST] == 8.5
    assert steps[NOON].allocation.site_contracts_it_mw[WEST] < 8.5
    assert steps[NOON].gains.climate_micro_usd > 0


def test_the_day_costs_more_power_for_the_same_work_than_a_mild_one(of: RunConfig, steps: list[Step]) -> None:
    mild = day(
        of,
        world(of, CONTRACTS, at=[WEST, WEST, WEST]),
        lambda t: observation(of, t, price=[40.0, 55.0, 60.0], dry=18.0, wet=14.0, carbon=200.0),
    )
    assert steps[-1].world.cash_micro_usd < mild[-1].world.cash_micro_usd


def test_other_sites_go_on_as_if_nothing_were(steps: list[Step]) -> None:
    mining = np.array([s.allocation.miners_mw[[NORTH, EAST]].sum() for s in steps])
    assert mining.min() > 0.9 * mining.max() > 0.0
