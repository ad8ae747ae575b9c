"""The live run: ticks on time, what is stored is shown, and a supervisor that says what is wrong."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from mara.core.commands import Cancel, Command, Exclude, Receipt
from mara.core.plan import Plan
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import SeriesPoint
from mara.core.units import SECONDS_PER_MINUTE
from mara.core.world import World
from mara.errors import (
    CommandError,
    EngineStopped,
    FeedEnded,
    MaraError,
    StoreBlocked,
    StoreError,
    StoreLost,
    StoreWentBack,
)
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.clock import Clock
from mara.runtime.live.display import LEAST_PUBLISH_INTERVAL_S, Display
from mara.runtime.live.pace import Pace
from mara.runtime.live.planner import PATIENCE_SHARE, STEPPING, Planner, WaitLimits
from mara.runtime.live.quote_desk import QuoteDesk
from mara.runtime.live.stale_guard import StaleFeedGuard
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.observe.watchdog import LOOK_INTERVAL_S, Watchdog
from mara.runtime.published_state import EngineState, StatePublisher, teller_of
from mara.runtime.run_archive import RunArchive
from mara.runtime.tick.engine import TickEngine, TickResult
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.runtime.tick.order_book import OrderBook
from mara.runtime.tick.storing import until_stored
from mara.store.access.api_usage import ClaudeCalls
from mara.store.read.outages import OutageCount
from mara.store.store import Store

MAX_TRIES: Final = 6
"""Tries on one tick before the engine halts."""
FIRST_BACK_OFF_S: Final = 0.5
MAX_BACK_OFF_S: Final = 8.0

log = logging.getLogger("mara.platform")


class Platform:
    """Lives from `start` to `stop`. All methods belong to the event loop's thread; `latest` may be read from anywhere.

    Args:
        open_run: opens the store and returns it with the engine where the run stands; called by `start`.
        advisor: who is asked for advice beside the planner; None for nobody.
        reload: the engine where an open store stands, after it was not where the run was; None where that cannot be.
    """

    def __init__(
        self,
        open_run: Callable[[], tuple[Store, TickEngine, Planner]],
        latest: StatePublisher,
        clock: Clock,
        speed_share: float,
        advisor: AdvisorScheduler | None = None,
        reload: Callable[[Store], tuple[TickEngine, Planner]] | None = None,
    ) -> None:
        self.latest = latest
        self.advisor = advisor
        self.archive = RunArchive()
        self._open_run = open_run
        self._reload = reload
        self._clock = clock
        self.vitals = EngineMetrics()
        self._watchdog = Watchdog(self.vitals, clock)
        self._pace = Pace(speed_share)
        self._is_wanted = False
        self._tries = 0
        self._failed_tick = -1
        self._display = Display(latest, clock)
        self._lookout = StaleFeedGuard(self.vitals)
        self._due_s = float("inf")  # when the tick under way should have begun
        self._plan: Plan | None = None  # in force
        self._begun: TickResult | None = None  # worked out, not kept yet
        self._unstored: TickResult | None = None
        self.orders = OrderBook(latest, self._standing)
        self._loop_task: asyncio.Task[None] | None = None
        self._store: Store | None = None
        self._engine: TickEngine | None = None
        self._planner: Planner | None = None
        self._desk: QuoteDesk | None = None

    async def start(self) -> None:
        """Open the run and begin to tick, unless `stop` came meanwhile.

        Raises:
            ConfigError, FeedError, StoreError: the run cannot be opened; nothing is left open.
        """
        self._is_wanted = True
        store, engine, planner = await asyncio.to_thread(self._open_run)
        self._store, self._engine, self._planner = store, engine, planner
        self.archive.open(store.reading)
        try:
            last = await asyncio.to_thread(self._display.recall, store, engine, planner)
            await self._take_orders(store, engine)
            if self.advisor is not None:
                await asyncio.to_thread(self.advisor.open, ClaudeCalls(store), teller_of(self.latest))
        except BaseException:
            await self.stop()
            raise
        if not self._is_wanted:
            await self.stop()
            return
        self.latest.set_speed(self._pace.speed_share)
        if last is not None:
            self.latest.publish(last)
        self._watchdog.start()
        log.info("run opened", extra={"run": store.run.run_id if store.run is not None else ""})
        self._loop_task = asyncio.create_task(self._supervise(), name="mara-loop")

    async def stop(self) -> None:
        """End after the tick under way is stored; harmless when repeated or when never started."""
        self._is_wanted = False
        self._watchdog.stop()
        await self.orders.close()
        task, self._loop_task = self._loop_task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._begun = self._unstored = None
        if self._planner is not None:
            self._planner.close()
        if self.advisor is not None:
            await asyncio.to_thread(self.advisor.close)
        self.archive.close()
        if self._store is not None:
            store, self._store = self._store, None
            await asyncio.to_thread(store.close)
            log.info("run closed")

    async def ask_claude(self) -> None:
        """Have Claude asked about the plan in force, now.

        Raises:
            CommandError: nobody can be asked; the message says why.
        """
        if self.advisor is None:
            raise CommandError("nobody advises this run: start it with --optimizer claude")
        await asyncio.to_thread(self.advisor.ask)

    def pause(self) -> None:
        """Stop simulated time after the tick under way; steps still due are let go."""
        self._pace.pause()

    def resume(self) -> None:
        """Let time go on at its pace, also after a halt."""
        self._pace.resume()

    def step(self, ticks: int) -> None:
        """Advance by some ticks at once, also after a halt, and stay paused. See `Pace.step`."""
        self._pace.step(ticks)

    def set_speed(self, speed_share: float) -> None:
        """Simulated seconds per real second. See `Pace.set_speed`."""
        self._pace.set_speed(speed_share)
        self.latest.set_speed(speed_share)

    async def order(self, *commands: Command) -> Receipt:
        """Have commands obeyed in the next tick, all or none; on disk when this returns. See `OrderBook.place`."""
        return await self.orders.order(*commands)

    def optimize_now(self) -> None:
        """Plan anew at once; the first tick after the answer follows it.

        Raises:
            CommandError: nothing runs, or a plan is under way.
            FeedError: nothing is known of the present.
        """
        if self._engine is None or self._planner is None:
            raise CommandError("the engine has not been started: ask when it runs")
        self._planner.begin_now(self._engine.problem(self._lookout.outlook(self._engine)))

    async def quote(self, ask: QuoteRequest) -> Quote:
        """See `QuoteDesk.quote`."""
        return await self._open_desk.quote(ask)

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        """See `QuoteDesk.book`."""
        return await self._open_desk.book(quote_id, customer)

    async def exclude(self, *asked: ExclusionRequest, only_look: bool = False) -> tuple[Exclude, ...]:
        """See `QuoteDesk.exclude`."""
        return await self._open_desk.exclude(asked, self.archive.contract, only_look=only_look)

    async def cancel(self, contract_id: str) -> Receipt:
        """End a contract with the next tick. Raises CommandError where none of that id is live or about to be."""
        return await self.order(Cancel(contract_id=contract_id))

    @property
    def _open_desk(self) -> QuoteDesk:
        if self._desk is None:
            raise EngineStopped("the engine has not been started: ask when it runs")
        return self._desk

    async def _take_orders(self, store: Store, engine: TickEngine) -> None:
        """Find orders and quotes again that were there before, and take new ones."""
        outages = OutageCount(reading=store.reading, sites=engine.config.fleet.site_count)
        desk = QuoteDesk(engine, self.orders, store, outages.record)
        await self.orders.open(store, engine.config)
        await desk.open()
        self._desk = desk

    def _standing(self) -> tuple[World, Plan | None]:
        """The tick under way counts as done: orders that come now are obeyed by the next."""
        assert self._engine is not None
        turn = self._unstored or self._begun
        return turn.step.world if turn is not None else self._engine.world, self._plan

    async def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        """The fleet's money line over the last simulated hours, from the store."""
        if self._store is None:
            return ()
        return await asyncio.to_thread(self._store.series, hours)

    async def _supervise(self) -> None:
        """Keep the loop going: a failing tick is tried six times, what only stands in the way until it has passed."""
        failure: Exception | None = None
        while True:
            try:
                if failure is not None:
                    await self._recover(failure)
                await self._loop()
            except Exception as error:  # noqa: BLE001  the outermost frame: log it, show it, try again
                failure = error

    async def _recover(self, error: Exception) -> None:
        """Say what is wrong, wait, and come back for the next try."""
        tick = self._engine.world.tick if self._engine is not None else 0
        if isinstance(error, FeedEnded):
            log.info("finished", extra={"tick": tick, "reason": str(error)})
            self._display.publish()
            await self._stand(EngineState.FINISHED, str(error))
            return
        self._tries = self._tries + 1 if tick == self._failed_tick else 1
        self._failed_tick = tick
        reason = str(error) if isinstance(error, MaraError) else f"{type(error).__name__}: {error}"
        self.vitals.restarts_count += 1
        trace = None if isinstance(error, StoreBlocked | StoreWentBack) else error  # nothing to mend in the program
        log.error("tick failed", extra={"tick": tick, "tries": self._tries, "reason": reason}, exc_info=trace)
        self._display.publish()
        if isinstance(error, StoreLost):
            await self._stand(EngineState.HALTED, f"halted at tick {tick}: {reason}")
        elif isinstance(error, StoreWentBack) and self._tries < MAX_TRIES:
            await self._go_back()
        elif self._tries >= MAX_TRIES and not isinstance(error, StoreBlocked):
            await self._stand(EngineState.HALTED, f"halted at tick {tick} after {MAX_TRIES} tries: {reason}")
            if isinstance(error, StoreError):
                await self._go_back()
        else:
            self.latest.mark(EngineState.DEGRADED, f"tick {tick}: {reason}")
            await asyncio.sleep(min(FIRST_BACK_OFF_S * 2 ** (min(self._tries, MAX_TRIES) - 1), MAX_BACK_OFF_S))

    async def _stand(self, state: EngineState, reason: str) -> None:
        """Wait for somebody who resumes or steps; what failed is then worked out anew."""
        self.latest.mark(state, reason)
        self._tries = 0
        self._let_go()
        self._pace.pause()
        while self._pace.stands_still:
            await self._pace.until_changed()

    async def _go_back(self) -> None:
        """Stand where the store does: what it lost was never to be relied on, and somebody else may have gone on.

        Raises:
            ConfigError, FeedError, StoreError: nothing can be gone on with there.
        """
        if self._reload is None or self._store is None:
            return
        before = self._engine
        assert before is not None
        assert self._planner is not None
        async with self.orders.held():
            self._let_go()
            engine, planner = await asyncio.to_thread(self._reload, self._store)
            self._planner.close()
            self._engine, self._planner, self._plan = engine, planner, None
            was, now = before.world.tick, engine.world.tick
            self._display.went(was, now)
            last = await asyncio.to_thread(self._display.recall, self._store, engine, planner)
        log.warning("went where the store stands", extra={"from_tick": was, "to_tick": now})
        if last is not None:
            self.latest.publish(last)

    async def _loop(self) -> None:
        assert self._store is not None
        begun_s = self._now_s - self._tick_s  # when the tick before was due; the first is due now
        while True:
            self._store.refuse_lost()
            if self._pace.stands_still:
                self._due_s = float("inf")
                self._display.publish()
                self.latest.mark(EngineState.PAUSED)
                await self._pace.until_changed(LOOK_INTERVAL_S)
                begun_s = self._now_s - self._tick_s
                continue
            stepping = self._pace.steps_due > 0
            self._due_s = due_s = self._now_s if stepping else begun_s + self._tick_s
            wait_s = due_s - self._now_s
            if wait_s > LEAST_PUBLISH_INTERVAL_S:
                self._display.publish()
            if wait_s > 0.0 and (
                await self._pace.until_changed(min(wait_s, LOOK_INTERVAL_S)) or wait_s > LOOK_INTERVAL_S
            ):
                continue
            # What is more than a tick late is let go, so that a stall is not made up for in a burst.
            begun_s = max(due_s, self._now_s - self._tick_s)
            self.vitals.lateness.add(max(self._now_s - due_s, 0.0))
            await self._tick()
            if stepping:
                self._pace.stepped()

    @property
    def overdue_s(self) -> float:
        """How long ago the tick under way should have begun; zero in a pause."""
        return max(self._now_s - self._due_s, 0.0)

    @property
    def _now_s(self) -> float:
        return self._clock.monotonic_s()

    @property
    def _tick_s(self) -> float:
        assert self._engine is not None
        return self._engine.config.grid.tick_minutes * SECONDS_PER_MINUTE / self._pace.speed_share

    @property
    def _is_ahead(self) -> bool:
        """Whether ticks come faster than they are shown."""
        return self._pace.steps_due > 1 or self._tick_s < LEAST_PUBLISH_INTERVAL_S

    async def _tick(self) -> None:
        """Gather, advance, store, show: in this order, and each only when the one before succeeded."""
        assert self._engine is not None
        assert self._store is not None
        # A tick whose storing failed is offered again as it was: the store knows it, should it have got through.
        began_s = self._now_s
        if self._unstored is None and self._is_ahead:
            self._store.refuse_little_room(self._engine.world.tick)
        turn = self._unstored or await self._next_turn(self._engine)
        self._unstored, self._plan = turn, turn.plan
        planned_s = self._now_s
        loop = asyncio.get_running_loop()
        stored = loop.run_in_executor(
            self._store.executor,
            self._store.append,
            turn.step,
            turn.plan,
            turn.events,
            turn.parts,
            self.orders.outcomes(turn.step),
        )
        await until_stored(stored, turn.step.tick, self.latest)
        self._engine.keep(turn)
        self._begun = self._unstored = None
        self.orders.obeyed()
        self.vitals.tick_stored(began_s, planned_s, self._now_s)
        self._display.show(turn, is_ahead=self._is_ahead)

    async def _next_turn(self, engine: TickEngine) -> TickResult:
        assert self._planner is not None
        outlook = self._lookout.outlook(engine)
        beside = engine.shadows.problems(outlook) if engine.shadows is not None else {}
        patience = STEPPING if self._pace.steps_due else WaitLimits(wait_s=PATIENCE_SHARE * self._tick_s)
        plan, plans = await self._planner.plans_for(engine.problem(outlook), beside, patience)

        def begin(commands: tuple[Command, ...]) -> TickResult:
            turn = engine.turn(outlook, plan, commands)
            self._begun, self._plan = replace(turn, events=self._display.noted(turn.events)), plan
            return self._begun

        if self._begun is not None:  # it failed on its way to the store
            self._let_go()
        turn = await self.orders.take(begin)
        if engine.shadows is None:
            return turn
        # Several worlds more are several times the work: not on the event loop, nor in the thread that orders wait for.
        return await asyncio.to_thread(engine.with_shadows, turn, outlook, plans)

    def _let_go(self) -> None:
        """Forget a tick that was worked out and is not stored."""
        self._begun = self._unstored = None
        self.orders.let_go()
