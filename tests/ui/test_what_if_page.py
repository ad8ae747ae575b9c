"""The what-if page asks what was entered, shows both plans, and refuses in a line."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from components.ahead.what_if_panel import SizeLimits, answer_of, question_of, size_note
from mara.core.quote import QuoteRequest
from mara.core.what_if import WhatIfRequest
from mara.errors import CommandError
from mara.runtime.published_state import StatePublisher
from tests.ui.conftest import Screen, element_of
from tests.ui.quotes import what_if_at

NAMES = {"texas": "Texas USA"}


async def answer(screen: Screen, entered: dict[str, Any]) -> dict[str, Any]:
    await screen.user.open("/what-if")
    screen.user.find(marker="what-if").trigger("askWhatIf", entered)
    await asyncio.sleep(0.05)
    found = element_of(screen.user, "what-if").props["answer"]
    assert isinstance(found, dict)
    return found


async def test_percents_become_shares_and_the_answer_shows_the_difference(screen: Screen) -> None:
    entered = {"price": "+20", "site": "oslo", "hashprice": "\u221230", "off": ["texas"], "tier": "", "mw": "9"}
    found = await answer(screen, entered)
    assert screen.platform.what_ifs == [
        WhatIfRequest(
            price_change_share=0.2, price_site_id="oslo", hashprice_change_share=-0.3, off_site_ids=("texas",)
        )
    ]
    assert found["gain"] == "\u2212114\u202f249 USD"


async def test_a_question_that_cannot_be_answered_is_refused_in_its_place(screen: Screen) -> None:
    assert (await answer(screen, {}))["error"] == (
        "nothing would change: enter a price, a site that is off, or a contract"
    )
    assert (await answer(screen, {"usd": "much"}))["error"] == (
        "the price of power in USD/MWh should be a number, 'much' came: correct it"
    )
    assert screen.platform.what_ifs == []


def test_a_contract_is_asked_about_with_its_power_and_hours() -> None:
    asked = question_of({"tier": "premium", "mw": "5", "hours": "48"})
    assert asked.contract == QuoteRequest(tier="premium", power_mw=5.0, duration_h=48.0)
    with pytest.raises(CommandError, match="the contract's hours should be a finite number, 'inf' came"):
        question_of({"tier": "premium", "mw": "5", "hours": "inf"})


def test_sites_that_change_most_come_first_and_figures_that_stay_stand_once() -> None:
    found: Any = answer_of(what_if_at(288), NAMES)
    by_site, by_tier = found["tables"]
    assert [row[0] for row in by_site["rows"][:2]] == ["Texas USA", "Chile Santiago"]
    mining, tokens = by_site["rows"][0][1:3]
    assert (mining["state"], "\u2192" in mining["text"], "state" in tokens) == ("changed", True, False)
    assert "Battery, MW" not in by_site["columns"]
    assert by_tier["rows"][0][2]["text"] == "3.0 \u2192 5.0"
    assert found["moves"] == ["Aurora Labs (c000), premium, 0.2 MW: Texas USA \u2192 off"]
    assert "expected 1\u202f206\u202f622 USD from then on" in found["in_force"]


def test_a_plan_without_an_expected_profit_or_none_at_all_is_said_so() -> None:
    rules: Any = answer_of(replace(what_if_at(288), in_force_usd=None, in_force_optimizer="rules"), NAMES)
    assert rules["in_force"] == "The plan in force was made by Rules at tick 288, without an expected profit."
    nothing: Any = answer_of(replace(what_if_at(288), in_force_tick=None), NAMES)
    assert nothing["in_force"] == "No plan is in force yet."


def test_a_fleet_planned_in_blocks_is_told_before_it_is_asked_and_its_answer_between_which_figures_it_lies() -> None:
    limits = SizeLimits(exact_sites=100, most_sites=1_000)
    assert size_note(100, limits) == ""
    assert "Above 100 both plans are made in blocks, which takes minutes" in size_note(101, limits)
    assert "answered for up to 1\u202f000" in size_note(1_001, limits)
    assert answer_of(what_if_at(288), NAMES)["within"] == ""
    wide = replace(what_if_at(288), bound_now_usd=1_208_155.0, bound_changed_usd=1_093_406.0)
    assert answer_of(wide, NAMES)["within"] == (
        "A fleet of this size is planned in blocks: the true difference lies between "
        "\u2212115\u202f249 USD and \u2212113\u202f749 USD."
    )


async def test_a_page_opened_before_the_first_tick_says_so_and_offers_no_form_without_sites(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen.platform, "publisher", StatePublisher())
    await screen.user.open("/what-if")
    await screen.user.should_see("No tick is settled yet")
    await screen.user.should_not_see(marker="what-if")
