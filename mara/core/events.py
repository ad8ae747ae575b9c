"""What is worth telling an operator about a tick, derived from the step alone: each event is a sentence with its
reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Bools
from mara.core.contract import TIER_KEYS, UNPLACED, Tier, budgets_of
from mara.core.daybook import begins_day, rests_over
from mara.core.fleet import Workload
from mara.core.outages import driven_out_by, fell, outage_text
from mara.core.step import Step
from mara.core.units import MICRO_USD_PER_USD, TOLERANCE_MW
from mara.core.world import RunConfig

Severity = Literal["info", "warning", "critical"]
FLEET_WIDE: Final = -1
"""Site of an event that concerns the whole fleet."""
STORY_KINDS: Final = ("outage", "recovery", "credit", "day")
"""Kinds that tell what became of a run; with all that is critical they are the story of a month in a few pages. The
others are its routine: each move, rest and switch, worth reading for an hour, and when somebody asks why.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened: where (site index, `FLEET_WIDE` for the fleet), of what kind, in a sentence."""

    tick: int
    severity: Severity
    site: int
    kind: str
    text: str


MOST_ROUTINE: Final = 15
"""Of its routine a list shows this much beside the story."""


def is_story(event: Event) -> bool:
    """Whether an event is worth reading after the hour in which it happened."""
    return event.kind in STORY_KINDS or event.severity == "critical"


def worth_showing(events: Iterable[Event], now_tick: int, ticks_per_hour: int) -> tuple[Event, ...]:
    """Of events, oldest first: the story, and the routine of the last hour, the newest of it."""
    worth = [event for event in events if is_story(event) or event.tick > now_tick - ticks_per_hour]
    spare = sum(not is_story(event) for event in worth) - MOST_ROUTINE
    shown: list[Event] = []
    for event in worth:
        if is_story(event) or spare <= 0:
            shown.append(event)
        else:
            spare -= 1
    return tuple(shown)


def events_of(step: Step, config: RunConfig) -> tuple[Event, ...]:
    """All events of a tick, in the order in which an operator would want to read them."""
    makers = (_outages, _stranded, _moves, _broken, _rests, _curtailments, _bookings, _closings, _day)
    return tuple(event for maker in makers for event in maker(step, config))


def _event(step: Step, severity: Severity, site: int, kind: str, text: str) -> Event:
    return Event(tick=step.tick, severity=severity, site=site, kind=kind, text=text)


def _outages(step: Step, config: RunConfig) -> Iterator[Event]:
    now, before = step.observation.availability_share, step.before.availability_share
    if now is before:
        return
    for s in np.nonzero(now != before)[0].tolist():
        name, up = config.fleet.sites[s].name, float(now[s])
        if fell(step, s):
            yield _event(step, "warning" if up > 0.0 else "critical", s, "outage", outage_text(step, config, s))
        elif up == 1.0:
            yield _event(step, "info", s, "recovery", f"{name} is back in full.")
        else:
            yield _event(step, "info", s, "recovery", f"{name} is back with {up:.0%} of its machines.")


def _stranded(step: Step, config: RunConfig) -> Iterator[Event]:
    lost = step.before.accounts.served & ~step.allocation.served & ~step.allocation.scheduled
    for i in np.nonzero(lost)[0].tolist():
        contract = step.before.book.contracts[i]
        if contract.tier is Tier.SPOT:
            continue
        site = int(step.allocation.site[i])
        severity: Severity = "critical" if contract.tier is Tier.PREMIUM else "warning"
        yield _event(step, severity, site, "stranded", f"{_contract(step, i)} is off: {_why_off(step, config, i)}.")


def _why_off(step: Step, config: RunConfig, i: int) -> str:
    site, origin = int(step.allocation.site[i]), driven_out_by(step, i)
    if origin != UNPLACED:
        return f"it gave way to Premium of {config.fleet.sites[origin].name}, which failed"
    name = config.fleet.sites[site].name
    if not fell(step, site):
        return "no site has room for it"
    if step.before.book.tier[i] == Tier.PREMIUM:
        return f"{name} failed, and no other site can hold it"
    return f"{name} failed, and it cannot run elsewhere before the next tick"


def _moves(step: Step, config: RunConfig) -> Iterator[Event]:
    now, was = step.allocation.site, step.before.accounts.site
    cost = step.conditions.rack_cost_usd_per_mwh
    resumed = ~step.before.accounts.served & (step.before.book.tier != Tier.SPOT)
    # Whose rest is over is told of once, with the rest.
    resumed &= step.before.accounts.rest_ticks == 0
    for i in np.nonzero(step.allocation.served & ((now != was) | resumed))[0].tolist():
        to, start = int(now[i]), int(was[i])
        name = config.fleet.sites[to].name
        if start == UNPLACED:
            text = f"{_contract(step, i)} starts at {name}: power costs {cost[to]:.0f} USD per rack MWh there."
            yield _event(step, "info", to, "placed", text)
            continue
        if resumed[i]:
            yield _event(step, "info", to, "placed", f"{_contract(step, i)} runs again, at {name}.")
            continue
        origin = config.fleet.sites[start].name
        move = f"{_contract(step, i)} moved from {origin} to"
        if fell(step, start) and step.before.book.tier[i] == Tier.PREMIUM:
            text = f"{move} {'reserve at ' if step.plan.reserve_mw[to] > 0.0 else ''}{name} in time."
        elif cost[to] < cost[start]:
            text = f"{move} {name}: {cost[to]:.0f} instead of {cost[start]:.0f} USD per rack MWh."
        else:
            text = f"{move} {name}: other load makes more of the racks at {origin}."
        yield _event(step, "info", to, "moved", text)


def _rests(step: Step, config: RunConfig) -> Iterator[Event]:
    """A rest is told once, when it is over."""
    over, ticks = rests_over(step.before, step.allocation, step.world.book)
    if not over.any():
        return
    budgets = budgets_of(step.before.book, step.report.accounts)
    left = np.maximum(budgets - step.report.accounts.bad_ticks, 0)
    for i in np.nonzero(over)[0].tolist():
        site, minutes = int(step.before.accounts.site[i]), int(ticks[i]) * config.grid.tick_minutes
        text = (
            f"{_contract(step, i)} rested {minutes} min inside its error budget at {config.fleet.sites[site].name}: "
            f"{left[i]} of {budgets[i]} ticks of it are left."
        )
        yield _event(step, "info", site, "budget", text)


def _broken(step: Step, config: RunConfig) -> Iterator[Event]:
    """A promise that is broken on purpose is told as soon as its budget is past."""
    broken = broken_promises(step)
    if not broken.any():
        return
    spent_now = step.before.accounts.bad_ticks == budgets_of(step.before.book, step.before.accounts)
    for i in np.nonzero(broken & (step.before.accounts.served | spent_now))[0].tolist():
        site = int(step.allocation.site[i])
        price = float(step.observation.energy_price_usd_per_mwh[site])
        text = (
            f"{_contract(step, i)} is left unserved past its error budget at {config.fleet.sites[site].name}: "
            f"power at {price:.0f} USD/MWh costs more than its credit and goodwill."
        )
        yield _event(step, "warning", site, "broken", text)


def broken_promises(step: Step) -> Bools:
    """Contracts that are left out on purpose though their error budgets are spent (C,)."""
    before = step.before
    return np.asarray(
        step.allocation.scheduled & (budgets_of(before.book, before.accounts) <= before.accounts.bad_ticks)
    )


def _curtailments(step: Step, config: RunConfig) -> Iterator[Event]:
    before, now = step.before.miners_mw, step.allocation.miners_mw
    switched = (before > TOLERANCE_MW) != (now > TOLERANCE_MW)
    if not switched.any():
        return
    limits = step.conditions.miner_break_even_usd_per_mwh
    for s, k in np.argwhere(switched).tolist():
        name, kind = config.fleet.sites[s].name, Workload(k).name.lower().replace("_", " ")
        price, limit = float(step.observation.energy_price_usd_per_mwh[s]), float(limits[s, k])
        if now[s, k] > TOLERANCE_MW:
            text = f"{name} runs {now[s, k]:.1f} MW of {kind}s: price {price:.0f} USD/MWh, break-even {limit:.0f}."
            yield _event(step, "info", s, "resumed", text)
        elif price > limit:
            text = (
                f"{name} curtailed {before[s, k]:.1f} MW of {kind}s: price {price:.0f} USD/MWh, break-even {limit:.0f}."
            )
            yield _event(step, "info", s, "curtailed", text)


def _bookings(step: Step, config: RunConfig) -> Iterator[Event]:
    for contract in step.accepted:
        hours = (contract.ends_tick - contract.starts_tick) * config.grid.dt_h
        text = (
            f"{contract.customer} booked {contract.power_mw:.1f} MW {TIER_KEYS[contract.tier]} for {hours:.0f} h "
            f"at {contract.rate_usd_per_mwh:.0f} USD/MWh."
        )
        yield _event(step, "info", FLEET_WIDE, "booked", text)
    for refusal in step.refused:
        request = refusal.request
        text = f"{request.customer}'s {request.power_mw:.1f} MW {TIER_KEYS[request.tier]} refused: {refusal.reason}."
        yield _event(step, "warning", FLEET_WIDE, "refused", text)


def _closings(step: Step, _: RunConfig) -> Iterator[Event]:
    for window in step.world.closed:
        if window.credit_micro_usd:
            counted = window.good_ticks + window.bad_ticks
            text = (
                f"Contract {window.contract_id} missed its target: {window.bad_ticks} of {counted} ticks bad, "
                f"credit {window.credit_micro_usd / MICRO_USD_PER_USD:,.0f} USD."
            )
            yield _event(step, "warning", window.site, "credit", text)


def _day(step: Step, config: RunConfig) -> Iterator[Event]:
    """What a UTC day was, with its last tick."""
    if not begins_day(step.tick + 1, config.grid):
        return
    day, sites = step.world.day, config.fleet.sites
    earned = (step.world.cash_micro_usd - day.cash_micro_usd) / MICRO_USD_PER_USD
    rested = f"rested, {day.rest_ticks * config.grid.dt_h:.0f} h together"
    counts = (
        (day.booked_count, "booked"),
        (day.ended_count, "ended"),
        (step.world.refused_count - day.refused_count, "refused"),
        (day.moved_count, "moved"),
        (day.rested_count, rested),
    )
    contracts = ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing new"
    text = (
        f"{config.grid.at(step.tick):%-d %b}: {earned:,.0f} USD earned. Contracts: {contracts}. "
        f"Hottest: {day.hottest_c:.0f} C at {sites[day.hottest_site].name}; "
        f"dearest power: {day.dearest_usd_per_mwh:,.0f} USD/MWh at {sites[day.dearest_site].name}."
    )
    yield _event(step, "info", FLEET_WIDE, "day", text)


def _contract(step: Step, i: int) -> str:
    contract = step.before.book.contracts[i]
    return f"{contract.customer}'s {contract.power_mw:.1f} MW {TIER_KEYS[contract.tier].capitalize()}"
