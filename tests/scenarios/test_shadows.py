"""The worth of error budgets is the difference of two runs, shown on the panel.

The runs are a day of the default simulation.
"""

from dataclasses import dataclass
from functools import cache

import pytest

from mara.assembly.runs import rehearsal_of
from mara.core.sla import owed_micro_usd
from mara.core.snapshot import ShadowGains, Snapshot
from mara.core.snapshot_builder import snapshot_of
from mara.runtime.tick.engine import TickEngine, simulate
from mara.settings import read_settings

DAY_TICKS = 288
TICKS = DAY_TICKS + 24


@dataclass(frozen=True)
class Ran:
    """A run without a database, its gains after the first day, and its last snapshot."""

    engine: TickEngine
    first_day: ShadowGains
    shown: Snapshot

    @property
    def profit_usd(self) -> float:
        """Cash less the credits that are owed so far."""
        world = self.engine.world
        return (world.cash_micro_usd - owed_micro_usd(world)) / 1e6

    @property
    def gains(self) -> ShadowGains:
        gains = self.engine.shadow_gains
        assert gains is not None
        return gains


@cache
def ran(optimizer: str, *, sla_flexibility: bool = True) -> Ran:
    engine = rehearsal_of(
        read_settings({}, {"optimizer": optimizer, "seed": 7, "sla_flexibility": str(sla_flexibility)})
    )
    simulate(engine, None, DAY_TICKS)
    first_day = engine.shadow_gains
    assert first_day is not None
    simulate(engine, None, TICKS - DAY_TICKS - 1)
    reading = engine.read_feed()
    result = engine.with_counterfactuals(
        engine.advance(reading, engine.optimizer.plan(engine.problem(reading))), reading
    )
    engine.keep(result)
    return Ran(engine, first_day, snapshot_of(result.step, result.plan, (), engine.config, "run", engine.shadow_gains))


@pytest.mark.parametrize("optimizer", ["lp", "rules"])
def test_a_run_without_budgets_earns_less_and_the_difference_is_the_gain_of_sla_flexibility(optimizer: str) -> None:
    free, bound = ran(optimizer), ran(optimizer, sla_flexibility=False)
    assert bound.profit_usd < free.profit_usd
    assert free.gains.sla_flexibility_usd == pytest.approx(free.profit_usd - bound.profit_usd, abs=1e-6)
    assert free.shown.gains.sla_flexibility_usd == free.gains.sla_flexibility_usd
    assert bound.gains.sla_flexibility_usd == bound.shown.gains.sla_flexibility_usd == 0.0


def test_the_optimizer_s_gain_is_its_profit_less_that_of_each_policy_in_the_same_world() -> None:
    gains = ran("lp").gains
    for policy, gain_usd in (
        ("rules", gains.optimizer_vs_rules_usd),
        ("static-breakeven", gains.optimizer_vs_static_breakeven_usd),
        ("static", gains.optimizer_vs_static_usd),
    ):
        assert gain_usd == pytest.approx(ran("lp").profit_usd - ran(policy).profit_usd, abs=1e-6)
        assert gain_usd > 0.0
    assert gains.since_tick == 0


@pytest.mark.parametrize("optimizer", ["lp", "rules"])
def test_the_gain_over_the_rules_is_that_with_nobody_resting_and_that_by_resting(optimizer: str) -> None:
    gains, free, strict = ran(optimizer).gains, ran(optimizer), ran(optimizer, sla_flexibility=False)
    rules, strict_rules = ran("rules"), ran("rules", sla_flexibility=False)
    planned_usd = strict.profit_usd - strict_rules.profit_usd
    assert gains.optimizer_vs_rules_same_budgets_usd == pytest.approx(planned_usd, abs=1e-6)
    by_resting_usd = (free.profit_usd - strict.profit_usd) - (rules.profit_usd - strict_rules.profit_usd)
    assert gains.optimizer_vs_rules_by_resting_usd == pytest.approx(by_resting_usd, abs=1e-6)
    parts_usd = gains.optimizer_vs_rules_same_budgets_usd + gains.optimizer_vs_rules_by_resting_usd
    assert parts_usd == pytest.approx(gains.optimizer_vs_rules_usd, abs=1e-6)


def test_a_policy_gains_nothing_against_itself_and_the_rules_lose_against_nobody_s_hindsight() -> None:
    assert ran("rules").gains.optimizer_vs_rules_usd == 0.0
    assert ran("static").gains.optimizer_vs_static_usd == ran("static").gains.sla_flexibility_usd == 0.0
    assert ran("static").gains.optimizer_vs_rules_usd < 0.0


def test_today_s_gain_is_that_of_the_simulated_day_alone() -> None:
    gains = ran("lp").shown.gains
    assert gains.optimizer_vs_rules_usd is not None
    assert gains.optimizer_vs_rules_today_usd is not None
    before_usd = ran("lp").first_day.optimizer_vs_rules_usd
    assert before_usd != 0.0
    assert gains.optimizer_vs_rules_today_usd == pytest.approx(gains.optimizer_vs_rules_usd - before_usd, abs=1e-6)


def test_what_nobody_ran_beside_is_unknown_and_not_zero() -> None:
    engine = rehearsal_of(read_settings({}, {"optimizer": "rules"}))
    engine.counterfactuals = None
    reading = engine.read_feed()
    result = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
    gains = snapshot_of(result.step, result.plan, (), engine.config, "run").gains
    assert gains.sla_flexibility_usd is gains.optimizer_vs_rules_usd is gains.optimizer_vs_rules_today_usd is None
