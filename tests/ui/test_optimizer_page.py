from dataclasses import replace
from datetime import timedelta

import pytest
from nicegui.events import GenericEventArguments

from components.optimizer.comparison_panel import against_cells, against_channel
from components.optimizer.dual_panel import shadow_channel, worth_channel
from components.optimizer.optimizer_now import optimizer_cells, seconds_text
from components.optimizer.plan_history import lines_of, run_channel
from components.shared.fold_table import FoldTable
from components.shared.format import utc_moment
from components.shared.optimizer_labels import gap_text, maker_of
from mara.core.history import Optimization
from mara.core.snapshot import GainsSnapshot, PlanSnapshot
from mara.runtime.published_state import EngineState, StatePublisher
from tests.ui.archive import FakeArchive, optimization
from tests.ui.conftest import Screen, element_of
from tests.ui.rows import ranked, row_of
from tests.ui.snapshots import snapshot_at

SNAPSHOT = snapshot_at()


def planned(**changes: object) -> dict[str, object]:
    plan: PlanSnapshot = replace(SNAPSHOT.plan, **changes)  # type: ignore[arg-type]
    return dict(optimizer_cells(replace(SNAPSHOT, plan=plan, profit_today_usd=19_600.0)))


async def test_the_optimizers_page_tells_maker_objective_gap_and_time(screen: Screen) -> None:
    await screen.open("/optimizer")
    shown = {key: screen.text_of(f"optimizer.{key}") for key in ("maker", "objective", "gap", "rules", "solve")}
    assert shown == {"maker": "Linear program", "objective": "1.23", "gap": "< 0.01 %", "rules": "−412", "solve": "118"}
    assert screen.text_of("optimizer.solve.unit") == "ms"


async def test_optimize_now_reaches_the_platform_and_a_refusal_is_said(screen: Screen) -> None:
    await screen.open("/optimizer")
    screen.user.find(marker="optimize-now").trigger("click")
    await screen.user.should_see("comes into force when it is ready")
    assert screen.platform.optimizations_asked == 1
    screen.platform.publisher.mark(EngineState.HALTED, "disk full")
    screen.user.find(marker="optimize-now").trigger("click")
    await screen.user.should_see("resume it first")
    assert screen.platform.optimizations_asked == 1


async def test_an_opened_run_tells_its_reasons_and_is_asked_about_once(screen: Screen) -> None:
    await screen.open("/optimizer")
    table = element_of(screen.user, "runs")
    assert isinstance(table, FoldTable)
    key = next(iter(screen.last("show")["runs"]))
    for _ in range(2):
        await table._open(GenericEventArguments(sender=table, client=table.client, args={"key": key}))
    assert any("break-even of air" in line for line in table.props["details"][key])
    assert screen.platform.archive.asked.count(f"optimization {key}") == 1


@pytest.mark.parametrize("key", ["", "x", "-1", "1.5", "7"])
async def test_a_run_that_is_none_is_told_as_such(screen: Screen, key: str) -> None:
    await screen.open("/optimizer")
    table = element_of(screen.user, "runs")
    assert isinstance(table, FoldTable)
    await table._open(GenericEventArguments(sender=table, client=table.client, args={"key": key}))
    (said,) = table.props["details"][key]
    assert "o such plan" in said or "no plan came into force" in said


async def test_before_the_first_tick_the_optimizers_page_stands(screen: Screen) -> None:
    screen.platform.publisher._current = StatePublisher().read()
    await screen.open("/optimizer")
    assert screen.text_of("optimizer.objective") == "–"
    assert element_of(screen.user, "runs").props["rows"] == {}


async def test_a_store_that_does_not_answer_leaves_the_plan_standing(screen: Screen) -> None:
    screen.platform.archive.is_broken = True
    await screen.open("/optimizer")
    assert screen.text_of("optimizer.today") == "–"
    assert screen.text_of("optimizer.maker") == "Linear program"


def test_rules_expect_nothing_and_prove_nothing_and_no_number_is_made_up() -> None:
    cells = planned(optimizer="rules", objective_usd=None, bound_usd=None, solve_wall_s=None)
    assert [cells[f"optimizer.{key}"] for key in ("objective", "gap", "solve")] == ["–"] * 3
    assert cells["optimizer.gap.note"] == "no bound: nothing is proved"


def test_a_day_that_is_worse_than_the_rules_says_so() -> None:
    assert planned()["optimizer.rules"] == {"text": "−412", "state": "bad"}
    assert planned()["optimizer.rules.note"] == "8.93 kUSD since start"


def test_a_plan_that_stands_in_for_another_is_called_a_fallback() -> None:
    assert maker_of("rules", "fallback") == "Rules, fallback"
    assert maker_of("claude-adjusted", "optimal") == "Claude, adjusted"


def test_a_gap_too_small_to_show_is_told_as_a_limit() -> None:
    assert [gap_text(share) for share in (None, 0.0, 0.00005, 0.0012)] == ["–", "< 0.01 %", "< 0.01 %", "0.12 %"]


def test_short_times_are_told_in_milliseconds() -> None:
    assert [seconds_text(value) for value in (None, 0.118, 41.3)] == [("–", ""), ("118", "ms"), ("41.3", "s")]


def test_shadow_prices_come_with_the_dearest_site_first() -> None:
    ranks = [row_of(row)["rank"] for row in shadow_channel(SNAPSHOT).values()]
    assert len(ranks) == 10
    assert ranks == sorted(ranks, reverse=True)


def test_an_optimizer_without_prices_shows_none() -> None:
    without = replace(SNAPSHOT, plan=replace(SNAPSHOT.plan, shadow=None))
    assert shadow_channel(without) == worth_channel(without) == {}


def test_demand_is_told_as_what_it_gains_and_a_loss_is_negative() -> None:
    told = {row["what"]: row["worth"] for row in map(row_of, worth_channel(SNAPSHOT).values())}
    assert told["MWh of Premium contracts"] == "+412.50 USD"
    assert told["MWh of Spot contracts"] == "−12.40 USD"
    assert told["MWh of Standard's error budget"] == "150.00 USD"


def test_past_runs_tell_who_made_them_and_what_failed() -> None:
    fallback = optimization(36)
    row = row_of(run_channel([fallback])["36"])
    assert row["maker"] == {"text": "Rules, fallback", "state": "warn"}
    assert row["headline"] == {"text": "lp failed: no answer within 10 s", "state": "warn"}


async def test_a_plan_of_claude_tells_its_origin_and_what_it_cost() -> None:
    stored = await FakeArchive().optimization(24)
    lines = lines_of(stored)
    assert lines[0] == "Oslo is 9 °C cooler than Texas."
    assert "model claude-opus-4-5" in lines[1]
    assert "cost 0.0834 USD" in lines[1]


def test_a_plan_without_reasons_says_that_none_were_stored() -> None:
    bare = replace(optimization(12), headline="", reasons=(), note="")
    assert lines_of(Optimization(plan=bare, gap_share=None)) == ["No reason was stored with this plan."]


def test_profit_over_simpler_policies_is_told_today_and_since_they_run_and_losses_count() -> None:
    rows = against_channel(SNAPSHOT)
    shown = {
        key: [row["policy"], *(f"{row[when]['text']} {row[when]['state']}" for when in ("today", "since"))]
        for key, row in ranked(rows)
    }
    assert shown["rules"] == ["Rules", "−412 USD loss", "+8\u202f928 USD gain"]
    assert shown["same-budgets"] == ["– nobody resting", "−560 USD loss", "+6\u202f451 USD gain"]
    assert shown["by-resting"] == ["– by resting", "+148 USD gain", "+2\u202f477 USD gain"]
    assert against_cells(SNAPSHOT)["against.note"] == "Side by side for 1 d."


def test_a_comparison_says_from_when_on_it_counts() -> None:
    def note_since(tick: int) -> object:
        gains = replace(SNAPSHOT.gains, shadows_since_tick=tick)
        return against_cells(replace(SNAPSHOT, gains=gains))["against.note"]

    moment = utc_moment(SNAPSHOT.at - 11 * timedelta(minutes=SNAPSHOT.tick_minutes))
    assert note_since(SNAPSHOT.tick - 11) == f"Side by side for 1 h, from the first plan in force on ({moment})."
    assert note_since(SNAPSHOT.tick + 1) == "The comparison begins with the first plan in force."


def test_where_no_other_policy_runs_beside_nothing_is_compared() -> None:
    placed = SNAPSHOT.gains
    gains = GainsSnapshot(
        baseline=placed.baseline,
        climate_usd=placed.climate_usd,
        time_zone_usd=placed.time_zone_usd,
        interaction_usd=placed.interaction_usd,
        sla_flexibility_usd=None,
        carbon_avoided_t=placed.carbon_avoided_t,
    )
    without = replace(SNAPSHOT, gains=gains)
    assert against_channel(without) == {}
    assert against_cells(without)["against.note"] == ""
