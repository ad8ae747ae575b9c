"""Answers about a site: prices against break-evens, outages, and switches."""

from typing import Final

import numpy as np

from mara.core.events import Event
from mara.core.explanation import Explanation, Facts
from mara.core.fleet import MINER_COUNT
from mara.core.units import TOLERANCE_MW
from mara.runtime.explain.answers.telling import told
from mara.runtime.explain.answers.why_power import power_causes
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, TickContext, price_told
from mara.store.read.decisions import ANY_SITE

NOT_FOR_PRICE: Final = "that was not for the price of power"
KINDS: Final = ("air-cooled", "hydro", "immersion")
WENT_OFF: Final = ("curtailed", "outage", "called", "peak")
SWITCHED: Final = ("curtailed", "resumed", "outage", "recovery")
MOST_TOLD: Final = 3
MOST_LOOKED_AT: Final = 8
"""Ticks that are looked at for one in which sites differ."""
NEAR_TICKS_H: Final = 24
"""Hours before and after the tick asked about in which switches are reported."""


def site_state(question: Question, history: RunHistory) -> Explanation:
    """Explain the state of the first site named in a question.

    A question that names no site is answered for the site with most miners off.
    """
    tick, events = _tick_of(question, history)
    context = history.context(tick)
    if context is None:
        return _from_plan(question, history, tick)
    dearest = events[0].site if events else int(context.idle_mw.sum(axis=1).argmax())
    site = question.sites[0] if question.sites else dearest
    facts = Facts()
    sentences = [*_state(facts, history, context, site), *_switches(history, context, site, events)]
    return told(question, history, sentences, facts, tick, site)


def sites_beside(question: Question, history: RunHistory) -> Explanation:
    """Explain the states of several sites in one tick, side by side."""
    context = _where_they_differ(question, history)
    if context is None:
        return _from_plan(question, history, _tick_of(question, history)[0])
    tick = context.tick
    facts, lines = Facts(), list[str]()
    for site in question.sites:
        lines += _state(facts, history, context, site)
        lines += _switches(history, context, site, ())
    prices = context.observation.energy_price_usd_per_mwh
    one, other = question.sites[0], question.sites[1]
    dear, cheap = (one, other) if prices[one] >= prices[other] else (other, one)
    if prices[dear] > prices[cheap]:
        label = f"Price at {history.name(dear)} less that at {history.name(cheap)}, {history.when(tick)}"
        gap = facts.told("price_gap_usd_per_mwh", label, float(prices[dear] - prices[cheap]))
        lines.append(f"Power cost {gap} more at {history.name(dear)} than at {history.name(cheap)} then.")
    return told(question, history, lines, facts, tick, one)


def _where_they_differ(question: Question, history: RunHistory) -> TickContext | None:
    """Find the newest tick in which the first site was off and another was not.

    Without one it is the tick that a question about the first site alone means.
    """
    asked, last = question.tick_range, min(question.tick_range.end_tick - 1, history.last_tick)
    context = history.context(_tick_of(question, history)[0])
    if asked.is_point:
        return context
    first, others = question.sites[0], list(question.sites[1:])
    went_off = history.decisions.events(WENT_OFF, asked.first_tick, last + 1, site=first)
    for tick in list(dict.fromkeys(event.tick for event in went_off))[:MOST_LOOKED_AT]:
        found = history.context(tick)
        if found is None:
            continue
        off = (found.idle_mw.sum(axis=1) > TOLERANCE_MW) | (found.observation.availability_share == 0.0)
        if off[first] and not off[others].all():
            return found
    return context


def _tick_of(question: Question, history: RunHistory) -> tuple[int, tuple[Event, ...]]:
    """Tick asked about, and the events of machines switched off in it.

    In a range of ticks, it is the newest with such an event.
    """
    asked = question.tick_range
    last = min(asked.end_tick - 1, history.last_tick)
    if asked.is_point:
        return last, ()
    site = question.sites[0] if question.sites else ANY_SITE
    found = history.decisions.events(WENT_OFF, asked.first_tick, last + 1, site=site, limit=MOST_TOLD)
    found = tuple(event for event in found if event.site == found[0].site)
    return (found[0].tick if found else last), found


def _state(facts: Facts, history: RunHistory, context: TickContext, site: int) -> list[str]:
    up = float(context.observation.availability_share[site])
    name, when = history.name(site), history.when(context.tick)
    if up == 0.0:
        return [f"{name} was down at {when}: none of its machines was available."]
    lines = []
    if up < 1.0:
        share = facts.told("availability_share", f"Machines available at {name}, {when}", up)
        lines.append(f"Only {share} of {name}'s machines were available at {when}.")
    causes = power_causes(facts, history, context, site)
    return lines + _miners(facts, history, context, site, has_causes=bool(causes)) + causes


def _miners(facts: Facts, history: RunHistory, context: TickContext, site: int, *, has_causes: bool) -> list[str]:
    """Say which miners were off for the price, off for another reason, or running.

    Args:
        has_causes: the reason that is not the price is told after these sentences.
    """
    name, when = history.name(site), history.when(context.tick)
    idle, limits = context.idle_mw[site], context.conditions.miner_break_even_usd_per_mwh[site]
    price = float(context.observation.energy_price_usd_per_mwh[site])
    off = [k for k in range(MINER_COUNT) if idle[k] > TOLERANCE_MW]
    dear = [k for k in off if price > limits[k]]
    told = price_told(facts, history, context, site)
    if not off:
        return [_all_ran(facts, history, context, site, told)]
    power = facts.told("power_mw", f"Miners off at {name}, {when}", float(idle[dear or off].sum()))
    if not dear:
        return [f"At {when} {name} had {power} of miners off, though its price of {told} was below their break-even: "
                f"{NOT_FOR_PRICE if has_causes else _other_cause(facts, history, context, site)}."]  # fmt: skip
    limits_told = " and ".join(f"{_limit_told(facts, history, context, site, k)} for {KINDS[k]} miners" for k in dear)
    above = facts.told(
        "loss_usd_per_mwh", f"Price above the highest of these break-evens, {when}", price - float(limits[dear].max())
    )
    hashprice = facts.told(
        "hashprice_usd_per_ph_day", f"Hashprice, {when}", context.observation.hashprice_usd_per_ph_day
    )
    carbon = facts.told(
        "carbon_usd_per_mwh", f"Carbon cost at {name}, {when}", float(context.conditions.carbon_cost_usd_per_mwh[site])
    )
    lines = [
        f"At {when} {name} had {power} of miners off: power cost {told}, above the break-even of {limits_told}.",
        f"Running them would have lost at least {above} of power drawn; the break-even follows from a hashprice of "
        f"{hashprice} and a carbon cost of {carbon}.",
    ]
    other_mw, ran = float(np.delete(idle, dear).sum()), float(context.running.miners_mw[site].sum())
    if other_mw > TOLERANCE_MW:
        more = facts.told("power_mw", f"More miners off at {name}, {when}", other_mw)
        cause = NOT_FOR_PRICE if has_causes else _other_cause(facts, history, context, site)
        lines.append(f"{more} more were off though they would earn their power: {cause}.")
    if ran > TOLERANCE_MW:
        lines.append(
            f"{facts.told('power_mw', f'Miners running at {name}, {when}', ran)} of more efficient miners ran."
        )
    return lines


def _all_ran(facts: Facts, history: RunHistory, context: TickContext, site: int, price_text: str) -> str:
    name, when = history.name(site), history.when(context.tick)
    ran = float(context.running.miners_mw[site].sum())
    if ran <= TOLERANCE_MW:
        return f"{name} had no miners that could run at {when}; power cost {price_text}."
    limits = context.conditions.miner_break_even_usd_per_mwh[site]
    least = int(np.argmin(np.where(context.running.miners_mw[site] > TOLERANCE_MW, limits, np.inf)))
    limit = _limit_told(facts, history, context, site, least)
    power = facts.told("power_mw", f"Miners running at {name}, {when}", ran)
    if float(context.observation.energy_price_usd_per_mwh[site]) > limits[least]:
        return (
            f"{name} was not curtailed at {when}: all {power} of its miners ran, though power cost {price_text}, above "
            f"the break-even of {limit} of the least efficient of them ({KINDS[least]}); the plan gave them power."
        )
    return (
        f"{name} was not curtailed at {when}: all {power} of its miners ran, as power cost {price_text} "
        f"and the least efficient of them ({KINDS[least]}) earn their power up to {limit}."
    )


def _limit_told(facts: Facts, history: RunHistory, context: TickContext, site: int, kind: int) -> str:
    """Add a miner kind's break-even price to the facts; return its text."""
    label = f"Break-even of {KINDS[kind]} miners at {history.name(site)}, {history.when(context.tick)}"
    return facts.told(
        "break_even_usd_per_mwh", label, float(context.conditions.miner_break_even_usd_per_mwh[site, kind])
    )


def _other_cause(facts: Facts, history: RunHistory, context: TickContext, site: int) -> str:
    """Say why miners were off although they would have earned their power."""
    name, when = history.name(site), history.when(context.tick)
    limit, drawn = float(history.config.fleet.grid_limit_mw[site]), float(context.running.site_power_mw[site])
    if drawn >= limit - _FULL_WITHIN_MW:
        told = facts.told("site_power_mw", f"Drawn from the grid at {name}, {when}", drawn)
        return f"its grid connection was full at {told}, and what ran there earned more"
    least_off_ticks = history.config.miner_min_off_ticks
    first = max(0, context.tick - least_off_ticks)
    if history.decisions.events(("curtailed",), first, context.tick + 1, site=site, limit=1):
        told = facts.told("rest_ticks", "Least rest of miners once off", least_off_ticks)
        return f"they had just been switched off, and stay off for at least {told}"
    plan = history.decisions.plan(context.tick)
    maker = plan.optimizer if plan is not None else "unknown"
    return f"the plan in force (by {maker}) gave them no power, and stored no other reason"


def _switches(history: RunHistory, context: TickContext, site: int, events: tuple[Event, ...]) -> list[str]:
    """Report the last switches up to the tick or in the range, and the next one."""
    name, tick = history.name(site), context.tick
    span = NEAR_TICKS_H * history.grid.ticks_per_hour
    before = history.decisions.events(SWITCHED, max(0, tick - span), tick + 1, site=site, limit=1)
    after = history.decisions.events(SWITCHED, tick + 1, min(tick + span, history.last_tick) + 1, site=site)
    lines = [f"Reported at {history.clock(event.tick, tick)}: {event.text}" for event in events]
    if not events and before:
        lines.append(f"Last switched at {history.clock(before[0].tick, tick)}: {before[0].text}")
    if not events and not before and not after:
        lines.append(f"Nothing was switched at {name} within a day of it.")
    if after:
        lines.append(f"Next, at {history.clock(after[-1].tick, tick)}: {after[-1].text}")
    return lines


def _from_plan(question: Question, history: RunHistory, tick: int) -> Explanation:
    """Answer from the stored plan alone, where a tick's raw rows have been pruned."""
    lines = [f"The prices, powers and events of {history.when(tick)} are past their retention; plans stay."]
    plan, sites = history.decisions.plan(tick), question.sites[:1]
    if plan is not None:
        named = [text for text in plan.reasons if not sites or history.name(sites[0]) in text]
        lines.append(
            f"The plan in force was made by {plan.optimizer}, adopted at {history.clock(plan.adopted_tick, tick)}."
        )
        lines += named or [f"Its stored reasons do not name {history.name(sites[0])}." if sites else plan.headline]
    return told(question, history, lines, Facts(), tick, sites[0] if sites else ANY_SITE)


_FULL_WITHIN_MW: Final = 0.01
"""Margin within which a connection counts as full [MW].

Ten kilowatts are less than the smallest group of machines that is switched.
"""
