"""Why a contract was off, on, refused or paid back: its own ticks, and what was told of it."""

from dataclasses import dataclass
from typing import Final

from mara.core.contract import TIER_KEYS, SlaContract, Tier, budget_ticks, window_of
from mara.core.events import Event
from mara.core.explanation import Explanation
from mara.core.units import HOURS_PER_DAY
from mara.runtime.explain.facts import Facts
from mara.runtime.explain.question import Question, Topic
from mara.runtime.explain.run_history import RunHistory, price_told
from mara.store.read.decisions import BAD, EXCLUDED, GOOD, Booked

OF_CONTRACTS: Final = ("budget", "stranded", "placed", "moved")
WENT_OFF: Final = ("budget", "stranded")
MOST_TOLD: Final = 3
RESTED: Final = " rested "
"""In the text of a rest that is over; older runs told of a rest as it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractStatus:
    """A contract in one tick: bad, good or excluded, and since when."""

    booked: Booked
    state: int
    since_tick: int


def contract_off(question: Question, past: RunHistory) -> Explanation:
    """How the customer's contracts fared at the tick asked about: those that were off first."""
    tick = _tick_of(question, past)
    fates = _fates(question, past, tick)
    if not fates:
        return _not_live(question, past, tick)
    off = [fate for fate in fates if fate.state == BAD]
    facts = Facts()
    lines = [] if off else _none_off(past, fates, tick)
    for fate in (off or fates)[:MOST_TOLD]:
        lines += _fate_lines(facts, past, fate, tick)
    lines += _others(fates, off) if off else _last_off(question, past, tick)
    shown = (off or fates)[0]
    return Explanation(
        question=question.text,
        is_answered=True,
        sentences=tuple(lines),
        facts=tuple(facts.found),
        amounts=facts.amounts,
        tick=tick,
        at=past.grid.at(tick),
        site_id=_last_site(past, shown.booked.contract, tick),
        contract_id=shown.booked.contract.id,
    )


def refused_or_credited(question: Question, past: RunHistory) -> Explanation:
    """What was refused, or paid back, in the time asked about: newest first."""
    kind = "refused" if question.topic is Topic.REFUSED else "credit"
    word = "request was refused" if kind == "refused" else "credit was owed"
    moment = question.moment
    first, end = (0, past.last_tick + 1) if not moment.is_stated else (moment.first_tick, moment.end_tick)
    naming = question.customers[0] if question.customers and kind == "refused" else question.contract_id
    found = past.decisions.events((kind,), first, end, naming=naming, limit=MOST_TOLD)
    of_whom = f" of {naming}" if naming else ""
    if not found:
        between = f"between {past.when(max(first, 0))} and {past.when(min(end - 1, past.last_tick))}"
        lines = [f"No {word}{of_whom} {between}."]
        return Explanation(question=question.text, is_answered=True, sentences=tuple(lines))
    return Explanation(
        question=question.text,
        is_answered=True,
        sentences=tuple(f"At {past.when(event.tick)}: {event.text}" for event in found),
        tick=found[0].tick,
        at=past.grid.at(found[0].tick),
    )


def contract_text(contract: SlaContract) -> str:
    """A contract as the events name it."""
    return f"{contract.customer}'s {contract.power_mw:.1f} MW {TIER_KEYS[contract.tier].capitalize()}"


def off_tick(event: Event) -> int:
    """A tick in which the contract was off, of an event that tells of it: a rest is told when it is over."""
    return event.tick - 1 if event.kind == "budget" and RESTED in event.text else event.tick


def _tick_of(question: Question, past: RunHistory) -> int:
    """The tick asked about; of a span the newest in which one of the contracts went off."""
    moment = question.moment
    last = min(moment.end_tick - 1, past.last_tick)
    if moment.is_point:
        return last
    for customer in question.customers[:1]:
        found = past.decisions.events(WENT_OFF, moment.first_tick, last + 1, naming=customer, limit=1)
        if found:
            return off_tick(found[0])
    return last


def _fates(question: Question, past: RunHistory, tick: int) -> list[ContractStatus]:
    """The contracts meant that lived in the tick."""
    if question.contract_id:
        one = past.decisions.contract(question.contract_id)
        booked = [one] if one is not None and one.contract.starts_tick <= tick < one.contract.ends_tick else []
    else:
        booked = [b for customer in question.customers for b in past.decisions.contracts_of(customer, tick)]
    if question.tier is not None:
        booked = [b for b in booked if b.contract.tier is question.tier]
    states = ((b, past.decisions.state(b.number, tick)) for b in booked)
    return [ContractStatus(booked=b, state=state[0], since_tick=state[1]) for b, state in states if state is not None]


def _fate_lines(facts: Facts, past: RunHistory, fate: ContractStatus, tick: int) -> list[str]:
    contract = fate.booked.contract
    text, when = contract_text(contract), past.when(tick)
    since = f"since {past.clock(fate.since_tick, tick)}"
    if fate.state == GOOD:
        return [f"{text} ran at {when}, {since}."]
    if fate.state == EXCLUDED:
        return [f"{text} was excluded from its measurement at {when}, {since}: an announced maintenance or cause."]
    lines = [f"{text} was off at {when}, {since}."]
    if contract.tier is Tier.SPOT:
        lines.append("Spot is best effort: it runs where racks are left over, and nothing was left for it.")
        return lines
    event = _off_event(past, fate, tick)
    if event is not None:
        lines.append(f"Reported at {past.clock(event.tick, tick)}: {event.text}")
    elif fate.since_tick > contract.starts_tick:
        lines.append("It rests inside its error budget, and had not run again yet.")
    if event is None or event.kind == "budget":
        lines += _rest_lines(facts, past, fate, tick)
    return lines + _budget_lines(facts, past, fate, tick)


def _off_event(past: RunHistory, fate: ContractStatus, tick: int) -> Event | None:
    """What was told of a contract that was off in the tick: as it went off, or of a rest as it was over."""
    contract = fate.booked.contract
    event = _event_of(contract, past, tick)
    if event is not None and event.kind in WENT_OFF and event.tick >= fate.since_tick:
        return event
    end = past.decisions.state_ends(fate.booked.number, tick) or contract.ends_tick
    found = past.decisions.events(("budget",), tick, end + 1, naming=contract_text(contract), limit=1)
    return found[0] if found else None


def _rest_lines(facts: Facts, past: RunHistory, fate: ContractStatus, tick: int) -> list[str]:
    """What power cost where and when the contract began to rest."""
    event, scene = _event_of(fate.booked.contract, past, tick), past.scene(fate.since_tick)
    if scene is None or event is None or event.site < 0:
        return []
    cost = facts.told(
        "rack_usd_per_mwh",
        f"Power and carbon of a rack MWh at {past.name(event.site)}, {past.when(fate.since_tick)}",
        scene.rack_cost_usd_per_mwh(event.site),
    )
    return [f"Power cost {price_told(facts, past, scene, event.site)} there then, {cost} for each MWh of racks."]


def _budget_lines(facts: Facts, past: RunHistory, fate: ContractStatus, tick: int) -> list[str]:
    """How much of its error budget the contract had used."""
    contract = fate.booked.contract
    if contract.tier is Tier.SPOT:
        return []
    start, end = window_of(contract, tick, past.grid)
    bad, excluded = past.decisions.counted(fate.booked.number, start, tick + 1)
    allowed = budget_ticks(end - start - excluded, contract.tier)
    used = facts.told("used_ticks", f"Bad ticks of {contract.id} up to tick {tick}", bad)
    budget = facts.told("budget_ticks", f"Bad ticks that the window of {contract.id} tolerates", allowed)
    if bad <= allowed:
        return [f"That is inside its promise: {used} bad so far in a window that tolerates {budget}."]
    return [f"Its promise is broken: {used} bad so far in a window that tolerates {budget}."]


def _event_of(contract: SlaContract, past: RunHistory, tick: int) -> Event | None:
    """The newest report that names the contract, up to the tick; equal contracts of a customer share their name."""
    found = past.decisions.events(OF_CONTRACTS, contract.starts_tick, tick + 1, naming=contract_text(contract), limit=1)
    return found[0] if found else None


def _last_site(past: RunHistory, contract: SlaContract, tick: int) -> str:
    """Where the newest report saw the contract; empty when none did."""
    event = _event_of(contract, past, tick)
    return past.config.fleet.site_ids[event.site] if event is not None and event.site >= 0 else ""


def _none_off(past: RunHistory, fates: list[ContractStatus], tick: int) -> list[str]:
    """Says that the question supposes what was not so."""
    customer = fates[0].booked.contract.customer
    whose = f"None of the {len(fates)} contracts of {customer}" if len(fates) > 1 else f"No contract of {customer}"
    return [f"{whose} was off at {past.when(tick)}."]


def _last_off(question: Question, past: RunHistory, tick: int) -> list[str]:
    """When one of them was last off, within a day."""
    first = max(0, tick - past.grid.ticks_of_hours(HOURS_PER_DAY))
    found = [
        event
        for customer in question.customers[:1]
        for event in past.decisions.events(WENT_OFF, first, tick + 1, naming=customer, limit=1)
    ]
    return [f"One was last off at {past.clock(off_tick(event), tick)}: {event.text}" for event in found]


def _others(fates: list[ContractStatus], off: list[ContractStatus]) -> list[str]:
    """How many more were off, and how many ran."""
    customer, more, ran = off[0].booked.contract.customer, len(off) - MOST_TOLD, len(fates) - len(off)
    lines = [f"So were {more} more contracts of {customer}."] if more > 0 else []
    if ran:
        lines.append(f"{ran} other {'contract' if ran == 1 else 'contracts'} of {customer} ran.")
    return lines


def _not_live(question: Question, past: RunHistory, tick: int) -> Explanation:
    """No such contract lived then: when the last one ended, or what was refused."""
    whom = question.contract_id or question.customers[0]
    tier = f" {TIER_KEYS[question.tier].capitalize()}" if question.tier is not None else ""
    lines = [f"{whom} had no{tier} contract at {past.when(tick)}."]
    last = past.decisions.last_contract_of(question.customers[0], tick) if question.customers else None
    if last is not None:
        end = past.grid.at(last.contract.ends_tick)
        lines.append(f"The last one booked, {contract_text(last.contract)}, ended at {end:%d %b %Y %H:%M} UTC.")
    return Explanation(
        question=question.text, is_answered=True, sentences=tuple(lines), tick=tick, at=past.grid.at(tick)
    )
