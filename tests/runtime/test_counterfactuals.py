"""Counterfactual runs beside a live run are stored with it and resumed with it.

Nothing of them is kept in memory before it is stored.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mara.assembly.runs import open_run
from mara.bootstrap import platform_of
from mara.core.contract import Tier
from mara.core.sla import owed_micro_usd
from mara.core.world import World, first_world
from mara.optimizer_names import RULES, STATIC
from mara.optimizers.registry import companions_of, optimizer_of
from mara.runtime.counterfactuals import MARKS, NO_BUDGETS, ComparisonStart, CounterfactualRuns
from mara.runtime.published_state import EngineState
from mara.runtime.tick.engine import TickEngine, simulate
from mara.settings import Settings, read_settings
from mara.store.encoding.codec import bytes_of, record_of
from tests import builders
from tests.runtime.made_up import CalmFeed, until
from tests.runtime.test_run_totals import CHARTER, EventfulFeed, begun

NOTHING: dict[str, bytes] = {}


def engine(optimizer: str = "rules", world: World | None = None, parts: dict[str, bytes] | None = None) -> TickEngine:
    live = world or begun()
    return TickEngine(
        config=CHARTER,
        feed=EventfulFeed(),
        optimizer=optimizer_of(optimizer),
        horizon_hours=2,
        world=live,
        counterfactuals=CounterfactualRuns(CHARTER, live, companions_of(optimizer), parts or NOTHING),
    )


def ticked(ran: TickEngine) -> dict[str, bytes]:
    """Run one tick; return the records to be stored with it."""
    reading = ran.read_feed()
    result = ran.with_counterfactuals(ran.advance(reading, ran.optimizer.plan(ran.problem(reading))), reading)
    ran.keep(result)
    return dict(result.parts)


def test_a_tick_that_was_not_stored_moves_no_world() -> None:
    ran = engine()
    simulate(ran, None, 5)
    before, reading = ran.shadow_gains, ran.read_feed()
    result = ran.advance(reading, ran.optimizer.plan(ran.problem(reading)))
    first, second = ran.with_counterfactuals(result, reading), ran.with_counterfactuals(result, reading)
    assert first.parts == second.parts
    assert ran.shadow_gains == before
    ran.keep(second)
    assert ran.shadow_gains != before


@pytest.mark.parametrize("optimizer", ["rules", "lp"])
def test_worlds_that_were_kept_go_on_as_if_they_had_never_been_put_away(optimizer: str) -> None:
    ran, kept = engine(optimizer), dict(NOTHING)
    for _ in range(9):
        kept |= ticked(ran)
    resumed = engine(optimizer, ran.world, kept)
    assert resumed.shadow_gains == ran.shadow_gains
    if optimizer == "rules":
        for _ in range(9):
            assert ticked(resumed) == ticked(ran)
            assert resumed.shadow_gains == ran.shadow_gains


def test_a_policy_is_its_own_companion_and_needs_no_part() -> None:
    parts = ticked(engine("rules"))
    assert f"shadow world {RULES}" not in parts
    assert f"shadow world {STATIC}" in parts
    assert f"shadow world {NO_BUDGETS}" in parts


def test_worlds_that_fell_behind_begin_anew_beside_the_live_one() -> None:
    ran = engine()
    old = dict(ticked(ran))
    ticked(ran)
    gains = engine("rules", ran.world, old).shadow_gains
    assert gains is not None
    assert gains.optimizer_vs_static_usd == gains.sla_flexibility_usd == 0.0


def test_a_world_that_burnt_a_budget_owes_its_credit_before_the_window_closes() -> None:
    state = begun()
    tier = state.book.tier
    bad = np.where(tier == Tier.FLEXIBLE, 40, 0)
    accounts = replace(
        state.accounts,
        good_ticks=np.full(len(tier), 60),
        bad_ticks=bad,
        charge_micro_usd=np.full(len(tier), 1_000_000),
    )
    burnt = replace(state, accounts=accounts)
    # 60 of 100 ticks is not below 60 %: the step above owes 15 % of each charge.
    assert owed_micro_usd(burnt) == 150_000 * int((tier == Tier.FLEXIBLE).sum()) > 0
    assert owed_micro_usd(state) == 0
    counterfactuals = CounterfactualRuns(CHARTER, burnt, companions_of("rules"), NOTHING)
    assert counterfactuals.gains().optimizer_vs_static_usd == 0.0


def test_kept_worlds_of_an_older_comparison_begin_anew_together() -> None:
    ran = engine()
    kept = [ticked(ran) for _ in range(3)][-1]
    marks = record_of(
        ComparisonStart,
        bytes_of(ComparisonStart(since_tick=0, day=0, live_micro_usd=0, names=(RULES,), cash_micro_usd=(0,))),
    )
    gains = engine("rules", ran.world, kept | {MARKS: bytes_of(marks)}).shadow_gains
    assert gains is not None
    assert gains.since_tick == ran.world.tick
    assert gains.optimizer_vs_static_usd == gains.optimizer_vs_rules_same_budgets_usd == 0.0


def settings_in(folder: Path) -> Settings:
    url = f"sqlite:///{folder / 'mara.db'}"
    return read_settings({}, {"database_url": url, "log_file": str(folder / "app.log"), "optimizer": "lp"})


async def test_a_live_run_keeps_the_worlds_beside_it_for_the_next_start(tmp_path: Path) -> None:
    run = platform_of(settings_in(tmp_path))
    await run.start()
    run.step(4)
    await until(lambda: run.publisher.read().state is EngineState.PAUSED, within_s=60.0)
    snapshot = run.publisher.read().snapshot
    await run.stop()
    assert snapshot is not None
    store, engine_again = open_run(settings_in(tmp_path))
    store.close()
    gains = engine_again.shadow_gains
    assert gains is not None
    assert gains.optimizer_vs_static_usd == snapshot.gains.optimizer_vs_static_usd != 0.0
    assert gains.since_tick == 0


def test_a_run_without_worlds_beside_it_is_told_of_nothing() -> None:
    of = builders.config()
    alone = TickEngine(
        config=of, feed=CalmFeed(of), optimizer=optimizer_of("rules"), horizon_hours=2, world=first_world(of)
    )
    simulate(alone, None, 2)
    assert alone.shadow_gains is None


def followed_no_plan(ran: TickEngine) -> dict[str, bytes]:
    """Run one tick on a fallback, as a live run does while its first plan is computed."""
    reading = ran.read_feed()
    plan = replace(ran.optimizer.plan(ran.problem(reading)), status="fallback")
    result = ran.with_counterfactuals(ran.advance(reading, plan), reading)
    ran.keep(result)
    return dict(result.parts)


def test_nothing_is_compared_before_a_first_plan_is_in_force_and_then_from_there_on() -> None:
    ran = engine()
    assert followed_no_plan(ran) == followed_no_plan(ran) == NOTHING
    gains = ran.shadow_gains
    assert gains is not None
    assert (gains.since_tick, gains.optimizer_vs_static_usd) == (ran.world.tick, 0.0)
    since, parts = ran.world.tick, ticked(ran)
    assert ran.shadow_gains is not None
    assert (ran.shadow_gains.since_tick, ran.shadow_gains.optimizer_vs_static_usd != 0.0) == (since, True)
    parts |= followed_no_plan(ran)  # a later one counts: the run had its chance
    resumed = engine("rules", ran.world, parts)
    assert resumed.shadow_gains == ran.shadow_gains
    assert ran.shadow_gains.since_tick == since
