"""Why a site ran, or did not, in a tick: prices against break-evens, outages, and what was switched when."""

from typing import Final

import numpy as np

from mara.core.events import Event
from mara.core.explanation import Explanation
from mara.core.fleet import MINER_COUNT
from mara.core.units import TOLERANCE_MW
from mara.runtime.explain.facts import Facts
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, TickContext, price_told
from mara.store.read.decisions import ANY_SITE

KINDS: Final = ("air-cooled", "hydro", "immersion")
SWITCHED: Final = ("curtailed", "resumed", "outage", "recovery")
MOST_TOLD: Final = 3
NEAR_TICKS_H: Final = 24
"""How far from the tick asked about a switch is still worth telling."""


def site_state(question: Question, past: RunHistory) -> Explanation:
    """What the first named site did, and why; without one the site with most miners off."""
    tick, events = _tick_of(question, past)
    scene = past.scene(tick)
    if scene is None:
        return _from_plan(question, past, tick)
    dearest = events[0].site if events else int(scene.idle_mw.sum(axis=1).argmax())
    site = question.sites[0] if question.sites else dearest
    facts = Facts()
    sentences = [*_state(facts, past, scene, site), *_switches(past, scene, site, events)]
    return Explanation(
        question=question.text,
        is_answered=True,
        sentences=tuple(sentences),
        facts=tuple(facts.found),
        amounts=facts.amounts,
        tick=tick,
        at=past.grid.at(tick),
        site_id=past.config.fleet.site_ids[site],
    )


def _tick_of(question: Question, past: RunHistory) -> tuple[int, tuple[Event, ...]]:
    """The tick asked about; of a span the newest in which something was switched off, and what was in it."""
    moment = question.moment
    last = min(moment.end_tick - 1, past.last_tick)
    if moment.is_point:
        return last, ()
    site = question.sites[0] if question.sites else ANY_SITE
    found = past.decisions.events(("curtailed", "outage"), moment.first_tick, last + 1, site=site, limit=MOST_TOLD)
    found = tuple(event for event in found if event.site == found[0].site)
    return (found[0].tick if found else last), found


def _state(facts: Facts, past: RunHistory, scene: TickContext, site: int) -> list[str]:
    up = float(scene.observation.availability_share[site])
    name, when = past.name(site), past.when(scene.tick)
    if up == 0.0:
        return [f"{name} was down at {when}: none of its machines was available."]
    lines = []
    if up < 1.0:
        share = facts.told("availability_share", f"Machines available at {name}, {when}", up)
        lines.append(f"Only {share} of {name}'s machines were available at {when}.")
    return lines + _miners(facts, past, scene, site)


def _miners(facts: Facts, past: RunHistory, scene: TickContext, site: int) -> list[str]:
    """Miners that were off because power was dear, those that were off for another reason, or those that ran."""
    name, when = past.name(site), past.when(scene.tick)
    idle, limits = scene.idle_mw[site], scene.conditions.miner_break_even_usd_per_mwh[site]
    price = float(scene.observation.energy_price_usd_per_mwh[site])
    off = [k for k in range(MINER_COUNT) if idle[k] > TOLERANCE_MW]
    dear = [k for k in off if price > limits[k]]
    told = price_told(facts, past, scene, site)
    if not off:
        return [_all_ran(facts, past, scene, site, told)]
    power = facts.told("power_mw", f"Miners off at {name}, {when}", float(idle[dear or off].sum()))
    if not dear:
        return [f"At {when} {name} had {power} of miners off, though its price of {told} was below their break-even: "
                f"{_other_cause(facts, past, scene, site)}."]  # fmt: skip
    limits_told = " and ".join(f"{_limit_told(facts, past, scene, site, k)} for {KINDS[k]} miners" for k in dear)
    above = facts.told(
        "loss_usd_per_mwh", f"Price above the highest of these break-evens, {when}", price - float(limits[dear].max())
    )
    hashprice = facts.told("hashprice_usd_per_ph_day", f"Hashprice, {when}", scene.observation.hashprice_usd_per_ph_day)
    carbon = facts.told(
        "carbon_usd_per_mwh", f"Carbon cost at {name}, {when}", float(scene.conditions.carbon_cost_usd_per_mwh[site])
    )
    lines = [
        f"At {when} {name} had {power} of miners off: power cost {told}, above the break-even of {limits_told}.",
        f"Running them would have lost at least {above} of power drawn; the break-even follows from a hashprice of "
        f"{hashprice} and a carbon cost of {carbon}.",
    ]
    rest_mw, ran = float(np.delete(idle, dear).sum()), float(scene.running.miners_mw[site].sum())
    if rest_mw > TOLERANCE_MW:
        more = facts.told("power_mw", f"More miners off at {name}, {when}", rest_mw)
        lines.append(
            f"{more} more were off though they would earn their power: {_other_cause(facts, past, scene, site)}."
        )
    if ran > TOLERANCE_MW:
        lines.append(
            f"{facts.told('power_mw', f'Miners running at {name}, {when}', ran)} of more efficient miners ran."
        )
    return lines


def _all_ran(facts: Facts, past: RunHistory, scene: TickContext, site: int, price_text: str) -> str:
    name, when = past.name(site), past.when(scene.tick)
    ran = float(scene.running.miners_mw[site].sum())
    if ran <= TOLERANCE_MW:
        return f"{name} had no miners that could run at {when}; power cost {price_text}."
    limits = scene.conditions.miner_break_even_usd_per_mwh[site]
    least = int(np.argmin(np.where(scene.running.miners_mw[site] > TOLERANCE_MW, limits, np.inf)))
    limit = _limit_told(facts, past, scene, site, least)
    power = facts.told("power_mw", f"Miners running at {name}, {when}", ran)
    return (
        f"{name} was not curtailed at {when}: all {power} of its miners ran, as power cost {price_text} "
        f"and the least efficient of them ({KINDS[least]}) earn their power up to {limit}."
    )


def _limit_told(facts: Facts, past: RunHistory, scene: TickContext, site: int, kind: int) -> str:
    """A miner kind's break-even as a fact."""
    label = f"Break-even of {KINDS[kind]} miners at {past.name(site)}, {past.when(scene.tick)}"
    return facts.told("break_even_usd_per_mwh", label, float(scene.conditions.miner_break_even_usd_per_mwh[site, kind]))


def _other_cause(facts: Facts, past: RunHistory, scene: TickContext, site: int) -> str:
    """Why miners are off that would earn their power."""
    name, when = past.name(site), past.when(scene.tick)
    limit, drawn = float(past.config.fleet.grid_limit_mw[site]), float(scene.running.site_power_mw[site])
    if drawn >= limit - _FULL_WITHIN_MW:
        told = facts.told("site_power_mw", f"Drawn from the grid at {name}, {when}", drawn)
        return f"its grid connection was full at {told}, and what ran there earned more"
    rest = past.config.miner_min_off_ticks
    first = max(0, scene.tick - rest)
    if past.decisions.events(("curtailed",), first, scene.tick + 1, site=site, limit=1):
        told = facts.told("rest_ticks", "Least rest of miners once off", rest)
        return f"they had just been switched off, and stay off for at least {told}"
    plan = past.decisions.plan(scene.tick)
    maker = plan.optimizer if plan is not None else "unknown"
    return f"the plan in force (by {maker}) gave them no power, and stored no other reason"


def _switches(past: RunHistory, scene: TickContext, site: int, events: tuple[Event, ...]) -> list[str]:
    """What was switched off in the time asked about, else last before the tick; and what was switched next."""
    name, tick = past.name(site), scene.tick
    span = NEAR_TICKS_H * past.grid.ticks_per_hour
    before = past.decisions.events(SWITCHED, max(0, tick - span), tick + 1, site=site, limit=1)
    after = past.decisions.events(SWITCHED, tick + 1, min(tick + span, past.last_tick) + 1, site=site)
    lines = [f"Reported at {past.clock(event.tick, tick)}: {event.text}" for event in events]
    if not events and before:
        lines.append(f"Last switched at {past.clock(before[0].tick, tick)}: {before[0].text}")
    if not events and not before and not after:
        lines.append(f"Nothing was switched at {name} within a day of it.")
    if after:
        lines.append(f"Next, at {past.clock(after[-1].tick, tick)}: {after[-1].text}")
    return lines


def _from_plan(question: Question, past: RunHistory, tick: int) -> Explanation:
    """What the plan that was in force still tells when a tick's own rows have gone."""
    lines = [f"The prices, powers and events of {past.when(tick)} are past their retention; plans stay."]
    plan, sites = past.decisions.plan(tick), question.sites[:1]
    if plan is not None:
        named = [text for text in plan.reasons if not sites or past.name(sites[0]) in text]
        lines.append(
            f"The plan in force was made by {plan.optimizer}, adopted at {past.clock(plan.adopted_tick, tick)}."
        )
        lines += named or [f"Its stored reasons do not name {past.name(sites[0])}." if sites else plan.headline]
    return Explanation(
        question=question.text,
        is_answered=True,
        sentences=tuple(lines),
        tick=tick,
        at=past.grid.at(tick),
        site_id=past.config.fleet.site_ids[sites[0]] if sites else "",
    )


_FULL_WITHIN_MW: Final = 0.01
"""A connection is full within ten kilowatts of its limit: less than any machine hall switches."""
