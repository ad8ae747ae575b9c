"""Rules: cheapest effective cost first, miners by break-even, budgets by worth.

No budget is overspent.
"""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.contract import SlaContract, Tier
from mara.core.market import Terms
from mara.core.plan import PlanStep
from mara.core.step import Step, advance
from mara.core.world import Observation, RunConfig, World
from mara.optimizers.rules.rules import Rules
from mara.optimizers.scheduling.tick_tables import tables_of
from tests.builders import EAST, NORTH, WEST, config, contract, observation, problem, world

OF = config()
RULES = Rules()


def planned(state: World, seen: Observation, of: RunConfig = OF) -> PlanStep:
    return RULES.plan(problem(of, state, seen)).steps[0]


def lived(state: World, seen: list[Observation], of: RunConfig = OF) -> list[Step]:
    steps = []
    for observed in seen:
        steps.append(advance(state, observed, planned(state, observed, of), of))
        state = steps[-1].world
    return steps


def test_a_new_contract_goes_where_a_rack_megawatt_hour_costs_least() -> None:
    # North is cheapest by price; West by price x PUE plus carbon.
    seen = observation(OF, price=[50.0, 48.0, 90.0], carbon=[0.0, 400.0, 0.0])
    assert planned(world(OF, (contract("c", Tier.STANDARD, 2.0),)), seen).contracts_mw[WEST, Tier.STANDARD] == 2.0


def test_worlds_that_are_told_the_same_share_the_tables_of_a_tick_and_no_others_do() -> None:
    first = problem(OF, world(OF), observation(OF, price=[50.0, 48.0, 90.0], carbon=400.0))
    other_world = replace(first, world=world(OF, (contract("c", Tier.STANDARD, 2.0),)))
    assert tables_of(other_world) is tables_of(first)
    dearer = replace(first.observation, energy_price_usd_per_mwh=first.observation.energy_price_usd_per_mwh + 1.0)
    more = np.asarray(first.forecast.demand_multiplier_share + 1.0)
    calmer = replace(first.forecast, demand_multiplier_share=more)
    assert tables_of(replace(first, observation=dearer)).cost_usd_per_mwh != tables_of(first).cost_usd_per_mwh
    assert tables_of(replace(first, forecast=calmer)).is_at_peak != tables_of(first).is_at_peak
    assert (
        tables_of(replace(first, config=config(terms=Terms(carbon_price_usd_per_t=500.0)))).cost_usd_per_mwh
        != tables_of(first).cost_usd_per_mwh
    )


@pytest.mark.parametrize(("tier", "fee_usd"), [(Tier.PREMIUM, 40.0), (Tier.STANDARD, 20.0), (Tier.FLEXIBLE, 8.0)])
def test_a_contract_moves_when_the_gap_earns_its_fee_back_in_two_hours(tier: Tier, fee_usd: float) -> None:
    state = world(OF, (contract("c", tier, 2.0),), at=[EAST])
    pue_east, pue_north = 1.08 + 1 / 9, 1.03
    for beyond_usd, moves in [(-0.01, False), (0.01, True)]:
        east = (fee_usd / 2 + beyond_usd + 50.0 * pue_north) / pue_east
        step = planned(state, observation(OF, price=[500.0, 50.0, east], dry=10.0))
        assert (step.contracts_mw[NORTH, tier] == 2.0) == moves


def test_miners_go_on_as_they_are_while_an_hour_s_margin_or_loss_does_not_pay_for_a_restart() -> None:
    break_even = 130.952381 / 1.06
    running = world(OF, miners=[[7.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3])
    stopped = world(OF)
    for price, runs, starts in [
        (break_even + 2.9 / 1.06, True, False),
        (break_even - 2.9 / 1.06, True, False),
        (break_even - 3.1 / 1.06, True, True),
    ]:
        seen = observation(OF, price=[price, 50.0, 50.0])
        assert (planned(running, seen).miners_mw[WEST, 0] == 7.0) == runs
        assert (planned(stopped, seen).miners_mw[WEST, 0] == 7.0) == starts
    dear = observation(OF, price=[break_even + 3.1 / 1.06, 50.0, 50.0])
    assert planned(running, dear).miners_mw[WEST, 0] == 0.0


def test_tokens_go_where_they_cost_least_and_only_as_many_as_are_asked_for() -> None:
    # East's region asks; serving it from West or North costs 4 USD/MWh more, and power there is far cheaper.
    demand = [0.0, 0.0, 7.2e9]
    step = planned(world(OF), observation(OF, price=[20.0, 90.0, 120.0], demand=demand))
    tokens = step.merchant_mw[2].sum(axis=0) @ OF.fleet.tokens_per_mwh
    assert tokens == pytest.approx(7.2e9)
    assert step.merchant_mw[2, WEST].sum() == pytest.approx(step.merchant_mw.sum())


def test_tokens_that_earn_less_than_their_power_are_not_sold() -> None:
    step = planned(world(OF), observation(OF, price=400.0, demand=1e12, token_price=0.03))
    assert not step.merchant_mw[:, :, 0].any()  # 130 USD a GPU megawatt-hour
    assert not step.merchant_mw.any()


def test_spot_runs_where_it_is_worth_its_power_and_rests_elsewhere() -> None:
    state = world(OF, (contract("s", Tier.SPOT, 2.0),), at=[WEST])
    assert planned(state, observation(OF, price=30.0)).contracts_mw[WEST, Tier.SPOT] == 2.0
    assert not planned(state, observation(OF, price=70.0)).contracts_mw.any()
    assert planned(state, observation(OF, price=[70.0, 30.0, 70.0])).contracts_mw[NORTH, Tier.SPOT] == 2.0


def test_premium_is_never_shed_on_purpose() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 2.0, ticks=27 * 288),), at=[WEST])
    assert planned(state, observation(OF, price=20_000.0)).contracts_mw.sum() == 2.0


def spenders(ticks: int) -> tuple[SlaContract, ...]:
    return (contract("s", Tier.STANDARD, 2.0, ticks=ticks), contract("f", Tier.FLEXIBLE, 2.0, ticks=ticks))


def test_budgets_are_spent_in_a_price_spike() -> None:
    seen = [observation(OF, t, price=1_500.0 if 100 <= t < 106 else 40.0) for t in range(120)]
    steps = lived(world(OF, spenders(400), at=[WEST, NORTH]), seen)
    resting = [s.tick for s in steps if s.allocation.scheduled.all()]
    assert resting == list(range(100, 106))


def test_no_budget_is_overspent_however_long_power_is_dear() -> None:
    strict = config(terms=Terms(break_promises="never"))
    seen = [observation(strict, t, price=3_000.0, demand=1e12) for t in range(201)]
    steps = lived(world(strict, spenders(200), at=[WEST, NORTH]), seen, strict)
    closed = {w.contract_id: w for s in steps for w in s.world.closed}
    # Of 10 and 20 ticks that the windows tolerate; the rest is kept for outages to the end.
    assert closed["s"].bad_ticks == 7
    assert closed["f"].bad_ticks == 14
    assert all(window.credit_micro_usd == 0 for window in closed.values())


def test_where_power_is_dear_but_no_spike_budgets_are_spent_pro_rata_and_the_rest_is_kept_for_outages() -> None:
    seen = [observation(OF, t, price=240.0) for t in range(200)]
    steps = lived(world(OF, (contract("f", Tier.FLEXIBLE, 2.0, ticks=200),), at=[WEST]), seen)
    bad = [int((~s.allocation.served).sum()) for s in steps]
    assert 5 <= sum(bad[:100]) <= 7
    assert 12 <= sum(bad) <= 14


def test_a_failed_sites_contracts_are_planned_elsewhere() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 2.0), contract("s", Tier.STANDARD, 2.0)), at=[WEST, WEST])
    seen = [observation(OF, t, up=[0.0, 1.0, 1.0], price=[10.0, 60.0, 80.0]) for t in range(2)]
    first, second = lived(state, seen)
    assert first.plan.contracts_mw[WEST].sum() == 0.0
    assert second.allocation.site.tolist() == [NORTH, NORTH]
    assert second.allocation.served.all()


def test_there_is_reserve_for_the_premium_of_any_one_site() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 3.0), contract("q", Tier.PREMIUM, 2.0)), at=[WEST, EAST])
    reserve = planned(state, observation(OF, demand=1e13)).reserve_mw
    assert reserve.sum() - reserve[WEST] >= 3.0
    assert reserve.sum() - reserve[EAST] >= 2.0


def test_a_premium_contract_survives_the_failure_of_its_site() -> None:
    state = world(OF, (contract("p", Tier.PREMIUM, 2.0),))
    seen = [observation(OF, t, demand=1e13, up=np.where(np.arange(3) == NORTH, float(t < 3), 1.0)) for t in range(5)]
    steps = lived(state, seen)
    assert steps[2].allocation.site.tolist() == [NORTH]
    assert [s.allocation.served.all() for s in steps] == [True] * 5
    assert steps[3].allocation.moved_mw.sum() == 2.0
