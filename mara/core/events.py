"""What is worth telling an operator about a tick, derived from the step alone: each event is a sentence with its
reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Bools
from mara.core.contract import TIER_KEYS, UNPLACED, Tier, budgets_of
from mara.core.fleet import MINER_COUNT, Workload
from mara.core.step import Step
from mara.core.units import G_PER_KG, MICRO_USD_PER_USD, TOLERANCE_MW
from mara.core.world import Charter, conditions_of

Severity = Literal["info", "warning", "critical"]
FLEET_WIDE: Final = -1
"""Site of an event that concerns the whole fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened: where (site index, `FLEET_WIDE` for the fleet), of what kind, in a sentence."""

    tick: int
    severity: Severity
    site: int
    kind: str
    text: str


def events_of(step: Step, charter: Charter) -> tuple[Event, ...]:
    """All events of a tick, in the order in which an operator would want to read them."""
    makers = (_outages, _stranded, _moves, _shedding, _curtailments, _bookings, _closings)
    return tuple(event for maker in makers for event in maker(step, charter))


def break_even_usd_per_mwh(step: Step, charter: Charter) -> np.ndarray:
    """Grid price above which each miner kind loses money at each site: value / PUE - carbon cost (S, 3) [USD/MWh]."""
    conditions = conditions_of(step.observation, charter)
    carbon = step.observation.carbon_intensity_g_per_kwh * (charter.terms.carbon_price_usd_per_t / G_PER_KG)
    return np.asarray(conditions.mining_value_usd_per_mwh / step.allocation.pue[:, :MINER_COUNT] - carbon[:, None])


def _event(step: Step, severity: Severity, site: int, kind: str, text: str) -> Event:
    return Event(tick=step.tick, severity=severity, site=site, kind=kind, text=text)


def _outages(step: Step, charter: Charter) -> Iterator[Event]:
    now, before = step.observation.availability_share, step.before.availability_share
    if now is before:
        return
    for s in np.nonzero(now != before)[0].tolist():
        name, up = charter.fleet.sites[s].name, float(now[s])
        if up == 0.0:
            yield _event(step, "critical", s, "outage", f"{name} is down.")
        elif up < float(before[s]):
            yield _event(step, "warning", s, "outage", f"{name} lost {1.0 - up:.0%} of its machines.")
        elif up == 1.0:
            yield _event(step, "info", s, "recovery", f"{name} is back in full.")
        else:
            yield _event(step, "info", s, "recovery", f"{name} is back with {up:.0%} of its machines.")


def _stranded(step: Step, charter: Charter) -> Iterator[Event]:
    lost = step.before.accounts.served & ~step.allocation.served & ~step.allocation.scheduled
    for i in np.nonzero(lost)[0].tolist():
        contract = step.before.book.contracts[i]
        if contract.tier is Tier.SPOT:
            continue
        site = int(step.allocation.site[i])
        severity: Severity = "critical" if contract.tier is Tier.PREMIUM else "warning"
        name = charter.fleet.sites[site].name
        if not _fell(step, site):
            why = "no site has room for it"
        elif contract.tier is Tier.PREMIUM:
            why = f"{name} failed, and no reserve can hold it"
        else:
            why = f"{name} failed, and it cannot run elsewhere before the next tick"
        yield _event(step, severity, site, "stranded", f"{_contract(step, i)} is off: {why}.")


def _moves(step: Step, charter: Charter) -> Iterator[Event]:
    now, was = step.allocation.site, step.before.accounts.site
    conditions = conditions_of(step.observation, charter)
    cost = conditions.rack_pue * conditions.grid_cost_usd_per_mwh
    resumed = ~step.before.accounts.served & (step.before.book.tier != Tier.SPOT)
    for i in np.nonzero(step.allocation.served & ((now != was) | resumed))[0].tolist():
        to, start = int(now[i]), int(was[i])
        name = charter.fleet.sites[to].name
        if start == UNPLACED:
            text = f"{_contract(step, i)} starts at {name}: power costs {cost[to]:.0f} USD per rack MWh there."
            yield _event(step, "info", to, "placed", text)
            continue
        if resumed[i]:
            yield _event(step, "info", to, "placed", f"{_contract(step, i)} runs again, at {name}.")
            continue
        origin = charter.fleet.sites[start].name
        move = f"{_contract(step, i)} moved from {origin} to"
        if _fell(step, start) and step.before.book.tier[i] == Tier.PREMIUM:
            text = f"{move} reserve at {name} in time."
        elif cost[to] < cost[start]:
            text = f"{move} {name}: {cost[to]:.0f} instead of {cost[start]:.0f} USD per rack MWh."
        else:
            text = f"{move} {name}: other load makes more of the racks at {origin}."
        yield _event(step, "info", to, "moved", text)


def _fell(step: Step, site: int) -> bool:
    """Whether the site lost machines in this tick."""
    return bool(step.observation.availability_share[site] < step.before.availability_share[site])


def _shedding(step: Step, charter: Charter) -> Iterator[Event]:
    scheduled, broken = step.allocation.scheduled, broken_promises(step)
    spent_now = broken & (step.before.accounts.bad_ticks == budgets_of(step.before.book, step.before.accounts))
    started = scheduled & (step.before.accounts.served | spent_now)
    for i in np.nonzero(started)[0].tolist():
        site = int(step.allocation.site[i])
        price = float(step.observation.energy_price_usd_per_mwh[site])
        if broken[i]:
            text = (
                f"{_contract(step, i)} is left unserved past its error budget at {charter.fleet.sites[site].name}: "
                f"power at {price:.0f} USD/MWh costs more than its credit and goodwill."
            )
            yield _event(step, "warning", site, "broken", text)
            continue
        text = (
            f"{_contract(step, i)} rests inside its error budget at {charter.fleet.sites[site].name}: "
            f"its racks or its power are worth more now (price {price:.0f} USD/MWh)."
        )
        yield _event(step, "info", site, "budget", text)


def broken_promises(step: Step) -> Bools:
    """Contracts that are left out on purpose though their error budgets are spent (C,)."""
    before = step.before
    return np.asarray(
        step.allocation.scheduled & (budgets_of(before.book, before.accounts) <= before.accounts.bad_ticks)
    )


def _curtailments(step: Step, charter: Charter) -> Iterator[Event]:
    before, now = step.before.miners_mw, step.allocation.miners_mw
    switched = (before > TOLERANCE_MW) != (now > TOLERANCE_MW)
    if not switched.any():
        return
    limits = break_even_usd_per_mwh(step, charter)
    for s, k in np.argwhere(switched).tolist():
        name, kind = charter.fleet.sites[s].name, Workload(k).name.lower().replace("_", " ")
        price, limit = float(step.observation.energy_price_usd_per_mwh[s]), float(limits[s, k])
        if now[s, k] > TOLERANCE_MW:
            text = f"{name} runs {now[s, k]:.1f} MW of {kind}s: price {price:.0f} USD/MWh, break-even {limit:.0f}."
            yield _event(step, "info", s, "resumed", text)
        elif price > limit:
            text = (
                f"{name} curtailed {before[s, k]:.1f} MW of {kind}s: price {price:.0f} USD/MWh, break-even {limit:.0f}."
            )
            yield _event(step, "info", s, "curtailed", text)


def _bookings(step: Step, charter: Charter) -> Iterator[Event]:
    for contract in step.accepted:
        hours = (contract.ends_tick - contract.starts_tick) * charter.grid.dt_h
        text = (
            f"{contract.customer} booked {contract.power_mw:.1f} MW {TIER_KEYS[contract.tier]} for {hours:.0f} h "
            f"at {contract.rate_usd_per_mwh:.0f} USD/MWh."
        )
        yield _event(step, "info", FLEET_WIDE, "booked", text)
    for refusal in step.refused:
        request = refusal.request
        text = f"{request.customer}'s {request.power_mw:.1f} MW {TIER_KEYS[request.tier]} refused: {refusal.reason}."
        yield _event(step, "warning", FLEET_WIDE, "refused", text)


def _closings(step: Step, _: Charter) -> Iterator[Event]:
    for window in step.world.closed:
        if window.credit_micro_usd:
            counted = window.good_ticks + window.bad_ticks
            text = (
                f"Contract {window.contract_id} missed its target: {window.bad_ticks} of {counted} ticks bad, "
                f"credit {window.credit_micro_usd / MICRO_USD_PER_USD:,.0f} USD."
            )
            yield _event(step, "warning", window.site, "credit", text)


def _contract(step: Step, i: int) -> str:
    contract = step.before.book.contracts[i]
    return f"{contract.customer}'s {contract.power_mw:.1f} MW {TIER_KEYS[contract.tier].capitalize()}"
