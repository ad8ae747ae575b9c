"""A tick that repeats the last has its allocation; one that differs in anything has its own."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.contract import Tier
from mara.core.dispatch import Allocation
from mara.core.finance import settle
from mara.core.plan import PlanStep
from mara.core.sla import judge
from mara.core.world import Observation, RunConfig, World, conditions_of
from tests.builders import NORTH, WEST, config, contract, dispatched, fleet, observation, step, wide, wide2, world

Tick = tuple[PlanStep, World, Observation]

OF = config(fleet(limit_mw=[9.0, 100.0, 100.0]))
"""West is crowded: what gives way there depends on values."""


UP = wide([1.0, 1.0, 0.25], 3)


def made() -> Tick:
    state = world(OF, (contract("a"), contract("b", Tier.SPOT)), [WEST, NORTH], miners=2.0)
    named = np.zeros((3, 4))
    named[WEST, Tier.PREMIUM] = named[NORTH, Tier.SPOT] = 1.0
    plan = replace(
        step(OF, miners=[[3.0, 0.0, 4.0], [2.0] * 3, [2.0] * 3], merchant=0.25, contracts=named, reserve=0.5),
        contract_site=state.accounts.site,
        book_changes_count=state.book_changes_count,
    )
    return plan, state, observation(OF, demand=1e12)


TICK = made()
"""One book for all tests: contracts of another never count as placed alike."""


def told(allocation: Allocation) -> list[object]:
    """Every field of an allocation, arrays by their bytes."""
    values = [getattr(allocation, field.name) for field in fields(allocation)]
    return [value.tobytes() if isinstance(value, np.ndarray) else value for value in values]


def test_a_tick_in_which_only_prices_change_has_the_allocation_of_the_last() -> None:
    plan, state, seen = TICK
    first = dispatched(plan, state, seen, OF)
    assert dispatched(replace(plan), state, observation(OF, price=90.0, demand=1e12), OF) is first


@pytest.mark.parametrize(
    "changed",
    [
        lambda p, w, o: (replace(p, miners_mw=wide2(1.0, (3, 3))), w, o),
        lambda p, w, o: (replace(p, merchant_mw=wide2(0.5, (3, 3, 2))), w, o),
        lambda p, w, o: (replace(p, reserve_mw=wide(0.75, 3)), w, o),
        lambda p, w, o: (
            replace(p, contract_site=sealed(np.array([NORTH, NORTH])), contracts_mw=p.contracts_mw * 0),
            w,
            o,
        ),
        lambda p, w, o: (p, replace(w, miners_mw=wide2(1.0, (3, 3))), o),
        lambda p, w, o: (p, replace(w, miner_off_ticks=sealed(np.ones((3, 3), dtype=np.int64))), o),
        lambda p, w, o: (p, world(OF, (contract("a"), contract("b", Tier.SPOT, 2.0)), [WEST, NORTH], miners=2.0), o),
        lambda p, w, o: (p, w, observation(OF, demand=1e5)),
        lambda p, w, o: (p, w, observation(OF, demand=1e12, dry=30.0)),
        lambda p, w, o: (p, replace(w, availability_share=UP), observation(OF, demand=1e12, up=UP)),
        lambda p, w, o: (p, w, observation(OF, demand=1e12, hashprice=600.0)),
        lambda p, w, o: (p, w, observation(OF, demand=1e12, token_price=0.01)),
        lambda p, w, o: (p, w, replace(o, import_limit_mw=wide(7.0, 3))),
    ],
)
def test_a_tick_that_differs_in_anything_else_has_its_own(changed: Callable[..., Tick]) -> None:
    first = dispatched(*TICK, OF)
    tick = changed(*TICK)
    # A run of its own has no tick to compare with.
    alone = dispatched(*tick, replace(OF))
    assert told(dispatched(*tick, OF)) == told(alone) != told(first)


def test_another_run_has_an_allocation_of_its_own() -> None:
    hedged = config(fleet(limit_mw=[9.0, 100.0, 100.0], hedge_mw=1.0))
    assert (dispatched(*TICK, OF).bought_mw - dispatched(*TICK, hedged).bought_mw).tolist() == pytest.approx([1.0] * 3)


def test_a_repeated_allocation_is_paid_by_the_prices_of_its_tick() -> None:
    def lines(of: RunConfig, price: float) -> list[list[int]]:
        plan, state, _ = TICK
        seen = observation(of, price=price, carbon=price, demand=1e12)
        done = dispatched(plan, state, seen, of)
        settled = settle(done, judge(done, state), state, seen, conditions_of(seen, of), of)
        return [*settled.lines_micro_usd.tolist(), *settled.energy_wh.tolist(), settled.emissions_g.tolist()]

    cheap = lines(OF, 20.0)
    dear = lines(OF, 200.0)
    assert dear == lines(replace(OF), 200.0) != cheap
