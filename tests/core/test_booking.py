"""Admission of contract requests, and effects of operators' commands."""

from mara.core.booking import COMMITTED_SHARE, list_rate_usd_per_mwh
from mara.core.commands import Book, Command, Outage, Restore
from mara.core.contract import UNPLACED, Tier
from mara.core.step import advance
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, observation, request, step, world

OF = config()


def test_an_arrival_at_list_price_is_live_from_the_next_tick_for_its_duration() -> None:
    done = advance(world(OF), observation(OF, arrivals=(request("a", Tier.FLEXIBLE, 2.0, ticks=12),)), step(OF), OF)
    (own,) = done.accepted
    assert (own.starts_tick, own.ends_tick, own.rate_usd_per_mwh) == (1, 13, 180.0)
    assert done.world.book.contracts == (own,)
    assert done.world.accounts.site.tolist() == [UNPLACED]
    assert done.world.accounts.window_end_tick.tolist() == [13]
    assert done.settlement.revenue_micro_usd == 0


def test_list_prices_follow_the_base_rate() -> None:
    assert [list_rate_usd_per_mwh(tier, OF) for tier in Tier] == [525.0, 300.0, 180.0, 60.0]


def test_an_operators_booking_goes_first_and_at_its_own_price() -> None:
    seen = observation(OF, arrivals=(request("late", Tier.STANDARD, 9.0),))
    order = Book(request=request("vip", Tier.PREMIUM, 9.0), rate_usd_per_mwh=777.0)
    done = advance(world(OF, (contract("old", Tier.STANDARD, 8.0),), at=[WEST]), seen, step(OF), OF, (order,))
    assert [(c.id, c.rate_usd_per_mwh) for c in done.accepted] == [("vip", 777.0)]
    assert [r.request.id for r in done.refused] == ["late"]
    assert done.world.refused_count == 1


def test_racks_are_promised_up_to_a_share_and_a_refusal_says_how_much_is_left() -> None:
    assert round(COMMITTED_SHARE * 25.0, 6) == 23.0
    state = world(OF, (contract("old", Tier.PREMIUM, 10.0), contract("older", Tier.STANDARD, 10.0)), at=[WEST, NORTH])
    seen = observation(OF, arrivals=(request("fits", power_mw=3.0), request("not", power_mw=0.1)))
    done = advance(state, seen, step(OF, contracts=[[10, 0, 0, 0], [0, 10, 0, 0], [0] * 4]), OF)
    assert [c.id for c in done.accepted] == ["fits"]
    assert done.refused[0].reason == "0.0 MW of racks are left to promise, 0.1 MW were asked for"


def test_spot_is_promised_nothing_and_takes_nothing_of_what_may_be_promised() -> None:
    seen = observation(
        OF,
        arrivals=(
            request("s1", Tier.SPOT, 10.0),
            request("s2", Tier.SPOT, 10.0),
            request("p", Tier.PREMIUM, 9.0),
            request("s3", Tier.SPOT, 9.0),
        ),
    )
    done = advance(world(OF), seen, step(OF), OF)
    assert [c.id for c in done.accepted] == ["s1", "s2", "p", "s3"]


def test_what_no_site_can_hold_is_refused_with_the_largest_that_would_fit() -> None:
    done = advance(world(OF), observation(OF, arrivals=(request("huge", Tier.SPOT, 10.5),)), step(OF), OF)
    assert done.refused[0].reason == "no site can hold 10.5 MW: the largest has 10.0 MW of racks"


def test_racks_that_the_grid_cannot_feed_hold_nothing() -> None:
    of = config(fleet(limit_mw=[4.0, 4.0, 4.0]))
    done = advance(world(of), observation(of, arrivals=(request("a", power_mw=5.0),)), step(of), of)
    assert [r.reason for r in done.refused] == ["no site can hold 5.0 MW: the largest has 4.0 MW of racks"]


def test_an_ordered_outage_lasts_its_ticks_and_can_be_ended_early() -> None:
    plan = step(OF, miners=[[5.0, 0.0, 0.0], [0.0] * 3, [2.0, 0.0, 0.0]])
    state, power = world(OF), []
    orders: dict[int, tuple[Command, ...]] = {
        1: (Outage(site_id="west", duration_ticks=2),),
        5: (Outage(site_id="east", duration_ticks=99),),
        6: (Restore(site_id="east"),),
    }
    for tick in range(8):
        done = advance(state, observation(OF, tick), plan, OF, orders.get(tick, ()))
        power.append((done.allocation.miners_mw[WEST, 0] > 0, done.allocation.miners_mw[EAST, 0] > 0))
        state = done.world
    assert [west for west, _ in power] == [True, False, False, True, True, True, True, True]
    assert [east for _, east in power] == [True, True, True, True, True, False, False, True]


def test_an_ordered_outage_is_seen_as_unavailability() -> None:
    done = advance(world(OF), observation(OF, up=0.8), step(OF), OF, (Outage(site_id="north", duration_ticks=1),))
    assert done.observation.availability_share.tolist() == [0.8, 0.0, 0.8]
    assert done.world.availability_share.tolist() == [0.8, 0.0, 0.8]
