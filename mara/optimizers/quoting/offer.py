"""From a request to its quote: price, landing site, risk, or the reason why not and what would fit instead."""

from dataclasses import replace
from typing import Final

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import PROMISED_TIER_COUNT, TIER_KEYS, Tier
from mara.core.quote import Quote, QuoteRequest
from mara.optimizers.quoting.alternatives import alternatives_of
from mara.optimizers.quoting.capacity import rooms_of
from mara.optimizers.quoting.context import QuoteContext, outlay_after, verdict
from mara.optimizers.quoting.pricing import (
    ContractDemand,
    PricedSolution,
    exact_cost_usd_per_mwh,
    life_mean,
    step_costs_usd_per_mwh,
)
from mara.optimizers.quoting.risk import risk_of

MARGIN_SHARE: Final = 0.10
"""On the marginal cost, where that is positive: for what a forecast does not see."""
QUOTE_HOURS: Final = 4.0
"""Simulated time that an offer holds."""


def quote_of(
    ask: QuoteRequest, duration_ticks: int, counter: QuoteContext, *, quote_id: str, timezone: str = "UTC"
) -> Quote:
    """The quote for a valid request.

    Raises:
        PlanError: the linear program gave no price.
    """
    wish = counter.wish_of(Tier(TIER_KEYS.index(ask.tier)), ask.power_mw, duration_ticks)
    after = outlay_after(counter, wish)
    problem, grid = counter.problem, counter.problem.config.grid
    rooms = rooms_of(problem, counter.before.case, wish, counter.waiting)
    refusal, landing = verdict(counter, rooms, after, wish)
    dual, exact = costs(counter, after, wish)
    marginal = dual if exact is None else exact
    listed = list_rate_usd_per_mwh(wish.tier, problem.config)
    price = offered_usd_per_mwh(wish.tier, listed, marginal)
    site = problem.config.fleet.site_ids.index(landing.site_id) if landing is not None else -1
    risk = (
        risk_of(wish, site, problem, after=after, rooms=rooms, record=counter.record, timezone=timezone)
        if landing is not None and wish.tier < PROMISED_TIER_COUNT
        else None
    )
    expires = problem.tick + grid.ticks_of_hours(QUOTE_HOURS)
    duration_h = duration_ticks * grid.dt_h
    return Quote(
        id=quote_id,
        tier=ask.tier,
        customer=ask.customer,
        region=ask.region,
        power_mw=ask.power_mw,
        duration_h=duration_h,
        starts_tick=wish.starts_tick,
        ends_tick=wish.ends_tick,
        starts_at=grid.at(wish.starts_tick),
        ends_at=grid.at(wish.ends_tick),
        price_usd_per_mwh=price,
        list_price_usd_per_mwh=listed,
        marginal_cost_usd_per_mwh=marginal,
        dual_cost_usd_per_mwh=dual,
        exact_cost_usd_per_mwh=exact,
        priced_h=min(duration_h, (sum(counter.before.lengths) - 1) * grid.dt_h),
        charge_usd=price * ask.power_mw * duration_h,
        served_share=min(float(after.served_share[wish.tier]), 1.0),
        landing=landing,
        risk=risk,
        made_tick=problem.tick,
        expires_tick=expires,
        expires_at=grid.at(expires),
        alternatives=alternatives_of(counter, rooms, after, wish) if refusal else (),
        refusal=refusal,
    )


def offered_usd_per_mwh(tier: Tier, list_usd_per_mwh: float, marginal_usd_per_mwh: float) -> float:
    """max(list price, marginal cost and a margin on it). Spot pays its list price: it runs only while that pays."""
    if tier is Tier.SPOT:
        return list_usd_per_mwh
    return max(list_usd_per_mwh, marginal_usd_per_mwh + MARGIN_SHARE * max(marginal_usd_per_mwh, 0.0))


def costs(counter: QuoteContext, after: PricedSolution, wish: ContractDemand) -> tuple[float, float | None]:
    """Marginal cost over the whole life by shadow prices, and by the difference of two solves [USD/MWh].

    The solves see the horizon. Beyond it the shadow prices of the same hours of its last day are taken, and the exact
    cost moves by as much as their mean over the whole life differs from their mean over what is seen. What is paid
    once, the fee of moving in, thereby counts for every stretch as long as the horizon.
    """
    before, per_hour = counter.before, counter.ticks_per_hour
    rate = float(before.case.rate_usd_per_mwh[wish.tier])
    hourly = step_costs_usd_per_mwh(before.shadow, rate, wish.tier)

    def mean(of: ContractDemand) -> float:
        return life_mean(hourly, before.lengths, before.made_tick, of, per_hour)

    dual = mean(wish)
    horizon_end = before.made_tick + sum(before.lengths)
    if after is before or horizon_end <= wish.starts_tick:
        return dual, None
    seen = replace(wish, ends_tick=min(wish.ends_tick, horizon_end))
    exact = exact_cost_usd_per_mwh(before, after, wish)
    return dual, exact if seen == wish else exact + dual - mean(seen)
