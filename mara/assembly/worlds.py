"""The outside world of a run: fleet, terms, feed and contracts, from settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mara.core.contract import ContractRequest
from mara.core.fleet import Fleet
from mara.core.market import Terms
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, World, first_world
from mara.errors import ConfigError
from mara.feeds.base import Feed
from mara.feeds.day_ahead import market_note
from mara.feeds.files.contract_demand import Demand, demand_of_file
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.history import History
from mara.feeds.files.history_file import CONTRACTS_FILE, read_history
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.files.shipped_histories import shipped_folder
from mara.feeds.files.terms.power_terms import with_products
from mara.feeds.files.terms.products import products_beside, read_products
from mara.feeds.power_feed import PowerFeed, RecordedPower
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.feeds.synthetic.arrivals import ArrivalStream
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.feeds.synthetic.outages import OutageStream
from mara.feeds.synthetic.power_system import SyntheticCalls, with_synthetic_power
from mara.feeds.two_prices import TwoPriceFeed, tradable
from mara.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """The outside world of a run, and its state before the first tick.

    Attributes:
        config: configuration, fixed for the life of the run.
        history: the replayed history; None for a synthetic world.
        notes: remarks on the input, shown when the run starts.
    """

    config: RunConfig
    feed: Feed
    history: History | None
    world: World
    notes: tuple[str, ...] = ()


def terms_of(settings: Settings) -> Terms:
    """Read the commercial terms of a run from its settings."""
    return Terms(
        carbon_price_usd_per_t=settings.carbon_price_usd_per_t,
        base_rate_usd_per_mwh=settings.base_rate_usd_per_mwh,
        remote_serving_usd_per_mwh=settings.remote_serving_usd_per_mwh,
        break_promises=settings.break_promises,
    )


def fleet_for(name: str | None, history: History | None) -> Fleet:
    """Read the named fleet.

    Without a name it is the history's own sites, or the default fleet.

    Raises:
        ConfigError, FeedInvalid: the fleet or the history's sites cannot be read.
    """
    if name is not None:
        return read_fleet(name)
    return fleet_of_history(history) if history is not None else read_fleet("global_ten")


def fleet_of_run(settings: Settings, history: History | None) -> Fleet:
    """Read the fleet that the settings name, with the grid products that it may sell.

    Raises:
        ConfigError, FeedInvalid: the fleet, its products or the history's sites cannot be read.
    """
    name = settings.fleet if settings.fleet_was_given else None
    fleet = fleet_for(name, history)
    products = settings.products or products_beside(name or "")
    return with_products(fleet, read_products(products, fleet)) if products else fleet


def history_of(settings: Settings) -> History | None:
    """Read the whole history that the settings name; None for a synthetic world.

    Raises:
        FeedInvalid: the history cannot be used.
    """
    if settings.history is None:
        return None
    return read_history(settings.history, trusts_units=settings.trust_units)


def is_shipped_history(name: str) -> bool:
    """True if a history of this name comes with Mara and no folder hides it."""
    return shipped_folder(name) is not None


def without_place(message: str, history: Path | None) -> str:
    """Name a history in a message without its place on this machine."""
    if history is None:
        return message
    folder = shipped_folder(str(history)) or history
    return message.replace(str(folder), folder.name)


def outside_of(settings: Settings) -> Outside:
    """Build the world that the settings ask for: replayed or synthetic.

    Raises:
        ConfigError, FeedError: the fleet, the history or the start cannot be used.
    """
    history = history_of(settings)
    fleet = fleet_of_run(settings, history)
    start = history.start if history is not None and not settings.start_was_given else settings.start
    config = RunConfig(
        fleet=fleet, grid=TimeGrid(start=start, tick_minutes=settings.tick_minutes), terms=terms_of(settings)
    )
    if history is None:
        feed = seeded_feed(settings, config, settings.seed, None)
        return Outside(config=config, feed=feed, history=None, world=first_world(config))
    file = contracts_beside(history)
    demand = (
        demand_of_file(file, config, config.grid.tick_at(history.end))
        if file
        else Demand(requests=ArrivalStream(config, settings.seed).arrivals)
    )
    feed = seeded_feed(settings, config, settings.seed, history, forecast="day-ahead", arrivals=demand.requests)
    return served(config, feed, history, demand, market_note(fleet.sites, history.price_known))


def seeded_feed(
    settings: Settings,
    config: RunConfig,
    seed: int,
    history: History | None,
    *,
    forecast: ForecastKind = "persistence",
    arrivals: Callable[[int], tuple[ContractRequest, ...]] | None = None,
) -> Feed:
    """Build a synthetic feed, or a replay with seeded outages and requests.

    Args:
        forecast: the kind of a replay's forecasts.
        arrivals: the requests of a replay; None for seeded ones.

    Raises:
        ConfigError: day-ahead positions are to be bought where there are not two prices.
    """
    if history is None:
        if settings.has_positions:
            raise _no_two_prices("a synthetic world has one price")
        return with_synthetic_power(SyntheticFeed(config, seed, settings.token_price_usd_per_mtok), config, seed)
    feed = ReplayFeed(
        config,
        history,
        forecast=forecast,
        token_price_usd_per_mtok=settings.token_price_usd_per_mtok,
        availability=OutageStream(config, seed).availability,
        arrivals=ArrivalStream(config, seed).arrivals if arrivals is None else arrivals,
    )
    return with_power(with_day_ahead(settings, config, feed, history), config, seed, history)


def with_power(feed: Feed, config: RunConfig, seed: int, history: History) -> Feed:
    """Add the recorded power system to a feed; nothing without power terms.

    Raises:
        ConfigError: the history lacks a column that a charge or a product needs.
    """
    if config.fleet.power is None:
        return feed
    recorded = RecordedPower(config, history)
    return PowerFeed(feed, config, recorded, recorded.calls(SyntheticCalls(config, seed).at, config))


def with_day_ahead(settings: Settings, config: RunConfig, feed: ReplayFeed, history: History) -> Feed:
    """Add a history's day-ahead prices, and auctions if wanted, to its replay.

    Raises:
        ConfigError: positions are to be bought, and no site has a second price to settle them at.
    """
    if settings.has_positions and not tradable(config, history).any():
        raise _no_two_prices(f"{history.folder} has no site with both")
    if history.day_ahead_usd_per_mwh is None:
        return feed
    return TwoPriceFeed(feed, config, history, sends_orders=settings.has_positions)


def _no_two_prices(came: str) -> ConfigError:
    return ConfigError(
        "day-ahead positions need a history with a real-time price and a column day_ahead_usd_per_mwh beside it; "
        f"{came}: give such a history, or set MARA_DAY_AHEAD_POSITION (--day-ahead) to none"
    )


def served(config: RunConfig, feed: Feed, history: History, demand: Demand, *notes: str) -> Outside:
    """Combine a replayed world with the contracts that are live at its start."""
    world = opened(first_world(config), demand.contracts, config)
    said = (*demand.notes, *(note for note in (*notes, means_note(config, history)) if note))
    return Outside(config=config, feed=feed, history=history, world=world, notes=said)


def means_note(config: RunConfig, history: History) -> str:
    """Write a note where ticks are longer than a history's steps, else an empty text."""
    tick, step = config.grid.tick_minutes, history.step_minutes
    if tick <= step:
        return ""
    return (
        f"a tick of {tick} minutes sees, and is settled at, the mean of the history's steps of {step} minutes: "
        f"ticks of {step} minutes (--tick-minutes {step}) see each of them"
    )


def contracts_beside(history: History) -> Path | None:
    """Find the contracts file of a history folder; None where there is none."""
    file = history.folder / CONTRACTS_FILE
    return file if file.is_file() else None
