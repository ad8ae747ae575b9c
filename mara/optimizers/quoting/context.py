"""Context in which requests are priced, and whether the fleet can take one.

Model: docs/model.md#11-quotes
"""

from dataclasses import dataclass
from typing import Final

from mara.core.contract import Tier
from mara.core.plan import Problem
from mara.core.quote import Assignment, OutageRecord
from mara.core.units import TOLERANCE_MW
from mara.optimizers.quoting.capacity import SiteCapacity, assignment_of, capacity_of
from mara.optimizers.quoting.pricing import (
    EXACT_SITES,
    ContractDemand,
    PricedSolution,
    extra_breach_mwh,
    is_breach,
    solution_with,
)

BREACH_DUAL_SHARE: Final = 1.0 - 1e-6
"""Dual of a demand over its credit that shows a breach without a second solve."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteContext:
    """Everything that a price depends on, apart from the request.

    Attributes:
        problem: state, observation and forecast of the present tick.
        before: the best plan for it, without the request.
        waiting: bookings that wait to be made.
        record: count of outages seen so far.
    """

    problem: Problem
    before: PricedSolution
    waiting: tuple[ContractDemand, ...]
    record: OutageRecord

    @property
    def ticks_per_hour(self) -> int:
        """Number of ticks in an hour."""
        return self.problem.config.grid.ticks_per_hour

    def demand_of(self, tier: Tier, power_mw: float, duration_ticks: int) -> ContractDemand:
        """Make the demand of a request booked now, which starts with the next tick."""
        first = self.problem.tick + 1
        return ContractDemand(tier=tier, power_mw=power_mw, starts_tick=first, ends_tick=first + duration_ticks)


def verdict(
    context: QuoteContext, capacity: SiteCapacity, after: PricedSolution, demand: ContractDemand
) -> tuple[str, Assignment | None]:
    """Judge a request: return the reason for a refusal, and the site.

    The reason is empty where the request can be booked; the site is None where no site can hold it.
    """
    refusal = refusal_for_size(context, capacity, demand)
    if refusal:
        return refusal, None
    assignment = assignment_of(capacity, context.problem, after, demand)
    if assignment is None:
        return (
            f"no site has {demand.power_mw:.1f} MW free in one piece: the most is {capacity.free_mw.max():.1f} MW, "
            "and no contracts can be moved to make more"
        ), None
    if breaks(context, after, demand):
        missing_mwh = float(extra_breach_mwh(context.before, after).sum())
        amount = f"{missing_mwh:,.1f} MWh" if missing_mwh else "some"
        return f"promises could not all be kept: {amount} of the next day would have no power or no reserve", assignment
    return "", assignment


def fits_surely(context: QuoteContext, demand: ContractDemand) -> bool:
    """Return whether a request certainly fits; False where only `verdict` can decide.

    Here `context.before` is a plan that serves the request already. Where it breaches nothing and a site has room, the
    request fits; this takes one solve, where `verdict` takes two.
    """
    if context.before.breached_mwh.sum() > 0.0:
        return False
    capacity = capacity_of(context.problem, context.before.case, demand, context.waiting)
    if refusal_for_size(context, capacity, demand):
        return False
    return assignment_of(capacity, context.problem, context.before, demand) is not None


def refusal_for_size(context: QuoteContext, capacity: SiteCapacity, demand: ContractDemand) -> str:
    """Say why a request is too large for any site or for the racks left; else empty."""
    largest = int(capacity.whole_mw.argmax())
    most_mw = float(capacity.whole_mw[largest])
    if demand.power_mw > most_mw + TOLERANCE_MW:
        name = context.problem.config.fleet.sites[largest].name
        return f"no site can hold {demand.power_mw:.1f} MW whole: the largest, {name}, carries {most_mw:.1f} MW now"
    if demand.tier is not Tier.SPOT and demand.power_mw > capacity.left_mw + TOLERANCE_MW:
        left_mw = max(capacity.left_mw, 0.0)
        return f"{left_mw:.1f} MW of racks are left to promise, {demand.power_mw:.1f} MW were asked for"
    return ""


def solution_after(
    context: QuoteContext, demand: ContractDemand, *, near: PricedSolution | None = None
) -> PricedSolution:
    """Solve the plan with the request.

    For a fleet of more than `EXACT_SITES` sites, whose solve takes too long, return the plan without the request.

    Raises:
        PlanError: the program is not solved, or not in time.
    """
    return (
        context.before if context.before.case.sites > EXACT_SITES else solution_with(context.before, demand, near=near)
    )


def breaks(context: QuoteContext, after: PricedSolution, demand: ContractDemand) -> bool:
    """Return whether booking the request would break a promise.

    The plan with the request decides; where it was not solved, the dual price of the demand does.
    """
    if demand.tier is Tier.SPOT:
        return False
    if after is not context.before:
        return is_breach(context.before, after, demand)
    credit = float(context.before.case.credit_usd_per_mwh[demand.tier])
    return bool((context.before.shadow.demand_usd_per_mwh[:, demand.tier] >= BREACH_DUAL_SHARE * credit).any())
