"""Why load moved, what was earned, what the plan was, what power cost: questions about more than one site."""

import re
from typing import Final

import numpy as np

from mara.core.contract import TIER_KEYS
from mara.core.events import Event
from mara.core.explanation import Explanation
from mara.core.finance import COST_LINES, REVENUE_LINES, Line
from mara.runtime.explain.facts import Facts
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, TickContext, day_text, price_told
from mara.runtime.explain.why_contracts import contract_text
from mara.store.read.decisions import ANY_SITE

MOST_MOVES: Final = 3
MOST_LINES: Final = 3
LEAST_TOLD_USD: Final = 0.5
LINE_WORDS: Final = tuple(line.name.lower().replace("_", " ") for line in Line)
_MOVED_FROM = re.compile(r" moved from (.+) to (?:reserve at )?.+")


def loads_moved(question: Question, past: RunHistory) -> Explanation:
    """The moves asked about, newest first, with what power cost at both ends of the newest."""
    first, end = _span(question, past)
    moves = _moves(question, past, first, end)
    if not moves:
        return _nothing_moved(question, past, first, end)
    newest, facts = moves[0], Facts()
    lines = [f"At {past.when(event.tick)}: {event.text}" for event in moves[:MOST_MOVES]]
    if len(moves) > MOST_MOVES:
        lines.append(f"{len(moves) - MOST_MOVES} more such moves were made in that time.")
    scene = past.scene(newest.tick)
    if scene is not None:
        lines += _both_ends(facts, past, scene, newest)
    return _told(question, past, lines, facts, newest.tick, newest.site)


def money_made(question: Question, past: RunHistory) -> Explanation:
    """What the time asked about earned and cost, and the largest lines of it."""
    first, end = _span(question, past)
    site = question.sites[0] if question.sites else ANY_SITE
    whose = past.name(site) if question.sites else "The fleet"
    if question.moment.is_point and question.moment.is_stated:
        first, end = _hour_of(past, first)
    money = past.decisions.money_usd(first, end, site)
    facts, span = Facts(), _span_text(past, first, end)
    revenue = facts.told("revenue_usd", f"Revenue of {whose.lower()}, {span}", float(money[REVENUE_LINES].sum()))
    cost = facts.told("cost_usd", f"Costs of {whose.lower()}, {span}", float(-money[COST_LINES].sum()))
    profit = float(money.sum())
    made = facts.told("profit_usd", f"Profit of {whose.lower()}, {span}", profit)
    word = "lost money" if profit < 0.0 else "made a profit"
    lines = [f"{whose} {word} from {span}: revenue {revenue}, costs {cost}, profit {made}."]
    lines += [f"Largest {what}: {_largest(facts, money, which, span)}." for what, which in _LARGEST]
    last = min(end - 1, past.last_tick)
    if question.sites:
        scene = past.scene(last)
        lines += [f"Power cost {price_told(facts, past, scene, site)} at its end."] if scene is not None else []
    return _told(question, past, lines, facts, last, site)


def plan_made(question: Question, past: RunHistory) -> Explanation:
    """The plan in force at the tick asked about: who made it, what it promised, and its reasons."""
    tick = min(question.moment.end_tick - 1, past.last_tick)
    plan = past.decisions.plan(tick)
    if plan is None:
        lines = [f"No plan was written down up to {past.when(tick)}."]
        return _told(question, past, lines, Facts(), tick, ANY_SITE)
    facts = Facts()
    lines = [f"At {past.when(tick)} the plan in force was {plan.status}, made by {plan.optimizer} and adopted at "
             f"{past.clock(plan.adopted_tick, tick)}."]  # fmt: skip
    if plan.objective_usd is not None:
        worth = facts.told("objective_usd", f"What the plan of tick {plan.adopted_tick} expected", plan.objective_usd)
        lines.append(f"It expected to earn {worth} over its horizon.")
    lines += [f"Why not a better one: {plan.note}."] if plan.note else []
    lines += [text for text in (plan.headline, *plan.reasons) if text]
    return _told(question, past, lines, facts, tick, ANY_SITE)


def prices_seen(question: Question, past: RunHistory) -> Explanation:
    """What power cost at the tick asked about, here, a day before, and where it was cheapest. Prices are observed."""
    tick = min(question.moment.end_tick - 1, past.last_tick)
    scene = past.scene(tick)
    if scene is None:
        lines = [f"The prices of {past.when(tick)} are past their retention."]
        return _told(question, past, lines, Facts(), tick, ANY_SITE)
    prices, facts = scene.observation.energy_price_usd_per_mwh, Facts()
    site = question.sites[0] if question.sites else int(prices.argmax())
    lines = [f"Power cost {price_told(facts, past, scene, site)} at {past.name(site)} at {past.when(tick)}. "
             "Mara observes prices and does not make them."]  # fmt: skip
    cheapest = int(prices.argmin())
    lines.append(f"The cheapest grid was {past.name(cheapest)} at {price_told(facts, past, scene, cheapest)}.")
    before = past.scene(tick - past.grid.ticks_of_hours(24)) if tick >= past.grid.ticks_of_hours(24) else None
    if before is not None:
        lines.append(f"A day before it was {price_told(facts, past, before, site)} at {past.name(site)}.")
    if scene.observation.stale_sources:
        lines.append(f"Stale in that tick: {', '.join(scene.observation.stale_sources)}.")
    return _told(question, past, lines, facts, tick, site)


def _span(question: Question, past: RunHistory) -> tuple[int, int]:
    """The ticks asked about, as far as they are stored. A single tick that was not named is the last day."""
    moment = question.moment
    if moment.is_point and not moment.is_stated:
        return max(0, past.last_tick + 1 - past.grid.ticks_of_hours(24)), past.last_tick + 1
    return max(0, moment.first_tick), min(moment.end_tick, past.last_tick + 1)


def _moves(question: Question, past: RunHistory, first: int, end: int) -> list[Event]:
    """Moves of the customer, tier and sites that are named, newest first."""
    site = question.sites[-1] if question.sites else ANY_SITE
    naming = question.customers[0] if question.customers else ""
    if question.contract_id:
        booked = past.decisions.contract(question.contract_id)
        naming = contract_text(booked.contract) if booked is not None else question.contract_id
    found = past.decisions.events(("moved",), first, end, site=site, naming=naming)
    if not found and len(question.sites) == 1:  # moved away from there
        found = past.decisions.events(("moved",), first, end, naming=f"moved from {past.name(site)} to")
    tier = f"MW {TIER_KEYS[question.tier].capitalize()} moved" if question.tier is not None else ""
    origin = f"from {past.name(question.sites[0])} to" if len(question.sites) > 1 else ""
    return [event for event in found if tier in event.text and origin in event.text]


def _nothing_moved(question: Question, past: RunHistory, first: int, end: int) -> Explanation:
    """Nothing of the kind in that time: the newest one before it."""
    lines = [f"No such move was made from {_span_text(past, first, end)}."]
    before = _moves(question, past, 0, first)
    if before:
        lines.append(f"The last one before, at {past.when(before[0].tick)}: {before[0].text}")
    tick = before[0].tick if before else max(first, end - 1)
    return _told(question, past, lines, Facts(), tick, before[0].site if before else ANY_SITE)


def _both_ends(facts: Facts, past: RunHistory, scene: TickContext, event: Event) -> list[str]:
    """What a contract's megawatt-hour cost where it came from and where it went."""
    found = _MOVED_FROM.search(event.text)
    names = [site.name for site in past.config.fleet.sites]
    if found is None or found[1] not in names:
        return []
    ends = (names.index(found[1]), event.site)
    cost = [
        facts.told(
            "rack_usd_per_mwh",
            f"Power and carbon of a rack MWh at {past.name(site)}, {past.when(event.tick)}",
            scene.rack_cost_usd_per_mwh(site),
        )
        for site in ends
    ]
    prices = [price_told(facts, past, scene, site) for site in ends]
    local = [f"{past.name(site)} {price}" for site, price in zip(ends, prices, strict=True)]
    return [
        f"With cooling and carbon a MWh of its racks cost {cost[0]} at {past.name(ends[0])} and {cost[1]} at "
        f"{past.name(ends[1])}; the grids' prices were {local[0]} and {local[1]}."
    ]


def _largest(facts: Facts, money: np.ndarray, which: slice, span: str) -> str:
    lines = range(*which.indices(len(money)))
    told = []
    for line in sorted(lines, key=lambda line: -abs(money[line]))[:MOST_LINES]:
        amount_usd, words = float(abs(money[line])), LINE_WORDS[line]
        if amount_usd >= LEAST_TOLD_USD:
            told.append(f"{words} {facts.told('line_usd', f'{words.capitalize()}, {span}', amount_usd)}")
    return ", ".join(told) or "none"


def _hour_of(past: RunHistory, tick: int) -> tuple[int, int]:
    """The clock hour around a tick, as far as it is stored."""
    per_hour = past.grid.ticks_per_hour
    first = past.grid.tick_at(past.grid.at(tick).replace(minute=0, second=0))
    return max(0, first), min(first + per_hour, past.last_tick + 1)


def _span_text(past: RunHistory, first: int, end: int) -> str:
    start, stop = past.grid.at(max(first, 0)), past.grid.at(max(end, first))
    return f"{start:%H:%M} UTC on {day_text(start)} to {stop:%H:%M} UTC on {day_text(stop)}"


def _told(question: Question, past: RunHistory, lines: list[str], facts: Facts, tick: int, site: int) -> Explanation:
    return Explanation(
        question=question.text,
        is_answered=True,
        sentences=tuple(lines),
        facts=tuple(facts.found),
        amounts=facts.amounts,
        tick=tick,
        at=past.grid.at(tick),
        site_id=past.config.fleet.site_ids[site] if site >= 0 else "",
    )


_LARGEST: Final = (("earnings", REVENUE_LINES), ("costs", COST_LINES))
