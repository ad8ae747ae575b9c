"""Marginal cost of a contract: agreement of solves, monotonicity, dual prices.

Dual prices are a lower bound of it.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.contract import TIER_KEYS, Tier
from mara.core.plan import Plan, Problem
from mara.core.quote import OutageRecord, Quote, QuoteRequest
from mara.core.step import advance, observed
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, first_world
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.horizon import case_of, step_lengths
from mara.optimizers.lp.model import model_of, with_new_demand
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.quoting import alternatives
from mara.optimizers.quoting import context as quote_context
from mara.optimizers.quoting import pricing as quotes
from mara.optimizers.quoting.context import QuoteContext
from mara.optimizers.quoting.offer import quote_of
from mara.optimizers.quoting.pricing import (
    ContractDemand,
    PricedSolution,
    dual_cost_usd_per_mwh,
    life_mean,
    solution_in_force,
    solution_of,
    step_costs_usd_per_mwh,
)
from mara.optimizers.rules.rules import Rules
from tests.builders import START, config, contract, observation, problem, world
from tests.optimizers.lp_cases import random_case
from tests.optimizers.lp_oracle import optimum_usd
from tests.optimizers.power_cases import power_case
from tests.optimizers.problems import random_problem

SIZES_MW = (1.0, 5.0, 20.0)
NEVER = np.zeros(10, dtype=np.int64)
TICKS_PER_HOUR = 12


def context_of(given: Problem) -> QuoteContext:
    sites = given.config.fleet.site_count
    none = OutageRecord(seen_ticks=0, lost_ticks=sealed(np.zeros(sites)), fall_count=sealed(NEVER[:sites].copy()))
    return QuoteContext(problem=given, before=solution_of(given), waiting=(), record=none)


def quoted(context: QuoteContext, tier: str = "standard", power_mw: float = 5.0, hours: float = 4.0) -> Quote:
    ticks = context.problem.config.grid.ticks_of_hours(hours)
    return quote_of(QuoteRequest(tier=tier, power_mw=power_mw, duration_h=hours), ticks, context, quote_id="q-1")


def states(seed: int) -> Problem:
    """Draw a random state with five contracts, in steps of an hour."""
    of = config(tick_minutes=60)
    draw = np.random.default_rng(seed)
    tiers = [Tier(int(draw.integers(4))) for _ in range(5)]
    live = tuple(contract(f"c{i}", tier, round(float(draw.uniform(0.5, 3.0)), 2)) for i, tier in enumerate(tiers))
    state = world(of, live, at=draw.integers(0, 3, 5).tolist())
    seen = observation(
        of,
        price=draw.normal(60.0, 50.0, 3),
        carbon=draw.uniform(0.0, 900.0, 3),
        dry=draw.uniform(-5.0, 40.0, 3),
        up=draw.choice([0.0, 0.5, 1.0], 3, p=[0.1, 0.2, 0.7]),
        demand=draw.choice([1e9, 3e10, 1e11], 3),
    )
    return problem(of, state, seen, hours=6)


@cache
def drawn_context(seed: int) -> QuoteContext:
    """The context of a random state, solved once for all quotes."""
    return context_of(states(seed))


@cache
def optimum_of_states_usd(seed: int) -> float:
    given = drawn_context(seed).problem
    return optimum_usd(case_of(given, step_lengths(given)))


@cache
def default_state(ticks: int = 30) -> Problem:
    """The default world after a while, planned by rules."""
    of = RunConfig(fleet=read_fleet("global_ten"), grid=TimeGrid(start=START, tick_minutes=5))
    feed, state, rules = SyntheticFeed(of, 7), first_world(of), Rules()

    def present() -> Problem:
        seen = observed(feed.observe(state.tick), state, of.fleet)
        return Problem(config=of, world=state, observation=seen, forecast=feed.forecast(state.tick, 24))

    for _ in range(ticks):
        state = advance(state, feed.observe(state.tick), rules.plan(present()).step_at(state.tick), of).world
    return present()


@cache
def default_context() -> QuoteContext:
    return context_of(default_state())


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("tier", ["premium", "standard", "flexible"])
def test_the_marginal_cost_is_the_difference_of_two_other_solves(seed: int, tier: str) -> None:
    context, column = drawn_context(seed), TIER_KEYS.index(tier)
    case = case_of(context.problem, step_lengths(context.problem))
    without_usd = optimum_of_states_usd(seed)
    for power_mw in SIZES_MW:
        demand = case.demand_mw.copy()
        demand[1:5, column] += power_mw  # booked now, it lives from the next hour on, for four
        difference_usd = without_usd - optimum_usd(replace(case, demand_mw=demand))
        expected = difference_usd / (4 * power_mw) + float(case.rate_usd_per_mwh[column])
        assert quoted(context, tier, power_mw).exact_cost_usd_per_mwh == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_more_power_never_costs_less_and_shadow_prices_are_a_floor(seed: int) -> None:
    context = context_of(random_problem(seed)) if seed % 2 else drawn_context(seed)
    for tier in ("premium", "standard", "flexible"):
        quotes = [quoted(context, tier, power_mw) for power_mw in SIZES_MW]
        costs = [quote.exact_cost_usd_per_mwh for quote in quotes]
        least = [quote.dual_cost_usd_per_mwh for quote in quotes]
        for cheap, dear in zip([least[0], *costs[:-1]], costs, strict=True):
            assert cheap is not None
            assert dear is not None
            assert cheap <= dear + 1e-6 * abs(dear)


@pytest.mark.parametrize("drawn", [random_case, power_case])
@pytest.mark.parametrize("seed", range(8))
def test_a_program_with_new_demand_is_the_one_built_anew(drawn: Callable[[int], LpCase], seed: int) -> None:
    case = drawn(seed)
    draw = np.random.default_rng(seed)
    more = replace(case, demand_mw=case.demand_mw * draw.uniform(0.0, 3.0, case.demand_mw.shape))
    anew, found = model_of(more), with_new_demand(model_of(case), more)
    for name in ("cost_usd_per_mw", "lower_mw", "upper_mw", "row_lower", "row_upper"):
        assert getattr(found, name).tobytes() == getattr(anew, name).tobytes()
    for name in ("data", "indices", "indptr"):
        assert getattr(found.matrix, name).tobytes() == getattr(anew.matrix, name).tobytes()
    assert (found.offset_usd, found.families, found.steps) == (anew.offset_usd, anew.families, anew.steps)


def test_sizes_that_are_kept_are_those_of_solves_without_a_near_start(monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_of(random_problem(5))
    wishes = [(tier, power_mw) for tier in ("premium", "standard", "flexible") for power_mw in (12.0, 30.0)]
    near = [quoted(context, *wish) for wish in wishes]
    assert any(quote.alternatives for quote in near)
    monkeypatch.setattr(alternatives, "_nearest", lambda power_mw, sizes_mw: 0.0)
    assert [quoted(context, *wish) for wish in wishes] == near


def test_in_the_default_world_an_outage_changes_the_cost_and_the_landing_site() -> None:
    calm = default_state()
    before = quoted(default_context(), "standard", 2.0, 24.0)
    assert before.landing is not None
    up = calm.observation.availability_share.copy()
    up[calm.config.fleet.site_ids.index(before.landing.site_id)] = 0.0
    out = replace(calm, observation=replace(calm.observation, availability_share=sealed(up)))
    after = quoted(context_of(out), "standard", 2.0, 24.0)
    assert after.marginal_cost_usd_per_mwh > before.marginal_cost_usd_per_mwh
    assert after.landing is None or after.landing.site_id != before.landing.site_id


def test_what_no_site_can_hold_is_refused_and_what_fits_is_named() -> None:
    quote = quoted(default_context(), "premium", 200.0, 48.0)
    assert "no site can hold 200.0 MW whole" in quote.refusal
    assert "19.2 MW" in quote.refusal  # the racks of Texas
    assert quote.landing is None
    smaller = next(other for other in quote.alternatives if other.kind == "smaller")
    assert 0.0 < smaller.power_mw < 19.2
    assert not quoted(default_context(), smaller.tier, smaller.power_mw, smaller.duration_h).refusal


def test_where_only_parts_fit_the_parts_are_offered() -> None:
    of = config()
    live = tuple(contract(f"c{i}", Tier.STANDARD, 6.0) for i in range(2))
    state = world(of, live, at=[0, 1])
    context = context_of(problem(of, state, observation(of), hours=6))
    quote = quoted(context, "flexible", 10.5)
    assert "no site can hold 10.5 MW whole" in quote.refusal
    split = next(other for other in quote.alternatives if other.kind == "split")
    assert (split.count, split.power_mw) == (3, 3.5)


def test_promises_that_could_not_be_kept_are_refused_though_a_site_has_room() -> None:
    of = config(tick_minutes=60)
    state = world(of, (contract("p", Tier.PREMIUM, 8.0),), at=[0])
    # Reserve for the West's 8 MW of Premium stands in the North and the East.
    context = context_of(problem(of, state, observation(of, price=40.0), hours=6))
    quote = quoted(context, "premium", 9.0)
    assert quote.landing is not None
    assert "promises could not all be kept" in quote.refusal
    kinds = {other.kind: other for other in quote.alternatives}
    assert kinds["smaller"].power_mw < 9.0
    assert kinds["tier"].tier in {"standard", "flexible"}


def test_a_contract_runs_whole_where_it_lands() -> None:
    of = config()
    live = (contract("a", Tier.STANDARD, 7.0), contract("b", Tier.STANDARD, 1.5), contract("c", Tier.STANDARD, 8.5))
    state = world(of, live, at=[0, 0, 1])
    seen = observation(of, price=[10.0, 200.0, 400.0])
    quote = quoted(context_of(problem(of, state, seen, hours=6)), "standard", 3.0)
    assert not quote.refusal
    assert quote.landing is not None
    # West has 1.5 MW free. Its contract of 1.5 MW fits in the North, so that the cheap West holds the new one.
    assert (quote.landing.site_id, quote.landing.moved_mw) == ("west", 1.5)
    assert quote.landing.free_mw == pytest.approx(1.5)


def test_the_price_is_list_price_or_cost_with_a_margin() -> None:
    cheap = quoted(context_of(problem(of := config(), world(of), observation(of, price=20.0), hours=6)), "premium", 1.0)
    assert cheap.price_usd_per_mwh == cheap.list_price_usd_per_mwh == 525.0
    dear = quoted(context_of(problem(of, world(of), observation(of, price=400.0), hours=6)), "flexible", 1.0)
    assert dear.marginal_cost_usd_per_mwh > 400.0
    assert dear.price_usd_per_mwh == pytest.approx(1.1 * dear.marginal_cost_usd_per_mwh)
    spot = quoted(context_of(problem(of, world(of), observation(of, price=400.0), hours=6)), "spot", 1.0)
    assert (spot.price_usd_per_mwh, spot.served_share, spot.risk) == (60.0, 0.0, None)


def test_past_the_horizon_the_same_hours_of_its_last_day_repeat() -> None:
    lengths = (1,) * 4 + (4,) * 47  # quarters of an hour, two days
    values = np.arange(48.0)
    by_step = np.concatenate([values[:1].repeat(4), values[1:]])
    demand = ContractDemand(tier=Tier.STANDARD, power_mw=1.0, starts_tick=104, ends_tick=100 + 4 * 72)
    seen, repeated = values[1:], values[24:]
    expected = (seen.sum() + repeated.sum()) / (len(seen) + len(repeated))
    assert life_mean(by_step, lengths, 100, demand, 4) == pytest.approx(expected)


def test_a_life_longer_than_the_horizon_costs_what_the_horizon_costs_when_all_days_are_alike() -> None:
    context = context_of(problem(of := config(tick_minutes=60), world(of), observation(of, price=80.0), hours=24))
    day, month = quoted(context, "standard", 2.0, 23.0), quoted(context, "standard", 2.0, 720.0)
    assert month.exact_cost_usd_per_mwh == pytest.approx(day.exact_cost_usd_per_mwh, rel=1e-6)
    assert (month.priced_h, month.duration_h) == (23.0, 720.0)


def test_outages_seen_and_a_lack_of_reserve_make_bad_ticks_likely() -> None:
    given = default_state()
    sites, ticks = given.config.fleet.site_count, 90 * 288
    often = OutageRecord(
        seen_ticks=ticks, lost_ticks=sealed(np.full(sites, 0.02 * ticks)), fall_count=sealed(np.full(sites, 60))
    )
    calm = default_context()
    rough = replace(calm, record=often)
    for tier in ("premium", "standard"):
        safe, risky = quoted(calm, tier, 1.0, 240.0).risk, quoted(rough, tier, 1.0, 240.0).risk
        assert safe is not None
        assert risky is not None
        assert risky.outage_bad_ticks > safe.outage_bad_ticks
        assert risky.miss_share > safe.miss_share
        assert (safe.seen_ticks, risky.seen_ticks) == (0, ticks)
    premium = quoted(rough, "premium", 1.0, 240.0)
    assert premium.risk is not None
    assert premium.risk.budget_ticks == 2  # of 2,880 ticks at 99.9 %


def test_a_quote_by_shadow_prices_takes_no_time_and_an_exact_one_little() -> None:
    context = default_context()
    before = context.before
    plan = Plan(optimizer="lp", made_tick=before.made_tick, steps=(), step_ticks=before.lengths, shadow=before.shadow)
    demand = context.demand_of(Tier.PREMIUM, 5.0, 288)
    started_s = time.thread_time()
    dual = dual_cost_usd_per_mwh(plan, demand, 525.0, TICKS_PER_HOUR)
    between_s = time.thread_time()
    quote = quoted(context, "premium", 5.0, 24.0)
    exact_s = time.thread_time() - between_s
    assert dual == pytest.approx(quote.dual_cost_usd_per_mwh)
    assert between_s - started_s < 0.05
    assert exact_s < 1.0  # the benchmark holds it to a tenth of that


def test_a_fleet_too_large_to_plan_twice_is_quoted_by_its_shadow_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    given = states(3)
    small = quoted(context_of(given), "standard", 0.5)
    for module in (quotes, quote_context):
        monkeypatch.setattr(module, "EXACT_SITES", 2)
    large = quoted(context_of(given), "standard", 0.5)
    assert small.exact_cost_usd_per_mwh is not None
    assert large.exact_cost_usd_per_mwh is None
    assert large.marginal_cost_usd_per_mwh == large.dual_cost_usd_per_mwh
    assert large.dual_cost_usd_per_mwh == pytest.approx(small.dual_cost_usd_per_mwh, rel=0.02)
    refused = quoted(context_of(given), "standard", 300.0)
    assert "no site can hold" in refused.refusal


def test_a_plan_in_force_quotes_without_a_solve_also_when_it_has_grown_old() -> None:
    given = default_state()
    plan = Lp().plan(given)
    solved = quoted(default_context(), "standard", 1.0)
    force = solution_in_force(given, plan)
    assert force is not None
    at_once = costs_of(given, force)
    assert at_once == pytest.approx(solved.dual_cost_usd_per_mwh)
    later = replace(given, world=replace(given.world, tick=given.tick + 7))
    aged = solution_in_force(later, plan)
    assert aged is not None
    assert aged.lengths[:6] == (1, 1, 1, 1, 1, 12)
    assert sum(aged.lengths) == sum(plan.step_ticks) - 7
    assert costs_of(later, aged) == pytest.approx(at_once, rel=0.05)
    assert solution_in_force(replace(given, world=replace(given.world, tick=given.tick + 288)), plan) is None
    assert solution_in_force(given, Rules().plan(given)) is None
    assert solution_in_force(given, None) is None


def costs_of(given: Problem, solution: PricedSolution) -> float:
    demand = ContractDemand(tier=Tier.STANDARD, power_mw=1.0, starts_tick=given.tick + 1, ends_tick=given.tick + 49)
    hourly = step_costs_usd_per_mwh(solution.shadow, 300.0, Tier.STANDARD)
    return life_mean(hourly, solution.lengths, solution.made_tick, demand, TICKS_PER_HOUR)
