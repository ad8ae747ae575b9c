"""Assembly of backtests from settings: history, demand and optimizer."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast, get_args

from mara.assembly.worlds import (
    Outside,
    contracts_beside,
    fleet_of_run,
    history_of,
    served,
    terms_of,
    with_day_ahead,
    with_power,
)
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_MINUTE
from mara.core.world import RunConfig, World
from mara.errors import ConfigError, FeedUnavailable
from mara.feeds.day_ahead import market_note
from mara.feeds.files.contract_demand import Demand, demand_of_file
from mara.feeds.files.history import History
from mara.feeds.files.history_clock import utc_text
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.optimizers.base import Optimizer
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import pooled_contracts
from mara.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOrder:
    """The request for a backtest, beside the settings.

    Attributes:
        from_, to: period in UTC; None for the history's own bounds.
        contracts: file of contracts to serve; None for the history's, or a constant pooled demand.
        load_share: pooled demand as a share of the racks.
        migration_factor: multiplier of the fees for moving contracts.
        follows_steps: ticks are as long as the history's steps, whatever the settings say.
    """

    from_: datetime | None = None
    to: datetime | None = None
    contracts: Path | None = None
    load_share: float = 0.75
    migration_factor: float = 1.0
    forecast: str = "persistence"
    follows_steps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestCase:
    """Inputs of a backtest: a world, a policy and a number of ticks."""

    outside: Outside
    optimizer: Optimizer
    ticks: int

    @property
    def world(self) -> World:
        """The state before the first tick."""
        return self.outside.world


def _ticks_of(grid: TimeGrid, end: datetime, history: History, *, is_cut: bool) -> int:
    """Count the whole ticks up to an end.

    Args:
        is_cut: a last part of a tick is left out, as the end of a history may be one; else it is refused.

    Raises:
        FeedUnavailable: the period is shorter than a tick, or ticks would lie across the history's steps, of which each
            can pay only one price.
    """
    ticks, start = grid.tick_at(end), grid.at(0)
    shorter_s = SECONDS_PER_MINUTE * min(grid.tick_minutes, history.step_minutes)
    is_across = (grid.start_epoch_s - history.first_epoch_s) % shorter_s != 0
    if not ticks or is_across or (grid.at(ticks) != end and not is_cut):
        raise FeedUnavailable(
            f"the period should be whole ticks of {grid.tick_minutes} minutes that do not lie across steps of the "
            f"history, came {utc_text(start)} up to {utc_text(end)}: correct --from or --to"
        )
    return ticks


def backtest_of(settings: Settings, order: BacktestOrder) -> BacktestCase:
    """Build the inputs of a backtest from settings and an order.

    A history has no outages; demand is a contracts file, else a constant pool.

    Raises:
        ConfigError, FeedError: a history, period, forecast, fleet or optimizer cannot be used.
    """
    history = history_of(settings)
    if history is None:
        raise ConfigError("a backtest needs a history folder: give --history DIR or set MARA_HISTORY")
    if order.forecast not in get_args(ForecastKind):
        kinds = ", ".join(get_args(ForecastKind))
        raise ConfigError(f"--forecast must be one of {kinds}, got {order.forecast!r}: choose one of these")
    start, end = order.from_ or history.start, order.to or history.end
    history.window(start, end)
    tick_minutes = history.step_minutes if order.follows_steps else settings.tick_minutes
    terms = terms_of(settings)
    premium, standard, flexible = (fee * order.migration_factor for fee in terms.migration_usd_per_mw)
    config = RunConfig(
        fleet=fleet_of_run(settings, history),
        grid=TimeGrid(start=start, tick_minutes=tick_minutes),
        terms=replace(terms, migration_usd_per_mw=(premium, standard, flexible)),
    )
    ticks = _ticks_of(config.grid, end, history, is_cut=order.to is None)
    file = order.contracts or contracts_beside(history)
    demand = (
        demand_of_file(file, config, ticks)
        if file
        else Demand(contracts=pooled_contracts(config, order.load_share, ticks))
    )
    feed = ReplayFeed(
        config,
        history,
        forecast=cast(ForecastKind, order.forecast),
        token_price_usd_per_mtok=settings.token_price_usd_per_mtok,
        arrivals=demand.requests,
    )
    note = market_note(config.fleet.sites, history.price_known) if order.forecast == "day-ahead" else ""
    told = with_power(with_day_ahead(settings, config, feed, history), config, settings.seed, history)
    outside = served(config, told, history, demand, note)
    return BacktestCase(outside=outside, optimizer=optimizer_of(settings.optimizer), ticks=ticks)
