"""Events of a tick that an operator should know, as fields and as a sentence.

They are derived from the step alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Bools, Floats, row_sums
from mara.core.contract import UNPLACED, ContractRequest, SlaContract, Tier, budgets_of
from mara.core.daybook import begins_day, off_times_over
from mara.core.economics import off_for_peak_mw
from mara.core.event_details import (
    ContractBooked,
    ContractMoved,
    ContractPlaced,
    ContractRef,
    ContractScheduledOff,
    ContractStranded,
    CreditOwed,
    DayEnded,
    EventDetails,
    MinersOffForPeak,
    MinersSwitched,
    MoveCause,
    OfContract,
    ProductCalled,
    PromiseBroken,
    RequestRefused,
    SiteRecovered,
)
from mara.core.event_reading import details_of
from mara.core.event_text import text_of
from mara.core.fleet import Workload
from mara.core.outages import driven_out_by, failure_of, fell
from mara.core.step import Step
from mara.core.units import MICRO_USD_PER_USD, TOLERANCE_MW
from mara.core.world import RunConfig

Severity = Literal["info", "warning", "critical"]
FLEET_WIDE: Final = -1
"""Site index of an event that concerns the whole fleet."""
STORY_KINDS: Final = ("outage", "recovery", "credit", "day")
"""Kinds of the story of a run: of lasting interest, as are all critical events.

The others are routine: each move and switch, worth reading for an hour, or when somebody asks why.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, as fields and as the sentence made of them.

    Attributes:
        site: index of the site, `FLEET_WIDE` for the fleet.
        details: the fields of its kind; None where only the sentence is known.
    """

    tick: int
    severity: Severity
    site: int
    kind: str
    text: str
    details: EventDetails | None = None

    @property
    def contract(self) -> ContractRef | None:
        """The contract that the event is about; None for any other event."""
        return self.details.contract if isinstance(self.details, OfContract) else None


MOST_ROUTINE: Final = 15
"""Most routine events that a list shows beside the story."""


def is_story(event: Event) -> bool:
    """Return whether an event is worth reading after the hour in which it happened."""
    return event.kind in STORY_KINDS or event.severity == "critical"


def worth_showing(events: Iterable[Event], now_tick: int, ticks_per_hour: int) -> tuple[Event, ...]:
    """Select all story events and the last hour's newest routine ones, oldest first."""
    worth = [event for event in events if is_story(event) or event.tick > now_tick - ticks_per_hour]
    spare = sum(not is_story(event) for event in worth) - MOST_ROUTINE
    shown: list[Event] = []
    for event in worth:
        if is_story(event) or spare <= 0:
            shown.append(event)
        else:
            spare -= 1
    return tuple(shown)


def events_of(step: Step, config: RunConfig, peak_usd_per_mwh: Floats | None = None) -> tuple[Event, ...]:
    """List the events of a tick, in the order in which an operator wants to read them.

    Args:
        peak_usd_per_mwh: cost of the coincident peak expected in the tick of a megawatt-hour drawn (S,).
    """
    off = (_curtailments,) if peak_usd_per_mwh is None else (_curtailments, partial(_off_for_peaks, peak_usd_per_mwh))
    makers = (_outages, _calls, _stranded, _moves, _scheduled_off, _broken, *off, _bookings, _closings, _day)
    return tuple(
        Event(
            tick=step.tick,
            severity=severity,
            site=site,
            kind=kind,
            text=text_of(details, site, step.tick, config),
            details=details,
        )
        for maker in makers
        for severity, site, kind, details in maker(step, config)
    )


def stored_event(tick: int, severity: Severity, site: int, kind: str, text: str, config: RunConfig) -> Event:
    """Rebuild an event from its row in a database."""
    details = details_of(kind, text, site, tick, config)
    return Event(tick=tick, severity=severity, site=site, kind=kind, text=text, details=details)


def broken_promises(step: Step) -> Bools:
    """Contracts that are shed on purpose though their error budgets are spent (C,)."""
    before = step.before
    return np.asarray(
        step.allocation.scheduled & (budgets_of(before.book, before.accounts) <= before.accounts.bad_ticks)
    )


_Found = Iterator[tuple[Severity, int, str, EventDetails]]


def _outages(step: Step, _: RunConfig) -> _Found:
    now, before = step.observation.availability_share, step.before.availability_share
    if now is before:
        return
    for s in np.nonzero(now != before)[0].tolist():
        up = float(now[s])
        if fell(step, s):
            yield "warning" if up > 0.0 else "critical", s, "outage", failure_of(step, s)
        else:
            yield "info", s, "recovery", SiteRecovered(up_share=up)


def _calls(step: Step, config: RunConfig) -> _Found:
    """Tell each call of a grid product when it begins at a site."""
    done, signals, before, terms = step.allocation.power, step.observation.power, step.before.power, config.fleet.power
    if done is None or signals is None or before is None or terms is None or not signals.is_calling:
        return
    began = signals.call_ends_tick != before.call_ends_tick
    for p, s in np.argwhere((done.called_mw > TOLERANCE_MW) & began[:, None]).tolist():
        called, short = float(done.called_mw[p, s]), float(done.called_mw[p, s] - done.delivered_mw[p, s])
        until = f"{config.grid.at(int(signals.call_ends_tick[p])):%H:%M}"
        details = ProductCalled(product=terms.products[p].id, called_mw=called, short_mw=short, until=until)
        yield "warning", s, "called", details


def _stranded(step: Step, _: RunConfig) -> _Found:
    lost = step.before.accounts.served & ~step.allocation.served & ~step.allocation.scheduled
    for i in np.nonzero(lost)[0].tolist():
        if step.before.book.contracts[i].tier is not Tier.SPOT:
            severity: Severity = "critical" if step.before.book.tier[i] == Tier.PREMIUM else "warning"
            yield severity, int(step.allocation.site[i]), "stranded", _stranding(step, i)


def _stranding(step: Step, i: int) -> ContractStranded:
    """Find the cause for which a contract lost its place."""
    contract, origin = _ref(step.before.book.contracts[i]), driven_out_by(step, i)
    if origin != UNPLACED:
        return ContractStranded(contract=contract, cause="gave_way", failed_site=origin)
    if not fell(step, int(step.allocation.site[i])):
        return ContractStranded(contract=contract, cause="no_room")
    is_premium = contract.tier is Tier.PREMIUM
    return ContractStranded(contract=contract, cause="no_refuge" if is_premium else "unmovable")


def _moves(step: Step, _: RunConfig) -> _Found:
    now, was = step.allocation.site, step.before.accounts.site
    resumed = ~step.before.accounts.served & (step.before.book.tier != Tier.SPOT)
    # A contract that was scheduled off is reported once, by `_scheduled_off`.
    resumed &= step.before.accounts.rest_ticks == 0
    for i in np.nonzero(step.allocation.served & ((now != was) | resumed))[0].tolist():
        to, start = int(now[i]), int(was[i])
        if start == UNPLACED or resumed[i]:
            cost = float(step.conditions.rack_cost_usd_per_mwh[to]) if start == UNPLACED else None
            placed = ContractPlaced(contract=_ref(step.before.book.contracts[i]), rack_usd_per_mwh=cost)
            yield "info", to, "placed", placed
        else:
            yield "info", to, "moved", _move(step, i, start, to)


def _move(step: Step, i: int, start: int, to: int) -> ContractMoved:
    """Find the cause for which a contract moved."""
    contract, cost = _ref(step.before.book.contracts[i]), step.conditions.rack_cost_usd_per_mwh
    if fell(step, start) and contract.tier is Tier.PREMIUM:
        cause: MoveCause = "rescued_to_reserve" if step.plan.reserve_mw[to] > 0.0 else "rescued"
        return ContractMoved(contract=contract, from_site=start, cause=cause)
    if cost[to] >= cost[start]:
        return ContractMoved(contract=contract, from_site=start, cause="crowded_out")
    return ContractMoved(
        contract=contract,
        from_site=start,
        cause="cheaper",
        from_usd_per_mwh=float(cost[start]),
        to_usd_per_mwh=float(cost[to]),
    )


def _scheduled_off(step: Step, config: RunConfig) -> _Found:
    """Report contracts that were scheduled off, once, in the tick in which it ends."""
    over, ticks = off_times_over(step.before, step.allocation, step.world.book)
    if not over.any():
        return
    budgets = budgets_of(step.before.book, step.report.accounts)
    left = np.maximum(budgets - step.report.accounts.bad_ticks, 0)
    for i in np.nonzero(over)[0].tolist():
        details = ContractScheduledOff(
            contract=_ref(step.before.book.contracts[i]),
            off_minutes=int(ticks[i]) * config.grid.tick_minutes,
            left_ticks=int(left[i]),
            budget_ticks=int(budgets[i]),
        )
        yield "info", int(step.before.accounts.site[i]), "budget", details


def _broken(step: Step, _: RunConfig) -> _Found:
    """Report promises broken on purpose, in the tick in which the budget is exceeded."""
    broken = broken_promises(step)
    if not broken.any():
        return
    spent_now = step.before.accounts.bad_ticks == budgets_of(step.before.book, step.before.accounts)
    for i in np.nonzero(broken & (step.before.accounts.served | spent_now))[0].tolist():
        site = int(step.allocation.site[i])
        price = float(step.observation.energy_price_usd_per_mwh[site])
        details = PromiseBroken(contract=_ref(step.before.book.contracts[i]), price_usd_per_mwh=price)
        yield "warning", site, "broken", details


def _curtailments(step: Step, _: RunConfig) -> _Found:
    before, now = step.before.miners_mw, step.allocation.miners_mw
    switched = (before > TOLERANCE_MW) != (now > TOLERANCE_MW)
    if not switched.any():
        return
    limits = step.conditions.miner_break_even_usd_per_mwh
    for s, k in np.argwhere(switched).tolist():
        price, limit = float(step.observation.energy_price_usd_per_mwh[s]), float(limits[s, k])
        is_on = bool(now[s, k] > TOLERANCE_MW)
        if is_on or price > limit:
            details = MinersSwitched(
                is_on=is_on,
                miner=Workload(k),
                power_mw=float(now[s, k] if is_on else before[s, k]),
                price_usd_per_mwh=price,
                break_even_usd_per_mwh=limit,
            )
            yield "info", s, "resumed" if is_on else "curtailed", details


def _off_for_peaks(peak_usd_per_mwh: Floats, step: Step, config: RunConfig) -> _Found:
    """Tell of miners that pay but for the peak that is expected.

    Once a clock hour, and when they stop. Sites whose power a product calls stand still for that.
    """
    conditions, done, before = step.conditions, step.allocation, step.before
    out_mw = off_for_peak_mw(done.miners_mw, conditions, peak_usd_per_mwh)
    if config.grid.epoch_h(step.tick) == config.grid.epoch_h(step.tick - 1):
        out_mw *= (before.miners_mw > TOLERANCE_MW) & (done.miners_mw <= TOLERANCE_MW)
    site_mw = row_sums(out_mw)
    if done.power is not None:
        site_mw = np.where((done.power.called_mw > TOLERANCE_MW).any(axis=0), 0.0, site_mw)
    for s in np.nonzero(site_mw > TOLERANCE_MW)[0].tolist():
        price = float(step.observation.energy_price_usd_per_mwh[s])
        details = MinersOffForPeak(
            power_mw=float(site_mw[s]), price_usd_per_mwh=price, peak_usd_per_mwh=float(peak_usd_per_mwh[s])
        )
        yield "info", s, "peak", details


def _bookings(step: Step, config: RunConfig) -> _Found:
    for contract in step.accepted:
        hours = (contract.ends_tick - contract.starts_tick) * config.grid.dt_h
        details = ContractBooked(contract=_ref(contract), duration_h=hours, rate_usd_per_mwh=contract.rate_usd_per_mwh)
        yield "info", FLEET_WIDE, "booked", details
    for refusal in step.refused:
        refused = RequestRefused(contract=_ref(refusal.request), reason=refusal.reason)
        yield "warning", FLEET_WIDE, "refused", refused


def _closings(step: Step, _: RunConfig) -> _Found:
    for window in step.world.closed:
        if window.credit_micro_usd:
            details = CreditOwed(
                contract_id=window.contract_id,
                bad_ticks=window.bad_ticks,
                counted_ticks=window.good_ticks + window.bad_ticks,
                credit_usd=window.credit_micro_usd / MICRO_USD_PER_USD,
            )
            yield "warning", window.site, "credit", details


def _day(step: Step, config: RunConfig) -> _Found:
    """Report the sums of a UTC day in its last tick."""
    if not begins_day(step.tick + 1, config.grid):
        return
    day = step.world.day
    details = DayEnded(
        earned_usd=(step.world.cash_micro_usd - day.cash_micro_usd) / MICRO_USD_PER_USD,
        booked_count=day.booked_count,
        ended_count=day.ended_count,
        refused_count=step.world.refused_count - day.refused_count,
        moved_count=day.moved_count,
        off_count=day.rested_count,
        off_h=day.rest_ticks * config.grid.dt_h,
        hottest_c=day.hottest_c,
        hottest_site=day.hottest_site,
        dearest_usd_per_mwh=day.dearest_usd_per_mwh,
        dearest_site=day.dearest_site,
        position_usd=(step.world.gains.day_ahead_micro_usd - day.day_ahead_micro_usd) / MICRO_USD_PER_USD,
    )
    yield "info", FLEET_WIDE, "day", details


def _ref(contract: SlaContract | ContractRequest) -> ContractRef:
    """Name a contract or a request in an event."""
    return ContractRef(
        customer=contract.customer, power_mw=contract.power_mw, tier=contract.tier, contract_id=contract.id
    )
