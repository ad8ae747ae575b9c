"""What would fit instead of a request that does not: less, in parts, in a lower tier, for fewer hours, or later."""

from dataclasses import replace
from typing import Final

from mara.core.contract import TIER_KEYS, Tier
from mara.core.quote import Alternative
from mara.core.units import TOLERANCE_MW
from mara.optimizers.quoting.capacity import SIZE_STEP_MW, SiteCapacity, down_to_step, largest_mw, later_tick, split_of
from mara.optimizers.quoting.context import QuoteContext, breaks, outlay_after, refusal_for_size, verdict
from mara.optimizers.quoting.pricing import ContractDemand, PricedSolution, extra_breach_mwh

MAX_TRIALS: Final = 5
"""Solves spent on finding a size that fits where the fleet cannot keep what was asked for."""


def alternatives_of(
    counter: QuoteContext, rooms: SiteCapacity, after: PricedSolution, wish: ContractDemand
) -> tuple[Alternative, ...]:
    """What would fit instead: less, in parts, in a lower tier, for fewer hours, or later."""
    kept_mw = _kept_mw(counter, rooms, after, wish)
    found = [
        _smaller(counter, rooms, kept_mw, wish),
        _split(counter, rooms, kept_mw, wish),
        _lower_tier(counter, rooms, wish),
        _shorter(counter, rooms, after, wish),
        _later(counter, rooms, wish),
    ]
    return tuple(alternative for alternative in found if alternative is not None)


def _kept_mw(counter: QuoteContext, rooms: SiteCapacity, after: PricedSolution, wish: ContractDemand) -> float:
    """How much of a request breaks no promise, at any number of sites, in whole steps [MW].

    The plan with the request bounds it from below: with as much less as is missing in the worst step, what it delivers
    is enough. From there on by halving.
    """
    most_mw = wish.power_mw if wish.tier is Tier.SPOT else min(wish.power_mw, rooms.left_mw)
    if not breaks(counter, after, wish):
        return down_to_step(most_mw)
    if after is counter.before:
        return 0.0
    missing_mw = float((extra_breach_mwh(counter.before, after) / after.case.dt_h).max())
    kept, broken = down_to_step(max(wish.power_mw - missing_mw, 0.0)), down_to_step(most_mw) + SIZE_STEP_MW
    for _ in range(MAX_TRIALS):
        trial = replace(wish, power_mw=down_to_step((kept + broken) / 2.0))
        if trial.power_mw <= kept + TOLERANCE_MW:
            break
        if breaks(counter, outlay_after(counter, trial), trial):
            broken = trial.power_mw
        else:
            kept = trial.power_mw
    return min(kept, down_to_step(most_mw))


def _smaller(counter: QuoteContext, rooms: SiteCapacity, kept_mw: float, wish: ContractDemand) -> Alternative | None:
    """The largest size that fits at one site and is kept."""
    size = min(largest_mw(rooms, wish.tier), kept_mw)
    if size < SIZE_STEP_MW or size >= wish.power_mw - TOLERANCE_MW:
        return None
    return _alternative(counter, replace(wish, power_mw=size), kind="smaller", text=f"{size:.1f} MW at one site")


def _split(counter: QuoteContext, rooms: SiteCapacity, kept_mw: float, wish: ContractDemand) -> Alternative | None:
    count, each_mw = split_of(rooms, wish, kept_mw)
    if count < 2 or count * each_mw <= min(largest_mw(rooms, wish.tier), kept_mw) + SIZE_STEP_MW:
        return None
    text = f"{count} contracts of {each_mw:.1f} MW at as many sites, {count * each_mw:.1f} MW in all"
    part = replace(wish, power_mw=each_mw)
    return _alternative(counter, part, kind="split", count=count, text=text)


def _lower_tier(counter: QuoteContext, rooms: SiteCapacity, wish: ContractDemand) -> Alternative | None:
    for tier in Tier:
        if tier <= wish.tier:
            continue
        lower = replace(wish, tier=tier)
        if refusal_for_size(counter, rooms, lower):
            continue
        if not verdict(counter, rooms, outlay_after(counter, lower), lower)[0]:
            return _alternative(counter, lower, kind="tier", text=f"all of it as {tier.name.title()}")
    return None


def _shorter(
    counter: QuoteContext, rooms: SiteCapacity, after: PricedSolution, wish: ContractDemand
) -> Alternative | None:
    """As many whole hours as pass before a promise breaks, where one does."""
    if after is counter.before or refusal_for_size(counter, rooms, wish) or not breaks(counter, after, wish):
        return None
    extra_mwh = extra_breach_mwh(counter.before, after).tolist()
    first = next((i for i, mwh in enumerate(extra_mwh) if mwh > TOLERANCE_MW), 0)
    hours = (sum(after.lengths[:first]) - 1) // counter.ticks_per_hour
    shorter = replace(wish, ends_tick=wish.starts_tick + hours * counter.ticks_per_hour)
    if hours < 1 or verdict(counter, rooms, outlay_after(counter, shorter), shorter)[0]:
        return None
    return _alternative(counter, shorter, kind="shorter", text=f"all of it for {hours} h")


def _later(counter: QuoteContext, rooms: SiteCapacity, wish: ContractDemand) -> Alternative | None:
    tick = later_tick(rooms, counter.problem, wish)
    if tick is None:
        return None
    at = counter.problem.config.grid.at(tick)
    text = f"all of it from {at:%-d %b %H:%M} UTC, when contracts have ended, if nothing else is booked"
    return _alternative(counter, wish, kind="later", text=text, starts_tick=tick)


def _alternative(
    counter: QuoteContext,
    wish: ContractDemand,
    *,
    kind: str,
    text: str,
    count: int = 1,
    starts_tick: int | None = None,
) -> Alternative:
    grid = counter.problem.config.grid
    ticks = wish.ends_tick - wish.starts_tick
    return Alternative(
        kind=kind,
        tier=TIER_KEYS[wish.tier],
        power_mw=wish.power_mw,
        count=count,
        duration_h=ticks * grid.dt_h,
        starts_at=grid.at(wish.starts_tick if starts_tick is None else starts_tick),
        text=text,
    )
