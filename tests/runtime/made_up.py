"""A platform in a made-up world, which moves only as far as a test asks for.

It has a clock that tests move, a calm feed, a store in memory, and an optimizer that can block. Ticks take 300 s of the
manual clock at the speed used here, so that nothing happens by itself.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from threading import Event as ThreadEvent
from threading import Lock
from types import SimpleNamespace
from typing import cast

import numpy as np
from sqlalchemy import create_engine, insert
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool, StaticPool

from mara.core.day_gains import DayGains
from mara.core.events import Event
from mara.core.plan import Plan, Problem
from mara.core.snapshot import EventSnapshot, SeriesPoint, Snapshot
from mara.core.step import Step
from mara.core.world import Forecast, Observation, RunConfig, first_world
from mara.errors import FeedUnavailable, StoreBlocked
from mara.optimizers.base import Optimizer
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.clock import Clock
from mara.runtime.live.planner import Planner
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.tick.engine import TickEngine
from mara.store.schema.order_tables import AnswerRow, OpenQuote, Order, OrderOutcome
from mara.store.schema.signal_tables import SignalLine, TelemetryRow
from mara.store.schema.tables import Row
from mara.store.store import NO_PARTS, Store
from mara.store.write.alert_log import AlertLine, AlertLog
from mara.store.write.orders import Orders, Outcome, outcome_rows
from mara.store.write.signals import Signals
from tests import builders
from tests.scenarios.punctuality import kept_waiting_s

TICK_S = 300.0
"""Length of a five-minute tick at speed 1, in seconds of the manual clock."""
QUIET_S = 0.04
PATIENCE_S = 60.0
"""Longest wait for what a test expects: a busy machine is no fault of a platform."""
IMPATIENT = RetryPolicy(first_wait_s=0.001, longest_wait_s=0.004)
"""Retry policy that makes its six tries within a moment."""


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at_s = 1_000.0
        self.wall = builders.START

    def monotonic_s(self) -> float:
        return self.at_s

    def cpu_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return self.wall

    async def wait(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)


@cache
def _databases() -> Engine:
    """An engine whose every connection has a database of its own in memory, with the tables, which are made once."""
    first = sqlite3.connect(":memory:", check_same_thread=False)
    tables = (Order, OrderOutcome, OpenQuote, AnswerRow, SignalLine, TelemetryRow, AlertLine)
    of_first = create_engine("sqlite://", poolclass=StaticPool, creator=lambda: first)
    Row.metadata.create_all(of_first, [table.__table__ for table in tables])  # type: ignore[union-attr]

    def copied() -> sqlite3.Connection:
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        first.backup(copy)
        return copy

    return create_engine("sqlite://", poolclass=NullPool, creator=copied)


@dataclass
class MemoryStore:
    """A store in memory, which raises the errors in `refusals` first, one by one."""

    refusals: list[Exception] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    offered: list[Step] = field(default_factory=list)
    executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    gate: ThreadEvent = field(default_factory=ThreadEvent)
    closed_count: int = 0
    little_room: bool = False
    run: None = None
    read_model: None = None
    outcomes: list[Outcome] = field(default_factory=list)
    order_refusals: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()
        self._connection, self._one_at_a_time = _databases().connect(), Lock()
        self.orders = Orders(self._aside)
        self.signals = Signals(self._aside)
        self.alerts = AlertLog(lambda doing, full=False: self._begun())
        self.database = SimpleNamespace(free_bytes=lambda: None)

    @contextmanager
    def _aside(self, doing: str) -> Iterator[Connection]:
        if self.order_refusals:
            raise self.order_refusals.pop(0)
        with self._begun() as connection:
            yield connection

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self._one_at_a_time, self._connection.begin():
            yield self._connection

    def append(
        self,
        step: Step,
        plan: Plan,
        events: Sequence[Event],
        parts: Mapping[str, bytes] = NO_PARTS,
        outcomes: Sequence[Outcome] = (),
        closed_day: DayGains | None = None,
    ) -> None:
        assert self.gate.wait(PATIENCE_S)
        self.offered.append(step)
        if self.refusals:
            raise self.refusals.pop(0)
        self.steps.append(step)
        self.plans.append(plan)
        self.outcomes.extend(outcomes)
        for row in outcome_rows(step.tick, outcomes):
            with self._begun() as connection:
                connection.execute(insert(OrderOutcome).values(row))

    def refuse_lost(self) -> None:
        """Do nothing: this store cannot lose its database."""

    def refuse_little_room(self, tick: int) -> None:
        if self.little_room:
            raise StoreBlocked(f"stopped before tick {tick}: free space and go on")

    def recent_events(self, limit: int) -> tuple[Event, ...]:
        return ()

    def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        return ()

    def close(self) -> None:
        self.executor.shutdown(wait=True)
        self._connection.close()
        self.closed_count += 1


@dataclass
class CalmFeed:
    """A feed of the same mild tick for ever, with gaps at chosen ticks."""

    config: RunConfig
    missing: range = range(0)
    name: str = "calm"
    price_usd_per_mwh: float = 50.0
    limit_mw: tuple[float, ...] = ()
    """Limits of the sites by the grid's operator; empty for none."""
    seen_at_s: dict[int, float] = field(default_factory=dict)

    def observe(self, tick: int) -> Observation:
        self.seen_at_s.setdefault(tick, time.monotonic())
        if tick in self.missing:
            raise FeedUnavailable(f"nothing came for tick {tick}: mend the line")
        seen = builders.observation(self.config, tick, price=self.price_usd_per_mwh)
        return replace(seen, import_limit_mw=np.array(self.limit_mw)) if self.limit_mw else seen

    def forecast(self, tick: int, hours: int) -> Forecast:
        return builders.forecast(self.observe(tick), hours)


@dataclass
class Stubborn:
    """An optimizer that answers when its gate opens, or fails with `failure`."""

    gate: ThreadEvent = field(default_factory=ThreadEvent)
    failure: Exception | None = None
    name: str = "stubborn"
    step_ticks: tuple[int, ...] = (1,)
    asked: list[int] = field(default_factory=list)

    def plan(self, problem: Problem) -> Plan:
        self.asked.append(problem.tick)
        assert self.gate.wait(PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        steps = Rules().plan(problem).steps * len(self.step_ticks)
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=steps, step_ticks=self.step_ticks)


@dataclass
class Stage:
    """A platform with its clock, feed, store and optimizer."""

    platform: Platform
    clock: Clock
    store: MemoryStore
    feed: CalmFeed
    config: RunConfig

    @property
    def state(self) -> EngineState:
        return self.platform.publisher.read().state

    @property
    def reason(self) -> str:
        return self.platform.publisher.read().reason

    @property
    def shown(self) -> Snapshot:
        snapshot = self.platform.publisher.read().snapshot
        assert snapshot is not None
        return snapshot

    @property
    def stored_ticks(self) -> list[int]:
        return [step.tick for step in self.store.steps]

    async def stored(self, ticks: int) -> None:
        """Wait until so many ticks are stored and the newest is shown."""
        await until(lambda: len(self.store.steps) >= ticks)
        await until(lambda: self.platform.publisher.read().snapshot is not None and self.shown.tick >= ticks - 1)

    async def in_state(self, state: EngineState) -> None:
        await until(lambda: self.state is state)

    async def pass_time(self, seconds: float) -> None:
        """Move the clock and let the platform look at it."""
        assert isinstance(self.clock, ManualClock)
        self.clock.at_s += seconds
        self.platform.set_speed(self.platform.publisher.read().speed_factor)
        await quiet()


def stage(
    *,
    optimizer: Optimizer | None = None,
    store: MemoryStore | None = None,
    missing: range = range(0),
    clock: Clock | None = None,
    speed_factor: float = 1.0,
    retry: RetryPolicy = IMPATIENT,
) -> Stage:
    """A platform that has not been started."""
    config, kept = builders.config(), store or MemoryStore()
    feed, chosen, clock = CalmFeed(config, missing), optimizer or Rules(), clock or ManualClock()

    def open_run() -> tuple[Store, TickEngine, Planner]:
        engine = TickEngine(config=config, feed=feed, optimizer=chosen, horizon_hours=2, world=first_world(config))
        return cast(Store, kept), engine, Planner(chosen, RollingHorizon(Rules()), 60.0, first_patience_s=0.0)

    return Stage(Platform(open_run, StatePublisher(), clock, speed_factor, retry=retry), clock, kept, feed, config)


@asynccontextmanager
async def running(around: Stage) -> AsyncIterator[Stage]:
    """The platform between its start and its end."""
    await around.platform.start()
    try:
        yield around
    finally:
        around.store.gate.set()
        await around.platform.stop()


async def until(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds; fail when that takes too long."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  the condition has no event to wait for
            await asyncio.sleep(0.001)


async def quiet() -> None:
    """Wait until all work that was due is done.

    What the machine had no core free for is not done, so the time of waiting for one does not count. Waits of a
    thread that ends are forgotten.
    """
    begun_s, waited_s = time.monotonic(), kept_waiting_s()
    while time.monotonic() - begun_s - max(0.0, kept_waiting_s() - waited_s) < QUIET_S:  # noqa: ASYNC110  nobody tells
        await asyncio.sleep(QUIET_S / 4)


def shown_events(run: Platform) -> tuple[EventSnapshot, ...]:
    """Events of the newest tick that is shown."""
    snapshot = run.publisher.read().snapshot
    return () if snapshot is None else snapshot.events
