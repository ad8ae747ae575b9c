"""Room for a whole contract from scattered free racks, and rests of whole ones."""

import numpy as np
import pytest

from mara.core.contract import UNPLACED, Tier
from mara.core.plan import Plan
from mara.core.step import advance
from mara.core.world import World
from mara.optimizers.base import KEEPS
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from mara.optimizers.scheduling.draft_by_prices import SPOT_MARGIN_USD_PER_MWH
from tests.builders import EAST, NORTH, WEST, config, contract, observation, problem, world

OF = config()
"""A run whose sites have racks of 10, 10 and 5 MW."""


def test_a_contract_that_no_single_site_can_hold_is_given_room_by_moving_a_smaller_one() -> None:
    held = (contract("a", Tier.FLEXIBLE, 5.0), contract("b", Tier.FLEXIBLE, 3.0), contract("c", Tier.STANDARD, 8.0))
    state = world(OF, (*held, contract("large", Tier.STANDARD, 6.0)), at=[WEST, WEST, NORTH, UNPLACED])
    now = problem(OF, state, observation(OF))
    step = Lp().plan(now).step_at(0)
    assert (step.contract_site != UNPLACED).all()
    done = advance(state, now.observation, step, OF)
    assert done.report.good.all()
    assert 0.0 < done.allocation.moved_mw.sum() <= 8.0


def test_a_less_binding_contract_gives_way_where_moving_does_not_help() -> None:
    held = (
        contract("a", Tier.FLEXIBLE, 9.0),
        contract("b", Tier.FLEXIBLE, 9.0),
        contract("c", Tier.FLEXIBLE, 5.0, ticks=600),
    )
    state = world(OF, (*held, contract("large", Tier.PREMIUM, 5.0)), at=[WEST, NORTH, EAST, UNPLACED])
    now = problem(OF, state, observation(OF))
    done = advance(state, now.observation, Lp().plan(now).step_at(0), OF)
    assert done.report.good[-1]
    assert np.count_nonzero(~done.report.good) == 1


@pytest.mark.parametrize(("tokens_mw", "resting"), [(0.0, 0), (1.2, 0), (1.8, 1), (3.4, 1), (4.0, 2)])
def test_as_many_contracts_rest_as_come_nearest_to_what_the_program_wants(tokens_mw: float, resting: int) -> None:
    own = tuple(contract(f"f{i}", Tier.FLEXIBLE, 2.5, ticks=600) for i in range(10))
    state = world(OF, own, at=[WEST] * 4 + [NORTH] * 4 + [EAST] * 2)
    tokens_per_h = tokens_mw * 20_000.0 * 3_600.0 * 100
    now = problem(OF, state, observation(OF, demand=[tokens_per_h, 0.0, 0.0], multiplier=1.5), 1)
    done = advance(state, now.observation, Lp().plan(now).step_at(0), OF)
    assert np.count_nonzero(done.allocation.scheduled) == resting
    frugal = advance(state, now.observation, Lp(budgets=KEEPS).plan(now).step_at(0), OF)
    assert not np.count_nonzero(frugal.allocation.scheduled)
    assert frugal.report.good.all()


@pytest.mark.parametrize("optimizer", [Rules(), Lp()], ids=["rules", "lp"])
def test_spot_does_not_blink_on_and_off_around_its_break_even_price(optimizer: Rules | Lp) -> None:
    own = (contract("spot", Tier.SPOT, 2.0),)
    running, idle = world(OF, own, at=[NORTH]), world(OF, own, at=[UNPLACED])
    for margin, goes_on, starts in ((-4.0, False, False), (-2.0, True, False), (2.0, True, False), (4.0, True, True)):
        assert _serves_spot(optimizer, running, margin) == goes_on
        assert _serves_spot(optimizer, idle, margin) == starts
    assert SPOT_MARGIN_USD_PER_MWH == 3.0


def _serves_spot(optimizer: Rules | Lp, state: World, margin_usd_per_mwh: float) -> bool:
    """True if the plan serves Spot at the north, whose racks have PUE 1.03.

    All other sites are far too dear.
    """
    price = (60.0 - margin_usd_per_mwh) / 1.03
    now = problem(OF, state, observation(OF, price=[500.0, price, 500.0]))
    plan: Plan = optimizer.plan(now)
    return bool(plan.step_at(0).contracts_mw[NORTH, Tier.SPOT] > 0.0)
