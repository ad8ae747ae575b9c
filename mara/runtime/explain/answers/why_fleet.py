"""Answers about more than one site: moves, money, plans and prices."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from mara.core.contract import UNPLACED
from mara.core.event_details import ContractMoved
from mara.core.events import Event
from mara.core.explanation import Explanation, Facts
from mara.core.finance import COST_LINES, REVENUE_LINES, Line
from mara.core.ledger_words import line_label
from mara.runtime.explain.answers.telling import span_of, span_text, told
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, TickContext, price_told
from mara.store.read.decisions import ANY_SITE

MOST_MOVES: Final = 3
MOST_LINES: Final = 3
LEAST_TOLD_USD: Final = 0.5
LINE_WORDS: Final = tuple(line_label(line.name.lower()) for line in Line)


def loads_moved(question: Question, history: RunHistory) -> Explanation:
    """List the contract moves asked about, newest first.

    For the newest move, the price of power at both sites is told as well.
    """
    first, end = span_of(question, history)
    moves = _moves(question, history, first, end)
    if not moves:
        return _nothing_moved(question, history, first, end)
    newest, facts = moves[0], Facts()
    lines = [f"At {history.when(event.tick)}: {event.text}" for event in moves[:MOST_MOVES]]
    if len(moves) > MOST_MOVES:
        lines.append(f"{len(moves) - MOST_MOVES} more such moves were made in that time.")
    context = history.context(newest.tick)
    if context is not None:
        lines += _both_ends(facts, history, context, newest)
    return told(question, history, lines, facts, newest.tick, newest.site)


def money_made(question: Question, history: RunHistory) -> Explanation:
    """Report earnings and costs in the time asked about, and the largest ledger lines."""
    first, end = span_of(question, history)
    site = question.sites[0] if question.sites else ANY_SITE
    whose = history.name(site) if question.sites else "The fleet"
    if question.tick_range.is_point and question.tick_range.is_stated:
        first, end = _hour_of(history, first)
    money = history.decisions.money_usd(first, end, site)
    facts, span = Facts(), span_text(history, first, end)
    revenue = facts.told("revenue_usd", f"Revenue of {whose.lower()}, {span}", float(money[REVENUE_LINES].sum()))
    cost = facts.told("cost_usd", f"Costs of {whose.lower()}, {span}", float(-money[COST_LINES].sum()))
    profit = float(money.sum())
    made = facts.told("profit_usd", f"Profit of {whose.lower()}, {span}", profit)
    word = "lost money" if profit < 0.0 else "made a profit"
    lines = [f"{whose} {word} from {span}: revenue {revenue}, costs {cost}, profit {made}."]
    lines += [f"Largest {what}: {_largest(facts, money, which, span)}." for what, which in _LARGEST]
    last = min(end - 1, history.last_tick)
    if question.sites:
        context = history.context(last)
        lines += [f"Power cost {price_told(facts, history, context, site)} at its end."] if context is not None else []
    return told(question, history, lines, facts, last, site)


def plan_made(question: Question, history: RunHistory) -> Explanation:
    """Explain the plan in force: its optimizer, expected profit, and reasons."""
    tick = min(question.tick_range.end_tick - 1, history.last_tick)
    plan = history.decisions.plan(tick)
    if plan is None:
        lines = [f"No plan was written down up to {history.when(tick)}."]
        return told(question, history, lines, Facts(), tick, ANY_SITE)
    facts = Facts()
    lines = [f"At {history.when(tick)} the plan in force was {plan.status}, made by {plan.optimizer} and adopted at "
             f"{history.clock(plan.adopted_tick, tick)}."]  # fmt: skip
    if plan.objective_usd is not None:
        worth = facts.told("objective_usd", f"What the plan of tick {plan.adopted_tick} expected", plan.objective_usd)
        lines.append(f"It expected to earn {worth} over its horizon.")
    lines += [f"Why not a better one: {plan.note}."] if plan.note else []
    lines += [text for text in (plan.headline, *plan.reasons) if text]
    return told(question, history, lines, facts, tick, ANY_SITE)


def prices_seen(question: Question, history: RunHistory) -> Explanation:
    """Compare the price at a site with that a day before, and with the cheapest site.

    All prices are observed ones, not forecasts.
    """
    tick = min(question.tick_range.end_tick - 1, history.last_tick)
    context = history.context(tick)
    if context is None:
        lines = [f"The prices of {history.when(tick)} are past their retention."]
        return told(question, history, lines, Facts(), tick, ANY_SITE)
    prices, facts = context.observation.energy_price_usd_per_mwh, Facts()
    site = question.sites[0] if question.sites else int(prices.argmax())
    lines = [f"Power cost {price_told(facts, history, context, site)} at {history.name(site)} at {history.when(tick)}. "
             "Mara observes prices and does not make them."]  # fmt: skip
    cheapest = int(prices.argmin())
    lines.append(f"The cheapest grid was {history.name(cheapest)} at {price_told(facts, history, context, cheapest)}.")
    before = (
        history.context(tick - history.grid.ticks_of_hours(24)) if tick >= history.grid.ticks_of_hours(24) else None
    )
    if before is not None:
        lines.append(f"A day before it was {price_told(facts, history, before, site)} at {history.name(site)}.")
    if context.observation.stale_sources:
        lines.append(f"Stale in that tick: {', '.join(context.observation.stale_sources)}.")
    return told(question, history, lines, facts, tick, site)


def _moves(question: Question, history: RunHistory, first: int, end: int) -> list[Event]:
    """Moves of the customer, tier and sites in the question, newest first."""
    site = question.sites[-1] if question.sites else ANY_SITE
    contract = history.decisions.contract(question.contract_id) if question.contract_id else None
    customer = question.customers[0] if question.customers and not question.contract_id else ""
    origin = question.sites[0] if len(question.sites) > 1 else ANY_SITE

    def is_meant(event: Event) -> bool:
        named = event.contract
        if named is None or (customer and named.customer != customer):
            return False
        if question.contract_id and (contract is None or not named.may_be(contract.contract)):
            return False
        return question.tier in (None, named.tier) and origin in (ANY_SITE, _origin_of(event))

    def left_the_site(event: Event) -> bool:
        named = event.contract
        return named is not None and question.tier in (None, named.tier) and _origin_of(event) == site

    found = history.decisions.events(("moved",), first, end, site=site, which=is_meant)
    if not found and len(question.sites) == 1:
        found = history.decisions.events(("moved",), first, end, which=left_the_site)
    return list(found)


def _origin_of(event: Event) -> int:
    """Site that a contract moved from; `UNPLACED` where the event does not tell."""
    return event.details.from_site if isinstance(event.details, ContractMoved) else UNPLACED


def _nothing_moved(question: Question, history: RunHistory, first: int, end: int) -> Explanation:
    """Say that no such move happened, and report the newest one before."""
    lines = [f"No such move was made from {span_text(history, first, end)}."]
    before = _moves(question, history, 0, first)
    if before:
        lines.append(f"The last one before, at {history.when(before[0].tick)}: {before[0].text}")
    tick = before[0].tick if before else max(first, end - 1)
    return told(question, history, lines, Facts(), tick, before[0].site if before else ANY_SITE)


def _both_ends(facts: Facts, history: RunHistory, context: TickContext, event: Event) -> list[str]:
    """Compare the cost of one MWh of contract load at the sites left and reached."""
    origin = _origin_of(event)
    if origin == UNPLACED:
        return []
    ends = (origin, event.site)
    cost = [
        facts.told(
            "rack_usd_per_mwh",
            f"Power and carbon of a rack MWh at {history.name(site)}, {history.when(event.tick)}",
            context.rack_cost_usd_per_mwh(site),
        )
        for site in ends
    ]
    prices = [price_told(facts, history, context, site) for site in ends]
    local = [f"{history.name(site)} {price}" for site, price in zip(ends, prices, strict=True)]
    return [
        f"With cooling and carbon a MWh of its racks cost {cost[0]} at {history.name(ends[0])} and {cost[1]} at "
        f"{history.name(ends[1])}; the grids' prices were {local[0]} and {local[1]}."
    ]


def _largest(facts: Facts, money: np.ndarray, lines: Sequence[int], span: str) -> str:
    parts = []
    for line in sorted(lines, key=lambda line: -abs(money[line]))[:MOST_LINES]:
        amount_usd, words = float(abs(money[line])), LINE_WORDS[line]
        if amount_usd >= LEAST_TOLD_USD:
            parts.append(f"{words} {facts.told('line_usd', f'{words}, {span}', amount_usd)}")
    return "; ".join(parts) or "none"


def _hour_of(history: RunHistory, tick: int) -> tuple[int, int]:
    """Range of ticks of the clock hour around a tick, as far as they are stored."""
    per_hour = history.grid.ticks_per_hour
    first = history.grid.tick_at(history.grid.at(tick).replace(minute=0, second=0))
    return max(0, first), min(first + per_hour, history.last_tick + 1)


_LARGEST: Final = (("earnings", REVENUE_LINES), ("costs", COST_LINES))
