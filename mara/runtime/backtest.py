"""A policy over a period of history: `advance` in a loop, without a database."""

from collections.abc import Callable
from math import ceil
from typing import Final

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import SlaContract, Tier
from mara.core.plan import problem_of
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from mara.feeds.base import Feed
from mara.optimizers.base import Optimizer
from mara.optimizers.day_ahead import with_orders
from mara.runtime.run_totals import RunTotals

POOL_TIER_SHARE: Final = {Tier.PREMIUM: 0.20, Tier.STANDARD: 0.35, Tier.FLEXIBLE: 0.30, Tier.SPOT: 0.15}
"""Shares of the tiers in a pooled demand."""
POOL_SLICES_PER_SITE: Final = 20
"""Number of contracts into which the demand for an average site's racks is cut.

Small ones, so that whole contracts waste little (decision 0067).
"""


def backtest(
    config: RunConfig,
    feed: Feed,
    optimizer: Optimizer,
    world: World,
    ticks: int,
    *,
    horizon_hours: int,
    on_step: Callable[[Step], None] | None = None,
) -> tuple[RunTotals, World]:
    """Advance `world` by `ticks`, planning before each.

    Returns the totals of the ticks and the world after the last.

    Raises:
        FeedError: the feed does not cover the period.
        PlanError: the optimizer failed.
    """
    totals = RunTotals(dt_h=config.grid.dt_h)
    for tick in range(world.tick, world.tick + ticks):
        observation = feed.observe(tick)
        forecast = feed.forecast(tick, horizon_hours)
        problem = problem_of(config, world, observation, forecast)
        plan = optimizer.plan(problem)
        step = advance(world, observation, with_orders(plan.step_at(tick), problem, optimizer), config)
        totals.add(step)
        world = step.world
        if on_step is not None:
            on_step(step)
    totals.close(world, config.fleet)
    return totals, world


def pooled_contracts(config: RunConfig, load_share: float, ticks: int) -> tuple[SlaContract, ...]:
    """Cut a constant demand into whole contracts of each tier.

    The demand is `load_share` of all inference racks, for the whole period.
    """
    racks_mw = float(config.fleet.racks_mw.sum())
    slice_mw = racks_mw / config.fleet.site_count / POOL_SLICES_PER_SITE
    contracts: list[SlaContract] = []
    for tier, share in POOL_TIER_SHARE.items():
        tier_mw = load_share * share * racks_mw
        if not tier_mw:  # no demand, or a fleet of miners alone
            continue
        count = ceil(tier_mw / slice_mw)
        contracts += [
            SlaContract(
                id=f"pool-{tier.name.lower()}-{n:04d}",
                tier=tier,
                customer="pooled demand",
                power_mw=tier_mw / count,
                rate_usd_per_mwh=list_rate_usd_per_mwh(tier, config),
                starts_tick=0,
                ends_tick=ticks,
                timezone="UTC",
            )
            for n in range(count)
        ]
    return tuple(contracts)
