"""Dispatch keeps every limit whatever a plan says, and serves tiers in order."""

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.step import advance
from tests.builders import EAST, NORTH, WEST, config, contract, dispatched, fleet, observation, step, world

ALL = 1e6
AIR, HYDRO, IMMERSION = 0, 1, 2


def test_a_plan_within_all_limits_runs_as_it_is() -> None:
    of = config()
    plan = step(of, miners=[[5.0, 0.0, 4.0], [0.0, 5.0, 1.0], [3.0, 0.0, 0.0]], merchant=0.5, reserve=2.0)
    allocation = dispatched(plan, world(of), observation(of, demand=1e12), of)
    assert allocation.miners_mw.tolist() == plan.miners_mw.tolist()
    assert allocation.merchant_mw.tolist() == plan.merchant_mw.tolist()
    assert allocation.reserve_mw.tolist() == [2.0, 2.0, 2.0]
    assert allocation.deviations == ()
    # 9 MW of miners at PUE 1.06 and 1.03, 3 MW of racks at 1.06.
    assert allocation.site_power_mw[WEST] == pytest.approx(5 * 1.06 + 4 * 1.03 + 3 * 1.06)


def test_a_site_over_its_grid_limit_sheds_its_least_valuable_megawatts_first() -> None:
    of = config(fleet(limit_mw=[11.0, 100.0, 100.0]))
    plan = step(of, miners=[[7.0, 0.0, 4.05], [0.0] * 3, [0.0] * 3], merchant=[[[1.0, 1.0]] + [[0.0, 0.0]] * 2] * 3)
    allocation = dispatched(plan, world(of), observation(of, demand=1e12), of)
    kept_site_mw = 4.05 * 1.03 + 6.0 * 1.06
    assert kept_site_mw < 11.0  # air miners, worth 124 USD a site MWh, go before immersion at 165
    assert allocation.miners_mw[WEST, AIR] == pytest.approx((11.0 - kept_site_mw) / 1.06)
    assert allocation.miners_mw[WEST, IMMERSION] == 4.05
    assert allocation.merchant_mw.tolist() == plan.merchant_mw.tolist()
    assert allocation.site_power_mw[WEST] == pytest.approx(11.0)


def test_cheap_tokens_go_before_dear_hashes() -> None:
    of = config(fleet(limit_mw=[8.0, 100.0, 100.0]))
    plan = step(of, miners=[[5.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3], merchant=[[[1.0, 0.0]] + [[0.0, 0.0]] * 2] * 3)
    # At 0.01 USD a million tokens a GPU megawatt-hour earns 43 USD, at 39 from afar; mining 131.
    seen = observation(of, demand=1e12, token_price=0.01)
    allocation = dispatched(plan, world(of), seen, of)
    over_it_mw = (8 * 1.06 - 8.0) / 1.06
    assert allocation.miners_mw[WEST, AIR] == 5.0
    assert allocation.merchant_mw[:, WEST, 0].tolist() == pytest.approx([1.0, 1.0 - over_it_mw, 1.0])


def test_value_counts_per_site_megawatt_hour_cooling_included() -> None:
    of = config(fleet(limit_mw=[100.0, 100.0, 5.0]))
    merchant = np.zeros((3, 3, 2))
    merchant[2, EAST, 0] = 2.0
    plan = step(of, miners=[[0.0] * 3, [0.0] * 3, [3.0, 0.0, 0.0]], merchant=merchant)
    # A GPU megawatt-hour earns 135 USD and draws 1.213, a mining one 131 and draws 1.06: 111 against 124 at the meter.
    allocation = dispatched(plan, world(of), observation(of, demand=1e12, token_price=0.03125), of)
    assert allocation.miners_mw[EAST, AIR] == 3.0
    assert allocation.merchant_mw[2, EAST, 0] == pytest.approx((5.0 - 3 * 1.06) / (1.08 + 15.15 / 114))


def test_spot_gives_way_to_what_earns_more_and_the_change_is_recorded() -> None:
    of = config(fleet(limit_mw=[10.0, 100.0, 100.0]))
    state = world(of, (contract("spot", Tier.SPOT, 2.0), contract("std", Tier.STANDARD, 2.0)), at=[WEST, WEST])
    plan = step(of, miners=[[6.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3], contracts=[[0, 2, 0, 2]] + [[0] * 4] * 2)
    allocation = dispatched(plan, state, observation(of), of)
    assert allocation.served.tolist() == [False, True]
    assert allocation.miners_mw[WEST, AIR] == 6.0
    assert [(d.site, d.cause, d.power_mw) for d in allocation.deviations] == [(WEST, "spot gave way", 2.0)]


def test_merchant_inference_stops_at_the_demand_of_its_region() -> None:
    of = config()
    plan = step(of, merchant=1.0)
    # Each region is planned 3 MW of GPU and 3 MW of ASIC: 34.56e9 tokens an hour.
    allocation = dispatched(plan, world(of), observation(of, demand=[34.56e9, 17.28e9, 0.0]), of)
    assert allocation.merchant_mw[0].tolist() == plan.merchant_mw[0].tolist()
    assert allocation.merchant_mw[1] == pytest.approx(np.full((3, 2), 0.5))
    assert not allocation.merchant_mw[2].any()
    assert {d.cause for d in allocation.deviations} == {"merchant inference held back"}


def test_merchant_inference_takes_only_the_racks_that_contracts_leave() -> None:
    of = config()
    state = world(of, (contract("c", Tier.STANDARD, 7.0),), at=[WEST])
    plan = step(of, merchant=[[[2.0, 0.0]] + [[0.0, 0.0]] * 2] * 3, contracts=[[0, 7, 0, 0]] + [[0] * 4] * 2)
    allocation = dispatched(plan, state, observation(of, demand=1e12), of)
    assert allocation.served.all()
    assert allocation.merchant_mw[:, WEST, 0].sum() == pytest.approx(3.0)


def test_a_hot_site_runs_what_heat_leaves_of_its_miners() -> None:
    of = config()
    allocation = dispatched(step(of, miners=ALL), world(of), observation(of, dry=[40.0, 15.0, 48.0]), of)
    assert allocation.miners_mw[WEST].tolist() == pytest.approx([7.0 * 0.95, 0.0, 4.05])
    assert allocation.miners_mw[EAST].tolist() == pytest.approx([0.0, 2.68, 0.0])


def test_a_miner_stays_off_for_two_ticks_of_five_minutes() -> None:
    of = config()
    state = world(of, miners=[[7.0, 0.0, 4.05], [0.0] * 3, [0.0] * 3])
    off, on = step(of), step(of, miners=[[7.0, 0.0, 4.05], [0.0] * 3, [0.0] * 3])
    ran = []
    for tick, plan in enumerate([off, on, on, on]):
        done = advance(state, observation(of, tick), plan, of)
        ran.append(done.allocation.miners_mw[WEST].sum())
        if tick == 1:
            assert [(d.site, d.cause) for d in done.allocation.deviations] == [(WEST, "miners held back")]
            assert done.allocation.deviations[0].power_mw == pytest.approx(11.05)
        state = done.world
    assert ran == [0.0, 0.0, 11.05, 11.05]


def test_a_miner_that_was_off_for_an_hour_may_run_the_next() -> None:
    of = config(tick_minutes=60)
    state = world(of, miners=[[7.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3])
    off = advance(state, observation(of), step(of), of)
    on = advance(off.world, observation(of, 1), step(of, miners=[[7.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3]), of)
    assert on.allocation.miners_mw[WEST, AIR] == 7.0
    assert on.allocation.ramp_mw.tolist() == [7.0, 0.0, 0.0]


def test_an_outage_stops_everything_at_its_site_and_nothing_elsewhere() -> None:
    of = config()
    plan = step(of, miners=ALL, merchant=1.0)
    allocation = dispatched(plan, world(of), observation(of, up=[0.0, 1.0, 1.0], demand=1e12), of)
    assert allocation.site_power_mw[WEST] == 0.0
    assert allocation.site_power_mw[NORTH] > 9.0


def test_a_hedge_is_topped_up_or_sold_back() -> None:
    of = config(fleet(hedge_mw=[5.0, 5.0, 0.0]))
    plan = step(of, miners=[[0.0, 0.0, 4.0], [0.0, 5.0, 4.0], [2.0, 0.0, 0.0]])
    allocation = dispatched(plan, world(of), observation(of), of)
    power = [4 * 1.03, 5 * 1.08 + 4 * 1.03, 2 * 1.06]
    assert allocation.site_power_mw == pytest.approx(power)
    assert allocation.bought_mw == pytest.approx([0.0, power[1] - 5.0, power[2]])
    assert allocation.sold_mw == pytest.approx([5.0 - power[0], 0.0, 0.0])


def test_a_reserve_is_no_more_than_the_racks_that_premium_and_standard_leave() -> None:
    of = config(fleet(limit_mw=[100.0, 5.3, 100.0]))
    state = world(of, (contract("p", Tier.PREMIUM, 3.0), contract("f", Tier.FLEXIBLE, 2.0)), at=[WEST, WEST])
    plan = step(of, contracts=[[3, 0, 2, 0]] + [[0] * 4] * 2, reserve=[100.0, 100.0, 1.0])
    # North is immersed: 5.3 MW at PUE 1.03.
    assert dispatched(plan, state, observation(of), of).reserve_mw == pytest.approx([7.0, 5.3 / 1.03, 1.0])
