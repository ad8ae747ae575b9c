"""The bound of a run: no policy earns more, in accounts that equal the program's."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mara.core.arrays import Floats
from mara.core.contract import Tier
from mara.core.finance import CONTRACT_LINES, CREDIT_LINES, MIGRATION_LINES, Line
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.sla import opened
from mara.core.step import Step, advance
from mara.core.world import Forecast, Observation, RunConfig, first_world
from mara.errors import ConfigError
from mara.optimizers.base import Optimizer
from mara.optimizers.lp.bound import (
    alike_merged,
    bound_of,
    bounds_of,
    share_of_bound,
    with_free_start,
)
from mara.optimizers.lp.certificate import bound_usd
from mara.optimizers.lp.model import RESERVE_ROWS, model_of, without_rows
from mara.optimizers.lp.monthly_accounts import Month, MonthlyAccounts
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.lp.solve import interior_point, solve
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from mara.runtime.backtest import backtest
from tests import builders
from tests.optimizers.lp_cases import CASE_COUNT, random_case

MONTH_END = datetime(2025, 7, 31, 12, tzinfo=UTC)
"""Start half a day before a month ends, so that short histories have two months."""


class DrawnFeed:
    """A feed of seeded random hours, which forecasts that the present stays.

    Prices are of either sign; there are outages, heat and demand.
    """

    name = "drawn"

    def __init__(self, config: RunConfig, seed: int, *, factor: float = 1.0, outages: bool = True) -> None:
        self.config, self.seed, self.factor, self.outages = config, seed, factor, outages
        self.observe = cache(self.drawn)

    def drawn(self, tick: int) -> Observation:
        hour = tick // self.config.grid.ticks_per_hour
        draw = np.random.default_rng((self.seed, hour))
        sites = self.config.fleet.site_count
        return builders.observation(
            self.config,
            tick,
            price=draw.normal(80.0, 150.0, sites) * self.factor,
            carbon=draw.uniform(0.0, 900.0, sites),
            dry=draw.uniform(-5.0, 50.0, sites),
            wet=draw.uniform(-5.0, 25.0, sites),
            up=draw.choice([0.0, 0.5, 1.0], sites, p=[0.1, 0.1, 0.8]) if self.outages else 1.0,
            hashprice=float(draw.uniform(20.0, 90.0)),
            multiplier=draw.uniform(0.5, 1.5, 3),
            demand=draw.uniform(0.0, 4e8, 3),
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        return builders.forecast(self.observe(tick), hours)


class ArbitraryPlans:
    """A policy with arbitrary plans, of which dispatch carries out the possible part."""

    name = "wild"

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)

    def plan(self, problem: Problem) -> Plan:
        sites = problem.config.fleet.site_count
        draw = self.draw
        step = PlanStep(
            miners_mw=draw.uniform(0.0, 8.0, (sites, 3)),
            merchant_mw=draw.uniform(0.0, 6.0, (3, sites, 2)),
            contracts_mw=draw.uniform(0.0, 9.0, (sites, 4)) * draw.choice([0.0, 1.0], (sites, 4)),
            reserve_mw=np.zeros(sites),
        )
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))


def months_of(optimizer: Optimizer, seed: int, *, tick_minutes: int = 60, ticks: int = 24) -> list[Month]:
    """A run over two months with hedges, tight grids, and contracts that end in it."""
    draw = np.random.default_rng(seed)
    fleet = builders.fleet(hedge_mw=float(draw.choice([0.0, 6.0])), hedge_price=40.0, limit_mw=draw.uniform(12.0, 30.0))
    config = builders.config(fleet, tick_minutes=tick_minutes, start=MONTH_END)
    contracts = tuple(
        builders.contract(f"c{n}", Tier(n % 4), float(draw.uniform(0.3, 4.0)), ticks=int(draw.integers(10, 400)))
        for n in range(8)
    )
    accounts = MonthlyAccounts(config)
    backtest(
        config,
        DrawnFeed(config, seed),
        optimizer,
        opened(first_world(config), contracts, config),
        ticks,
        horizon_hours=3,
        on_step=accounts.add,
    )
    accounts.close()
    return accounts.months


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), policy=st.sampled_from(["wild", "rules", "static", "breakeven", "lp"]))
def test_no_policy_earns_more_than_the_bound_whatever_the_history(seed: int, policy: str) -> None:
    optimizers: dict[str, Optimizer] = {
        "wild": ArbitraryPlans(seed),
        "rules": Rules(),
        "static": Static(),
        "breakeven": Static(breakeven=True),
    }
    months = bounds_of(months_of(optimizers.get(policy, Lp()), seed))
    assert [month.month for month in months] == ["2025-07", "2025-08"]
    for month in months:
        assert month.profit_usd <= month.bound_usd + 1e-9 * abs(month.bound_usd)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), policy=st.sampled_from(["rules", "static", "breakeven", "lp"]))
def test_nobody_s_ledger_is_above_the_bound_be_contracts_too_large_or_power_at_any_price(
    seed: int, policy: str
) -> None:
    draw = np.random.default_rng(seed)
    racks = draw.uniform(12.0, 30.0)
    config = builders.config(builders.fleet(limit_mw=racks), tick_minutes=60, start=MONTH_END)
    sizes = draw.choice([1.0, 4.0, 15.0, 90.0], 6, p=[0.4, 0.3, 0.2, 0.1]) * draw.uniform(0.3, 1.2, 6)
    contracts = tuple(
        builders.contract(f"c{n}", Tier(int(draw.integers(0, 4))), float(mw), ticks=int(draw.integers(10, 400)))
        for n, mw in enumerate(sizes)
    )
    accounts = MonthlyAccounts(config)
    feed = DrawnFeed(config, seed, factor=float(draw.choice([1.0, 40.0], p=[0.7, 0.3])), outages=False)
    world = opened(first_world(config), contracts, config)
    totals, _ = backtest(config, feed, OPTIMIZERS[policy], world, 24, horizon_hours=3, on_step=accounts.add)
    accounts.close()
    bound = sum(month.bound_usd for month in bounds_of(accounts.months))
    profit = int(totals.lines_micro_usd.sum()) / 1e6
    assert profit <= bound + 1e-6 * abs(bound)


OPTIMIZERS: dict[str, Optimizer] = {
    "rules": Rules(),
    "static": Static(),
    "breakeven": Static(breakeven=True),
    "lp": Lp(),
}


@settings(max_examples=8, deadline=None)
@example(seed=1024)  # the finest program's bound is 3e-5 above its optimum
@given(seed=st.integers(0, 10_000))
def test_ticks_shorter_than_prices_hold_are_bounded_by_one_step_for_each_price(seed: int) -> None:
    months = months_of(ArbitraryPlans(seed), seed, tick_minutes=15, ticks=96)
    assert [alike_merged(month.case).steps for month in months] == [12, 12]
    for month, bound in zip(months, bounds_of(months), strict=True):
        finest_usd, gap_share = bound_of(month.case if month is months[0] else with_free_start(month.case))
        assert month.profit_usd <= finest_usd + 1e-9 * abs(finest_usd)
        least_optimum_usd = finest_usd - gap_share * max(abs(finest_usd), 1.0)
        assert least_optimum_usd <= bound.bound_usd + 1e-6 * abs(bound.bound_usd)


def test_months_in_sequence_bound_the_stretch_as_one_program() -> None:
    months = months_of(Rules(), 5)
    first, second = (month.case for month in months)
    both: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in BY_STEP}
    joined = replace(first, budget_mwh=first.budget_mwh + second.budget_mwh, **both)
    whole_usd, gap_share = bound_of(joined)
    assert gap_share < 1e-6
    assert whole_usd <= sum(month.bound_usd for month in bounds_of(months)) + 1e-6 * abs(whole_usd)


BY_STEP = (
    "dt_h",
    "price_usd_per_mwh",
    "carbon_t_per_mwh",
    "pue",
    "available_mw",
    "mining_value_usd_per_mwh",
    "token_value_usd_per_mwh",
    "demand_tokens_per_h",
    "demand_mw",
    "shed_limit_mw",
    "breakable_mw",
    "unbacked_mw",
)


@pytest.mark.parametrize("seed", range(CASE_COUNT))
def test_the_bound_of_a_case_is_the_optimum_of_its_program_without_the_rows_for_reserve(seed: int) -> None:
    case = random_case(seed)
    most_usd, _ = bound_of(case)
    free = solve(without_rows(model_of(case), RESERVE_ROWS)).certificate.objective_usd
    assert most_usd >= free - 1e-9 * abs(free)
    assert most_usd == pytest.approx(free, rel=1e-5, abs=1e-2)
    assert most_usd >= solve(model_of(case)).certificate.objective_usd - 1e-9 * abs(free)


@pytest.mark.parametrize("seed", range(0, CASE_COUNT, 7))
def test_a_bound_from_poor_multipliers_is_looser_and_still_a_bound(seed: int) -> None:
    model = without_rows(model_of(random_case(seed)), RESERVE_ROWS)
    _, row_duals_usd_per_unit = interior_point(model, deadline_s=60.0)
    best_usd = bound_usd(model, row_duals_usd_per_unit)
    noise = np.random.default_rng(seed).normal(0.0, 20.0, row_duals_usd_per_unit.shape)
    for poor in (
        np.zeros_like(row_duals_usd_per_unit),
        row_duals_usd_per_unit + noise,
        np.full_like(row_duals_usd_per_unit, np.nan),
    ):
        assert bound_usd(model, poor) >= best_usd - 1e-6 * abs(best_usd)


def ledger_usd(steps: list[Step]) -> Floats:
    lines: Floats = np.sum([step.settlement.lines_micro_usd for step in steps], axis=(0, 1)) / 1e6
    return lines


def test_the_accounts_differ_from_the_ledger_by_credits_and_the_hedges_price_alone() -> None:
    config = builders.config(builders.fleet(hedge_mw=3.0, hedge_price=40.0), tick_minutes=60, start=MONTH_END)
    contracts = tuple(builders.contract(f"c{n}", Tier(n % 4), 1.5, ticks=400) for n in range(8))
    accounts, steps = MonthlyAccounts(config), list[Step]()

    def note(step: Step) -> None:
        accounts.add(step)
        steps.append(step)

    world = opened(first_world(config), contracts, config)
    backtest(config, DrawnFeed(config, 3), Rules(), world, 24, horizon_hours=3, on_step=note)
    accounts.close()
    lines = ledger_usd(steps)
    shared = [Line.MINING, Line.INFERENCE, Line.SELLBACK, Line.ENERGY, Line.CARBON, Line.RESTART]
    rates = np.array([525.0, 300.0, 180.0, 60.0])
    planned = lines[MIGRATION_LINES].sum()
    for step in steps:
        promised, delivered = step.before.book.promised_mw, step.allocation.contracts_mw.sum(axis=0)
        missed, rested = (promised - delivered)[:3], np.zeros(3)
        for i in np.flatnonzero(~step.allocation.served).tolist():
            contract = step.before.book.contracts[i]
            budget = 400 * (1_000_000 - (999_000, 950_000, 900_000, 1_000_000)[contract.tier]) // 1_000_000
            if contract.tier < 3 and step.before.accounts.bad_ticks[i] < budget:
                rested[contract.tier] += contract.power_mw
        planned += delivered @ rates - (missed - rested) @ (rates[:3] * [10.0, 5.0, 3.0])
    expected = lines[shared].sum() + planned
    assert sum(month.profit_usd for month in accounts.months) == pytest.approx(expected, abs=0.01)
    assert lines[CONTRACT_LINES].sum() > 0.0
    assert lines[MIGRATION_LINES].sum() + lines[CREDIT_LINES].sum() <= 0.0


def test_a_month_may_spend_the_whole_budget_of_every_window_that_reaches_into_it() -> None:
    config = builders.config(tick_minutes=60, start=MONTH_END)
    contracts = (builders.contract("f", Tier.FLEXIBLE, 2.0, ticks=200), builders.contract("s", Tier.SPOT, 1.0, ticks=9))
    accounts = MonthlyAccounts(config)
    world = opened(first_world(config), contracts, config)
    backtest(config, DrawnFeed(config, 1), Static(), world, 24, horizon_hours=1, on_step=accounts.add)
    accounts.close()
    # A tenth of 200 hours may be missed: more than a month's part of the run has hours, so all of its 12 are free.
    assert [month.case.budget_mwh.tolist() for month in accounts.months] == [[0.0, 0.0, 24.0]] * 2
    assert accounts.months[0].case.shed_limit_mw[:, 2].tolist() == [2.0] * 12


def test_nothing_that_could_be_earned_has_no_share() -> None:
    assert share_of_bound(()) is None


def test_a_fleet_too_large_for_one_program_is_refused() -> None:
    month = months_of(Static(), 1)[0]
    many = replace(month.case, grid_limit_mw=np.ones(101))
    with pytest.raises(ConfigError, match="up to 100 sites, this one has 101"):
        bounds_of([replace(month, case=many)])


def test_a_step_is_told_of_once_and_months_follow_the_calendar() -> None:
    config = builders.config(tick_minutes=60, start=MONTH_END)
    world, accounts = first_world(config), MonthlyAccounts(config)
    feed = DrawnFeed(config, 1)
    for tick in range(13):
        seen = feed.observe(tick)
        problem = Problem(config=config, world=world, observation=seen, forecast=feed.forecast(tick, 1))
        step = advance(world, seen, Static().plan(problem).step_at(tick), config)
        accounts.add(step)
        world = step.world
    assert [month.month for month in accounts.months] == ["2025-07"]
    accounts.close()
    accounts.close()
    assert [(month.month, month.case.steps) for month in accounts.months] == [("2025-07", 12), ("2025-08", 1)]
