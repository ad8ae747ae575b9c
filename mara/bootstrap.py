"""The only file that knows which real thing stands behind each protocol."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, cast, get_args

import numpy as np

import mara
from mara.core.arrays import sealed
from mara.core.booking import contract_of, list_rate_usd_per_mwh
from mara.core.contract import ContractRequest, SlaContract
from mara.core.fleet import Fleet
from mara.core.market import Terms
from mara.core.quote import OutageRecord
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.world import Charter, World, first_world
from mara.errors import ConfigError, FeedError, FeedUnavailable
from mara.feeds.arrivals import ArrivalStream
from mara.feeds.base import Feed
from mara.feeds.contract_file import read_contracts, requests_by_tick
from mara.feeds.fleet_file import read_fleet
from mara.feeds.history_file import CONTRACTS_FILE, History, read_history, utc_text
from mara.feeds.history_fleet import fleet_of_history
from mara.feeds.outages import OutageStream
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.feeds.synthetic import SyntheticFeed
from mara.optimizers.advised import Advised
from mara.optimizers.base import Optimizer
from mara.optimizers.roster import asked_of, companions_of, optimizer_of
from mara.optimizers.rules import Rules
from mara.optimizers.steady import Memory, Steady
from mara.runtime.advisor import Advisor
from mara.runtime.alerts import Alarm, Webhook
from mara.runtime.backtest import pooled_contracts
from mara.runtime.clock import Clock, SystemClock
from mara.runtime.engagement import bands_of, engagement_of
from mara.runtime.engine import PLAN, Engine
from mara.runtime.latest import Latest
from mara.runtime.planner import Planner
from mara.runtime.platform import Platform
from mara.runtime.shadows import MAX_SITES, NO_BUDGETS, Shadows
from mara.settings import Settings
from mara.store import upkeep
from mara.store.codec import record_of
from mara.store.database import database_of
from mara.store.outages import OutageCount
from mara.store.people import People
from mara.store.reading import Reading
from mara.store.records import RunRecord, difference_of, run_record
from mara.store.sqlite_file import SqliteFile
from mara.store.store import Store

Demand: TypeAlias = tuple[tuple[SlaContract, ...], Callable[[int], tuple[ContractRequest, ...]] | None]
"""Contracts that live from the first tick on, and the requests of each tick."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """The outside world of a run: what it is fixed on, the feed, and the state before the first tick. `history` is None
    for a synthetic world.
    """

    charter: Charter
    feed: Feed
    history: History | None
    world: World


def terms_of(settings: Settings) -> Terms:
    """The commercial terms of a run."""
    return Terms(
        carbon_price_usd_per_t=settings.carbon_price_usd_per_t,
        base_rate_usd_per_mwh=settings.base_rate_usd_per_mwh,
        remote_serving_usd_per_mwh=settings.remote_serving_usd_per_mwh,
    )


def fleet_for(name: str | None, history: History | None) -> Fleet:
    """The named fleet; without a name the history's own sites, or the default fleet.

    Raises:
        ConfigError, FeedInvalid: the fleet or the history's sites cannot be read.
    """
    if name is not None:
        return read_fleet(name)
    return fleet_of_history(history) if history is not None else read_fleet("global_ten")


def outside_of(settings: Settings) -> Outside:
    """The outside world that the settings ask for: a history replayed with seeded outages and requests, or synthetic.

    Raises:
        ConfigError, FeedError: the fleet, the history or the start cannot be used.
    """
    history = read_history(settings.history) if settings.history is not None else None
    fleet = fleet_for(settings.fleet if settings.fleet_was_given else None, history)
    start = history.start if history is not None and not settings.start_was_given else settings.start
    charter = Charter(
        fleet=fleet, grid=TimeGrid(start=start, tick_minutes=settings.tick_minutes), terms=terms_of(settings)
    )
    if history is None:
        return Outside(
            charter=charter,
            feed=SyntheticFeed(charter, settings.seed, settings.token_price_usd_per_mtok),
            history=None,
            world=first_world(charter),
        )
    file = contracts_beside(history)
    demand: Demand = demand_in(file, charter) if file else ((), ArrivalStream(charter, settings.seed).arrivals)
    contracts, arrivals = demand
    feed = ReplayFeed(
        charter,
        history,
        forecast="day-ahead",
        token_price_usd_per_mtok=settings.token_price_usd_per_mtok,
        availability=OutageStream(charter, settings.seed).availability,
        arrivals=arrivals,
    )
    return Outside(charter=charter, feed=feed, history=history, world=opened(first_world(charter), contracts, charter))


def open_run(settings: Settings) -> tuple[Store, Engine]:
    """The store and the engine where its run stands; a new database begins the run that the settings describe.

    Raises:
        ConfigError: the database holds a run of another seed, fleet or world.
        FeedError, StoreError: the world or the database cannot be opened.
    """
    optimizer_of(settings.optimizer)
    outside = outside_of(settings)
    wanted = _record_for(settings, outside)
    store = Store.open(settings.database_url, durability=settings.durability)
    try:
        if store.run is None:
            store.begin(wanted, outside.world)
        engine = _engine_in(store, settings, outside)
    except BaseException:
        store.close()
        raise
    return store, engine


def reloaded(settings: Settings, store: Store) -> Engine:
    """The engine where an open store stands, after that was not where the run was.

    Raises:
        ConfigError, FeedError: the world outside is not what it was.
        StoreError: the store cannot be reached, or holds another run or none.
    """
    outside = outside_of(settings)
    store.take_again()
    return _engine_in(store, settings, outside)


def _engine_in(store: Store, settings: Settings, outside: Outside) -> Engine:
    stored = store.load()
    assert stored is not None
    run, world, parts = stored
    _refuse_other_run(run, _record_for(settings, outside))
    return _engine_of(settings, outside, world, parts)


def _engine_of(settings: Settings, outside: Outside, world: World, parts: Mapping[str, bytes]) -> Engine:
    """The engine where a run stands, its plan in force and the worlds beside it as they were kept."""
    optimizer = optimizer_of(settings.optimizer, spends_budgets=settings.sla_flexibility)
    if isinstance(optimizer, Steady) and PLAN in parts:
        optimizer.recall(record_of(Memory, parts[PLAN]))
    shadows = None
    if outside.charter.fleet.site_count <= MAX_SITES:
        companions = companions_of(settings.optimizer, spends_budgets=settings.sla_flexibility)
        shadows = Shadows(outside.charter, world, companions, parts)
    return Engine(
        charter=outside.charter,
        feed=outside.feed,
        optimizer=optimizer,
        horizon_hours=settings.horizon_hours,
        world=world,
        shadows=shadows,
    )


def standing_of(settings: Settings) -> tuple[Engine, OutageRecord]:
    """The run where it stands, only looked at, and the outages that are stored of it; without a database its start.

    Raises:
        ConfigError: the database holds a run of another seed, fleet or world.
        FeedError, StoreError: the world or the database cannot be read.
    """
    outside, world = outside_of(settings), None
    sites = outside.charter.fleet.site_count
    record = OutageRecord(
        seen_ticks=0, lost_ticks=sealed(np.zeros(sites)), fall_count=sealed(np.zeros(sites, dtype=np.int64))
    )
    reading = Reading.open(settings.database_url) if database_of(settings.database_url).is_there() else None
    if reading is not None:
        try:
            if reading.ask("SELECT 1 FROM runs"):
                _refuse_other_run(reading.run(), _record_for(settings, outside))
                world, record = reading.world(), OutageCount(reading=reading, sites=sites).record()
        finally:
            reading.close()
    engine = Engine(
        charter=outside.charter,
        feed=outside.feed,
        optimizer=Rules(),
        horizon_hours=settings.horizon_hours,
        world=outside.world if world is None else world,
    )
    return engine, record


def _record_for(settings: Settings, outside: Outside) -> RunRecord:
    """The run that the settings describe."""
    return run_record(
        outside.charter,
        seed=settings.seed,
        optimizer=settings.optimizer,
        feed=outside.feed.name,
        history_hash=outside.history.sha256 if outside.history is not None else "",
        version=mara.__version__,
    )


def _refuse_other_run(stored: RunRecord, wanted: RunRecord) -> None:
    difference = difference_of(stored, wanted)
    if difference is not None:
        raise ConfigError(f"{difference}: use another MARA_DATABASE_URL, or ask for the stored run")


def platform_of(settings: Settings) -> Platform:
    """The live platform; nothing is opened before it is started.

    Raises:
        ConfigError: no such optimizer.
    """
    optimizer_of(settings.optimizer)
    clock, engagement = SystemClock(), engagement_of(settings)
    advisor = Advisor(engagement, clock)

    def planned(engine: Engine) -> tuple[Engine, Planner]:
        with suppress(FeedError):  # the first look draws a week: here it holds up nobody, and its failure shows later
            engine.outlook()
        return engine, planner_of(settings, advisor if engagement.client is not None else None, clock)

    def start() -> tuple[Store, Engine, Planner]:
        store, engine = open_run(settings)
        return (store, *planned(engine))

    def reload(store: Store) -> tuple[Engine, Planner]:
        return planned(reloaded(settings, store))

    webhook = Webhook(settings.webhook_url) if settings.webhook_url is not None else None
    return Platform(start, Latest(Alarm(webhook)), clock, settings.speed, advisor, reload)


def planner_of(settings: Settings, advisor: Advisor | None, clock: Clock) -> Planner:
    """The planner of a live run, with a twin for the world beside it that has no error budgets to spend."""
    deadline_s = settings.plan_deadline_s
    own, without = (
        asked_of(settings.optimizer, deadline_s, spends_budgets=spends) for spends in (settings.sla_flexibility, False)
    )
    advised = own.optimizer if advisor is None else Advised(own.optimizer, advisor, bands_of(settings))
    return Planner(
        advised,
        own.fallback,
        deadline_s,
        cancel=own.cancel,
        every_tick=advisor is not None,
        spends_budgets=settings.sla_flexibility,
        clock=clock,
        twins={
            NO_BUDGETS: Planner(
                without.optimizer,
                without.fallback,
                deadline_s,
                cancel=without.cancel,
                spends_budgets=False,
                clock=clock,
            )
        },
    )


def set_aside(settings: Settings) -> str | None:
    """Keep the stored run beside a new, empty database; returns where, None where nothing was stored.

    Raises:
        StoreRefused: another process writes it, or it cannot be set aside.
    """
    return upkeep.init(settings.database_url, force=True)


def people_of(settings: Settings) -> People:
    """Who may log in, from the run's database; made or upgraded first where need be.

    Raises:
        ConfigError, StoreError: the database cannot be used.
    """
    upkeep.make_ready(settings.database_url)
    return People.open(settings.database_url)


def database_file_of(settings: Settings) -> Path | None:
    """The file that remembers the run; None where a server does.

    Raises:
        ConfigError: not the URL of a database.
    """
    database = database_of(settings.database_url)
    return database.path if isinstance(database, SqliteFile) else None


def rehearsal_of(settings: Settings) -> Engine:
    """An engine at the start of the run that the settings describe; nothing is remembered.

    Raises:
        ConfigError, FeedError: no such optimizer, fleet or world.
    """
    optimizer_of(settings.optimizer)
    outside = outside_of(settings)
    return _engine_of(settings, outside, outside.world, {})


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
    if settings.history is None:
        raise ConfigError("a backtest needs a history folder: give --history DIR or set MARA_HISTORY")
    if order.forecast not in get_args(ForecastKind):
        kinds = ", ".join(get_args(ForecastKind))
        raise ConfigError(f"--forecast must be one of {kinds}, got {order.forecast!r}: choose one of these")
    history = read_history(settings.history)
    start, end = order.from_ or history.start, order.to or history.end
    history.window(start, end)
    terms = terms_of(settings)
    premium, standard, flexible = (fee * order.migration_factor for fee in terms.migration_usd_per_mw)
    charter = Charter(
        fleet=fleet_for(settings.fleet if settings.fleet_was_given else None, history),
        grid=TimeGrid(start=start, tick_minutes=settings.tick_minutes),
        terms=replace(terms, migration_usd_per_mw=(premium, standard, flexible)),
    )
    ticks = charter.grid.tick_at(end)
    if not ticks:
        raise FeedUnavailable(
            f"the period should hold a whole tick of {settings.tick_minutes} minutes, came {utc_text(start)} up to "
            f"{utc_text(end)}: correct --from or --to"
        )
    file = order.contracts or contracts_beside(history)
    demand = demand_in(file, charter) if file else (pooled_contracts(charter, order.load_share, ticks), None)
    contracts, arrivals = demand
    feed = ReplayFeed(
        charter,
        history,
        forecast=cast(ForecastKind, order.forecast),
        token_price_usd_per_mtok=settings.token_price_usd_per_mtok,
        arrivals=arrivals,
    )
    outside = Outside(
        charter=charter, feed=feed, history=history, world=opened(first_world(charter), contracts, charter)
    )
    return BacktestCase(outside=outside, optimizer=optimizer_of(settings.optimizer), ticks=ticks)


def contracts_beside(history: History) -> Path | None:
    """The contracts file of a history folder, if there is one."""
    file = history.folder / CONTRACTS_FILE
    return file if file.is_file() else None


def demand_in(file: Path, charter: Charter) -> Demand:
    """The demand that a contracts file describes: what is accepted in a tick starts with the next, so requests come a
    tick before their start.

    Raises:
        FeedInvalid: the file cannot be used.
    """
    asked = read_contracts(file, charter.grid)
    now = tuple(
        contract_of(arrival.request, list_rate_usd_per_mwh(arrival.request.tier, charter), 0)
        for arrival in asked
        if arrival.start_tick == 0
    )
    later = (replace(arrival, start_tick=arrival.start_tick - 1) for arrival in asked if arrival.start_tick > 0)
    return now, requests_by_tick(later)
