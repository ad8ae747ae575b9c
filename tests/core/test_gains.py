"""Gains over a stated baseline add up to the difference of two ledgers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.core.contract import Tier
from mara.core.finance import gains_of
from mara.core.step import Step, advance
from mara.core.units import MICRO_USD_PER_USD
from mara.core.world import Gains, Observation, RunConfig
from tests.builders import EAST, NORTH, WEST, config, contract, observation, step, world

SPREAD = ((WEST, 2.0), (NORTH, 2.0), (EAST, 1.0))
"""Five megawatts as the racks are: 10, 10 and 5 MW."""


def served(of: RunConfig, seen: Observation, loads: tuple[tuple[int, float], ...]) -> Step:
    contracts = tuple(contract(f"c{i}", Tier.STANDARD, mw) for i, (_, mw) in enumerate(loads))
    state = world(of, contracts, at=[at for at, _ in loads])
    wanted = np.zeros((3, 4))
    for at, mw in loads:
        wanted[at, Tier.STANDARD] += mw
    return advance(state, seen, step(of, contracts=wanted), of)


def ledger_difference(done: Step, of: RunConfig) -> int:
    """The baseline's energy cost less the real one, each from a ledger [micro-USD]."""
    load = done.allocation.site_contracts_it_mw + done.allocation.site_merchant_it_mw
    racks = done.conditions.racks_mw
    base = racks * (load.sum() / racks.sum())
    cost = done.conditions.rack_pue * done.observation.energy_price_usd_per_mwh
    scale = of.grid.dt_h * MICRO_USD_PER_USD
    return round(float(base @ cost) * scale) - round(float(load @ cost) * scale)


def parts(gains: Gains) -> int:
    return gains.climate_micro_usd + gains.time_zone_micro_usd + gains.interaction_micro_usd


def test_a_plan_that_spreads_load_by_capacity_gains_exactly_nothing() -> None:
    of = config()
    seen = observation(of, price=[20.0, 90.0, 140.0], dry=[38.0, 5.0, 31.0], carbon=[400.0, 30.0, 500.0])
    assert served(of, seen, SPREAD).gains == Gains()


def test_without_load_nothing_is_gained() -> None:
    of = config()
    assert served(of, observation(of, up=0.0), SPREAD).gains == Gains()


def test_load_at_the_coolest_site_is_a_climate_gain() -> None:
    of = config(tick_minutes=60)
    # Same price everywhere: 5 MW moved to a PUE of 1.03 instead of 1.168, 1.03 and 1.3445 as 2:2:1.
    seen = observation(of, price=100.0, dry=[30.0, 10.0, 30.0], carbon=[0.0, 0.0, 0.0])
    gains = served(of, seen, ((NORTH, 5.0),)).gains
    saved_site_mw = 2 * 1.168 + 2 * 1.03 + (1.08 + 30.15 / 114) - 5 * 1.03
    assert gains.climate_micro_usd == pytest.approx(saved_site_mw * 100e6, abs=1)
    assert gains.time_zone_micro_usd == gains.interaction_micro_usd == 0


def test_load_where_it_is_night_and_cheap_is_a_time_zone_gain() -> None:
    of = config(tick_minutes=60)
    seen = observation(of, price=[200.0, 50.0, 100.0], dry=[10.0, 10.0, 10.0], carbon=[300.0, 30.0, 500.0])
    done = served(of, seen, ((NORTH, 5.0),))
    pue = np.array([1.06, 1.03, 1.08 + 1 / 9])
    mean_pue = (2 * pue[0] + 2 * pue[1] + pue[2]) / 5
    saved_usd = mean_pue * (2 * 200 + 2 * 50 + 100 - 5 * 50)
    assert done.gains.time_zone_micro_usd == pytest.approx(saved_usd * 1e6, abs=1)
    assert parts(done.gains) == pytest.approx(ledger_difference(done, of), abs=1)
    avoided_kg = 2 * pue[0] * 300 + 2 * pue[1] * 30 + pue[2] * 500 - 5 * pue[1] * 30
    assert done.gains.carbon_avoided_g == round(avoided_kg * 1_000)


def test_load_at_the_dearest_and_hottest_site_is_shown_as_a_loss() -> None:
    of = config()
    seen = observation(of, price=[300.0, 40.0, 80.0], dry=[40.0, 10.0, 25.0], carbon=[500.0, 30.0, 400.0])
    gains = served(of, seen, ((WEST, 5.0),)).gains
    assert gains.climate_micro_usd < 0
    assert gains.time_zone_micro_usd < 0
    assert gains.carbon_avoided_g < 0


def test_gains_are_added_up_over_ticks() -> None:
    of = config()
    first = served(of, observation(of, price=[20.0, 90.0, 140.0]), ((WEST, 5.0),))
    second = advance(first.world, observation(of, 1, price=[120.0, 9.0, 40.0]), first.plan, of)
    for name in Gains.__dataclass_fields__:
        assert getattr(second.world.gains, name) == getattr(first.gains, name) + getattr(second.gains, name)


@settings(max_examples=80)
@given(
    price=st.lists(st.floats(-500.0, 5_000.0), min_size=3, max_size=3),
    dry=st.lists(st.floats(-30.0, 46.0), min_size=3, max_size=3),
    load=st.lists(st.one_of(st.just(0.0), st.floats(0.001, 5.0)), min_size=3, max_size=3),
    up=st.lists(st.sampled_from([0.55, 1.0]), min_size=3, max_size=3),
    tick_minutes=st.sampled_from([5, 60]),
)
def test_climate_time_zone_and_interaction_are_the_whole_difference_of_two_ledgers(
    price: list[float], dry: list[float], load: list[float], up: list[float], tick_minutes: int
) -> None:
    of = config(tick_minutes=tick_minutes)
    seen = observation(of, price=price, dry=dry, wet=[10.0, 20.0, 5.0], up=up)
    done = served(of, seen, tuple(enumerate(load)))
    assert gains_of(done.allocation, done.observation, done.conditions, of) == done.gains
    assert abs(parts(done.gains) - ledger_difference(done, of)) <= 1
