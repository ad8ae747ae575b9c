"""Answers about contracts: off, running, refused or credited in past ticks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mara.core.contract import BAD, EXCLUDED, GOOD, TIER_KEYS, SlaContract, Tier, budget_ticks, window_of
from mara.core.event_details import ContractScheduledOff, CreditOwed, RequestRefused
from mara.core.event_text import contract_name
from mara.core.events import Event
from mara.core.explanation import Explanation, Facts
from mara.core.timegrid import moment_text
from mara.core.units import HOURS_PER_DAY
from mara.runtime.explain.answers.telling import told
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, price_told
from mara.runtime.explain.topics import Topic
from mara.store.read.decisions import ANY_SITE, Booked

OF_CONTRACTS: Final = ("budget", "stranded", "placed", "moved")
WENT_OFF: Final = ("budget", "stranded")
MOST_TOLD: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractStatus:
    """State of a contract in one tick: bad, good or excluded, and since when."""

    booked: Booked
    state: int
    since_tick: int


def contract_off(question: Question, history: RunHistory) -> Explanation:
    """Explain the state of a customer's contracts at a tick, those off first."""
    tick = _tick_of(question, history)
    statuses = _statuses(question, history, tick)
    if not statuses:
        return _not_live(question, history, tick)
    off = [status for status in statuses if status.state == BAD]
    facts = Facts()
    lines = [] if off else _none_off(history, statuses, tick)
    for status in (off or statuses)[:MOST_TOLD]:
        lines += _status_lines(facts, history, status, tick)
    lines += _others(statuses, off) if off else _last_off(question, history, tick)
    shown = (off or statuses)[0]
    return replace(
        told(question, history, lines, facts, tick, ANY_SITE),
        site_id=_last_site(history, shown.booked.contract, tick),
        contract_id=shown.booked.contract.id,
    )


def refused_or_credited(question: Question, history: RunHistory) -> Explanation:
    """List requests refused or credits owed in the time asked about, newest first."""
    kind = "refused" if question.topic is Topic.REFUSED else "credit"
    word = "request was refused" if kind == "refused" else "credit was owed"
    asked = question.tick_range
    first, end = (0, history.last_tick + 1) if not asked.is_stated else (asked.first_tick, asked.end_tick)
    whose = question.customers[0] if question.customers and kind == "refused" else question.contract_id

    def is_meant(event: Event) -> bool:
        match event.details:
            case RequestRefused(contract=named):
                return whose in ("", named.customer)
            case CreditOwed(contract_id=contract_id):
                return whose in ("", contract_id)
            case _:
                return not whose

    found = history.decisions.events((kind,), first, end, which=is_meant, limit=MOST_TOLD)
    of_whom = f" of {whose}" if whose else ""
    if not found:
        between = f"between {history.when(max(first, 0))} and {history.when(min(end - 1, history.last_tick))}"
        lines = [f"No {word}{of_whom} {between}."]
        return Explanation(question=question.text, is_answered=True, sentences=tuple(lines))
    lines = [f"At {history.when(event.tick)}: {event.text}" for event in found]
    return told(question, history, lines, Facts(), found[0].tick, ANY_SITE)


def off_tick(event: Event) -> int:
    """Find a tick in which the contract was off, from an event about it.

    The event of a contract that was scheduled off comes one tick after its last tick off.
    """
    return event.tick - 1 if isinstance(event.details, ContractScheduledOff) else event.tick


def _tick_of(question: Question, history: RunHistory) -> int:
    """Tick asked about; in a range, the newest in which a named contract went off."""
    asked = question.tick_range
    last = min(asked.end_tick - 1, history.last_tick)
    if asked.is_point:
        return last
    for customer in question.customers[:1]:
        found = history.decisions.events(WENT_OFF, asked.first_tick, last + 1, which=_of_customer(customer), limit=1)
        if found:
            return off_tick(found[0])
    return last


def _statuses(question: Question, history: RunHistory, tick: int) -> list[ContractStatus]:
    """States of the contracts that a question means and that were live in the tick."""
    if question.contract_id:
        one = history.decisions.contract(question.contract_id)
        booked = [one] if one is not None and one.contract.starts_tick <= tick < _end_tick(one, history) else []
    else:
        booked = [b for customer in question.customers for b in history.decisions.contracts_of(customer, tick)]
    if question.tier is not None:
        booked = [b for b in booked if b.contract.tier is question.tier]
    states = ((b, history.decisions.state(b.number, tick)) for b in booked)
    return [ContractStatus(booked=b, state=state[0], since_tick=state[1]) for b, state in states if state is not None]


def _status_lines(facts: Facts, history: RunHistory, status: ContractStatus, tick: int) -> list[str]:
    contract = status.booked.contract
    text, when = _named(contract), history.when(tick)
    since = f"since {history.clock(status.since_tick, tick)}"
    if status.state == GOOD:
        return [f"{text} ran at {when}, {since}."]
    if status.state == EXCLUDED:
        return [f"{text} was excluded from its measurement at {when}, {since}: an announced maintenance or cause."]
    lines = [f"{text} was off at {when}, {since}."]
    if contract.tier is Tier.SPOT:
        lines.append("Spot is best effort: it runs where racks are left over, and nothing was left for it.")
        return lines
    event = _off_event(history, status, tick)
    if event is not None:
        lines.append(f"Reported at {history.clock(event.tick, tick)}: {event.text}")
    elif status.since_tick > contract.starts_tick:
        lines.append("It rests inside its error budget, and had not run again yet.")
    if event is None or event.kind == "budget":
        lines += _scheduled_off_lines(facts, history, status, tick)
    return lines + _budget_lines(facts, history, status, tick)


def _off_event(history: RunHistory, status: ContractStatus, tick: int) -> Event | None:
    """Find the event of a contract's time off: at its start, or at its end."""
    contract = status.booked.contract
    event = _event_of(contract, history, tick)
    if event is not None and event.kind in WENT_OFF and event.tick >= status.since_tick:
        return event
    end = history.decisions.state_ends(status.booked.number, tick) or contract.ends_tick
    found = history.decisions.events(("budget",), tick, end + 1, which=_of_contract(contract), limit=1)
    return found[0] if found else None


def _scheduled_off_lines(facts: Facts, history: RunHistory, status: ContractStatus, tick: int) -> list[str]:
    """Tell the price of power where and when the contract was first scheduled off."""
    event, context = _event_of(status.booked.contract, history, tick), history.context(status.since_tick)
    if context is None or event is None or event.site < 0:
        return []
    cost = facts.told(
        "rack_usd_per_mwh",
        f"Power and carbon of a rack MWh at {history.name(event.site)}, {history.when(status.since_tick)}",
        context.rack_cost_usd_per_mwh(event.site),
    )
    return [f"Power cost {price_told(facts, history, context, event.site)} there then, {cost} for each MWh of racks."]


def _budget_lines(facts: Facts, history: RunHistory, status: ContractStatus, tick: int) -> list[str]:
    """Tell how much of its error budget the contract had used by the tick."""
    contract = status.booked.contract
    if contract.tier is Tier.SPOT:
        return []
    start, end = window_of(contract, tick, history.grid)
    bad, excluded = history.decisions.counted(status.booked.number, start, tick + 1)
    allowed = budget_ticks(end - start - excluded, contract.tier)
    used = facts.told("used_ticks", f"Bad ticks of {contract.id} up to tick {tick}", bad)
    budget = facts.told("budget_ticks", f"Bad ticks that the window of {contract.id} tolerates", allowed)
    if bad <= allowed:
        return [f"That is inside its promise: {used} bad so far in a window that tolerates {budget}."]
    return [f"Its promise is broken: {used} bad so far in a window that tolerates {budget}."]


def _event_of(contract: SlaContract, history: RunHistory, tick: int) -> Event | None:
    """Find the newest event about the contract, up to the tick.

    Events name contracts by customer, tier and power, so equal contracts are not told apart.
    """
    found = history.decisions.events(
        OF_CONTRACTS, contract.starts_tick, tick + 1, which=_of_contract(contract), limit=1
    )
    return found[0] if found else None


def _of_contract(contract: SlaContract) -> Callable[[Event], bool]:
    """Make a predicate for events about the contract, or an equal one of the customer."""
    return lambda event: event.contract is not None and event.contract.may_be(contract)


def _of_customer(customer: str) -> Callable[[Event], bool]:
    """Make a predicate for events about any contract of the customer."""
    return lambda event: event.contract is not None and event.contract.customer == customer


def _named(contract: SlaContract) -> str:
    return contract_name(contract.customer, contract.power_mw, contract.tier)


def _last_site(history: RunHistory, contract: SlaContract, tick: int) -> str:
    """Site of the contract by its newest event; empty without one."""
    event = _event_of(contract, history, tick)
    return history.config.fleet.site_ids[event.site] if event is not None and event.site >= 0 else ""


def _none_off(history: RunHistory, statuses: list[ContractStatus], tick: int) -> list[str]:
    """Say that none of the contracts was off, contrary to the question."""
    customer = statuses[0].booked.contract.customer
    whose = (
        f"None of the {len(statuses)} contracts of {customer}" if len(statuses) > 1 else f"No contract of {customer}"
    )
    return [f"{whose} was off at {history.when(tick)}."]


def _last_off(question: Question, history: RunHistory, tick: int) -> list[str]:
    """Tell when one of the contracts was last off, within a day before the tick."""
    first = max(0, tick - history.grid.ticks_of_hours(HOURS_PER_DAY))
    found = [
        event
        for customer in question.customers[:1]
        for event in history.decisions.events(WENT_OFF, first, tick + 1, which=_of_customer(customer), limit=1)
    ]
    return [f"One was last off at {history.clock(off_tick(event), tick)}: {event.text}" for event in found]


def _others(statuses: list[ContractStatus], off: list[ContractStatus]) -> list[str]:
    """Count the further contracts that were off, and those that ran."""
    customer, more, ran = off[0].booked.contract.customer, len(off) - MOST_TOLD, len(statuses) - len(off)
    lines = [f"So were {more} more contracts of {customer}."] if more > 0 else []
    if ran:
        lines.append(f"{ran} other {'contract' if ran == 1 else 'contracts'} of {customer} ran.")
    return lines


def _end_tick(booked: Booked, history: RunHistory) -> int:
    """Find the first tick after a contract's life, as booked or by cancellation."""
    cancelled = history.decisions.cancelled_tick(booked.number)
    return booked.contract.ends_tick if cancelled is None else cancelled


def _not_live(question: Question, history: RunHistory, tick: int) -> Explanation:
    """Say that no such contract was live then, and when the last one ended."""
    whom = question.contract_id or question.customers[0]
    tier = f" {TIER_KEYS[question.tier].capitalize()}" if question.tier is not None else ""
    lines = [f"{whom} had no{tier} contract at {history.when(tick)}."]
    last = history.decisions.last_contract_of(question.customers[0], tick) if question.customers else None
    if last is not None:
        ended_tick = _end_tick(last, history)
        end, how = history.grid.at(ended_tick), "was cancelled" if ended_tick < last.contract.ends_tick else "ended"
        lines.append(f"The last one booked, {_named(last.contract)}, {how} at {moment_text(end)}.")
    return told(question, history, lines, Facts(), tick, ANY_SITE)
