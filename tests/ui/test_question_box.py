"""The question box answers each browser its own question, and escapes texts."""

from types import SimpleNamespace
from typing import cast

from components.shared.question_box import MOST_CHARACTERS, QuestionBox, answer_props
from mara.core.explanation import Explanation
from mara.errors import CommandError
from mara.runtime.advisor.scheduler import AdvisorScheduler
from tests.ui.archive import explanation, unanswered
from tests.ui.conftest import Screen, element_of


async def box_of(screen: Screen) -> QuestionBox:
    await screen.user.open("/optimizer")
    found = element_of(screen.user, "why-box")
    assert isinstance(found, QuestionBox)
    return found


async def ask(screen: Screen, box: QuestionBox, text: object) -> None:
    screen.user.find(marker="why-box").trigger("askWhy", {"text": text})
    await screen.delivery()


async def test_an_answer_comes_with_its_facts_its_tick_and_a_link(screen: Screen) -> None:
    box = await box_of(screen)
    assert box.props["examples"] == ["Why was Texas USA curtailed at 14:00?"]
    await ask(screen, box, "  Why was  Texas curtailed at 14:00? ")
    shown = box.props["answer"]
    assert shown["question"] == "Why was Texas curtailed at 14:00?"
    assert shown["facts"][0] == {
        "ref": "F1.energy_price_usd_per_mwh",
        "label": "Price at Texas USA",
        "text": "212 USD/MWh",
    }
    assert shown["links"] == [{"label": "Open the site", "path": "/sites/texas"}]
    assert shown["when"] == "2 Jul 2025 00:00 UTC, Wed 09:00 in Texas USA, tick 288"


async def test_an_unknown_question_shows_what_can_be_asked(screen: Screen) -> None:
    box = await box_of(screen)
    await ask(screen, box, "hello")
    assert box.props["answer"]["is_answered"] is False
    assert box.props["answer"]["can_ask"] == ["Why was Texas USA curtailed at 14:00?"]


async def test_a_database_that_does_not_answer_is_said_in_the_answer(screen: Screen) -> None:
    box = await box_of(screen)
    screen.platform.archive.is_broken = True
    await ask(screen, box, "Why was Texas off?")
    assert box.props["answer"]["sentences"] == ["the database does not answer: try again"]


async def test_what_a_browser_sends_is_cut_and_never_trusted(screen: Screen) -> None:
    box = await box_of(screen)
    await ask(screen, box, "Texas " * 1_000)
    assert len(box.props["answer"]["question"]) <= MOST_CHARACTERS
    await ask(screen, box, {"not": "a text"})
    assert box.props["answer"]["is_answered"] is False


def test_sentences_stay_texts_and_an_answer_without_a_tick_names_none() -> None:
    shown = answer_props(explanation("why", 288))
    assert shown["sentences"] == [
        "Power cost 212 USD/MWh, above the break-even of 104 USD/MWh.",
        "<b>Reported</b> at 14:00 UTC.",
    ]
    assert answer_props(unanswered("?"))["when"] == ""
    contract = Explanation(question="?", is_answered=True, sentences=("It ran.",), contract_id="c1")
    assert answer_props(contract)["links"] == [{"label": "Open the contracts", "path": "/sla"}]


async def test_claude_is_not_offered_where_nobody_can_be_asked(screen: Screen) -> None:
    assert (await box_of(screen)).props["by_claude"] is False


class Busy:
    """An advisor that is available but busy."""

    state = SimpleNamespace(state="ready", model="claude-sonnet-5-5")

    def converse(self, talk: object) -> object:
        raise CommandError("AI busy")


async def test_claude_is_asked_only_by_its_own_button_and_its_failure_is_told(screen: Screen) -> None:
    screen.platform.advisor = cast(AdvisorScheduler, Busy())
    box = await box_of(screen)
    assert box.props["by_claude"] is True
    await ask(screen, box, "Why was Texas off?")
    assert box.props["answer"]["author"] == "stored decisions"
    screen.user.find(marker="why-box").trigger("orderAnswer", {"text": "Why was Texas off?"})
    await screen.delivery()
    assert box.props["answer"]["sentences"] == ["AI busy"]
