"""Answers to why-questions from what is stored, in sentences of facts.

No language model is used: every number is read from the stored run, or computed from it by the formulas of `mara.core`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from mara.core.contract import TIER_KEYS
from mara.core.events import Event
from mara.core.explanation import Explanation
from mara.core.snapshot import ForecastSnapshot
from mara.core.timegrid import moment_text, zone
from mara.runtime.explain.answers.why_against_rules import against_rules
from mara.runtime.explain.answers.why_budgets import budgets_told
from mara.runtime.explain.answers.why_contracts import contract_off, off_tick, refused_or_credited
from mara.runtime.explain.answers.why_expected import prices_expected
from mara.runtime.explain.answers.why_figures import compared, metric_told, ranked
from mara.runtime.explain.answers.why_fleet import loads_moved, money_made, plan_made, prices_seen
from mara.runtime.explain.answers.why_happened import counted, what_happened
from mara.runtime.explain.answers.why_orders import who_ordered
from mara.runtime.explain.answers.why_sites import site_state, sites_beside
from mara.runtime.explain.answers.why_terms import terms_told
from mara.runtime.explain.doubts import Doubt, refusal_of
from mara.runtime.explain.question import MOST_CHARACTERS, Question, question_of
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.topics import Figure, Topic
from mara.runtime.explain.understanding import understood_of
from mara.store.read.decisions import Decisions
from mara.store.read.order_list import orders_about
from mara.store.read.read_model import ReadModel

Ahead: TypeAlias = Callable[[], ForecastSnapshot | None]
"""Function that returns the forecast in force; None where there is none."""

ALWAYS_ASKED: Final = (
    "What was the plan at 06:00?",
    "What did the fleet earn yesterday?",
    "Which site was the most profitable yesterday?",
    "How much did we lose against the rules yesterday?",
    "Which contract is closest to breaking?",
)


def no_forecast() -> None:
    """Return no forecast, for a run that is only read."""


def explained(reading: ReadModel, text: str, ahead: Ahead = no_forecast) -> Explanation:
    """Answer an operator's question; if it is not understood, say what can be asked.

    Args:
        ahead: called only for a question about prices to come.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    history = RunHistory.of(Decisions(reading))
    asked = " ".join(text.split())[:MOST_CHARACTERS]
    if history.last_tick < 0:
        return unanswered(
            asked, Doubt(kind="not stored", text="Nothing is stored yet: ask when the first tick has run."), ()
        )
    can_ask = examples(history)
    question = question_of(asked, history.config.fleet, history.grid, history.last_tick, history.customers)
    refusal = refusal_of(question, history.config.fleet, history.customers) or _out_of_reach(question, history)
    if refusal is not None:
        return unanswered(asked, refusal, can_ask)
    found = _answer(question, history, ahead)
    if found is None:
        wants = "Name a site, a customer or a tier, what happened, and when. For example:"
        refusal = Doubt(kind="unclear", text=f"That question was not understood. {wants}")
        return unanswered(asked, refusal, can_ask)
    shown = _with_local_time(found, history)
    return replace(shown, question=asked, can_ask=can_ask, understood=understood_of(question, history))


def can_be_asked(reading: ReadModel) -> tuple[str, ...]:
    """List questions that the run would answer now; none before its first tick.

    Raises:
        StoreRefused: the database holds no run, or does not answer.
    """
    history = RunHistory.of(Decisions(reading))
    return examples(history) if history.last_tick >= 0 else ()


def unanswered(asked: str, refusal: Doubt, can_ask: tuple[str, ...]) -> Explanation:
    """Say what is wrong with a question, or with asking now."""
    return Explanation(
        question=asked, is_answered=False, sentences=(refusal.text,), can_ask=can_ask, refusal=refusal.kind
    )


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


def _of_stop(event: Event, history: RunHistory) -> str:
    return f"Why did {history.name(event.site)} stop {_at(event, history)}?"


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


def _answer(question: Question, history: RunHistory, ahead: Ahead) -> Explanation | None:
    """Answer by the topic of a question; without one, by the things that it names."""
    if question.topic is Topic.EXPECTED:
        return prices_expected(question, history, ahead() if question.metric is Figure.PRICE else None)
    answer = _OF_ONE_KIND.get(question.topic) or _by_subject(question)
    return answer(question, history) if answer is not None else None


def _by_subject(question: Question) -> "Answer | None":
    """Choose an answer by what a question names: contracts, several sites, or one."""
    topic, asked = question.topic, question.tick_range
    if question.customers or question.contract_id:
        return contract_off
    if len(question.sites) > 1 or question.beside is not None or topic is Topic.COMPARED:
        return compared if topic in _OF_NUMBERS or topic is Topic.COMPARED else sites_beside
    if topic is Topic.PRICE and not asked.is_point and not question.nameless.startswith("why"):
        return metric_told
    if topic in _OF_NUMBERS:
        return _OF_NUMBERS[topic]
    if question.sites or topic in (Topic.OFF, Topic.RUNNING):
        return site_state
    return loads_moved if question.tier is not None else None


def _out_of_reach(question: Question, history: RunHistory) -> Doubt | None:
    """Say what is wrong with a question's time or contract; None if nothing is."""
    grid, last = history.grid, history.last_tick
    newest = f"{moment_text(grid.at(last))} (tick {last})"
    for asked in (question.tick_range, *((question.beside,) if question.beside is not None else ())):
        if asked.first_tick > last and question.topic is not Topic.EXPECTED:
            return Doubt(kind="out of reach", text=f"That is in the future: the run stands at {newest}.")
        if asked.first_tick > last + MOST_TICKS_AHEAD:
            return Doubt(kind="out of reach", text=f"That is too far in the future: the run stands at {newest}.")
        if asked.end_tick <= 0:
            text = f"That is before the run began, at {moment_text(grid.at(0))} (tick 0)."
            return Doubt(kind="out of reach", text=text)
    if question.topic is Topic.EXPECTED and question.tick_range.is_stated and question.tick_range.end_tick <= last:
        return None
    named = question.contract_id
    if named and history.decisions.contract(named) is None:
        if question.topic is Topic.ORDERED and orders_about(history.decisions.read_model, (named,), (), 0, last + 2, 1):
            return None
        return Doubt(kind="unknown name", text=f"No contract of this run has the id “{named}”.")
    return None


def _with_local_time(found: Explanation, history: RunHistory) -> Explanation:
    """Add the local time at the answer's site."""
    if not found.site_id or found.tick is None:
        return found
    site = history.config.fleet.sites[history.config.fleet.site_ids.index(found.site_id)]
    local = f"{history.grid.at(found.tick).astimezone(zone(site.timezone)):%a %H:%M} in {site.name}"
    return replace(found, local_text=local)


Answer: TypeAlias = Callable[[Question, RunHistory], Explanation]
MOST_TICKS_AHEAD: Final = 100_000
_OF_ONE_KIND: Final[dict[Topic | None, Answer]] = {
    Topic.BUDGET: budgets_told,
    Topic.AGAINST_RULES: against_rules,
    Topic.ORDERED: who_ordered,
    Topic.COUNTED: counted,
    Topic.TERMS: terms_told,
    Topic.HAPPENED: what_happened,
    Topic.REFUSED: refused_or_credited,
    Topic.CREDIT: refused_or_credited,
    Topic.MOVED: loads_moved,
}
"""Answers that do not depend on how many sites a question names."""
_OF_NUMBERS: Final[dict[Topic | None, Answer]] = {
    Topic.RANKED: ranked,
    Topic.METRIC: metric_told,
    Topic.MONEY: money_made,
    Topic.PRICE: prices_seen,
    Topic.PLAN: plan_made,
}
"""Answers about one site or the fleet.

Where a question names two sites or periods, numbers are compared.
"""
_FORMS: Final[tuple[tuple[tuple[str, ...], Callable[[Event, RunHistory], str]], ...]] = (
    (("curtailed",), _of_site),
    (("outage",), _of_site),
    (("called",), _of_stop),
    (("peak",), _of_stop),
    (("budget", "stranded"), _of_contract),
    (("moved",), _of_move),
    (("refused",), _of_refusal),
)
