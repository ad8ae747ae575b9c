"""Answers to why-questions from what is stored, in sentences of facts.

No language model is used: every number is read from the stored run, or computed from it by the formulas of `mara.core`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mara.core.contract import TIER_KEYS
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


def explained(reading: ReadModel, text: str) -> Explanation:
    """Answer an operator's question; if it is not understood, say what can be asked.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    history = RunHistory.of(Decisions(reading))
    asked = " ".join(text.split())[:MOST_CHARACTERS]
    if history.last_tick < 0:
        return unanswered(asked, "Nothing is stored yet: ask when the first tick has run.", ())
    can_ask = examples(history)
    question = question_of(asked, history.config.fleet, history.grid, history.last_tick, history.customers)
    trouble = doubt_of(question, history.config.fleet, history.customers) or _out_of_reach(question, history)
    if trouble:
        return unanswered(asked, trouble, can_ask)
    found = _answer(question, history)
    if found is None:
        wants = "Name a site, a customer or a tier, what happened, and when. For example:"
        return unanswered(asked, f"That question was not understood. {wants}", can_ask)
    return replace(_with_guesses(found, question, history), question=asked, can_ask=can_ask)


def can_be_asked(reading: ReadModel) -> tuple[str, ...]:
    """List questions that the run would answer now; none before its first tick.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    history = RunHistory.of(Decisions(reading))
    return examples(history) if history.last_tick >= 0 else ()


def unanswered(asked: str, why: str, can_ask: tuple[str, ...]) -> Explanation:
    """Say what is wrong with a question, or with asking now."""
    return Explanation(question=asked, is_answered=False, sentences=(why,), can_ask=can_ask)


def examples(history: RunHistory) -> tuple[str, ...]:
    """List questions about what has happened in the run lately."""
    asked = []
    for kinds, form in _FORMS:
        found = history.decisions.events(kinds, 0, history.last_tick + 1, limit=1)
        asked += [form(event, history) for event in found]
    return (*asked, *ALWAYS_ASKED)


def _of_site(event: Event, history: RunHistory) -> str:
    what = "curtailed" if event.kind == "curtailed" else "down"
    return f"Why was {history.name(event.site)} {what} {_at(event, history)}?"


def _of_contract(event: Event, history: RunHistory) -> str:
    named, off = event.contract, replace(event, tick=off_tick(event))
    return f"Why was {named.customer if named is not None else 'a contract'} off {_at(off, history)}?"


def _of_move(event: Event, history: RunHistory) -> str:
    named = event.contract
    tier = TIER_KEYS[named.tier].capitalize() if named is not None else "a contract"
    return f"Why did {tier} move to {history.name(event.site)} {_at(event, history)}?"


def _of_refusal(event: Event, history: RunHistory) -> str:
    return f"Why was a request refused {_at(event, history)}?"


def _at(event: Event, history: RunHistory) -> str:
    at, now = history.grid.at(event.tick), history.grid.at(history.last_tick)
    days = (now.date() - at.date()).days
    day = {0: "", 1: " yesterday"}.get(days, f" on {at.day} {at:%B}")
    return f"at {at:%H:%M}{day}"


def _answer(question: Question, history: RunHistory) -> Explanation | None:
    """Answer by the topic of a question; without one, by the things that it names."""
    topic = question.topic
    if topic in (Topic.REFUSED, Topic.CREDIT):
        return refused_or_credited(question, history)
    if topic is Topic.MOVED:
        return loads_moved(question, history)
    if question.customers or question.contract_id:
        return contract_off(question, history)
    if topic is Topic.MONEY:
        return money_made(question, history)
    if topic is Topic.PLAN:
        return plan_made(question, history)
    if topic is Topic.PRICE:
        return prices_seen(question, history)
    if question.sites or topic in (Topic.OFF, Topic.RUNNING):
        return site_state(question, history)
    return loads_moved(question, history) if question.tier is not None else None


def _out_of_reach(question: Question, history: RunHistory) -> str:
    """Say what is wrong with a question's time or contract; empty if nothing is."""
    asked, grid = question.tick_range, history.grid
    newest = f"{grid.at(history.last_tick):%d %b %Y %H:%M} UTC (tick {history.last_tick})"
    if asked.first_tick > history.last_tick:
        return f"That is in the future: the run stands at {newest}."
    if asked.end_tick <= 0:
        return f"That is before the run began, at {grid.at(0):%d %b %Y %H:%M} UTC."
    if question.contract_id and history.decisions.contract(question.contract_id) is None:
        return f"No contract of this run has the id “{question.contract_id}”."
    return ""


def _with_guesses(found: Explanation, question: Question, history: RunHistory) -> Explanation:
    """Add local time at the answer's site, and the names that were corrected."""
    sentences = found.sentences
    if question.taken_as:
        sentences = (f"Read as: {', '.join(question.taken_as)}.", *sentences)
    local = ""
    if found.site_id and found.tick is not None:
        site = history.config.fleet.sites[history.config.fleet.site_ids.index(found.site_id)]
        local = f"{history.grid.at(found.tick).astimezone(zone(site.timezone)):%a %H:%M} in {site.name}"
    return replace(found, sentences=sentences, local_text=local)


_FORMS: Final[tuple[tuple[tuple[str, ...], Callable[[Event, RunHistory], str]], ...]] = (
    (("curtailed",), _of_site),
    (("outage",), _of_site),
    (("budget", "stranded"), _of_contract),
    (("moved",), _of_move),
    (("refused",), _of_refusal),
)
