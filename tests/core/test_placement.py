"""Placement of whole contracts: stays, moves, shedding, and failing sites."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from mara.core.contract import UNPLACED, Tier
from mara.core.dispatch import Allocation
from mara.core.placement import place
from mara.core.step import advance
from mara.core.world import World
from tests.builders import EAST, NORTH, WEST, config, contract, dispatched, fleet, observation, step, wide, world

OF = config()
NOBODY = [[0.0] * 4] * 3


def run(state: World, up: list[float], contracts: ArrayLike, reserve: ArrayLike = 0.0) -> Allocation:
    return dispatched(step(OF, contracts=contracts, reserve=reserve), state, observation(OF, state.tick, up=up), OF)


def test_a_new_contract_goes_where_the_plan_has_room() -> None:
    state = world(OF, (contract("a", Tier.STANDARD, 3.0), contract("b", Tier.FLEXIBLE, 4.0)))
    allocation = run(state, [1, 1, 1], [[0] * 4, [0, 3, 0, 0], [0, 0, 4, 0]])
    assert allocation.site.tolist() == [NORTH, EAST]
    assert allocation.served.all()
    assert not allocation.moved_mw.any()  # a first placing is no move
    assert allocation.deviations == ()


def test_a_contract_moves_when_the_plan_moves_it_and_the_fee_follows() -> None:
    state = world(OF, (contract("a", Tier.STANDARD, 3.0),), at=[WEST])
    allocation = run(state, [1, 1, 1], [[0] * 4, [0, 3, 0, 0], [0] * 4])
    assert allocation.site.tolist() == [NORTH]
    assert allocation.moved_mw[NORTH].tolist() == [0.0, 3.0, 0.0]


def test_a_contract_stays_where_the_plan_leaves_room_for_it() -> None:
    state = world(OF, (contract("a", Tier.STANDARD, 3.0), contract("b", Tier.STANDARD, 3.0)), at=[WEST, NORTH])
    allocation = run(state, [1, 1, 1], [[0, 3, 0, 0], [0, 3, 0, 0], [0] * 4])
    assert allocation.site.tolist() == [WEST, NORTH]


def test_the_contract_with_the_most_budget_left_is_shed_first() -> None:
    contracts = tuple(contract(name, Tier.FLEXIBLE, 2.0, ticks=1_000) for name in "abc")
    state = world(OF, contracts, at=[WEST] * 3, bad=[50, 10, 90])
    allocation = run(state, [1, 1, 1], [[0, 0, 4, 0], [0] * 4, [0] * 4])
    assert allocation.served.tolist() == [True, False, True]
    assert allocation.scheduled.tolist() == [False, True, False]
    assert allocation.deviations == ()


def test_a_contract_without_budget_is_not_shed_because_a_plan_is_short() -> None:
    state = world(OF, (contract("a", Tier.FLEXIBLE, 2.0, ticks=1_000),), at=[WEST], bad=[100])
    allocation = run(state, [1, 1, 1], NOBODY)
    assert allocation.served.tolist() == [True]


def test_when_racks_fall_short_higher_tiers_stay_and_whole_contracts_go() -> None:
    contracts = tuple(contract(tier.name, tier, 2.0) for tier in Tier)
    state = world(OF, contracts, at=[WEST] * 4)
    # 5 MW of racks are left: two contracts and a half, and nothing runs by half.
    allocation = run(state, [0.5, 0.2, 0.2], [[2, 2, 2, 2], [0] * 4, [0] * 4])
    assert allocation.served.tolist() == [True, True, False, False]
    assert allocation.contracts_mw[WEST].tolist() == [2.0, 2.0, 0.0, 0.0]
    assert not allocation.scheduled.any()
    assert [(d.site, d.cause, d.power_mw) for d in allocation.deviations] == [
        (WEST, "promised load found no place", 2.0)
    ]


def test_within_a_tier_a_shortfall_hits_the_contract_with_the_most_budget_left() -> None:
    contracts = tuple(contract(name, Tier.STANDARD, 2.0, ticks=1_000) for name in "abc")
    state = world(OF, contracts, at=[WEST] * 3, bad=[40, 45, 5])
    allocation = run(state, [0.5, 1, 1], [[0, 6, 0, 0], [0] * 4, [0] * 4])
    assert allocation.served.tolist() == [True, True, False]


def test_a_failed_sites_premium_moves_to_reserve_within_the_tick() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0),), at=[WEST])
    allocation = run(state, [0, 1, 1], [[3, 0, 0, 0], [0] * 4, [0] * 4], reserve=[0, 0, 4])
    assert allocation.site.tolist() == [EAST]
    assert allocation.served.tolist() == [True]
    assert allocation.moved_mw[EAST].tolist() == [3.0, 0.0, 0.0]


def test_a_failed_sites_premium_is_off_for_the_tick_where_no_site_holds_it() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0),), at=[WEST])
    allocation = run(state, [0, 0.2, 0.5], [[3, 0, 0, 0], [0] * 4, [0] * 4], reserve=[0, 5, 5])
    assert allocation.served.tolist() == [False]
    assert [(d.site, d.cause, d.power_mw) for d in allocation.deviations] == [
        (WEST, "promised load found no place", 3.0)
    ]


def test_reserve_is_used_up_by_those_who_move_into_it_and_the_next_goes_where_space_is_tightest() -> None:
    state = world(OF, tuple(contract(name, Tier.PREMIUM, 3.0) for name in "ab"), at=[WEST, WEST])
    allocation = run(state, [0, 1, 1], [[6, 0, 0, 0], [0] * 4, [0] * 4], reserve=[0, 4, 0])
    assert sorted(allocation.site.tolist()) == [NORTH, EAST]
    assert allocation.served.all()


def test_premium_in_reserve_displaces_flexible_but_not_standard() -> None:
    contracts = (
        contract("p", Tier.PREMIUM, 3.0),
        contract("s", Tier.STANDARD, 2.0),
        contract("f", Tier.FLEXIBLE, 2.0),
    )
    state = world(OF, contracts, at=[WEST, EAST, EAST])
    allocation = run(state, [0, 0, 1], [[3, 0, 0, 0], [0] * 4, [0, 2, 2, 0]], reserve=[0, 0, 5])
    assert allocation.served.tolist() == [True, True, False]
    none_left = run(state, [0, 0, 0.8], [[3, 0, 0, 0], [0] * 4, [0, 2, 2, 0]], reserve=[0, 0, 5])
    assert none_left.served.tolist() == [False, True, True]


def test_other_tiers_of_a_failed_site_are_off_in_that_tick_and_run_elsewhere_from_the_next() -> None:
    state = world(OF, (contract("s", Tier.STANDARD, 3.0), contract("f", Tier.FLEXIBLE, 2.0)), at=[WEST, WEST])
    plan = step(OF, contracts=[[0] * 4, [0, 3, 2, 0], [0] * 4])
    first = advance(state, observation(OF, 0, up=[0, 1, 1]), plan, OF)
    assert first.allocation.served.tolist() == [False, False]
    assert first.world.accounts.bad_ticks.tolist() == [1, 1]
    second = advance(first.world, observation(OF, 1, up=[0, 1, 1]), plan, OF)
    assert second.allocation.served.tolist() == [True, True]
    assert second.allocation.site.tolist() == [NORTH, NORTH]
    assert second.allocation.moved_mw[NORTH].tolist() == [0.0, 3.0, 2.0]


def test_a_plan_that_keeps_contracts_at_a_dead_site_does_not_keep_them_off_for_ever() -> None:
    state = world(OF, (contract("s", Tier.STANDARD, 3.0),), at=[WEST])
    stale = step(OF, contracts=[[0, 3, 0, 0], [0] * 4, [0] * 4])
    first = advance(state, observation(OF, 0, up=[0, 1, 1]), stale, OF)
    second = advance(first.world, observation(OF, 1, up=[0, 1, 1]), stale, OF)
    assert second.allocation.served.tolist() == [True]


def test_heat_that_takes_grid_power_moves_contracts_at_once_for_nothing_has_failed() -> None:
    of = config(fleet(limit_mw=[8.0, 100.0, 100.0]))
    state = world(of, (contract("a", Tier.STANDARD, 4.0), contract("b", Tier.STANDARD, 3.0)), at=[WEST, WEST])
    plan = step(of, contracts=[[0, 7, 0, 0], [0] * 4, [0] * 4])
    # At 30 C the PUE is 1.168: 8 MW feed 6.8 MW of racks.
    allocation = dispatched(plan, state, observation(of, dry=[30.0, 15.0, 15.0]), of)
    assert allocation.served.all()
    assert allocation.site_contracts_it_mw[WEST] <= 8.0 / 1.168
    assert allocation.moved_mw.sum() in (3.0, 4.0)


def test_spot_runs_only_where_the_plan_wants_it() -> None:
    state = world(OF, (contract("s", Tier.SPOT, 2.0),), at=[WEST])
    assert run(state, [1, 1, 1], NOBODY).served.tolist() == [False]
    back = world(OF, (contract("s", Tier.SPOT, 2.0),), at=[WEST], served=[False])
    assert run(back, [1, 1, 1], [[0, 0, 0, 2], [0] * 4, [0] * 4]).served.tolist() == [True]


def test_a_contract_too_large_for_any_site_waits_unplaced() -> None:
    state = world(OF, (contract("huge", Tier.PREMIUM, 11.0),))
    allocation = run(state, [1, 1, 1], [[11, 0, 0, 0], [0] * 4, [0] * 4])
    assert allocation.site.tolist() == [UNPLACED]
    assert allocation.served.tolist() == [False]


def test_contracts_that_stand_as_planned_are_left_alone() -> None:
    contracts = (contract("s", Tier.STANDARD, 3.0), contract("rests", Tier.STANDARD, 2.0))
    state = world(OF, contracts, at=[WEST, WEST], served=[True, False])
    plan = step(OF, contracts=[[0, 3, 0, 0], [0] * 4, [0] * 4])
    nobody_fell = np.zeros(3, dtype=np.bool_)
    quick = place(plan, state, wide(10.0, 3), nobody_fell)
    # The same through the long way: a tier that does not stand as planned makes the others be looked at.
    other = contract("f", Tier.FLEXIBLE, 1.0)
    longer = world(OF, (*contracts, other), at=[WEST, WEST, UNPLACED], served=[True, False, False])
    wants_flexible = step(OF, contracts=[[0, 3, 1, 0], [0] * 4, [0] * 4])
    slow = place(wants_flexible, longer, wide(10.0, 3), nobody_fell)
    assert quick.served.tolist() == slow.served.tolist()[:2] == [True, False]
    assert quick.scheduled.tolist() == slow.scheduled.tolist()[:2] == [False, True]


def test_a_contract_that_fits_nowhere_takes_nobody_elses_place() -> None:
    huge, moving = contract("huge", Tier.STANDARD, 11.0, ticks=288), contract("moving", Tier.STANDARD, 2.0)
    state = world(OF, (huge, moving), at=[UNPLACED, WEST])
    allocation = run(state, [1, 1, 1], [[0] * 4, [0, 2, 0, 0], [0] * 4])
    assert allocation.site.tolist() == [UNPLACED, NORTH]
    assert allocation.served.tolist() == [False, True]
    assert not allocation.scheduled.any()


def test_the_contract_that_fits_the_planned_move_is_the_one_that_moves() -> None:
    large, small = contract("large", Tier.FLEXIBLE, 2.0, ticks=4_000), contract("small", Tier.FLEXIBLE, 0.5)
    state = world(OF, (large, small), at=[WEST, WEST])
    allocation = run(state, [1, 1, 1], [[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.5, 0.0], [0.0] * 4])
    assert allocation.site.tolist() == [WEST, NORTH]
    assert allocation.served.all()


def test_the_contract_that_fits_the_planned_shedding_is_the_one_that_is_shed() -> None:
    large, small = contract("large", Tier.FLEXIBLE, 2.0, ticks=4_000), contract("small", Tier.FLEXIBLE, 0.5)
    state = world(OF, (large, small), at=[WEST, WEST])
    allocation = run(state, [1, 1, 1], [[0, 0, 2, 0], [0] * 4, [0] * 4])
    assert allocation.served.tolist() == [True, False]
    assert allocation.scheduled.tolist() == [False, True]


def test_spot_is_not_put_where_the_plan_has_no_room_for_it() -> None:
    contracts = (contract("big", Tier.SPOT, 3.0), contract("small", Tier.SPOT, 1.0, ticks=4_000))
    state = world(OF, contracts)
    # One megawatt at North: the small one's, though the big one has less of its life left.
    allocation = run(state, [1, 1, 1], [[0] * 4, [0, 0, 0, 1], [0] * 4])
    assert allocation.served.tolist() == [False, True]
    assert allocation.site.tolist() == [UNPLACED, NORTH]


def test_spot_is_rounded_to_whole_contracts_the_nearer_way() -> None:
    for planned_mw, runs in [(1.4, False), (1.6, True)]:
        wanted = [[0.0] * 4, [0.0, 0.0, 0.0, planned_mw], [0.0] * 4]
        for at, served in [(UNPLACED, False), (NORTH, True)]:
            state = world(OF, (contract("s", Tier.SPOT, 3.0),), at=[at], served=[served])
            assert run(state, [1, 1, 1], wanted).served.tolist() == [runs]


def test_the_contract_that_is_exactly_what_the_plan_moves_moves_though_another_has_more_budget() -> None:
    spared, meant = contract("spared", Tier.FLEXIBLE, 0.4, ticks=4_000), contract("meant", Tier.FLEXIBLE, 0.5)
    state = world(OF, (spared, meant), at=[WEST, WEST])
    allocation = run(state, [1, 1, 1], [[0.0, 0.0, 0.4, 0.0], [0.0, 0.0, 0.5, 0.0], [0.0] * 4])
    assert allocation.site.tolist() == [WEST, NORTH]


def test_new_contracts_of_different_sizes_each_go_where_the_plan_put_them() -> None:
    contracts = (contract("small", Tier.FLEXIBLE, 2.5), contract("large", Tier.FLEXIBLE, 7.0, ticks=4_000))
    allocation = run(world(OF, contracts), [1, 1, 1], [[0.0, 0.0, 2.5, 0.0], [0.0, 0.0, 7.0, 0.0], [0.0] * 4])
    assert allocation.site.tolist() == [WEST, NORTH]


def test_when_not_all_fit_the_one_nearest_to_losing_its_budget_is_placed_first() -> None:
    contracts = (contract("spare", Tier.STANDARD, 3.0, ticks=4_000), contract("nearly", Tier.STANDARD, 1.0))
    state = world(OF, contracts, at=[NORTH, NORTH], served=[False, False])
    allocation = run(state, [0.35, 0.0, 0.0], [[0.0, 4.0, 0.0, 0.0], [0.0] * 4, [0.0] * 4])
    assert allocation.served.tolist() == [False, True]


def test_the_contract_that_is_exactly_what_the_plan_leaves_out_is_the_one_left_out() -> None:
    small, meant = contract("small", Tier.FLEXIBLE, 1.2, ticks=4_000), contract("meant", Tier.FLEXIBLE, 1.7)
    state = world(OF, (small, meant), at=[WEST, NORTH], served=[False, False])
    allocation = run(state, [1, 1, 1], [[0.0, 0.0, 1.2, 0.0], [0.0] * 4, [0.0] * 4])
    assert allocation.served.tolist() == [True, False]
    assert allocation.scheduled.tolist() == [False, True]


def test_a_spot_contract_that_only_nearly_fits_does_not_take_the_place_of_one_that_fits() -> None:
    state = world(OF, (contract("nearly", Tier.SPOT, 1.8), contract("fits", Tier.SPOT, 1.1)))
    allocation = run(state, [1, 1, 1], [[0.0] * 4, [0.0, 0.0, 0.0, 1.1], [0.0] * 4])
    assert allocation.served.tolist() == [False, True]


def meant(state: World, sites: list[int], up: list[float] | None = None) -> Allocation:
    """A plan that names the site of each contract, and has the same in megawatts."""
    contracts_mw = np.zeros((3, 4))
    for own, at in zip(state.book.contracts, sites, strict=True):
        if at != UNPLACED:
            contracts_mw[at, own.tier] += own.power_mw
    plan = replace(step(OF, contracts=contracts_mw), contract_site=np.array(sites), book_changes_count=0)
    return dispatched(plan, state, observation(OF, state.tick, up=up or [1.0, 1.0, 1.0]), OF)


def test_a_plan_that_names_sites_is_followed_by_name_even_among_equals() -> None:
    state = world(OF, tuple(contract(name, Tier.FLEXIBLE, 2.0) for name in "abc"), at=[WEST] * 3, bad=[1, 2, 3])
    allocation = meant(state, [UNPLACED, NORTH, WEST])
    assert allocation.site.tolist() == [WEST, NORTH, WEST]
    assert allocation.served.tolist() == [False, True, True]
    assert allocation.scheduled.tolist() == [True, False, False]
    assert allocation.moved_mw[NORTH].tolist() == [0.0, 0.0, 2.0]


def test_named_sites_do_not_leave_out_who_has_no_budget_while_there_is_room() -> None:
    state = world(OF, (contract("a", Tier.FLEXIBLE, 2.0, ticks=1_000),), at=[WEST], bad=[100])
    assert meant(state, [UNPLACED]).served.tolist() == [True]


def test_named_sites_that_cannot_hold_their_contracts_are_filled_as_far_as_they_can() -> None:
    state = world(OF, (contract("a", Tier.STANDARD, 4.0), contract("b", Tier.FLEXIBLE, 3.0)), at=[EAST, EAST])
    allocation = meant(state, [EAST, EAST])
    assert allocation.site.tolist() == [EAST, WEST]
    assert allocation.served.all()


def test_when_a_site_fails_nobody_leaves_it_by_name() -> None:
    state = world(OF, (contract("a", Tier.STANDARD, 4.0),), at=[WEST])
    assert meant(state, [NORTH], [0.0, 1.0, 1.0]).served.tolist() == [False]


def test_sites_named_for_another_book_are_not_followed_even_if_the_megawatts_agree() -> None:
    state = world(OF, tuple(contract(name, Tier.FLEXIBLE, 2.0) for name in "ab"), at=[WEST, NORTH])
    contracts_mw = np.zeros((3, 4))
    contracts_mw[WEST, Tier.FLEXIBLE] = contracts_mw[NORTH, Tier.FLEXIBLE] = 2.0
    swapped = replace(step(OF, contracts=contracts_mw), contract_site=np.array([NORTH, WEST]), book_changes_count=7)
    allocation = dispatched(swapped, state, observation(OF, state.tick, up=[1.0, 1.0, 1.0]), OF)
    assert allocation.site.tolist() == [WEST, NORTH]
    assert not allocation.moved_mw.any()
