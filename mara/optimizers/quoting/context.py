"""Where requests are priced: what is known there, and whether the fleet can take one."""

from dataclasses import dataclass
from typing import Final

from mara.core.contract import Tier
from mara.core.plan import Problem
from mara.core.quote import Assignment, OutageRecord
from mara.core.units import TOLERANCE_MW
from mara.optimizers.quoting.capacity import SiteCapacity, landing_of, rooms_of
from mara.optimizers.quoting.pricing import (
    EXACT_SITES,
    ContractDemand,
    PricedSolution,
    extra_breach_mwh,
    is_breach,
    outlay_with,
)

BREACH_DUAL_SHARE: Final = 1.0 - 1e-6
"""A demand worth its tier's credit is one that a plan breaks: how a plan without a second solve shows it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteContext:
    """Where requests are priced: the present, the best plan for it, what waits to be booked, outages seen so far."""

    problem: Problem
    before: PricedSolution
    waiting: tuple[ContractDemand, ...]
    record: OutageRecord

    @property
    def ticks_per_hour(self) -> int:
        return self.problem.config.grid.ticks_per_hour

    def wish_of(self, tier: Tier, power_mw: float, duration_ticks: int) -> ContractDemand:
        """A request that is booked now: it starts with the next tick."""
        first = self.problem.tick + 1
        return ContractDemand(tier=tier, power_mw=power_mw, starts_tick=first, ends_tick=first + duration_ticks)


def verdict(
    counter: QuoteContext, rooms: SiteCapacity, after: PricedSolution, wish: ContractDemand
) -> tuple[str, Assignment | None]:
    """Why a request cannot be booked, or nothing; and the site it would run at, if one can hold it."""
    refusal = refusal_for_size(counter, rooms, wish)
    if refusal:
        return refusal, None
    landing = landing_of(rooms, counter.problem, after, wish)
    if landing is None:
        return (
            f"no site has {wish.power_mw:.1f} MW free in one piece: the most is {rooms.free_mw.max():.1f} MW, "
            "and no contracts can be moved to make more"
        ), None
    if breaks(counter, after, wish):
        missing_mwh = float(extra_breach_mwh(counter.before, after).sum())
        amount = f"{missing_mwh:,.1f} MWh" if missing_mwh else "some"
        return f"promises could not all be kept: {amount} of the next day would have no power or no reserve", landing
    return "", landing


def fits_surely(counter: QuoteContext, wish: ContractDemand) -> bool:
    """Whether a request fits beyond doubt, where the counter's plan serves it already: one solve instead of two.

    False means that it has to be looked at more closely.
    """
    if counter.before.breached_mwh.sum() > 0.0:
        return False
    rooms = rooms_of(counter.problem, counter.before.case, wish, counter.waiting)
    if refusal_for_size(counter, rooms, wish):
        return False
    return landing_of(rooms, counter.problem, counter.before, wish) is not None


def refusal_for_size(counter: QuoteContext, rooms: SiteCapacity, wish: ContractDemand) -> str:
    """Why a request is too large for any site, or for what may still be promised; empty when it is not."""
    largest = int(rooms.whole_mw.argmax())
    most_mw = float(rooms.whole_mw[largest])
    if wish.power_mw > most_mw + TOLERANCE_MW:
        name = counter.problem.config.fleet.sites[largest].name
        return f"no site can hold {wish.power_mw:.1f} MW whole: the largest, {name}, carries {most_mw:.1f} MW now"
    if wish.tier is not Tier.SPOT and wish.power_mw > rooms.left_mw + TOLERANCE_MW:
        left_mw = max(rooms.left_mw, 0.0)
        return f"{left_mw:.1f} MW of racks are left to promise, {wish.power_mw:.1f} MW were asked for"
    return ""


def outlay_after(counter: QuoteContext, wish: ContractDemand) -> PricedSolution:
    """The plan with the request; a fleet too large to wait for it stays with the plan without."""
    return counter.before if counter.before.case.sites > EXACT_SITES else outlay_with(counter.before, wish)


def breaks(counter: QuoteContext, after: PricedSolution, wish: ContractDemand) -> bool:
    """Whether a promise would be broken: by the second solve, or by what a plan without one says of its demand."""
    if wish.tier is Tier.SPOT:
        return False
    if after is not counter.before:
        return is_breach(counter.before, after, wish)
    credit = float(counter.before.case.credit_usd_per_mwh[wish.tier])
    return bool((counter.before.shadow.demand_usd_per_mwh[:, wish.tier] >= BREACH_DUAL_SHARE * credit).any())
