"""Why something was as it was: a question looked up in what is stored, and answered in sentences of facts.

No model is asked here: every number is read from the run, or worked out from what was read by the core's own formulas.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mara.core.events import Event
from mara.core.explanation import Explanation
from mara.core.timegrid import zone
from mara.runtime.explain.doubts import doubt_of
from mara.runtime.explain.question import MOST_CHARACTERS, Question, Topic, question_of
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.why_contracts import contract_off, off_tick, refused_or_credited
from mara.runtime.explain.why_fleet import loads_moved, money_made, plan_made, prices_seen
from mara.runtime.explain.why_sites import site_state
from mara.store.read.decisions import Decisions
from mara.store.read.read_model import ReadModel

ALWAYS_ASKED: Final = ("What was the plan at 06:00?", "What did the fleet earn yesterday?")
_CUSTOMER: Final = re.compile(r"(.+?)'s \d+\.\d MW (\w+)")


def explained(reading: ReadModel, text: str) -> Explanation:
    """The answer to an operator's question; one that is not understood is answered with what can be asked.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    past = RunHistory.of(Decisions(reading))
    asked = " ".join(text.split())[:MOST_CHARACTERS]
    if past.last_tick < 0:
        return unanswered(asked, "Nothing is stored yet: ask when the first tick has run.", ())
    can_ask = examples(past)
    question = question_of(asked, past.config.fleet, past.grid, past.last_tick, past.customers)
    trouble = doubt_of(question, past.config.fleet, past.customers) or _out_of_reach(question, past)
    if trouble:
        return unanswered(asked, trouble, can_ask)
    found = _answer(question, past)
    if found is None:
        wants = "Name a site, a customer or a tier, what happened, and when. For example:"
        return unanswered(asked, f"That question was not understood. {wants}", can_ask)
    return replace(_with_guesses(found, question, past), question=asked, can_ask=can_ask)


def can_be_asked(reading: ReadModel) -> tuple[str, ...]:
    """Questions that the run would answer now; none before its first tick.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    past = RunHistory.of(Decisions(reading))
    return examples(past) if past.last_tick >= 0 else ()


def unanswered(asked: str, why: str, can_ask: tuple[str, ...]) -> Explanation:
    """Says what is wrong with a question, or with asking now."""
    return Explanation(question=asked, is_answered=False, sentences=(why,), can_ask=can_ask)


def examples(past: RunHistory) -> tuple[str, ...]:
    """Questions that this run can answer, about what has happened in it lately."""
    asked = []
    for kinds, form in _FORMS:
        found = past.decisions.events(kinds, 0, past.last_tick + 1, limit=1)
        asked += [form(event, past) for event in found]
    return (*asked, *ALWAYS_ASKED)


def _of_site(event: Event, past: RunHistory) -> str:
    what = "curtailed" if event.kind == "curtailed" else "down"
    return f"Why was {past.name(event.site)} {what} {_at(event, past)}?"


def _of_contract(event: Event, past: RunHistory) -> str:
    found, off = _CUSTOMER.match(event.text), replace(event, tick=off_tick(event))
    return f"Why was {found[1] if found else 'a contract'} off {_at(off, past)}?"


def _of_move(event: Event, past: RunHistory) -> str:
    found = _CUSTOMER.match(event.text)
    tier = found[2] if found else "a contract"
    return f"Why did {tier} move to {past.name(event.site)} {_at(event, past)}?"


def _of_refusal(event: Event, past: RunHistory) -> str:
    return f"Why was a request refused {_at(event, past)}?"


def _at(event: Event, past: RunHistory) -> str:
    at, now = past.grid.at(event.tick), past.grid.at(past.last_tick)
    days = (now.date() - at.date()).days
    day = {0: "", 1: " yesterday"}.get(days, f" on {at.day} {at:%B}")
    return f"at {at:%H:%M}{day}"


def _answer(question: Question, past: RunHistory) -> Explanation | None:
    """By topic; without one by what the question names."""
    topic = question.topic
    if topic in (Topic.REFUSED, Topic.CREDIT):
        return refused_or_credited(question, past)
    if topic is Topic.MOVED:
        return loads_moved(question, past)
    if question.customers or question.contract_id:
        return contract_off(question, past)
    if topic is Topic.MONEY:
        return money_made(question, past)
    if topic is Topic.PLAN:
        return plan_made(question, past)
    if topic is Topic.PRICE:
        return prices_seen(question, past)
    if question.sites or topic in (Topic.OFF, Topic.RUNNING):
        return site_state(question, past)
    return loads_moved(question, past) if question.tier is not None else None


def _out_of_reach(question: Question, past: RunHistory) -> str:
    """What is wrong with the time or the contract asked about, in words; empty when nothing is."""
    moment, grid = question.moment, past.grid
    newest = f"{grid.at(past.last_tick):%d %b %Y %H:%M} UTC (tick {past.last_tick})"
    if moment.first_tick > past.last_tick:
        return f"That is in the future: the run stands at {newest}."
    if moment.end_tick <= 0:
        return f"That is before the run began, at {grid.at(0):%d %b %Y %H:%M} UTC."
    if question.contract_id and past.decisions.contract(question.contract_id) is None:
        return f"No contract of this run has the id “{question.contract_id}”."
    return ""


def _with_guesses(found: Explanation, question: Question, past: RunHistory) -> Explanation:
    """The answer with the hour at its site, and with names that had to be guessed said aloud."""
    sentences = found.sentences
    if question.taken_as:
        sentences = (f"Read as: {', '.join(question.taken_as)}.", *sentences)
    local = ""
    if found.site_id and found.tick is not None:
        site = past.config.fleet.sites[past.config.fleet.site_ids.index(found.site_id)]
        local = f"{past.grid.at(found.tick).astimezone(zone(site.timezone)):%a %H:%M} in {site.name}"
    return replace(found, sentences=sentences, local_text=local)


_FORMS: Final[tuple[tuple[tuple[str, ...], Callable[[Event, RunHistory], str]], ...]] = (
    (("curtailed",), _of_site),
    (("outage",), _of_site),
    (("budget", "stranded"), _of_contract),
    (("moved",), _of_move),
    (("refused",), _of_refusal),
)
