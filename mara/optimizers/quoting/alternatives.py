"""Alternatives to a request that does not fit.

Model: docs/model.md#11-quotes
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from mara.core.contract import TIER_KEYS, Tier
from mara.core.quote import Alternative
from mara.core.units import TOLERANCE_MW
from mara.optimizers.quoting.capacity import SIZE_STEP_MW, SiteCapacity, down_to_step, largest_mw, later_tick, split_of
from mara.optimizers.quoting.context import QuoteContext, breaks, refusal_for_size, solution_after, verdict
from mara.optimizers.quoting.pricing import ContractDemand, PricedSolution, extra_breach_mwh

MAX_TRIALS: Final = 5
"""Most solves spent on finding a size whose promise the fleet can keep."""


def alternatives_of(
    context: QuoteContext, capacity: SiteCapacity, after: PricedSolution, demand: ContractDemand
) -> tuple[Alternative, ...]:
    """List alternatives that would fit instead of a request, at most one of each kind.

    Kinds are less power, several smaller contracts, a lower tier, fewer hours, and a later start.
    """
    kept_mw = _kept_mw(context, capacity, after, demand)
    found = [
        _smaller(context, capacity, kept_mw, demand),
        _split(context, capacity, kept_mw, demand),
        _lower_tier(context, capacity, demand),
        _shorter(context, capacity, after, demand),
        _later(context, capacity, demand),
    ]
    return tuple(alternative for alternative in found if alternative is not None)


def _kept_mw(context: QuoteContext, capacity: SiteCapacity, after: PricedSolution, demand: ContractDemand) -> float:
    """Find how much of a request breaks no promise, in whole steps [MW].

    It may be spread over any number of sites. The plan with the request gives a lower bound: a request smaller by the
    power that is missing in the worst step is kept. A bisection narrows the size down from there. Each trial starts
    from the basis of the nearest size, because only whether it breaks a promise is read from it.
    """
    most_mw = demand.power_mw if demand.tier is Tier.SPOT else min(demand.power_mw, capacity.left_mw)
    if not breaks(context, after, demand):
        return down_to_step(most_mw)
    if after is context.before:
        return 0.0
    missing_mw = float((extra_breach_mwh(context.before, after) / after.case.dt_h).max())
    kept, broken = down_to_step(max(demand.power_mw - missing_mw, 0.0)), down_to_step(most_mw) + SIZE_STEP_MW
    solved = {0.0: context.before, demand.power_mw: after}
    for _ in range(MAX_TRIALS):
        trial = replace(demand, power_mw=down_to_step((kept + broken) / 2.0))
        if trial.power_mw <= kept + TOLERANCE_MW:
            break
        near = solved[_nearest(trial.power_mw, solved)]
        solved[trial.power_mw] = solution_after(context, trial, near=near)
        if breaks(context, solved[trial.power_mw], trial):
            broken = trial.power_mw
        else:
            kept = trial.power_mw
    return min(kept, down_to_step(most_mw))


def _nearest(power_mw: float, sizes_mw: Iterable[float]) -> float:
    return min(sizes_mw, key=lambda size_mw: abs(size_mw - power_mw))


def _smaller(
    context: QuoteContext, capacity: SiteCapacity, kept_mw: float, demand: ContractDemand
) -> Alternative | None:
    """Offer the largest size that fits at one site and breaks no promise."""
    size = min(largest_mw(capacity, demand.tier), kept_mw)
    if size < SIZE_STEP_MW or size >= demand.power_mw - TOLERANCE_MW:
        return None
    return _alternative(context, replace(demand, power_mw=size), kind="smaller", text=f"{size:.1f} MW at one site")


def _split(context: QuoteContext, capacity: SiteCapacity, kept_mw: float, demand: ContractDemand) -> Alternative | None:
    """Offer several equal contracts at as many sites, where they carry more than one."""
    count, each_mw = split_of(capacity, demand, kept_mw)
    if count < 2 or count * each_mw <= min(largest_mw(capacity, demand.tier), kept_mw) + SIZE_STEP_MW:
        return None
    text = f"{count} contracts of {each_mw:.1f} MW at as many sites, {count * each_mw:.1f} MW in all"
    part = replace(demand, power_mw=each_mw)
    return _alternative(context, part, kind="split", count=count, text=text)


def _lower_tier(context: QuoteContext, capacity: SiteCapacity, demand: ContractDemand) -> Alternative | None:
    """Offer the same power in the best lower tier that the fleet can promise."""
    for tier in Tier:
        if tier <= demand.tier:
            continue
        lower = replace(demand, tier=tier)
        if refusal_for_size(context, capacity, lower):
            continue
        if not verdict(context, capacity, solution_after(context, lower), lower)[0]:
            return _alternative(context, lower, kind="tier", text=f"all of it as {tier.name.title()}")
    return None


def _shorter(
    context: QuoteContext, capacity: SiteCapacity, after: PricedSolution, demand: ContractDemand
) -> Alternative | None:
    """Offer the whole hours that pass before a promise breaks; None where none does."""
    if after is context.before or refusal_for_size(context, capacity, demand) or not breaks(context, after, demand):
        return None
    extra_mwh = extra_breach_mwh(context.before, after).tolist()
    first = next((i for i, mwh in enumerate(extra_mwh) if mwh > TOLERANCE_MW), 0)
    hours = (sum(after.lengths[:first]) - 1) // context.ticks_per_hour
    shorter = replace(demand, ends_tick=demand.starts_tick + hours * context.ticks_per_hour)
    if hours < 1 or verdict(context, capacity, solution_after(context, shorter), shorter)[0]:
        return None
    return _alternative(context, shorter, kind="shorter", text=f"all of it for {hours} h")


def _later(context: QuoteContext, capacity: SiteCapacity, demand: ContractDemand) -> Alternative | None:
    """Offer the start at which ending contracts have left enough room."""
    tick = later_tick(capacity, context.problem, demand)
    if tick is None:
        return None
    at = context.problem.config.grid.at(tick)
    text = f"all of it from {at:%-d %b %H:%M} UTC, when contracts have ended, if nothing else is booked"
    return _alternative(context, demand, kind="later", text=text, starts_tick=tick)


def _alternative(
    context: QuoteContext,
    demand: ContractDemand,
    *,
    kind: str,
    text: str,
    count: int = 1,
    starts_tick: int | None = None,
) -> Alternative:
    grid = context.problem.config.grid
    ticks = demand.ends_tick - demand.starts_tick
    return Alternative(
        kind=kind,
        tier=TIER_KEYS[demand.tier],
        power_mw=demand.power_mw,
        count=count,
        duration_h=ticks * grid.dt_h,
        starts_at=grid.at(demand.starts_tick if starts_tick is None else starts_tick),
        text=text,
    )
