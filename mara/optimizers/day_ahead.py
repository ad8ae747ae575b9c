"""Orders for day-ahead auctions, for load that is to cost more in real time.

The same rules plan the load of every hour at the real-time price that is expected for it, whoever plans the ticks: a
policy that does not look ahead is asked itself, another's fallback stands in for it, because no plan reaches to the end
of the next day. What the auction gives is sunk when the hour comes and changes no plan.

Model: docs/model.md#two-settlements ; decision 0161
"""

from dataclasses import replace

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.dispatch import dispatch
from mara.core.plan import PlanStep, Problem
from mara.core.position import DayAheadOrders
from mara.core.world import Forecast, Observation
from mara.optimizers.base import LooksAhead, Optimizer


def with_orders(step: PlanStep, problem: Problem, optimizer: Optimizer) -> PlanStep:
    """Add the tick's orders to a plan's step, the same step where there are none."""
    auction = problem.forecast.auction
    if auction is None or not has_auction(problem.forecast, problem.tick):
        return step
    planner = optimizer.fallback if isinstance(optimizer, LooksAhead) else optimizer
    load_mw = np.stack([_site_power_mw(problem, seen, planner) for seen in auction.likely])
    fleet = problem.config.fleet
    # What is bought is for load beyond the hedge, so that no load is covered twice.
    beyond_mw = np.clip(load_mw, 0.0, fleet.grid_limit_mw) - fleet.hedge_mw
    is_open = np.isfinite(auction.limit_usd_per_mwh)
    orders = DayAheadOrders(
        first_epoch_h=auction.first_epoch_h,
        quantity_mw=sealed(np.where(is_open, np.maximum(beyond_mw, 0.0), 0.0)),
        limit_usd_per_mwh=sealed(np.where(is_open, auction.limit_usd_per_mwh, 0.0)),
    )
    return replace(step, day_ahead=orders)


def has_auction(forecast: Forecast, tick: int) -> bool:
    """Return whether orders are sent in a tick.

    A stale forecast repeats an auction that is over.
    """
    return forecast.auction is not None and forecast.auction.tick == tick


def _site_power_mw(problem: Problem, seen: Observation, planner: Optimizer) -> Floats:
    """Return the site power that would run now if the tick were as `seen` (S,)."""
    config, world = problem.config, problem.world
    likely = Problem(config=config, world=world, observation=seen, forecast=problem.forecast)
    plan = planner.plan(likely)
    return dispatch(plan.step_at(problem.tick), world, seen, likely.conditions, config).site_power_mw
