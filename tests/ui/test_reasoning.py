"""The reasoning panel: complete without Claude, and its texts are only text.

It says whose plan runs.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from components.overview.reasoning_panel import MOST_CLAIMS, MOST_REASONS, advice_channel, reasoning_cells
from components.shared.view_model import Channel
from mara.core.plan import Claim
from mara.core.snapshot import AdvisorRunSnapshot, AdvisorSnapshot
from tests.ui.conftest import Screen
from tests.ui.snapshots import snapshot_at

SNAPSHOT = snapshot_at()
READY = AdvisorSnapshot(state="ready", message="Claude's plan runs", model="claude-sonnet-5-5", budget_left_usd=0.98)
CLAIMS = (
    Claim(kind="climate_savings", text="Cool sites save 49 USD/h."),
    Claim(kind="other", text="<b>bold</b> [link](http://x)"),
)


def run(outcome: str, message: str, *, minute: int = 5) -> AdvisorRunSnapshot:
    return AdvisorRunSnapshot(
        asked_at=datetime(2026, 3, 1, 9, minute, tzinfo=UTC),
        tick=7,
        outcome=outcome,
        message=message,
        model="claude-sonnet-5-5",
        request_id="req_1",
        cost_usd=0.0191,
    )


def cells_with(optimizer: str, advisor: AdvisorSnapshot | None, status: str = "feasible") -> Channel:
    plan = replace(SNAPSHOT.plan, optimizer=optimizer, status=status, claims=CLAIMS)
    return reasoning_cells(replace(SNAPSHOT, plan=plan), advisor)


def test_without_an_advisor_the_panel_is_complete_and_says_so_calmly() -> None:
    cells = cells_with("lp", None)
    assert cells["claude.message"] == (
        "AI not configured: the plan needs none. Set ANTHROPIC_API_KEY to have Claude advise."
    )
    assert cells["claude.why_not"] == "AI not configured"
    assert cells["why.maker"] == {"text": "Linear program", "state": "lp"}
    assert cells["why.climate"] == {"text": "+4\u202f118 USD", "state": "gain"}
    assert cells["why.claim.0"] == {"text": "Cool sites save 49 USD/h.", "state": "climate_savings"}
    assert cells["claude.money"] == ""


@pytest.mark.parametrize(
    ("optimizer", "status", "shown"),
    [
        ("claude", "feasible", {"text": "Claude", "state": "claude"}),
        ("claude-adjusted", "feasible", {"text": "Claude, adjusted", "state": "claude-adjusted"}),
        ("lp", "optimal", {"text": "Linear program", "state": "lp"}),
        ("rules", "fallback", {"text": "Rules, fallback", "state": "fallback"}),
    ],
)
def test_whose_plan_runs_is_always_said(optimizer: str, status: str, shown: dict[str, str]) -> None:
    assert cells_with(optimizer, READY, status)["why.maker"] == shown


def test_claude_s_headline_and_evidence_stand_only_over_claude_s_plan() -> None:
    said = replace(
        READY, headline="Load follows cool air.", climate_saving_usd_per_h=49.3, time_zone_gain_usd_per_h=-5.0
    )
    own, other = cells_with("claude", said), cells_with("lp", said)
    assert own["why.headline"] == "Load follows cool air."
    assert "as Claude saw it 49.3 USD/h" in str(own["why.climate.note"])
    assert "as Claude saw it −5.00 USD/h" in str(own["why.time_zone.note"])
    assert other["why.headline"] == SNAPSHOT.plan.headline
    assert "Claude" not in str(other["why.climate.note"])


def test_a_failure_is_a_warning_and_success_is_not() -> None:
    failed = replace(READY, message="AI busy", runs=(run("kept", "AI busy"),))
    assert cells_with("lp", failed)["claude.message"] == {"text": "AI busy", "state": "warn"}
    assert (
        cells_with("claude", replace(READY, runs=(run("accepted", READY.message),)))["claude.message"] == READY.message
    )
    resting = replace(READY, state="resting", message="AI credentials rejected")
    assert cells_with("lp", resting)["claude.message"] == {"text": "AI credentials rejected", "state": "warn"}


def test_money_is_told_with_the_model_it_went_to() -> None:
    said = replace(READY, cost_today_usd=0.0191)
    assert cells_with("lp", said)["claude.money"] == "claude-sonnet-5-5: 0.019 USD today, 0.980 USD left now"


def test_the_history_comes_newest_first() -> None:
    said = replace(READY, runs=(run("kept", "AI busy", minute=9), run("accepted", "Claude's plan runs")))
    rows = list(advice_channel(said).values())
    assert rows == [
        {
            "rank": 2,
            "asked": "09:09 UTC",
            "outcome": {"text": "AI busy", "state": "warn"},
            "cost": "0.019 USD",
        },
        {"rank": 1, "asked": "09:05 UTC", "outcome": "Claude's plan runs", "cost": "0.019 USD"},
    ]


def test_a_plan_tells_its_age_and_its_certified_gap() -> None:
    plan = replace(
        SNAPSHOT.plan, optimizer="lp", age_ticks=3, status="optimal", objective_usd=990_000.0, bound_usd=1_000_000.0
    )
    cells = reasoning_cells(replace(SNAPSHOT, plan=plan), None)
    assert cells["plan.age"] == "15 min old, proved optimal, expects 990 kUSD, gap 1.00 %"


def test_a_fallback_is_told_and_surplus_reasons_are_left_out() -> None:
    reasons = tuple(f"reason {i}" for i in range(20))
    plan = replace(SNAPSHOT.plan, note="lp timed out: rules plan", reasons=reasons)
    cells = reasoning_cells(replace(SNAPSHOT, plan=plan), None)
    assert cells["plan.note"] == {"text": "lp timed out: rules plan", "state": "warn"}
    assert f"plan.reason.{MOST_REASONS}" not in cells


def test_there_is_room_for_so_many_claims_and_no_more() -> None:
    plan = replace(SNAPSHOT.plan, claims=CLAIMS * 9)
    cells = reasoning_cells(replace(SNAPSHOT, plan=plan), READY)
    assert f"why.claim.{MOST_CLAIMS - 1}" in cells
    assert f"why.claim.{MOST_CLAIMS}" not in cells


async def test_markup_in_a_claim_is_shown_as_it_was_written(screen: Screen) -> None:
    plan = replace(SNAPSHOT.plan, claims=CLAIMS)
    screen.platform.publisher.publish(replace(SNAPSHOT, plan=plan))
    await screen.open()
    assert screen.text_of("why.claim.1") == "<b>bold</b> [link](http://x)"


async def test_the_button_asks_and_without_a_key_it_says_why_it_does_not(screen: Screen) -> None:
    await screen.open()
    button = screen.user.find(marker="ask-claude")
    assert button.elements.pop().props["reason"] == "AI not configured"
    screen.user.find(marker="ask-claude").trigger("orderAdvice")
    await screen.delivery()
    assert screen.platform.advice_asked == 0
    screen.platform.publisher.tell(READY)
    screen.user.find(marker="ask-claude").trigger("orderAdvice")
    await screen.delivery()
    assert screen.platform.advice_asked == 1


async def test_what_claude_is_at_reaches_open_screens(screen: Screen) -> None:
    await screen.open()
    screen.platform.publisher.tell(replace(READY, state="asking", working_notes="Let me look."))
    sent = await screen.after_a_look()
    assert sent["cells"]["claude.notes"] == "Let me look."
    assert sent["cells"]["claude.why_not"] == ""
