"""Property: dispatch exceeds no limit of the fleet, whatever plan and world."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import UNPLACED, Tier
from mara.core.dispatch import Allocation
from mara.core.fleet import MINERS, RACKS
from mara.core.plan import PlanStep
from mara.core.world import Observation, RunConfig, World, conditions_of
from tests.builders import config, contract, dispatched, fleet, observation, world

SLACK_MW = 1e-4
"""Tolerance of a limit: a watt for each of a dozen whole contracts."""


@dataclass(frozen=True)
class Scene:
    of: RunConfig
    state: World
    seen: Observation
    plan: PlanStep


def scene_of(seed: int, power_of_ten: float) -> Scene:
    """Draw a random state and tick, and an unrelated plan of any size."""
    draw = np.random.default_rng(seed)
    own = fleet(limit_mw=draw.choice([0.0, 3.0, 8.0, 15.0, 100.0], 3), hedge_mw=0.0)
    of = config(own, tick_minutes=int(draw.choice([5, 60])))
    count = int(draw.integers(0, 9))
    contracts = tuple(
        contract(f"c{i}", Tier(int(draw.integers(4))), float(draw.choice([0.2, 1.0, 2.5, 4.0, 12.0])))
        for i in range(count)
    )
    at = draw.integers(UNPLACED, 3, count)
    state = world(
        of, contracts, at=at.tolist(), bad=draw.integers(0, 250, count).tolist(), miners=draw.choice([0.0, 1.0], (3, 3))
    )
    state = replace(
        state,
        miner_off_ticks=sealed(np.where(state.miners_mw > 0.0, 0, draw.integers(1, 4, (3, 3)))),
        availability_share=sealed(draw.choice([0.0, 0.5, 1.0], 3)),
    )
    seen = observation(
        of,
        price=draw.normal(60.0, 200.0, 3),
        dry=draw.uniform(-20.0, 55.0, 3),
        wet=draw.uniform(-20.0, 30.0, 3),
        up=draw.choice([0.0, 0.3, 1.0], 3, p=[0.2, 0.2, 0.6]),
        demand=draw.choice([0.0, 1e9, 5e10, 1e13], 3),
        token_price=float(draw.choice([0.0, 0.01, 0.25])),
    )

    def absurd(*shape: int) -> Floats:
        return sealed(draw.random(shape) * (draw.random(shape) < 0.7) * 10.0**power_of_ten)

    plan = PlanStep(
        miners_mw=absurd(3, 3), merchant_mw=absurd(3, 3, 2), contracts_mw=absurd(3, 4), reserve_mw=absurd(3)
    )
    if draw.random() < 0.5:
        plan = meant_for(draw.integers(UNPLACED, 3, count), plan, state)
    return Scene(of, state, seen, plan)


def meant_for(sites: Ints, plan: PlanStep, state: World) -> PlanStep:
    """The same plan with a site for every contract, possible or not.

    Its megawatts agree with these sites.
    """
    contracts_mw = np.zeros((3, 4))
    for own, at in zip(state.book.contracts, sites.tolist(), strict=True):
        if at != UNPLACED:
            contracts_mw[at, own.tier] += own.power_mw
    return replace(plan, contracts_mw=sealed(contracts_mw), contract_site=sealed(sites), book_changes_count=0)


@settings(max_examples=160)
@given(seed=st.integers(0, 2**32), power_of_ten=st.sampled_from([-9.0, 0.0, 0.5, 1.0, 2.0, 12.0]))
def test_no_plan_drives_the_fleet_beyond_a_limit(seed: int, power_of_ten: float) -> None:
    scene = scene_of(seed, power_of_ten)
    allocation = dispatched(scene.plan, scene.state, scene.seen, scene.of)
    grid_and_racks_hold(allocation, scene)
    machines_and_demand_hold(allocation, scene)
    contracts_run_whole(allocation, scene)
    miners_keep_their_minimum_off_time(allocation, scene)


def grid_and_racks_hold(allocation: Allocation, scene: Scene) -> None:
    limit = scene.of.fleet.grid_limit_mw
    conditions = conditions_of(scene.seen, scene.of)
    drawn = (
        (allocation.miners_mw * conditions.pue[:, MINERS]).sum(axis=1)
        + (allocation.merchant_mw.sum(axis=0) * conditions.pue[:, RACKS]).sum(axis=1)
        + allocation.contracts_mw.sum(axis=1) * conditions.rack_pue
    )
    assert (allocation.site_power_mw <= limit).all()
    assert (np.abs(drawn - allocation.site_power_mw) <= SLACK_MW).all()
    racks = allocation.merchant_mw.sum(axis=(0, 2)) + allocation.contracts_mw.sum(axis=1)
    assert (racks <= conditions.racks_mw + SLACK_MW).all()
    promised = allocation.contracts_mw[:, :2].sum(axis=1)
    assert (allocation.reserve_mw + promised <= conditions.contract_room_mw + SLACK_MW).all()


def machines_and_demand_hold(allocation: Allocation, scene: Scene) -> None:
    conditions = conditions_of(scene.seen, scene.of)
    for load in (allocation.miners_mw, allocation.merchant_mw, allocation.contracts_mw, allocation.reserve_mw):
        assert np.isfinite(load).all()
        assert (load >= 0.0).all()
    assert (allocation.miners_mw <= conditions.available_mw[:, MINERS]).all()
    assert (allocation.merchant_mw.sum(axis=0) <= conditions.available_mw[:, RACKS] + SLACK_MW).all()
    tokens = allocation.merchant_mw.sum(axis=1) @ scene.of.fleet.tokens_per_mwh
    assert (tokens <= scene.seen.demand_tokens_per_h * (1 + 1e-9)).all()
    assert (allocation.merchant_mw <= scene.plan.merchant_mw).all()
    assert (allocation.miners_mw <= scene.plan.miners_mw).all()


def contracts_run_whole(allocation: Allocation, scene: Scene) -> None:
    book = scene.state.book
    delivered = np.zeros((3, 4))
    for i, own in enumerate(book.contracts):
        if allocation.served[i]:
            assert allocation.site[i] != UNPLACED
            delivered[allocation.site[i], own.tier] += own.power_mw
    assert np.abs(delivered - allocation.contracts_mw).max(initial=0.0) <= SLACK_MW
    assert not (allocation.served & allocation.scheduled).any()
    assert not (allocation.scheduled & (book.tier == Tier.PREMIUM) & (scene.state.accounts.bad_ticks > 2)).any()


def miners_keep_their_minimum_off_time(allocation: Allocation, scene: Scene) -> None:
    off = scene.state.miner_off_ticks
    resting = (off > 0) & (off < (2 if scene.of.grid.tick_minutes == 5 else 1))
    assert not allocation.miners_mw[resting].any()
