"""Answers about events: what happened in a time, at an outage, and how often."""

from typing import Final

from mara.core.events import STORY_KINDS, Event
from mara.core.explanation import Explanation, Facts
from mara.core.units import TOLERANCE_MW
from mara.runtime.explain.answers.telling import is_of_outages, many, span_of, span_text, told, unstored
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.store.read.decisions import ANY_SITE, MOST_EVENTS

MOST_TOLD: Final = 6
OF_OUTAGES: Final = ("outage", "recovery")
COUNTED: Final = (
    (("contract", "customer"), ""),
    (("outage", "failure", "failed", "tripped"), "outage"),
    (("refus", "reject", "declin", "turned"), "refused"),
    (("move", "migrat", "shift", "relocat"), "moved"),
    (("credit", "missed", "breach"), "credit"),
    (("called", "calls", "deploy"), "called"),
    (("curtail", "switched off"), "curtailed"),
)
"""Parts of a question that asks how many, and the events that are counted.

Contracts are counted by state.
"""
NOUNS: Final = {
    "outage": ("outage", "outages"),
    "refused": ("refused request", "refused requests"),
    "moved": ("move of a contract", "moves of contracts"),
    "credit": ("credit", "credits"),
    "called": ("call of a grid product", "calls of grid products"),
    "curtailed": ("switching off of miners", "switchings off of miners"),
}
NOT_COUNTED: Final = (
    "That is not counted here. Contracts and sites (live, off, down), outages, refusals, moves, credits, "
    "calls of grid products and curtailments are; the tables of the dashboard and the API have every row."
)


def what_happened(question: Question, history: RunHistory) -> Explanation:
    """List the events of a time, of a site if one is named, newest first.

    A question about an outage is answered with outages and recoveries, of the whole run if it names no time.
    """
    is_outage = is_of_outages(question)
    site = question.sites[0] if question.sites else ANY_SITE
    first, end = span_of(question, history)
    kinds = OF_OUTAGES if is_outage else STORY_KINDS
    found = history.decisions.events(kinds, first, end, site=site)
    span, facts = span_text(history, first, end), Facts()
    where = f" at {history.name(site)}" if site >= 0 else ""
    if not found:
        what = "No outage was" if is_outage else "Nothing worth telling was"
        return told(question, history, [f"{what} reported{where} from {span}."], facts, max(first, end - 1), site)
    lines = [f"At {history.when(event.tick)}: {event.text}" for event in found[:MOST_TOLD]]
    more = len(found) - MOST_TOLD
    if more > 0:
        most = "at least " if len(found) >= MOST_EVENTS else ""
        told_count = facts.told("events_count", f"Further events, {span}", more)
        lines.append(f"And {most}{told_count} more from {span}.")
    newest = found[0]
    if is_outage:
        lines += _contracts_then(history, found)
    return told(question, history, lines, facts, newest.tick, newest.site)


def counted(question: Question, history: RunHistory) -> Explanation:
    """Count contracts and sites by state, or events of a kind."""
    text = question.nameless
    if any(word in text for word in ("site", "hall", "location")) and "contract" not in text:
        return _sites_counted(question, history)
    kind = next((kind for words, kind in COUNTED if any(word in text for word in words)), None)
    if kind is None:
        return unstored(question, NOT_COUNTED)
    if not kind:
        return _contracts_counted(question, history)
    first, end = span_of(question, history)
    site = question.sites[0] if question.sites else ANY_SITE
    found = history.decisions.events((kind,), first, end, site=site)
    facts, span = Facts(), span_text(history, first, end)
    count = facts.told("events_count", f"{NOUNS[kind][1].capitalize()}, {span}", len(found))
    most = "At least " if len(found) >= MOST_EVENTS else ""
    where = f" at {history.name(site)}" if site >= 0 else ""
    one, more = NOUNS[kind]
    lines = [f"{most}{count} {many(len(found), f'{one} was', f'{more} were')} reported{where} from {span}."]
    lines += [f"The newest, at {history.when(found[0].tick)}: {found[0].text}"] if found else []
    return told(question, history, lines, facts, found[0].tick if found else max(first, end - 1), site)


def _contracts_counted(question: Question, history: RunHistory) -> Explanation:
    """Count the contracts that were live at the tick asked about, and those off."""
    tick = min(question.tick_range.end_tick - 1, history.last_tick)
    live, off = history.decisions.live_counts(tick, question.tier, question.customers)
    facts, when = Facts(), history.when(tick)
    whose = f" of {' and '.join(question.customers)}" if question.customers else ""
    shown = facts.told("live_count", f"Live contracts{whose}, {when}", live)
    idle = facts.told("off_count", f"Live contracts off{whose}, {when}", off)
    line = f"Contracts{whose} live at {when}: {shown}; of these off: {idle}."
    return told(question, history, [line], facts, tick, ANY_SITE)


def _sites_counted(question: Question, history: RunHistory) -> Explanation:
    """Count sites that were down, partly available, or had miners off for the price."""
    tick = min(question.tick_range.end_tick - 1, history.last_tick)
    context = history.context(tick)
    if context is None:
        return unstored(question, f"The rows of {history.when(tick)} are past their retention.")
    facts, when = Facts(), history.when(tick)
    up, idle = context.observation.availability_share, context.idle_mw.sum(axis=1) > TOLERANCE_MW
    count = facts.told("sites_count", f"Sites, {when}", history.config.fleet.site_count)
    down = facts.told("down_count", f"Sites down, {when}", int((up == 0.0).sum()))
    partial = facts.told(
        "partial_count", f"Sites with part of their machines, {when}", int(((up > 0.0) & (up < 1.0)).sum())
    )
    curtailed = facts.told("curtailed_count", f"Sites with miners off, {when}", int((idle & (up > 0.0)).sum()))
    names = [history.name(site) for site in range(len(up)) if up[site] < 1.0]
    listed = f"; down or in part: {', '.join(names)}" if names else ""
    line = (
        f"Of {count} sites at {when}: down {down}, with part of their machines {partial}, with miners off "
        f"{curtailed}{listed}."
    )
    return told(question, history, [line], facts, tick, ANY_SITE)


def _contracts_then(history: RunHistory, found: tuple[Event, ...]) -> list[str]:
    """Tell which contracts lost their place in the tick of the newest outage."""
    outage = next((event for event in found if event.kind == "outage"), None)
    if outage is None:
        return []
    lost = history.decisions.events(("stranded", "moved"), outage.tick, outage.tick + 1, limit=MOST_TOLD)
    return [f"In that tick: {event.text}" for event in lost]
