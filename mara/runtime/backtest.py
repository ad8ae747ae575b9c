"""A policy over a period of history: `advance` in a loop, without a database."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Final

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import SlaContract, Tier
from mara.core.outlook import Outlook, outlooks_of
from mara.core.plan import problem_in
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from mara.errors import FeedError
from mara.feeds.base import Feed, read_feed
from mara.optimizers.base import Optimizer
from mara.optimizers.day_ahead import with_orders
from mara.runtime.run_totals import RunTotals

POOL_TIER_SHARE: Final = {Tier.PREMIUM: 0.20, Tier.STANDARD: 0.35, Tier.FLEXIBLE: 0.30, Tier.SPOT: 0.15}
"""Shares of the tiers in a pooled demand."""
TICKS_AHEAD: Final = 96
"""Most ticks that are read ahead, to compute together what no plan changes: a day of quarters."""
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
    for outlook in _outlooks(config, feed, world.tick, world.tick + ticks, horizon_hours):
        problem = problem_in(config, world, outlook)
        targets = with_orders(optimizer.plan(problem).step_at(world.tick), problem, optimizer)
        step = advance(world, outlook.observation, targets, config, ahead=outlook.conditions)
        totals.add(step)
        world = step.world
        if on_step is not None:
            on_step(step)
    totals.close(world, config.fleet)
    return totals, world


def _outlooks(config: RunConfig, feed: Feed, first: int, end: int, horizon_hours: int) -> Iterator[Outlook]:
    """Read a feed ahead, some ticks at a time.

    A tick that it does not cover is refused when its turn comes.
    """
    while first < end:
        readings = []
        for tick in range(first, min(first + TICKS_AHEAD, end)):
            try:
                readings.append(read_feed(feed, tick, horizon_hours))
            except FeedError:
                if not readings:
                    raise
                break
        yield from outlooks_of([r.observation for r in readings], [r.forecast for r in readings], config)
        first += len(readings)


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
