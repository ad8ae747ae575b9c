"""Worlds to run on, put together from settings: for a run, a backtest, a study and a check of a stored tick alike."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast, get_args

from mara.core.fleet import Fleet
from mara.core.market import Terms
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, World, first_world
from mara.errors import ConfigError, FeedUnavailable
from mara.feeds.base import Feed
from mara.feeds.day_ahead import market_note
from mara.feeds.files.contract_demand import Demand, demand_of_file
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.history_clock import utc_text
from mara.feeds.files.history_file import CONTRACTS_FILE, History, read_history
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.feeds.synthetic.arrivals import ArrivalStream
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.feeds.synthetic.outages import OutageStream
from mara.optimizers.base import Optimizer
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import pooled_contracts
from mara.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """The outside world of a run: what it is fixed on, the feed, and the state before the first tick. `history` is None
    for a synthetic world; `notes` are for whoever began the run.
    """

    config: RunConfig
    feed: Feed
    history: History | None
    world: World
    notes: tuple[str, ...] = ()


def terms_of(settings: Settings) -> Terms:
    """The commercial terms of a run."""
    return Terms(
        carbon_price_usd_per_t=settings.carbon_price_usd_per_t,
        base_rate_usd_per_mwh=settings.base_rate_usd_per_mwh,
        remote_serving_usd_per_mwh=settings.remote_serving_usd_per_mwh,
        break_promises=settings.break_promises,
    )


def fleet_for(name: str | None, history: History | None) -> Fleet:
    """The named fleet; without a name the history's own sites, or the default fleet.

    Raises:
        ConfigError, FeedInvalid: the fleet or the history's sites cannot be read.
    """
    if name is not None:
        return read_fleet(name)
    return fleet_of_history(history) if history is not None else read_fleet("global_ten")


def history_of(settings: Settings) -> History | None:
    """The history that the settings name, read whole; None for a synthetic world.

    Raises:
        FeedInvalid: it cannot be used.
    """
    if settings.history is None:
        return None
    return read_history(settings.history, trusts_units=settings.trust_units)


def outside_of(settings: Settings) -> Outside:
    """The outside world that the settings ask for: a history replayed with seeded outages and requests, or synthetic.

    Raises:
        ConfigError, FeedError: the fleet, the history or the start cannot be used.
    """
    history = history_of(settings)
    fleet = fleet_for(settings.fleet if settings.fleet_was_given else None, history)
    start = history.start if history is not None and not settings.start_was_given else settings.start
    config = RunConfig(
        fleet=fleet, grid=TimeGrid(start=start, tick_minutes=settings.tick_minutes), terms=terms_of(settings)
    )
    if history is None:
        return Outside(
            config=config,
            feed=SyntheticFeed(config, settings.seed, settings.token_price_usd_per_mtok),
            history=None,
            world=first_world(config),
        )
    file = contracts_beside(history)
    demand = (
        demand_of_file(file, config, config.grid.tick_at(history.end))
        if file
        else Demand(requests=ArrivalStream(config, settings.seed).arrivals)
    )
    feed = ReplayFeed(
        config,
        history,
        forecast="day-ahead",
        token_price_usd_per_mtok=settings.token_price_usd_per_mtok,
        availability=OutageStream(config, settings.seed).availability,
        arrivals=demand.requests,
    )
    return _served(config, feed, history, demand, market_note(fleet.sites))


def _served(config: RunConfig, feed: Feed, history: History, demand: Demand, *notes: str) -> Outside:
    world = opened(first_world(config), demand.contracts, config)
    said = (*demand.notes, *(note for note in notes if note))
    return Outside(config=config, feed=feed, history=history, world=world, notes=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOrder:
    """What a backtest is asked for, beside the settings; None means the history's own bounds."""

    from_: datetime | None = None
    to: datetime | None = None
    contracts: Path | None = None
    load_share: float = 0.75
    migration_factor: float = 1.0
    forecast: str = "persistence"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestCase:
    """Everything a backtest runs on."""

    outside: Outside
    optimizer: Optimizer
    ticks: int

    @property
    def world(self) -> World:
        """The state before the first tick."""
        return self.outside.world


def backtest_of(settings: Settings, order: BacktestOrder) -> BacktestCase:
    """The case that was ordered. A history has no outages; demand is a contracts file, else a constant pool.

    Raises:
        ConfigError, FeedError: a history, period, forecast, fleet or optimizer that cannot be used.
    """
    history = history_of(settings)
    if history is None:
        raise ConfigError("a backtest needs a history folder: give --history DIR or set MARA_HISTORY")
    if order.forecast not in get_args(ForecastKind):
        kinds = ", ".join(get_args(ForecastKind))
        raise ConfigError(f"--forecast must be one of {kinds}, got {order.forecast!r}: choose one of these")
    start, end = order.from_ or history.start, order.to or history.end
    history.window(start, end)
    terms = terms_of(settings)
    premium, standard, flexible = (fee * order.migration_factor for fee in terms.migration_usd_per_mw)
    config = RunConfig(
        fleet=fleet_for(settings.fleet if settings.fleet_was_given else None, history),
        grid=TimeGrid(start=start, tick_minutes=settings.tick_minutes),
        terms=replace(terms, migration_usd_per_mw=(premium, standard, flexible)),
    )
    ticks = config.grid.tick_at(end)
    if not ticks:
        raise FeedUnavailable(
            f"the period should hold a whole tick of {settings.tick_minutes} minutes, came {utc_text(start)} up to "
            f"{utc_text(end)}: correct --from or --to"
        )
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
    note = market_note(config.fleet.sites) if order.forecast == "day-ahead" else ""
    outside = _served(config, feed, history, demand, note)
    return BacktestCase(outside=outside, optimizer=optimizer_of(settings.optimizer), ticks=ticks)


def contracts_beside(history: History) -> Path | None:
    """The contracts file of a history folder, if there is one."""
    file = history.folder / CONTRACTS_FILE
    return file if file.is_file() else None
