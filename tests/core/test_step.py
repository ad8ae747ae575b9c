"""The transition `advance` is pure, and its result complete."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.commands import Book, Exclude, Outage
from mara.core.contract import Tier
from mara.core.step import advance
from mara.core.world import RunConfig, World
from tests.builders import NORTH, WEST, config, contract, fleet, observation, request, step, world
from tests.sameness import differences


def busy(of: RunConfig) -> tuple[World, Any, Any, Any]:
    """A tick in which everything happens at once."""
    tiers = (
        contract("p", Tier.PREMIUM, 3.0),
        contract("s", Tier.STANDARD, 2.0, ticks=1),
        contract("x", Tier.SPOT, 1.0),
    )
    state = world(of, tiers, at=[WEST, NORTH, NORTH], miners=[[1.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3])
    seen = observation(
        of,
        price=[-20.0, 90.0, 400.0],
        carbon=[300.0, 30.0, 400.0],
        dry=[37.0, 10.0, 30.0],
        up=[0.0, 1.0, 0.5],
        demand=1e10,
        arrivals=(request("a"), request("huge", power_mw=99.0)),
    )
    plan = step(of, miners=5.0, merchant=1.0, contracts=[[3, 0, 0, 0], [0, 0, 0, 1], [0] * 4], reserve=5.0)
    orders = (
        Book(request=request("b", Tier.FLEXIBLE), rate_usd_per_mwh=200.0),
        Outage(site_id="east", duration_ticks=3),
        Exclude(contract_id="x", from_tick=0, to_tick=5, reason="order", author="Ada"),
    )
    return state, seen, plan, orders


def copy_of(value: Any) -> Any:
    """The same record with arrays of its own, so that caches and aliasing would show."""
    arrays = {
        name: sealed(getattr(value, name).copy())
        for name in type(value).__dataclass_fields__
        if isinstance(getattr(value, name), np.ndarray)
    }
    return replace(value, **arrays)


def test_the_same_arguments_give_the_same_step_bit_for_bit() -> None:
    of = config(fleet(limit_mw=15.0, hedge_mw=3.0, hedge_price=50.0))
    state, seen, plan, orders = busy(of)
    once = advance(state, seen, plan, of, orders)
    again = advance(copy_of(state), copy_of(seen), copy_of(plan), replace(of), orders)
    assert list(differences(once, again)) == []


def test_advancing_leaves_its_arguments_as_they_were() -> None:
    of = config(fleet(limit_mw=15.0, hedge_mw=3.0, hedge_price=50.0))
    state, seen, plan, orders = busy(of)
    before = [copy_of(state), copy_of(seen), copy_of(plan)]
    before[0] = replace(before[0], accounts=copy_of(state.accounts), book=copy_of(state.book))
    advance(state, seen, plan, of, orders)
    assert list(differences(tuple(before), (state, seen, plan))) == []


def test_nothing_in_a_step_can_be_written_to() -> None:
    of = config()
    state, seen, plan, orders = busy(of)
    done = advance(state, seen, plan, of, orders)
    for record in (done.allocation, done.report, done.settlement, done.world, done.world.accounts, done.world.book):
        for name in type(record).__dataclass_fields__:
            value = getattr(record, name)
            if isinstance(value, np.ndarray):
                assert not value.flags.writeable, f"{type(record).__name__}.{name}"


def test_an_observation_of_another_tick_is_a_fault_of_the_program() -> None:
    of = config()
    with pytest.raises(AssertionError, match="observation of tick 3 for a world at 0"):
        advance(world(of), observation(of, 3), step(of), of)


def test_cash_and_revenue_are_carried_on() -> None:
    of = config()
    plan = step(of, miners=[[5.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3])
    first = advance(world(of), observation(of), plan, of)
    second = advance(first.world, observation(of, 1, price=400.0), plan, of)
    assert second.world.cash_micro_usd == first.settlement.profit_micro_usd + second.settlement.profit_micro_usd
    assert second.world.revenue_micro_usd == first.settlement.revenue_micro_usd + second.settlement.revenue_micro_usd
    assert second.settlement.profit_micro_usd < 0 < first.settlement.profit_micro_usd
