"""A policy over a period of history: `advance` in a loop, without a database."""

from collections.abc import Callable
from math import ceil
from typing import Final

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import SlaContract, Tier
from mara.core.outlook import Outlook, outlooks_of
from mara.core.plan import DraftStep, PlanStep, problem_in
from mara.core.settled_stretch import SettledStretch
from mara.core.step import Step, advance
from mara.core.stretch import Stretch
from mara.core.world import RunConfig, World
from mara.errors import FeedError
from mara.feeds.base import Feed, FeedReading, read_feed
from mara.optimizers.base import DraftsMinersLast, DraftsTicks, Optimizer
from mara.optimizers.day_ahead import has_auction, with_orders
from mara.optimizers.flexibility.expected_terms import peak_price_now
from mara.runtime.observe.peak_counts import PeakCounts
from mara.runtime.run_totals import RunTotals

POOL_TIER_SHARE: Final = {Tier.PREMIUM: 0.20, Tier.STANDARD: 0.35, Tier.FLEXIBLE: 0.30, Tier.SPOT: 0.15}
"""Shares of the tiers in a pooled demand."""
TICKS_AHEAD: Final = 96
"""Most ticks that are read ahead: a day of quarters.

What no plan changes is computed for all of them together.
"""
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
    on_profit: Callable[[int, int], None] | None = None,
) -> tuple[RunTotals, World]:
    """Advance `world` by `ticks`, planning before each.

    Returns the totals of the ticks and the world after the last.

    Args:
        on_step: called with each step; a run without it makes none of the ticks that are settled together.
        on_profit: called with each tick and its profit [micro-USD].

    Raises:
        FeedError: the feed does not cover the period.
        PlanError: the optimizer failed.
    """
    power = config.fleet.power
    peaks = PeakCounts(config.grid.dt_h) if power is not None and power.peaks else None
    totals = RunTotals(dt_h=config.grid.dt_h, peaks=peaks)
    end, most, planner = world.tick + ticks, TICKS_AHEAD, optimizer if isinstance(optimizer, DraftsTicks) else None
    while world.tick < end:
        outlooks = _outlooks(config, feed, range(world.tick, min(world.tick + TICKS_AHEAD, end)), horizon_hours)
        while outlooks:
            tried = outlooks[:most]
            settled = _together(config, planner, world, tried) if planner is not None else None
            done = len(settled.ticks) if settled is not None else 0
            # Plans beyond the end of a stretch are made again, so that few are made where stretches are short.
            most = min(2 * (most if done == len(tried) else max(done, 1)), TICKS_AHEAD)
            if settled is not None:
                totals.add_stretch(settled)
                steps, profits, after = settled.steps(), settled.profit_micro_usd, settled.world
            else:
                step = _advanced(config, optimizer, world, outlooks[0])
                totals.add(step)
                if totals.peaks is not None:
                    now = peak_price_now(problem_in(config, world, outlooks[0]))
                    totals.peaks.add(step, outlooks[0].known_conditions, now, config.fleet)
                steps, profits, after = iter((step,)), [step.settlement.profit_micro_usd], step.world
            if on_step is not None:
                for step in steps:
                    on_step(step)
            if on_profit is not None:
                for tick, profit_micro_usd in enumerate(profits, start=world.tick):
                    on_profit(tick, profit_micro_usd)
            world, outlooks = after, outlooks[len(profits) :]
    totals.close(world, config.fleet)
    return totals, world


def _outlooks(config: RunConfig, feed: Feed, ticks: range, horizon_hours: int) -> tuple[Outlook, ...]:
    """Read a feed ahead; a tick that it does not cover is refused when its turn comes."""
    readings: list[FeedReading] = []
    for tick in ticks:
        try:
            readings.append(read_feed(feed, tick, horizon_hours))
        except FeedError:
            if not readings:
                raise
            break
    return outlooks_of([r.observation for r in readings], [r.forecast for r in readings], config)


def _together(
    config: RunConfig, optimizer: DraftsTicks, world: World, outlooks: tuple[Outlook, ...]
) -> SettledStretch | None:
    """Settle the ticks in which nothing happens but the plan.

    None if the first has to stand alone.
    """
    stretch, drafts = Stretch(world, config), list[DraftStep]()
    for outlook in outlooks:
        if has_auction(outlook.forecast, stretch.world.tick) or not stretch.may_go_on(outlook):
            break
        draft = optimizer.draft(problem_in(config, stretch.world, outlook))
        if not stretch.follow(outlook, draft):
            break
        drafts.append(draft)
    if drafts and isinstance(optimizer, DraftsMinersLast):
        return stretch.settled(optimizer.miners_mw(world, config, drafts, outlooks[: len(drafts)]))
    return stretch.settled()


def _advanced(config: RunConfig, optimizer: Optimizer, world: World, outlook: Outlook) -> Step:
    targets = _targets(config, optimizer, world, outlook)
    return advance(world, outlook.observation, targets, config, ahead=outlook.conditions)


def _targets(config: RunConfig, optimizer: Optimizer, world: World, outlook: Outlook) -> PlanStep:
    problem = problem_in(config, world, outlook)
    return with_orders(optimizer.plan(problem).step_at(world.tick), problem, optimizer)


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
