"""Totals of a run: of a whole backtest, or exactly the ledger of a simulation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from mara.core.contract import ContractRequest, Tier
from mara.core.finance import CREDIT_LINES, EnergyLine
from mara.core.plan import Problem
from mara.core.sla import opened
from mara.core.step import Step, advance
from mara.core.world import Forecast, Observation, World, first_world
from mara.optimizers.rules.rules import Rules
from mara.runtime.backtest import POOL_TIER_SHARE, backtest, pooled_contracts
from mara.runtime.run_totals import GAIN_KEYS, RunTotals
from mara.runtime.tick.engine import TickEngine, simulate
from tests import builders

CHARTER = builders.config(builders.fleet(hedge_mw=2.0, hedge_price=40.0, limit_mw=25.0))
LATE = 20
"""Ticks of the contract that fails its window."""


class EventfulFeed:
    """A feed with varying prices, some requests, and an outage in ticks 10 to 14.

    All sites are down in the outage.
    """

    name = "eventful"

    def observe(self, tick: int) -> Observation:
        request = ContractRequest(
            id=f"r{tick}",
            tier=Tier(tick % 4),
            customer="Acme",
            power_mw=200.0 if tick == 6 else 0.5,
            duration_ticks=8,
            timezone="UTC",
        )
        return builders.observation(
            CHARTER,
            tick,
            price=(20.0 + 10 * (tick % 13), 60.0, -30.0 + 9 * (tick % 7)),
            carbon=(300.0, 30.0, 500.0),
            renewable=(0.2, 0.9, 0.4),
            up=0.0 if 10 <= tick < 15 else 1.0,
            demand=2e9,
            arrivals=(request,) if tick % 3 == 0 else (),
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        return builders.forecast(self.observe(tick), hours)


class QuietFeed:
    """A feed without requests and outages, in which some hours cost more than contracts pay."""

    name = "quiet"

    def observe(self, tick: int) -> Observation:
        price = (900.0 if tick % 24 in (7, 8, 9, 10, 11) else 20.0 + tick % 5, 55.0 - tick % 3, 70.0)
        return builders.observation(CHARTER, tick, price=price, renewable=(0.2, 0.9, 0.4), demand=2e9)

    def forecast(self, tick: int, hours: int) -> Forecast:
        return builders.forecast(self.observe(tick), hours)


def begun() -> World:
    contracts = (
        builders.contract("long", Tier.PREMIUM, 2.0),
        builders.contract("short", Tier.STANDARD, 1.5, ticks=LATE),
        builders.contract("calm", Tier.FLEXIBLE, 1.0, ticks=100),
    )
    return opened(first_world(CHARTER), contracts, CHARTER)


def engine(world: World | None = None) -> TickEngine:
    return TickEngine(
        config=CHARTER,
        feed=EventfulFeed(),
        optimizer=Rules(),
        horizon_hours=2,
        world=begun() if world is None else world,
    )


def steps_of(ticks: int) -> list[Step]:
    """The steps of the same ticks, computed without the code under test."""
    world, feed, steps = begun(), EventfulFeed(), []
    for tick in range(ticks):
        seen = feed.observe(tick)
        problem = Problem(config=CHARTER, world=world, observation=seen, forecast=feed.forecast(tick, 2))
        steps.append(advance(world, seen, Rules().plan(problem).steps[0], CHARTER))
        world = steps[-1].world
    return steps


def total_of(figures: Mapping[str, object]) -> float:
    return sum(cast(float, value) for value in figures.values())


def test_a_simulation_sums_its_ticks_to_the_micro_dollar() -> None:
    ticks = 60
    totals, steps = simulate(engine(), None, ticks), steps_of(ticks)
    report, extras = totals.report(), totals.extras()
    assert report["ticks"] == ticks
    assert report["profit_usd"] == sum(step.settlement.profit_micro_usd for step in steps) / 1e6
    assert total_of(report["revenue_usd"]) == pytest.approx(
        sum(step.settlement.revenue_micro_usd for step in steps) / 1e6, abs=1e-6
    )
    assert total_of(report["cost_usd"]) == pytest.approx(
        sum(step.settlement.cost_micro_usd for step in steps) / 1e6, abs=1e-6
    )
    assert extras["refusals"] == sum(len(step.refused) for step in steps) > 0
    assert extras["outages"] == 3
    assert report["emissions_t"] == sum(int(step.settlement.emissions_g.sum()) for step in steps) / 1e6


def test_energy_is_what_was_bought_and_hedged_less_what_was_sold() -> None:
    report, steps = simulate(engine(), None, 40).report(), steps_of(40)
    columns = [EnergyLine.BOUGHT, EnergyLine.HEDGE, EnergyLine.SOLD]
    assert report["energy_mwh"] == sum(int(step.settlement.energy_wh[:, columns].sum()) for step in steps) / 1e6
    power_mwh = sum(float(step.allocation.site_power_mw.sum()) for step in steps) / 12
    assert report["energy_mwh"] == pytest.approx(power_mwh, abs=1e-3)
    assert 0.2 < float(report["renewable_share"]) < 0.9


def test_gains_add_up_to_those_of_the_world() -> None:
    ran = engine()
    gains = simulate(ran, None, 40).extras()["gains"]
    world = ran.world.gains
    assert gains == {
        "climate": world.climate_micro_usd / 1e6,
        "time_zone": world.time_zone_micro_usd / 1e6,
        "interaction": world.interaction_micro_usd / 1e6,
    }
    assert tuple(gains) == GAIN_KEYS


@pytest.mark.parametrize("first", [LATE - 1, LATE, LATE + 1])
def test_the_profits_of_two_simulations_are_that_of_both_though_a_credit_falls_due_between(first: int) -> None:
    ran = engine()
    parts = [simulate(ran, None, ticks) for ticks in (first, 40 - first)]
    whole = simulate(engine(), None, 40)
    assert sum(int(part.lines_micro_usd.sum()) for part in parts) == int(whole.lines_micro_usd.sum())
    credits_usd = [part.extras()["credits"]["standard"] for part in parts]
    assert sum(credits_usd) == whole.extras()["credits"]["standard"] > 0


def test_a_backtest_owns_up_to_the_credits_that_its_last_tick_caused() -> None:
    totals, world = backtest(CHARTER, EventfulFeed(), Rules(), begun(), LATE, horizon_hours=2)
    due = sum(window.credit_micro_usd for window in world.closed)
    posted = -sum(int(step.settlement.lines_micro_usd[:, CREDIT_LINES].sum()) for step in steps_of(LATE))
    assert due > 0
    assert totals.report()["cost_usd"]["credits"] == (posted + due) / 1e6


def test_promises_are_counted_by_tier() -> None:
    ticks = 40
    sla, steps = simulate(engine(), None, ticks).report()["sla"], steps_of(ticks)
    for tier in Tier:
        figures = sla[tier.name.lower()]
        promised = sum(float(step.before.book.promised_mw[tier]) for step in steps) / 12
        delivered = sum(float(step.allocation.contracts_mw[:, tier].sum()) for step in steps) / 12
        good = sum(int(step.report.good[step.before.book.tier == tier].sum()) for step in steps)
        bad = sum(int((~step.report.good)[step.before.book.tier == tier].sum()) for step in steps)
        assert figures["promised_mwh"] == pytest.approx(promised)
        assert figures["delivered_mwh"] == pytest.approx(delivered)
        assert figures["bad_ticks"] == bad
        assert figures["availability_share"] == pytest.approx(good / (good + bad))
    assert sla["premium"]["bad_ticks"] >= 5


def test_nothing_promised_is_nothing_missed() -> None:
    report = RunTotals(dt_h=1.0).report()
    assert report["sla"]["premium"] == {
        "promised_mwh": 0.0,
        "delivered_mwh": 0.0,
        "availability_share": 1.0,
        "bad_ticks": 0,
        "credits_usd": 0.0,
        "stops_per_contract_day": 0.0,
        "median_rest_minutes": 0.0,
    }
    assert report["renewable_share"] == 0.0


def test_stops_and_rests_are_counted_by_choice_only() -> None:
    """Only scheduled stops count, not one for want of power.

    Two Flexible contracts over 20 ticks: one rests for 3 ticks, for 4 when its window ends; one is cut off for 2.
    """
    of = builders.config()
    contracts = (
        builders.contract("chosen", Tier.FLEXIBLE, 2.0, ticks=20 * 10),
        builders.contract("cut off", Tier.FLEXIBLE, 3.0, ticks=20 * 10),
    )
    state, totals = builders.world(of, contracts, at=[builders.WEST, builders.EAST]), RunTotals(dt_h=of.grid.dt_h)
    for tick in range(20):
        resting, down = tick in (4, 5, 6) or tick >= 16, tick in (8, 9)
        plan = builders.step(of, contracts=[[0, 0, 0 if resting else 2, 0], [0] * 4, [0, 0, 3, 0]])
        # Nothing else can hold the other while its site is down.
        seen = builders.observation(of, tick, up=[0.2, 0.1, 0.0 if down else 1.0])
        state = (done := advance(state, seen, plan, of)).world
        totals.add(done)
    flexible = totals.report()["sla"]["flexible"]
    assert flexible["stops_per_contract_day"] == pytest.approx(2 / (40 / 288))
    assert flexible["median_rest_minutes"] == 17.5  # of 15 and 20 so far
    assert flexible["bad_ticks"] == 9


def test_a_backtest_tells_of_every_tick_once() -> None:
    told: list[int] = []
    backtest(CHARTER, EventfulFeed(), Rules(), begun(), 7, horizon_hours=2, on_step=lambda done: told.append(done.tick))
    assert told == list(range(7))
    simulated: list[int] = []
    simulate(engine(replace(begun())), None, 7, simulated.append)
    assert simulated == told


def test_totals_of_ticks_settled_together_are_those_of_their_steps() -> None:
    state = opened(
        begun(), (*begun().book.contracts, builders.contract("wide", Tier.FLEXIBLE, 9.0, ticks=5_000)), CHARTER
    )
    steps: list[Step] = []
    totals, world = backtest(CHARTER, QuietFeed(), Rules(), state, 60, horizon_hours=2, on_step=steps.append)
    alone = RunTotals(dt_h=CHARTER.grid.dt_h)
    for step in steps:
        alone.add(step)
    alone.close(world, CHARTER.fleet)
    assert (totals.report(), totals.extras()) == (alone.report(), alone.extras())
    assert totals.report()["sla"]["flexible"]["stops_per_contract_day"] > 0.0


def test_a_backtest_tells_the_profit_of_every_tick() -> None:
    told: list[tuple[int, int]] = []
    steps: list[Step] = []
    backtest(CHARTER, QuietFeed(), Rules(), begun(), 30, horizon_hours=2, on_step=steps.append)
    backtest(CHARTER, QuietFeed(), Rules(), begun(), 30, horizon_hours=2, on_profit=lambda *one: told.append(one))
    assert told == [(step.tick, step.settlement.profit_micro_usd) for step in steps]


@pytest.mark.parametrize("load_share", [0.01, 0.5, 0.75, 1.0])
def test_a_pooled_demand_is_divided_whole_over_its_tiers(load_share: float) -> None:
    contracts = pooled_contracts(CHARTER, load_share, 500)
    racks_mw = float(CHARTER.fleet.racks_mw.sum())
    by_tier = {tier: sum(c.power_mw for c in contracts if c.tier is tier) for tier in Tier}
    assert by_tier == pytest.approx({tier: share * load_share * racks_mw for tier, share in POOL_TIER_SHARE.items()})
    assert {(c.starts_tick, c.ends_tick) for c in contracts} == {(0, 500)}
    assert len({c.id for c in contracts}) == len(contracts)
    assert max(c.power_mw for c in contracts) <= racks_mw / 3 / 10 + 1e-9


def test_the_same_stretch_twice_is_the_same() -> None:
    first, second = (backtest(CHARTER, EventfulFeed(), Rules(), begun(), 30, horizon_hours=2)[0] for _ in range(2))
    assert first.report() == second.report()
