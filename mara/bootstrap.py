"""The only file that knows which real thing stands behind each protocol."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

import mara
from mara.assembly import Outside, outside_of
from mara.core.arrays import sealed
from mara.core.quote import OutageRecord
from mara.core.world import World
from mara.errors import ConfigError, FeedError
from mara.optimizers.advisor.advised import Advised
from mara.optimizers.base import KEEPS, BudgetPolicy, Resumable, ResumeState
from mara.optimizers.registry import PATIENT_S, companions_of, in_background, optimizer_of
from mara.optimizers.rules.rules import Rules
from mara.runtime.advisor.config import bands_of, engagement_of
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.clock import Clock, SystemClock
from mara.runtime.counterfactuals import MAX_SITES, NO_BUDGETS, CounterfactualRuns
from mara.runtime.live.planner import Begin, Planner, in_a_thread
from mara.runtime.live.platform import Platform
from mara.runtime.observe.alerts import Alarm, Webhook
from mara.runtime.published_state import StatePublisher
from mara.runtime.tick.day_start import dawn_of
from mara.runtime.tick.engine import PLAN, TickEngine
from mara.settings import Settings
from mara.store import maintenance
from mara.store.access.users import UserStore
from mara.store.backends.database import database_of
from mara.store.backends.sqlite_file import SqliteFile
from mara.store.encoding.codec import record_of
from mara.store.encoding.records import RunRecord, difference_of, run_record
from mara.store.read.outages import OutageCount
from mara.store.read.read_model import ReadModel
from mara.store.store import Store

log = logging.getLogger("mara.bootstrap")


def open_run(settings: Settings, deadline_s: float = PATIENT_S) -> tuple[Store, TickEngine]:
    """The store and the engine where its run stands; a new database begins the run that the settings describe.

    `deadline_s` is each solve's.

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
        engine = _engine_in(store, settings, outside, deadline_s)
        for note in outside.notes:
            log.warning(note)
    except BaseException:
        store.discard()
        raise
    engine.notice = store.loss
    return store, engine


def reloaded(settings: Settings, store: Store) -> TickEngine:
    """The engine where an open store stands, after that was not where the run was.

    Raises:
        ConfigError, FeedError: the world outside is not what it was.
        StoreError: the store cannot be reached, or holds another run or none.
    """
    outside = outside_of(settings)
    store.take_again()
    return _engine_in(store, settings, outside, settings.plan_deadline_s)


def _engine_in(store: Store, settings: Settings, outside: Outside, deadline_s: float) -> TickEngine:
    stored = store.load()
    assert stored is not None
    run, world, parts = stored
    _refuse_other_run(run, _record_for(settings, outside))
    engine = _engine_of(settings, outside, world, parts, deadline_s)
    engine.dawn = dawn_of(store.reading, world, outside.config.grid)
    return engine


def _engine_of(
    settings: Settings, outside: Outside, world: World, parts: Mapping[str, bytes], deadline_s: float
) -> TickEngine:
    """The engine where a run stands, its plan in force and the worlds beside it as they were kept."""
    budgets, name = BudgetPolicy(settings.sla_flexibility), settings.optimizer
    optimizer = optimizer_of(name, budgets=budgets, deadline_s=deadline_s)
    if isinstance(optimizer, Resumable) and PLAN in parts:
        optimizer.recall(record_of(ResumeState, parts[PLAN]))
    shadows = None
    if outside.config.fleet.site_count <= MAX_SITES:
        companions = companions_of(name, budgets=budgets, deadline_s=deadline_s)
        shadows = CounterfactualRuns(outside.config, world, companions, parts)
    return TickEngine(
        config=outside.config,
        feed=outside.feed,
        optimizer=optimizer,
        horizon_hours=settings.horizon_hours,
        world=world,
        shadows=shadows,
        notes=outside.notes,
    )


def standing_of(settings: Settings) -> tuple[TickEngine, OutageRecord]:
    """The run where it stands, only looked at, and the outages that are stored of it; without a database its start.

    Raises:
        ConfigError: the database holds a run of another seed, fleet or world.
        FeedError, StoreError: the world or the database cannot be read.
    """
    outside, world = outside_of(settings), None
    sites = outside.config.fleet.site_count
    record = OutageRecord(
        seen_ticks=0, lost_ticks=sealed(np.zeros(sites)), fall_count=sealed(np.zeros(sites, dtype=np.int64))
    )
    reading = ReadModel.open(settings.database_url) if database_of(settings.database_url).is_there() else None
    if reading is not None:
        try:
            if reading.ask("SELECT 1 FROM runs"):
                _refuse_other_run(reading.run(), _record_for(settings, outside))
                world, record = reading.world(), OutageCount(reading=reading, sites=sites).record()
        finally:
            reading.close()
    engine = TickEngine(
        config=outside.config,
        feed=outside.feed,
        optimizer=Rules(),
        horizon_hours=settings.horizon_hours,
        world=outside.world if world is None else world,
    )
    return engine, record


def _record_for(settings: Settings, outside: Outside) -> RunRecord:
    """The run that the settings describe."""
    return run_record(
        outside.config,
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
    advisor = AdvisorScheduler(engagement, clock)

    def planned(engine: TickEngine) -> tuple[TickEngine, Planner]:
        with suppress(FeedError):  # the first look draws a week: here it holds up nobody, and its failure shows later
            engine.outlook()
        return engine, planner_of(settings, engine, advisor if engagement.client is not None else None, clock)

    def start() -> tuple[Store, TickEngine, Planner]:
        store, engine = open_run(settings, settings.plan_deadline_s)
        return (store, *planned(engine))

    def reload(store: Store) -> tuple[TickEngine, Planner]:
        return planned(reloaded(settings, store))

    webhook = Webhook(settings.webhook_url) if settings.webhook_url is not None else None
    return Platform(start, StatePublisher(Alarm(webhook)), clock, settings.speed, advisor, reload)


def planner_of(
    settings: Settings, engine: TickEngine, advisor: AdvisorScheduler | None, clock: Clock, begin: Begin = in_a_thread
) -> Planner:
    """The planner of a live run, with a twin for the world beside it that has no error budgets to spend."""
    own = in_background(engine.optimizer, budgets=BudgetPolicy(settings.sla_flexibility))
    frugal = engine.shadows.optimizer(NO_BUDGETS) if engine.shadows is not None else None
    beside = {} if frugal is None else {NO_BUDGETS: in_background(frugal, budgets=KEEPS)}
    planner = partial(Planner, deadline_s=settings.plan_deadline_s, clock=clock, begin=begin)
    return planner(
        own.optimizer if advisor is None else Advised(own.optimizer, advisor, bands_of(settings)),
        own.horizon,
        cancel=own.cancel,
        every_tick=advisor is not None,
        twins={name: planner(twin.optimizer, twin.horizon, cancel=twin.cancel) for name, twin in beside.items()},
    )


def set_aside(settings: Settings) -> str | None:
    """Keep the stored run beside a new, empty database; returns where, None where nothing was stored.

    Raises:
        StoreRefused: another process writes it, or it cannot be set aside.
    """
    return maintenance.init(settings.database_url, force=True)


def people_of(settings: Settings) -> UserStore:
    """Who may log in, from the run's database; made or upgraded first where need be.

    Raises:
        ConfigError, StoreError: the database cannot be used.
    """
    maintenance.make_ready(settings.database_url)
    return UserStore.open(settings.database_url)


def database_file_of(settings: Settings) -> Path | None:
    """The file that remembers the run; None where a server does.

    Raises:
        ConfigError: not the URL of a database.
    """
    database = database_of(settings.database_url)
    return database.path if isinstance(database, SqliteFile) else None


def rehearsal_of(settings: Settings) -> TickEngine:
    """An engine at the start of the run that the settings describe; nothing is remembered.

    Raises:
        ConfigError, FeedError: no such optimizer, fleet or world.
    """
    optimizer_of(settings.optimizer)
    outside = outside_of(settings)
    return _engine_of(settings, outside, outside.world, {}, PATIENT_S)
