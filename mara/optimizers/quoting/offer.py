"""Quote for a request: price, site, risk, or refusal and alternatives.

Model: docs/model.md#11-quotes
"""

from dataclasses import replace
from typing import Final

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import PROMISED_TIER_COUNT, TIER_KEYS, Tier
from mara.core.quote import Quote, QuoteRequest
from mara.optimizers.quoting.alternatives import alternatives_of
from mara.optimizers.quoting.capacity import capacity_of
from mara.optimizers.quoting.context import QuoteContext, solution_after, verdict
from mara.optimizers.quoting.pricing import (
    ContractDemand,
    PricedSolution,
    exact_cost_usd_per_mwh,
    life_mean,
    step_costs_usd_per_mwh,
)
from mara.optimizers.quoting.risk import risk_of

MARGIN_SHARE: Final = 0.10
"""Margin on a positive marginal cost, for what a forecast does not see. Chosen."""
QUOTE_HOURS: Final = 4.0
"""Simulated time that an offer holds. Chosen."""


def quote_of(
    request: QuoteRequest, duration_ticks: int, context: QuoteContext, *, quote_id: str, timezone: str = "UTC"
) -> Quote:
    """Make the quote for a valid request.

    Raises:
        PlanError: the linear program gave no price.
    """
    demand = context.demand_of(Tier(TIER_KEYS.index(request.tier)), request.power_mw, duration_ticks)
    after = solution_after(context, demand)
    problem, grid = context.problem, context.problem.config.grid
    capacity = capacity_of(problem, context.before.case, demand, context.waiting)
    refusal, assignment = verdict(context, capacity, after, demand)
    dual, exact = costs(context, after, demand)
    marginal = dual if exact is None else exact
    listed = list_rate_usd_per_mwh(demand.tier, problem.config)
    price = offered_usd_per_mwh(demand.tier, listed, marginal)
    site = problem.config.fleet.site_ids.index(assignment.site_id) if assignment is not None else -1
    risk = (
        risk_of(demand, site, problem, after=after, capacity=capacity, record=context.record, timezone=timezone)
        if assignment is not None and demand.tier < PROMISED_TIER_COUNT
        else None
    )
    expires = problem.tick + grid.ticks_of_hours(QUOTE_HOURS)
    duration_h = duration_ticks * grid.dt_h
    return Quote(
        id=quote_id,
        tier=request.tier,
        customer=request.customer,
        region=request.region,
        power_mw=request.power_mw,
        duration_h=duration_h,
        starts_tick=demand.starts_tick,
        ends_tick=demand.ends_tick,
        starts_at=grid.at(demand.starts_tick),
        ends_at=grid.at(demand.ends_tick),
        price_usd_per_mwh=price,
        list_price_usd_per_mwh=listed,
        marginal_cost_usd_per_mwh=marginal,
        dual_cost_usd_per_mwh=dual,
        exact_cost_usd_per_mwh=exact,
        priced_h=min(duration_h, (sum(context.before.lengths) - 1) * grid.dt_h),
        charge_usd=price * request.power_mw * duration_h,
        served_share=min(float(after.served_share[demand.tier]), 1.0),
        landing=assignment,
        risk=risk,
        made_tick=problem.tick,
        expires_tick=expires,
        expires_at=grid.at(expires),
        alternatives=alternatives_of(context, capacity, after, demand) if refusal else (),
        refusal=refusal,
    )


def offered_usd_per_mwh(tier: Tier, list_usd_per_mwh: float, marginal_usd_per_mwh: float) -> float:
    """Offer the list price, or the marginal cost and a margin if that is more.

    Spot pays its list price: it runs only while that pays.
    """
    if tier is Tier.SPOT:
        return list_usd_per_mwh
    return max(list_usd_per_mwh, marginal_usd_per_mwh + MARGIN_SHARE * max(marginal_usd_per_mwh, 0.0))


def costs(context: QuoteContext, after: PricedSolution, demand: ContractDemand) -> tuple[float, float | None]:
    """Compute the marginal cost by dual prices and by two solves [USD/MWh].

    Both are means over the request's whole life; the second is None where the plan with the request was not solved.

    The plans end at the horizon. Beyond it the dual prices of the same hours of its last day are repeated, and the
    exact cost is corrected by the difference between their mean over the whole life and their mean up to the horizon.
    A fee that is paid once, that of moving in, thereby counts again for every further stretch as long as the horizon.

    Model: docs/model.md#11-quotes
    """
    before, per_hour = context.before, context.ticks_per_hour
    rate = float(before.case.rate_usd_per_mwh[demand.tier])
    hourly = step_costs_usd_per_mwh(before.shadow, rate, demand.tier)

    def mean(of: ContractDemand) -> float:
        return life_mean(hourly, before.lengths, before.made_tick, of, per_hour)

    dual = mean(demand)
    horizon_end = before.made_tick + sum(before.lengths)
    if after is before or horizon_end <= demand.starts_tick:
        return dual, None
    seen = replace(demand, ends_tick=min(demand.ends_tick, horizon_end))
    exact = exact_cost_usd_per_mwh(before, after, demand)
    return dual, exact if seen == demand else exact + dual - mean(seen)
