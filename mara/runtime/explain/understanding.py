"""Meaning taken from a question, as fields and as the sentence before the answer."""

import re
from datetime import UTC
from typing import Final

from mara.core.contract import TIER_KEYS
from mara.core.explanation import Understood
from mara.core.timegrid import zone
from mara.runtime.explain.answers.telling import is_of_outages, span_of
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, day_text
from mara.runtime.explain.tick_range import TickRange
from mara.runtime.explain.topics import TIME_WORDS, Figure, Topic, asks_for_least

KIND_WORDS: Final = {
    Topic.BUDGET: "error budgets{of}",
    Topic.AGAINST_RULES: "profit against the rules{of}",
    Topic.ORDERED: "orders and who gave them{of}",
    Topic.COUNTED: "a count{of}",
    Topic.TERMS: "power terms in the ledger{of}",
    Topic.HAPPENED: "what happened{at}",
    Topic.COMPARED: "a comparison{of}",
    Topic.EXPECTED: "the expected price of power{at}",
    Topic.MOVED: "moves of contracts{of}",
    Topic.REFUSED: "refused requests{of}",
    Topic.CREDIT: "credits owed{of}",
    Topic.MONEY: "earnings and costs{of}",
    Topic.PLAN: "the plan in force",
    Topic.OFF: "what was off and why{at}",
    Topic.RUNNING: "what ran and why{at}",
    Topic.PRICE: "the price of power{at}",
}
OF_THE_WHOLE_RUN: Final = frozenset({Topic.ORDERED, Topic.REFUSED, Topic.CREDIT})
METRIC_NAMES: Final = {
    Figure.REVENUE: "revenue",
    Figure.PROFIT: "profit",
    Figure.HASHPRICE: "the hashprice",
    Figure.PRICE: "price of power",
    Figure.COST: "costs",
    Figure.PUE: "PUE",
    Figure.CARBON: "carbon",
    Figure.RENEWABLE: "renewable share of the grid",
    Figure.TEMPERATURE: "temperature outside",
    Figure.AVAILABILITY: "available machines",
    Figure.POWER: "power drawn",
}


def understood_of(question: Question, history: RunHistory) -> Understood:
    """Say what was understood, with the time in the zone of the question."""
    asked, beside, fleet = question.tick_range, question.beside, history.config.fleet
    first, end = (asked.first_tick, asked.end_tick) if asked.is_stated else _unstated(question, history)
    read_as = f" (read as: {', '.join(question.taken_as)})" if question.taken_as else ""
    text = f"Understood as: {_what(question, history)}, {_time_text(question, asked, history)}"
    if beside is not None:
        text += f", beside {_time_text(question, beside, history)}"
    return Understood(
        text=f"{text}{read_as}.",
        kind=question.topic or "",
        site_ids=tuple(fleet.site_ids[site] for site in question.sites),
        customers=question.customers,
        contract_id=question.contract_id,
        tier=TIER_KEYS[question.tier] if question.tier is not None else "",
        metric=question.metric or "",
        comparison=comparison_of(question),
        first_tick=first,
        end_tick=end,
        starts_at=history.grid.at(first),
        ends_at=history.grid.at(end),
        beside_first_tick=beside.first_tick if beside is not None else None,
        beside_end_tick=beside.end_tick if beside is not None else None,
        zone=fleet.sites[question.sites[0]].timezone if question.is_local else "UTC",
        is_time_stated=asked.is_stated,
        taken_as=question.taken_as,
    )


def comparison_of(question: Question) -> str:
    """Name what a question compares: `sites`, `periods`, `rules`, or nothing."""
    if question.topic is Topic.AGAINST_RULES:
        return "rules"
    if question.beside is not None:
        return "periods"
    return "sites" if len(question.sites) > 1 and question.topic is not Topic.MOVED else ""


def _unstated(question: Question, history: RunHistory) -> tuple[int, int]:
    """Range of ticks that a question without a time is answered for."""
    end = history.last_tick + 1
    if question.topic in (Topic.BUDGET, Topic.PLAN, Topic.PRICE, Topic.COUNTED, Topic.EXPECTED):
        return history.last_tick, end
    if question.topic in OF_THE_WHOLE_RUN:
        return 0, end
    if question.topic in (Topic.OFF, Topic.RUNNING, None) and question.tick_range.is_point:
        return history.last_tick, end
    return span_of(question, history)


def _what(question: Question, history: RunHistory) -> str:
    """Phrase kind and subject of a question."""
    subject = _subject(question, history)
    if question.topic is Topic.RANKED and question.metric is not None:
        extreme = "lowest" if asks_for_least(question.nameless, question.metric) else "highest"
        asked = "when" if re.search(rf"\b(?:{TIME_WORDS})\b", question.nameless) else "where"
        return (
            f"{asked} {METRIC_NAMES[question.metric]} {'were' if question.metric is Figure.COST else 'was'} {extreme}"
        )
    if question.topic in (Topic.METRIC, Topic.COMPARED) and question.metric is not None:
        return f"{METRIC_NAMES[question.metric]} of {subject or 'the fleet'}"
    kind = KIND_WORDS.get(question.topic, "the state{of}") if question.topic is not None else "the state{of}"
    return kind.format(of=f" of {subject}" if subject else "", at=f" at {subject}" if subject else "")


def _subject(question: Question, history: RunHistory) -> str:
    """List the products, sites, customers, contract and tier of a question."""
    tier = [TIER_KEYS[question.tier].capitalize()] if question.tier is not None else []
    contract = [f"contract {question.contract_id}"] if question.contract_id else []
    sites, terms = (history.name(site) for site in question.sites), history.config.fleet.power
    products = [terms.products[p].id for p in question.products] if terms is not None else []
    return " and ".join([*products, *sites, *question.customers, *contract, *tier])


def _time_text(question: Question, asked: TickRange, history: RunHistory) -> str:
    """Write the time of a question with its zone and ticks."""
    grid = history.grid
    if not asked.is_stated:
        first, after = _unstated(question, history)
        if question.topic is Topic.EXPECTED:
            return f"from now on (tick {history.last_tick})"
        if question.topic is Topic.AGAINST_RULES:
            return "no time named, so today and since the start if that is kept, else the last 24 hours"
        if after - first == 1:
            return f"now (tick {first})"
        is_whole = question.topic in OF_THE_WHOLE_RUN or is_of_outages(question)
        whole = "the whole run" if is_whole else "the last 24 hours"
        return f"no time named, so {whole} (ticks {first} to {after - 1})"
    timezone = history.config.fleet.sites[question.sites[0]].timezone if question.is_local else ""
    local = zone(timezone) if timezone else UTC
    start, end = grid.at(asked.first_tick).astimezone(local), grid.at(asked.end_tick).astimezone(local)
    name = timezone or "UTC"
    if asked.is_point:
        return f"{start:%H:%M} {name} on {day_text(start)} (tick {asked.first_tick})"
    last = asked.end_tick - 1
    ticks = f"ticks {asked.first_tick} to {last}" if last > asked.first_tick else f"tick {last}"
    return f"{start:%H:%M} on {day_text(start)} to {end:%H:%M} on {day_text(end)} {name} ({ticks})"
