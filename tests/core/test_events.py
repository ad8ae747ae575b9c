"""Events tell each thing that happened in one sentence, with its true reason."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from mara.core.contract import Tier
from mara.core.events import Event, events_of, worth_showing
from mara.core.step import Step, advance
from mara.core.world import Observation, World
from tests.builders import EAST, NORTH, WEST, config, contract, observation, request, step, world

OF = config()


def told(state: World, seen: Observation, contracts: ArrayLike = 0.0, miners: ArrayLike = 0.0) -> list[str]:
    return texts(advance(state, seen, step(OF, contracts=contracts, miners=miners), OF))


def texts(done: Step) -> list[str]:
    return [event.text for event in events_of(done, OF)]


def test_a_quiet_tick_has_no_events() -> None:
    state = world(OF, (contract("acme", Tier.STANDARD, 2.0),), at=[WEST])
    assert told(state, observation(OF), [[0, 2, 0, 0], [0] * 4, [0] * 4]) == []


def test_a_move_to_cheaper_power_says_how_much_cheaper() -> None:
    state = world(OF, (contract("acme", Tier.STANDARD, 2.0),), at=[EAST])
    seen = observation(OF, price=[50.0, 50.0, 100.0], dry=10.0)
    assert told(state, seen, [[0] * 4, [0, 2, 0, 0], [0] * 4]) == [
        "Acme's 2.0 MW Standard moved from East to North: 52 instead of 119 USD per rack MWh."
    ]


def test_a_move_to_dearer_power_is_not_said_to_be_for_its_price() -> None:
    state = world(OF, (contract("acme", Tier.SPOT, 2.0),), at=[NORTH])
    seen = observation(OF, price=[50.0, 50.0, 100.0])
    assert told(state, seen, [[0] * 4, [0] * 4, [0, 0, 0, 2]]) == [
        "Acme's 2.0 MW Spot moved from North to East: other load makes more of the racks at North."
    ]


def test_a_contract_that_ran_nowhere_in_the_last_tick_runs_again() -> None:
    state = world(OF, (contract("acme", Tier.STANDARD, 2.0),), at=[WEST], served=[False])
    plan = [[0] * 4, [0, 2, 0, 0], [0] * 4]
    assert told(state, observation(OF), plan) == ["Acme's 2.0 MW Standard runs again, at North."]
    same = world(OF, (contract("acme", Tier.STANDARD, 2.0),), at=[NORTH], served=[False])
    assert told(same, observation(OF), plan) == ["Acme's 2.0 MW Standard runs again, at North."]


def test_a_failed_site_its_stranded_load_and_who_made_it_to_reserve() -> None:
    state = world(OF, (contract("acme", Tier.PREMIUM, 2.0), contract("bolt", Tier.FLEXIBLE, 1.0)), at=[WEST, WEST])
    plan = step(OF, contracts=[[2, 0, 1, 0], [0] * 4, [0] * 4], reserve=[0.0, 3.0, 0.0])
    assert texts(advance(state, observation(OF, up=[0.0, 1.0, 1.0]), plan, OF)) == [
        "West is down. 2.0 MW of Premium moved to North in time. 1 contract (1.0 MW) is off until placed again.",
        "Bolt's 1.0 MW Flexible is off: West failed, and it cannot run elsewhere before the next tick.",
        "Acme's 2.0 MW Premium moved from West to reserve at North in time.",
    ]


def test_partial_outages_and_recoveries_say_how_much() -> None:
    half = advance(world(OF), observation(OF, up=[0.5, 1.0, 1.0]), step(OF), OF)
    assert texts(half) == ["West lost 50% of its machines."]
    assert texts(advance(half.world, observation(OF, 1, up=[0.8, 1.0, 1.0]), step(OF), OF)) == [
        "West is back with 80% of its machines."
    ]
    assert texts(advance(half.world, observation(OF, 1), step(OF), OF)) == ["West is back in full."]


def test_miners_that_stop_for_the_price_are_curtailed_and_those_that_start_resume() -> None:
    running = world(OF, miners=[[7.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3])
    dear = observation(OF, price=200.0)
    assert told(running, dear) == [
        "West curtailed 7.0 MW of air miners: price 200 USD/MWh, break-even 124.",
    ]
    assert told(world(OF), observation(OF), miners=[[7.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3]) == [
        "West runs 7.0 MW of air miners: price 50 USD/MWh, break-even 124."
    ]


def test_a_rest_is_told_once_when_it_is_over() -> None:
    state = world(OF, (contract("acme", Tier.FLEXIBLE, 2.0),), at=[WEST])
    first = advance(state, observation(OF, price=900.0), step(OF), OF)
    second = advance(first.world, observation(OF, 1, price=900.0), step(OF), OF)
    again = advance(second.world, observation(OF, 2), step(OF, contracts=[[0, 0, 2, 0], [0] * 4, [0] * 4]), OF)
    assert texts(first) == texts(second) == []
    assert texts(again) == [
        "Acme's 2.0 MW Flexible rested 10 min inside its error budget at West: 199 of 201 ticks of it are left."
    ]
    assert again.world.accounts.rest_ticks.tolist() == [0]


def test_a_rest_that_lasts_to_the_end_of_the_contract_is_told_with_its_last_tick() -> None:
    acme = contract("acme", Tier.FLEXIBLE, 2.0, ticks=40)
    state = world(OF, (acme,), at=[WEST])
    state = replace(state, tick=38)
    first = advance(state, observation(OF, 38), step(OF), OF)
    last = advance(first.world, observation(OF, 39), step(OF), OF)
    assert texts(first) == []
    assert texts(last) == [
        "Acme's 2.0 MW Flexible rested 10 min inside its error budget at West: 2 of 4 ticks of it are left."
    ]


def test_the_last_tick_of_a_day_tells_of_the_whole_day() -> None:
    state = world(OF, (contract("acme", Tier.STANDARD, 2.0), contract("bolt", Tier.FLEXIBLE, 1.0)), at=[EAST, WEST])
    told_of = []
    for tick in range(288):
        arrivals = (request("a", Tier.STANDARD, 2.0), request("b", power_mw=50.0)) if tick == 3 else ()
        hot = [31.0 if tick == 144 else 15.0, 15.0, 15.0]
        seen = observation(OF, tick, price=[50.0, 700.0 if tick == 72 else 50.0, 60.0], dry=hot, arrivals=arrivals)
        site = NORTH if tick > 9 else EAST
        contracts = np.zeros((3, 4))
        contracts[site, Tier.STANDARD] = 2.0 if tick < 4 else 4.0
        contracts[WEST, Tier.FLEXIBLE] = 0.0 if 20 <= tick < 32 else 1.0
        done = advance(state, seen, step(OF, contracts=contracts), OF)
        told_of += [event for event in events_of(done, OF) if event.kind == "day"]
        state = done.world
    (day,) = told_of
    earned = f"{state.cash_micro_usd / 1e6:,.0f}"
    assert (day.tick, day.severity) == (287, "info")
    assert day.text == (
        f"1 Jul: {earned} USD earned. Contracts: 1 booked, 1 refused, 2 moved, 1 rested, 1 h together. "
        "Hottest: 31 C at West; dearest power: 700 USD/MWh at North."
    )
    after = advance(state, observation(OF, 288), step(OF), OF).world.day
    assert (after.first_tick, after.cash_micro_usd, after.moved_count) == (288, state.cash_micro_usd, 0)


def test_a_list_holds_the_story_and_the_routine_of_the_last_hour_only() -> None:
    kinds = [(5, "outage", "warning"), (6, "moved", "info"), (7, "stranded", "critical"), (80, "moved", "info")]
    events = [Event(tick=t, severity=s, site=0, kind=k, text="") for t, k, s in kinds]  # type: ignore[arg-type]
    assert [event.tick for event in worth_showing(events, 85, 12)] == [5, 7, 80]


def test_bookings_refusals_and_credits_are_told() -> None:
    arrivals = (request("a", Tier.STANDARD, 2.0, ticks=288), request("b", power_mw=50.0))
    booked, refused = told(world(OF), observation(OF, arrivals=arrivals))
    assert booked == "Acme booked 2.0 MW standard for 24 h at 300 USD/MWh."
    assert refused.startswith("Acme's 50.0 MW standard refused: no site can hold 50.0 MW")
    broken = world(OF, (contract("acme", Tier.PREMIUM, 2.0, ticks=2),), at=[WEST])
    first = advance(broken, observation(OF, up=np.zeros(3)), step(OF), OF)
    second = advance(first.world, observation(OF, 1), step(OF, contracts=[[2, 0, 0, 0], [0] * 4, [0] * 4]), OF)
    assert texts(second)[-1] == "Contract acme missed its target: 1 of 2 ticks bad, credit 88 USD."
