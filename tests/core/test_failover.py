"""Failover of Premium from a failed site to racks elsewhere, within the tick.

It finds a place wherever racks less Premium and standing Standard hold it.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from mara.core.arrays import sealed
from mara.core.contract import UNPLACED, Tier
from mara.core.dispatch import Allocation
from mara.core.events import events_of
from mara.core.step import advance
from mara.core.world import World
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from tests.builders import EAST, NORTH, WEST, config, contract, dispatched, observation, problem, step, wide, world
from tests.premium_packing import avoidable_misses

OF = config()
TOKENS_AT_EAST = np.array([[[0.0, 0.0], [0.0, 0.0], [0.5, 0.5]]] * 3)
"""Half a megawatt on either kind of racks for each region."""


def run(
    state: World, up: list[float], contracts: ArrayLike, reserve: ArrayLike = 0.0, demand: float = 0.0
) -> Allocation:
    plan = step(OF, contracts=contracts, reserve=reserve)
    return dispatched(plan, state, observation(OF, state.tick, up=up, demand=demand), OF)


def test_it_goes_first_where_the_step_keeps_unfilled_racks_for_premium() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0),), at=[WEST])
    allocation = run(state, [0, 1, 1], [[0] * 4, [3, 0, 0, 0], [0] * 4], reserve=[0, 0, 5])
    assert allocation.site.tolist() == [NORTH]
    assert allocation.served.all()


def test_what_runs_in_the_planned_place_already_does_not_count_as_unfilled() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0), contract("q", Tier.PREMIUM, 3.0)), at=[WEST, NORTH])
    allocation = run(state, [0, 1, 1], [[3, 0, 0, 0], [3, 0, 0, 0], [0] * 4], reserve=[0, 0, 5])
    assert allocation.site.tolist() == [EAST, NORTH]


def test_without_either_it_goes_where_space_is_tightest() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0),), at=[WEST])
    allocation = run(state, [0, 1, 1], [[3, 0, 0, 0], [0] * 4, [0] * 4])
    assert allocation.site.tolist() == [EAST]


def test_flexible_spot_and_tokens_give_way_and_standard_does_not() -> None:
    contracts = (
        contract("p", Tier.PREMIUM, 3.0),
        contract("s", Tier.STANDARD, 5.5),
        contract("f", Tier.FLEXIBLE, 4.0),
        contract("z", Tier.SPOT, 0.5),
        contract("t", Tier.STANDARD, 3.0),
    )
    state = world(OF, contracts, at=[WEST, NORTH, NORTH, NORTH, EAST])
    plan = step(OF, contracts=[[3.0, 0.0, 0.0, 0.0], [0.0, 5.5, 4.0, 0.5], [0.0, 3.0, 0.0, 0.0]])
    seen = observation(OF, up=[0.0, 1.0, 1.0], demand=1e13)
    done = advance(state, seen, plan, OF)
    assert done.allocation.site[0] == NORTH
    assert done.allocation.served.tolist() == [True, True, False, True, True]
    assert [(d.site, d.cause, d.power_mw) for d in done.allocation.deviations if d.site == NORTH] == [
        (NORTH, "gave way to Premium", 4.0)
    ]
    texts = [event.text for event in events_of(done, OF)]
    assert any("F's 4.0 MW Flexible is off: it gave way to Premium of West" in text for text in texts)


def test_spot_and_tokens_that_give_way_say_to_whom() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0), contract("z", Tier.SPOT, 1.5)), at=[WEST, EAST])
    plan = step(OF, contracts=np.diag([3.0, 0.0, 0.0, 1.5])[[0, 1, 3]], merchant=TOKENS_AT_EAST)
    allocation = dispatched(plan, state, observation(OF, up=[0.0, 0.0, 0.8], demand=1e13), OF)
    assert allocation.site[0] == EAST
    causes = {d.cause for d in allocation.deviations if d.site == EAST}
    assert causes == {"gave way to Premium"}
    assert sum(d.power_mw for d in allocation.deviations if d.site == EAST) == pytest.approx(3.5)


def test_small_contracts_do_not_take_the_only_place_of_a_large_one() -> None:
    # Free: 4 MW at North, 3 MW at East. The small one is nearest to losing its budget, and would go first.
    contracts = (
        contract("small", Tier.PREMIUM, 3.0, ticks=1_000),
        contract("large", Tier.PREMIUM, 4.0),
        contract("n", Tier.STANDARD, 6.0),
        contract("e", Tier.STANDARD, 2.0),
    )
    state = world(OF, contracts, at=[WEST, WEST, NORTH, EAST])
    allocation = run(state, [0, 1, 1], [[7, 0, 0, 0], [0, 6, 0, 0], [0, 2, 0, 0]], reserve=[0, 4, 0])
    assert allocation.site.tolist() == [EAST, NORTH, NORTH, EAST]
    assert allocation.served.all()


def test_largest_first_is_not_the_last_word() -> None:
    # 3 + 2 + 2 into 4 and 3: the largest into the tightest place leaves 4 MW for both others; the other way round not.
    contracts = tuple(contract(f"p{n}", Tier.PREMIUM, mw) for n, mw in enumerate((3.0, 2.0, 2.0)))
    standing = (contract("n", Tier.STANDARD, 6.0), contract("e", Tier.STANDARD, 2.0))
    state = world(OF, (*contracts, *standing), at=[WEST] * 3 + [NORTH, EAST])
    # The plan keeps 3 MW at North, which leads the search astray.
    plan = [[4, 0, 0, 0], [3, 6, 0, 0], [0, 2, 0, 0]]
    allocation = run(state, [0, 1, 1], plan)
    assert allocation.served.all()
    assert allocation.site.tolist() == [EAST, NORTH, NORTH, NORTH, EAST]


def test_a_site_that_fell_partly_keeps_what_it_can_and_the_rest_moves() -> None:
    contracts = tuple(contract(f"p{n}", Tier.PREMIUM, mw) for n, mw in enumerate((3.0, 2.0, 2.0)))
    state = world(OF, contracts, at=[WEST] * 3)
    allocation = run(state, [0.4, 0.2, 0.5], [[7, 0, 0, 0], [0] * 4, [0] * 4])
    # 4, 2 and 2.5 MW: two stay, or one does, and all run.
    assert allocation.served.tolist() in ([False, True, True], [True, True, True])
    assert avoidable_misses(state, observation(OF, up=[0.4, 0.2, 0.5]), allocation, OF) == 0
    assert allocation.served.sum() == 3


def test_a_plan_by_name_that_forgets_premium_is_not_followed_in_that() -> None:
    state = world(
        OF, (contract("p", Tier.PREMIUM, 3.0, ticks=8_640), contract("f", Tier.FLEXIBLE, 4.0)), at=[WEST, EAST]
    )
    plan = replace(
        step(OF, contracts=[[0] * 4, [0] * 4, [0, 0, 4, 0]]),
        contract_site=sealed(np.array([UNPLACED, EAST])),
        book_changes_count=0,
    )
    allocation = dispatched(plan, state, observation(OF), OF)
    assert allocation.served.tolist() == [True, True]
    assert not allocation.scheduled.any()


def test_premium_that_was_off_comes_back_though_flexible_fills_the_racks() -> None:
    contracts = (contract("p", Tier.PREMIUM, 3.0), *(contract(f"f{n}", Tier.FLEXIBLE, 5.0) for n in range(5)))
    state = world(OF, contracts, at=[UNPLACED, WEST, WEST, NORTH, NORTH, EAST])
    allocation = run(state, [1, 1, 1], [[0, 0, 10, 0], [0, 0, 10, 0], [0, 0, 5, 0]])
    assert allocation.served[0]
    assert allocation.served.sum() == 5


def test_when_premium_is_lost_the_plan_does_not_clear_its_place_a_moment_too_late() -> None:
    # Standard fills East; the plan moves it to North in the very tick, after Premium has looked for a place.
    contracts = (contract("p", Tier.PREMIUM, 4.0), contract("s", Tier.STANDARD, 3.0))
    state = world(OF, contracts, at=[WEST, EAST])
    seen = observation(OF, up=[0.0, 0.35, 1.0])
    plan = step(OF, contracts=[[4, 0, 0, 0], [0, 3, 0, 0], [0] * 4])
    allocation = dispatched(plan, state, seen, OF)
    assert allocation.served.tolist() == [False, True]
    assert avoidable_misses(state, seen, allocation, OF) == 0


def test_the_packing_of_the_tests_finds_what_it_should() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0),), at=[WEST])
    seen = observation(OF, up=[0.0, 1.0, 1.0])
    lost = replace(
        run(state, [0, 1, 1], [[3, 0, 0, 0], [0] * 4, [0] * 4]), served=np.array([False]), site=np.array([WEST])
    )
    assert avoidable_misses(state, seen, lost, OF) == 1


@st.composite
def falling_fleets(draw: st.DrawFn) -> tuple[World, list[float]]:
    """Contracts of any tier wherever they fit, and sites that fail wholly or in part."""
    capacity, contracts, at = [10.0, 10.0, 5.0], [], []
    for n in range(draw(st.integers(1, 14))):
        tier, power = draw(st.sampled_from(list(Tier))), draw(st.integers(1, 12)) / 2.0
        site = draw(st.sampled_from([UNPLACED, WEST, NORTH, EAST]))
        if site != UNPLACED and power > capacity[site]:
            site = UNPLACED
        if site != UNPLACED:
            capacity[site] -= power
        contracts.append(contract(f"c{n}", tier, power, ticks=draw(st.sampled_from([288, 8_640]))))
        at.append(site)
    state = world(OF, tuple(contracts), at=at, bad=[draw(st.integers(0, 3)) for _ in contracts])
    return state, [draw(st.sampled_from([0.0, 0.3, 0.6, 1.0])) for _ in range(3)]


@settings(max_examples=150)
@given(falling=falling_fleets(), planned=st.lists(st.integers(0, 8), min_size=12, max_size=12), data=st.data())
def test_no_premium_is_off_that_any_packing_could_have_kept(
    falling: tuple[World, list[float]], planned: list[int], data: st.DataObject
) -> None:
    state, up = falling
    seen = observation(OF, up=up)
    any_plan = step(OF, contracts=np.array(planned, dtype=float).reshape(3, 4) / 2.0, reserve=wide(1.0, 3))
    named = data.draw(
        st.lists(st.integers(UNPLACED, EAST), min_size=len(state.book.contracts), max_size=len(state.book.contracts))
    )
    by_name = np.zeros((3, 4))
    for own, site in zip(state.book.contracts, named, strict=True):
        if site != UNPLACED:
            by_name[site, own.tier] += own.power_mw
    plans = [
        any_plan,
        replace(step(OF, contracts=by_name), contract_site=sealed(np.array(named)), book_changes_count=0),
        Rules().plan(problem(OF, state, seen)).steps[0],
    ]
    for plan in plans:
        assert avoidable_misses(state, seen, dispatched(plan, state, seen, OF), OF) == 0


@settings(max_examples=10)
@given(falling=falling_fleets())
def test_nor_under_the_linear_program(falling: tuple[World, list[float]]) -> None:
    state, up = falling
    seen = observation(OF, up=up)
    plan = Lp().plan(problem(OF, state, seen)).steps[0]
    assert avoidable_misses(state, seen, dispatched(plan, state, seen, OF), OF) == 0
