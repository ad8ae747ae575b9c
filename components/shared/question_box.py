"""Question box: answers an operator's question with facts, their tick and links."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import element, panel
from mara.core.explanation import Explanation
from mara.errors import MaraError

MOST_CHARACTERS: Final = 300
"""Longest question; the rest is cut."""
HINT: Final = (
    "Answered from what is stored: sites, contracts, prices, money, carbon, plans, outages, orders. It says first what "
    "it understood. Times are those of the fleet's clock, in UTC unless you say local time."
)

Ask: TypeAlias = Callable[[str], Awaitable[Explanation]]
"""Answers a question in words."""


class QuestionBox(ui.element, component="question_box.js"):
    """Element with a question field, examples and the newest answer, one a browser.

    Args:
        ask: answers a question; a MaraError that it raises is shown as the answer.
        examples: questions offered before the first answer.
        ask_claude: has Claude answer in its own words; None where Claude cannot be asked.
        asked: question that is asked at once; empty for none.
    """

    def __init__(self, ask: Ask, examples: Sequence[str], ask_claude: Ask | None = None, asked: str = "") -> None:
        super().__init__()
        self.props["by_claude"] = ask_claude is not None
        self._asked_count = 0
        self.props["examples"] = list(examples)
        self.props["longest"] = MOST_CHARACTERS
        self.props["answer"] = {}
        self.props["asked"] = asked[:MOST_CHARACTERS]
        self.on("ask-why", lambda event: self._answer(event, ask))
        if ask_claude is not None:
            self.on("order-answer", lambda event: self._answer(event, ask_claude))
        self.mark("why-box")

    async def _answer(self, event: GenericEventArguments, ask: Ask) -> None:
        said = event.args.get("text", "") if isinstance(event.args, dict) else ""
        question = " ".join(str(said).split())[:MOST_CHARACTERS]
        self._asked_count += 1
        number = self._asked_count
        try:
            shown = answer_props(await ask(question))
        except MaraError as error:
            shown = {"question": question, "sentences": [str(error)], "is_answered": False}
        if number == self._asked_count:  # an answer to an older question than the newest is dropped
            self.props["answer"] = {**shown, "number": number}
            self.update()


def why_panel(ask: Ask, examples: Sequence[str] = (), ask_claude: Ask | None = None, asked: str = "") -> None:
    """Draw the panel "Ask why": a box for questions about stored decisions.

    Arguments are those of `QuestionBox`.
    """
    with panel("Ask why", "why-panel", HINT):
        QuestionBox(ask, examples, ask_claude, asked)
        element("p", "note", "Numbers are stored facts, listed below the answer; reports are quoted as they were made.")


def answer_props(found: Explanation) -> dict[str, object]:
    """Convert an explanation to the texts that the box shows."""
    return {
        "question": found.question,
        "is_answered": found.is_answered,
        "understood": found.understood.text if found.understood is not None else "",
        "sentences": [text.sentence(one) for one in found.sentences],
        "facts": [{"ref": fact.ref, "label": fact.label, "text": fact.text} for fact in found.facts],
        "when": _when(found),
        "links": _links(found),
        "can_ask": list(found.can_ask),
        "author": found.author,
    }


def _when(found: Explanation) -> str:
    if found.at is None or found.tick is None:
        return ""
    parts = (text.utc_moment(found.at), found.local_text, f"tick {text.number(found.tick)}")
    return ", ".join(part for part in parts if part)


def _links(found: Explanation) -> list[dict[str, str]]:
    """Return links to related pages: label and path on this server."""
    links = []
    if found.site_id:
        links.append({"label": "Open the site", "path": f"/sites/{found.site_id}"})
    if found.contract_id:
        links.append({"label": "Open the contracts", "path": "/sla"})
    return links
