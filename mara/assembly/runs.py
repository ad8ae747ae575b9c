"""Assembly of runs from settings.

A run is begun, resumed, opened for reading only, or made without a database.
"""

import logging
from collections.abc import Mapping
from functools import partial

import numpy as np

import mara
from mara.assembly.worlds import Outside, fleet_of_run, history_of
from mara.assembly.worlds import outside_of as world_without_sources
from mara.core.arrays import sealed
from mara.core.fleet import Fleet
from mara.core.quote import OutageRecord
from mara.core.world import World
from mara.errors import ConfigError
from mara.feeds.live.memory import Memory
from mara.optimizers.advisor.advised import Advised
from mara.optimizers.base import KEEPS, BudgetPolicy, Resumable, ResumeState
from mara.optimizers.registry import PATIENT_S, companions_of, in_background, optimizer_of, refuse_unknown_optimizer
from mara.optimizers.rules.rules import Rules
from mara.runtime.advisor.config import acceptance_limits_of
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.clock import Clock
from mara.runtime.counterfactuals import MAX_SITES, NO_BUDGETS, CounterfactualRuns
from mara.runtime.live.planner import Begin, Planner, in_a_thread
from mara.runtime.tick.day_start import day_start_of
from mara.runtime.tick.engine import PLAN, TickEngine
from mara.settings import Settings
from mara.store.backends.database import database_of
from mara.store.encoding.codec import record_of
from mara.store.encoding.records import RunRecord, difference_of, run_record
from mara.store.read.outages import OutageCount
from mara.store.read.read_model import ReadModel
from mara.store.store import Store

log = logging.getLogger("mara.bootstrap")


def outside_of(settings: Settings, memory: Memory | None = None, *, only_looks: bool = False) -> Outside:
    """Build the world that the settings ask for: live, replayed or synthetic.

    Args:
        memory: of live sources that are being asked; None for what a journal holds.
        only_looks: nothing is computed on; a live world then stands as its journal held it last.

    Raises:
        ConfigError, FeedError: the fleet, history, live sources or start cannot be used.
    """
    if not settings.is_live:
        return world_without_sources(settings)
    from mara.assembly.live_world import live_outside  # what reads live sources takes long to import, few runs have any

    return live_outside(settings, memory, only_looks=only_looks)


def fleet_of(settings: Settings) -> Fleet:
    """Return the fleet of the world that the settings ask for; no run need be there.

    Raises:
        ConfigError, FeedError: the fleet, history or live sources cannot be used.
    """
    if not settings.is_live:
        return fleet_of_run(settings, history_of(settings))
    from mara.assembly.live_world import live_fleet  # as above

    return live_fleet(settings)


def open_run(
    settings: Settings, deadline_s: float = PATIENT_S, memory: Memory | None = None
) -> tuple[Store, TickEngine]:
    """Open the store, and build the engine at its run's next tick.

    A new database begins the run that the settings describe. `deadline_s` limits each solve [s]; `memory` is that of
    live sources that are being asked.

    Raises:
        ConfigError: the database holds a run of another seed, fleet or world.
        FeedError, StoreError: the world or the database cannot be opened.
    """
    refuse_unknown_optimizer(settings.optimizer)
    outside = outside_of(settings, memory)
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


def reload_run(settings: Settings, store: Store, memory: Memory | None = None) -> TickEngine:
    """Build the engine anew at an open store's tick, after the two had diverged.

    Raises:
        ConfigError, FeedError: the feed is no longer the one of the run.
        StoreError: the store cannot be reached, or holds another run or none.
    """
    outside = outside_of(settings, memory)
    store.take_again()
    return _engine_in(store, settings, outside, settings.plan_deadline_s)


def rehearsal_of(settings: Settings) -> TickEngine:
    """Build an engine at the start of a run that is not stored.

    Raises:
        ConfigError, FeedError: the optimizer, fleet or feed cannot be used.
    """
    refuse_unknown_optimizer(settings.optimizer)
    outside = outside_of(settings)
    return _engine_of(settings, outside, outside.world, {}, PATIENT_S)


def read_only_run(settings: Settings) -> tuple[TickEngine, OutageRecord]:
    """Open a stored run for reading: its engine at the next tick, and its outages.

    Without a database the run stands at its start.

    Raises:
        ConfigError: the database holds a run of another seed, fleet or world.
        FeedError, StoreError: the world or the database cannot be read.
    """
    outside = outside_of(settings, only_looks=True)
    sites = outside.config.fleet.site_count
    world, record = outside.world, _no_outages(sites)
    if database_of(settings.database_url).is_there():
        reading = ReadModel.open(settings.database_url)
        try:
            if reading.ask("SELECT 1 FROM runs"):
                _refuse_other_run(reading.run(), _record_for(settings, outside))
                world, record = reading.world(), OutageCount(read_model=reading, sites=sites).record()
        finally:
            reading.close()
    engine = TickEngine(
        config=outside.config, feed=outside.feed, optimizer=Rules(), horizon_hours=settings.horizon_hours, world=world
    )
    return engine, record


def planner_of(
    settings: Settings, engine: TickEngine, advisor: AdvisorScheduler | None, clock: Clock, begin: Begin = in_a_thread
) -> Planner:
    """Build the planner of a live run and of the counterfactual without error budgets."""
    own = in_background(engine.optimizer, budgets=BudgetPolicy(settings.sla_flexibility))
    frugal = engine.counterfactuals.optimizer(NO_BUDGETS) if engine.counterfactuals is not None else None
    beside = {} if frugal is None else {NO_BUDGETS: in_background(frugal, budgets=KEEPS)}
    planner = partial(Planner, deadline_s=settings.plan_deadline_s, clock=clock, begin=begin)
    return planner(
        own.optimizer if advisor is None else Advised(own.optimizer, advisor, acceptance_limits_of(settings)),
        own.horizon,
        cancel=own.cancel,
        every_tick=advisor is not None,
        counterfactuals={
            name: planner(other.optimizer, other.horizon, cancel=other.cancel) for name, other in beside.items()
        },
    )


def _engine_in(store: Store, settings: Settings, outside: Outside, deadline_s: float) -> TickEngine:
    stored = store.load()
    assert stored is not None
    run, world, parts = stored
    _refuse_other_run(run, _record_for(settings, outside))
    engine = _engine_of(settings, outside, world, parts, deadline_s)
    engine.day_start = day_start_of(store.read_model, world, outside.config.grid)
    return engine


def _engine_of(
    settings: Settings, outside: Outside, world: World, parts: Mapping[str, bytes], deadline_s: float
) -> TickEngine:
    """Build the engine at a world, with the optimizer's state and counterfactuals."""
    budgets, name = BudgetPolicy(settings.sla_flexibility), settings.optimizer
    optimizer = optimizer_of(name, budgets=budgets, deadline_s=deadline_s)
    if isinstance(optimizer, Resumable) and PLAN in parts:
        optimizer.recall(record_of(ResumeState, parts[PLAN]))
    counterfactuals = None
    if outside.config.fleet.site_count <= MAX_SITES:
        optimizers = companions_of(name, budgets=budgets, deadline_s=deadline_s)
        counterfactuals = CounterfactualRuns(outside.config, world, optimizers, parts)
    return TickEngine(
        config=outside.config,
        feed=outside.feed,
        optimizer=optimizer,
        horizon_hours=settings.horizon_hours,
        world=world,
        counterfactuals=counterfactuals,
        notes=outside.notes,
    )


def _record_for(settings: Settings, outside: Outside) -> RunRecord:
    """Describe the run that the settings ask for."""
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


def _no_outages(sites: int) -> OutageRecord:
    return OutageRecord(
        seen_ticks=0, lost_ticks=sealed(np.zeros(sites)), fall_count=sealed(np.zeros(sites, dtype=np.int64))
    )
