"""The loop of a live run: each tick on time, stored, and only then shown."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from mara.core.commands import Command
from mara.core.plan import Plan
from mara.core.world import World
from mara.feeds.base import FeedReading
from mara.feeds.stale_guard import StaleFeedGuard
from mara.runtime.clock import Clock
from mara.runtime.live.display import LEAST_PUBLISH_INTERVAL_S, Display
from mara.runtime.live.pace import Pace, TickTimer, WallTimer
from mara.runtime.live.planner import PATIENCE_SHARE, STEPPING, Planner, WaitLimits
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.observe.watchdog import LOOK_INTERVAL_S
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.tick.engine import TickEngine, TickResult
from mara.runtime.tick.order_book import OrderBook
from mara.store.store import Store

SLOW_STORE_S: Final = 5.0
"""Time after which a tick that is being stored is shown as held up."""


class LiveLoop:
    """Makes one tick after the other, in the event loop's thread.

    Args:
        orders: queue of the commands that the next tick obeys.
        display: publishes ticks that have been stored.
        pace: speed and pause, as operators set them.
    """

    def __init__(
        self,
        store: Store,
        engine: TickEngine,
        planner: Planner,
        *,
        orders: OrderBook,
        display: Display,
        pace: Pace,
        publisher: StatePublisher,
        metrics: EngineMetrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._engine = engine
        self._planner = planner
        self._orders = orders
        self._display = display
        self._pace = pace
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        minutes = engine.config.grid.tick_minutes
        self._timer: TickTimer | WallTimer = TickTimer(pace, clock, minutes)
        if pace.keeps_wall_clock:
            self._timer = WallTimer(clock, minutes, lambda: self._engine.config.grid.epoch_s(self.tick))
        self._guard = StaleFeedGuard()
        self._plan: Plan | None = None  # in force
        self._computed: TickResult | None = None  # computed, but not stored yet
        self._unstored: TickResult | None = None

    @property
    def tick(self) -> int:
        """Number of the next tick to compute."""
        return self._engine.world.tick

    @property
    def overdue_s(self) -> float:
        """Time since the tick under way should have begun; zero in a pause."""
        return self._timer.overdue_s

    @property
    def ahead_s(self) -> float:
        """Time by which a live world is ahead of this machine's clock, or zero."""
        return self._timer.ahead_s

    def position(self) -> tuple[World, Plan | None]:
        """Return the world that new orders meet, and the plan in force.

        A tick under way counts as done, because orders that come now are obeyed by the one after.
        """
        result = self._unstored or self._computed
        return result.step.world if result is not None else self._engine.world, self._plan

    def plan_now(self) -> None:
        """Plan anew at once; the first tick after the answer follows it.

        Raises:
            CommandError: a plan is being made already.
            FeedError: the feed has no observation of the present tick.
        """
        self._planner.begin_now(self._engine.problem(self._read_feed()))

    async def next_tick(self) -> None:
        """Wait until the next tick is due, then compute, store and show it.

        After a failure the next one is due at once.

        Raises:
            FeedError, StoreError: the outside world or the database failed; the run stands where it stood.
        """
        try:
            await self._until_due()
            is_step = self._pace.steps_due > 0
            self._metrics.lateness.observe(self._timer.begin())
            await self._tick()
        except BaseException:
            self._timer.restart()
            raise
        if is_step:
            self._pace.stepped()

    def drop_unstored(self) -> None:
        """Discard a computed tick that is not stored; its orders wait again."""
        self._computed = self._unstored = None
        self._orders.let_go()

    def restart(self, engine: TickEngine, planner: Planner) -> None:
        """Continue with another engine and planner, from that engine's next tick."""
        self.drop_unstored()
        self._planner.close()
        engine.meters = self._engine.meters
        self._engine = engine
        self._planner = planner
        self._plan = None

    def close(self) -> None:
        """Close the planner, and discard a tick that is not stored."""
        self._computed = self._unstored = None
        self._planner.close()

    async def _until_due(self) -> None:
        """Sleep until the next tick is due, and publish stored ticks meanwhile."""
        while True:
            self._store.refuse_lost()
            if self._pace.stands_still:
                self._timer.stop()
                self._display.publish()
                self._publisher.mark(EngineState.PAUSED)
                await self._pace.until_changed(LOOK_INTERVAL_S)
                self._timer.restart()
                continue
            wait_s = self._timer.remaining_s()
            if wait_s > LEAST_PUBLISH_INTERVAL_S:
                self._display.publish()
            if wait_s <= 0.0:
                return
            was_steered = await self._pace.until_changed(min(wait_s, LOOK_INTERVAL_S))
            if not was_steered and wait_s <= LOOK_INTERVAL_S:
                return

    @property
    def _is_ahead(self) -> bool:
        """True while ticks come faster than they are shown."""
        is_behind = isinstance(self._timer, WallTimer) and self._timer.lag_s > self._timer.tick_s
        return is_behind or self._pace.steps_due > 1 or self._timer.tick_s < LEAST_PUBLISH_INTERVAL_S

    async def _tick(self) -> None:
        """Compute, store and publish one tick, each step only if the one before succeeded."""
        # A tick that could not be stored is offered again unchanged: the store recognizes it if it got through.
        began_s = self._clock.monotonic_s()
        if self._unstored is None and self._is_ahead:
            self._store.refuse_little_room(self._engine.world.tick)
        result = self._unstored or await self._compute(self._engine)
        self._unstored = result
        self._plan = result.plan
        planned_s = self._clock.monotonic_s()
        await self._stored(result)
        self._engine.keep(result)
        self._computed = self._unstored = None
        self._orders.obeyed()
        self._metrics.tick_stored(began_s, planned_s, self._clock.monotonic_s())
        self._display.show(result, is_ahead=self._is_ahead)

    async def _compute(self, engine: TickEngine) -> TickResult:
        """Compute the next tick with the plan in force and the waiting orders."""
        reading = self._read_feed()
        beside = engine.counterfactuals.problems(reading) if engine.counterfactuals is not None else {}
        limits = STEPPING if self._pace.steps_due else WaitLimits(wait_s=PATIENCE_SHARE * self._timer.tick_s)
        plan, plans = await self._planner.plans_for(engine.problem(reading), beside, limits)

        def advance(commands: tuple[Command, ...]) -> TickResult:
            result = engine.advance(reading, plan, commands)
            self._computed = replace(result, events=self._display.noted(result.events))
            self._plan = plan
            return self._computed

        if self._computed is not None:  # storing it failed before
            self.drop_unstored()
        result = await self._orders.take(advance)
        return await _with_counterfactuals(engine, result, reading, plans)

    def _read_feed(self) -> FeedReading:
        """Read the present tick from the feed, or what stands in for it, and from meters."""
        engine = self._engine
        try:
            reading = self._guard.read(engine.feed, engine.world.tick, engine.horizon_hours)
            return replace(reading, observation=engine.metered(reading.observation, engine.world))
        finally:
            self._metrics.feed_age_ticks = self._guard.age_ticks

    async def _stored(self, result: TickResult) -> None:
        """Store a tick and wait for it; cancelling the wait does not stop the storing.

        Raises:
            StoreError: it was not stored.
        """
        stored = asyncio.get_running_loop().run_in_executor(
            self._store.executor,
            self._store.append,
            result.step,
            result.plan,
            result.events,
            result.parts,
            self._orders.outcomes(result.step),
            result.closed_day,
        )
        done, _ = await asyncio.wait({stored}, timeout=SLOW_STORE_S)
        if not done:
            told = f"the database has not answered for {SLOW_STORE_S:g} s: see that it runs"
            self._publisher.mark(EngineState.DEGRADED, f"tick {result.step.tick}: {told}")
        await asyncio.shield(stored)


async def _with_counterfactuals(
    engine: TickEngine, result: TickResult, reading: FeedReading, plans: Mapping[str, Plan]
) -> TickResult:
    """Advance the counterfactual runs by the same tick, in a thread.

    They take several times as long as the live tick, so neither the event loop nor the store's thread runs them.
    """
    if engine.counterfactuals is None:
        return result
    return await asyncio.to_thread(engine.with_counterfactuals, result, reading, plans)
