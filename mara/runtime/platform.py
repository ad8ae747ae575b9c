"""The live run: ticks on time, what is stored is shown, and a supervisor that says what is wrong."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from mara.core.commands import Cancel, Command, Exclude
from mara.core.events import Event
from mara.core.picture import forecast_snapshot
from mara.core.plan import Plan
from mara.core.quote import Ask, Booking, Quote
from mara.core.snapshot import SeriesPoint
from mara.core.units import SECONDS_PER_MINUTE
from mara.errors import CommandError, FeedEnded, MaraError, StoreBlocked
from mara.runtime.actor import signed
from mara.runtime.advisor import Advisor
from mara.runtime.again import last_shown
from mara.runtime.archive import Archive
from mara.runtime.clock import Clock
from mara.runtime.diary import Diary
from mara.runtime.engine import Engine, Turn
from mara.runtime.exclusions import Announcement
from mara.runtime.latest import EngineState, Latest, teller_of
from mara.runtime.lookout import Lookout
from mara.runtime.orders import refuse_impossible
from mara.runtime.planner import PATIENCE_SHARE, STEPPING, Patience, Planner
from mara.runtime.quotes import Present, QuoteDesk
from mara.runtime.vitals import Vitals
from mara.runtime.watchdog import Watchdog
from mara.store.claude_calls import ClaudeCalls
from mara.store.outages import OutageCount
from mara.store.store import Store

MAX_TRIES: Final = 6
"""Tries on one tick before the engine halts."""
FIRST_BACK_OFF_S: Final = 0.5
MAX_BACK_OFF_S: Final = 8.0
LEAST_PUBLISH_INTERVAL_S: Final = 0.1
"""Snapshots are drawn at most this often: in fast-forward most ticks are stored and not shown."""
MAX_SHOWN_EVENTS: Final = 50
"""The newest events that a snapshot carries: whoever looks less often than ticks come still sees each."""
MAX_STEPS: Final = 10_000
MAX_COMMANDS: Final = 1_000
MAX_SPEED_SHARE: Final = 1_000_000.0

log = logging.getLogger("mara.platform")


class Platform:
    """Lives from `start` to `stop`. All methods belong to the event loop's thread; `latest` may be read from anywhere.

    Args:
        open_run: opens the store and returns it with the engine where the run stands; called by `start`.
        advisor: who is asked for advice beside the planner; None for nobody.
    """

    def __init__(
        self,
        open_run: Callable[[], tuple[Store, Engine, Planner]],
        latest: Latest,
        clock: Clock,
        speed_share: float,
        advisor: Advisor | None = None,
    ) -> None:
        self.latest = latest
        self.advisor = advisor
        self.archive = Archive()
        self._open_run = open_run
        self._clock = clock
        self.vitals = Vitals()
        self._watchdog = Watchdog(self.vitals, clock)
        self._speed_share = speed_share
        self._paused = False
        self._steps_due = 0
        self._is_wanted = False
        self._wake = asyncio.Event()
        self._commands: deque[Command] = deque()
        self._tries = 0
        self._failed_tick = -1
        self._published_s = float("-inf")
        self._recent: deque[Event] = deque(maxlen=MAX_SHOWN_EVENTS)
        self._lookout = Lookout(self.vitals)
        self._plan: Plan | None = None  # in force
        self._unstored: Turn | None = None
        self._unshown: Turn | None = None
        self._loop_task: asyncio.Task[None] | None = None
        self._store: Store | None = None
        self._engine: Engine | None = None
        self._planner: Planner | None = None
        self._desk: QuoteDesk | None = None
        self._diary: Diary | None = None

    async def start(self) -> None:
        """Open the run and begin to tick, unless `stop` came meanwhile.

        Raises:
            ConfigError, FeedError, StoreError: the run cannot be opened; nothing is left open.
        """
        self._is_wanted = True
        store, engine, self._planner = await asyncio.to_thread(self._open_run)
        self._store, self._engine = store, engine
        self.archive.open(store.reading)
        outages = OutageCount(reading=store.reading, sites=engine.charter.fleet.site_count)
        self._diary = Diary(engine.charter.grid)
        self._desk = QuoteDesk(engine, self._present, self.order, outages.record)
        try:
            self._recent.extend(await asyncio.to_thread(store.recent_events, MAX_SHOWN_EVENTS))
            last = await asyncio.to_thread(last_shown, store, engine, tuple(self._recent))
            if self.advisor is not None:
                await asyncio.to_thread(self.advisor.open, ClaudeCalls(store), teller_of(self.latest))
        except BaseException:
            await self.stop()
            raise
        if not self._is_wanted:
            await self.stop()
            return
        self.latest.set_speed(self._speed_share)
        if last is not None:
            self.latest.publish(last)
        self._watchdog.start()
        log.info("run opened", extra={"run": self._run_id})
        self._loop_task = asyncio.create_task(self._supervise(), name="mara-loop")

    async def stop(self) -> None:
        """End after the tick under way is stored; harmless when repeated or when never started."""
        self._is_wanted = False
        self._watchdog.stop()
        task, self._loop_task = self._loop_task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._unstored = None
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
        self._paused, self._steps_due = True, 0
        self._wake.set()

    def resume(self) -> None:
        """Let time go on at its pace, also after a halt."""
        self._paused, self._steps_due = False, 0
        self._wake.set()

    def step(self, ticks: int) -> None:
        """Advance by some ticks at once, also after a halt, and stay paused.

        Raises:
            CommandError: not between 1 and `MAX_STEPS`.
        """
        if not 1 <= ticks <= MAX_STEPS:
            raise CommandError(f"a step takes 1 to {MAX_STEPS} ticks, got {ticks}")
        self._paused = True
        self._steps_due = min(self._steps_due + ticks, MAX_STEPS)
        self._wake.set()

    def set_speed(self, speed_share: float) -> None:
        """Simulated seconds per real second.

        Raises:
            CommandError: not above 0 and at most `MAX_SPEED_SHARE`.
        """
        if not 0.0 < speed_share <= MAX_SPEED_SHARE:
            raise CommandError(f"the speed must be above 0 and at most {MAX_SPEED_SHARE:g}, got {speed_share}")
        self._speed_share = speed_share
        self.latest.set_speed(speed_share)
        self._wake.set()

    def order(self, command: Command) -> None:
        """Have a command obeyed in the next tick.

        Raises:
            CommandError: too many are waiting, nothing runs, or nobody could obey this one.
        """
        if self._engine is None:
            raise CommandError("the engine has not been started: order when it runs")
        if len(self._commands) >= MAX_COMMANDS:
            raise CommandError(f"{MAX_COMMANDS} commands are waiting: let the engine go on first")
        refuse_impossible(command, self._commands, self._engine.world, self._engine.charter)
        command = signed(command)
        self._commands.append(command)
        log.info("command ordered", extra={"command": repr(command)})

    def optimize_now(self) -> None:
        """Plan anew at once; the first tick after the answer follows it.

        Raises:
            CommandError: nothing runs, or a plan is under way.
            FeedError: nothing is known of the present.
        """
        if self._engine is None or self._planner is None:
            raise CommandError("the engine has not been started: ask when it runs")
        self._planner.begin_now(self._engine.problem(self._lookout.outlook(self._engine)))

    async def quote(self, ask: Ask) -> Quote:
        """See `QuoteDesk.quote`."""
        return await self._open_desk.quote(ask)

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        """See `QuoteDesk.book`."""
        return await self._open_desk.book(quote_id, customer)

    async def exclude(self, asked: Announcement) -> Exclude:
        """See `QuoteDesk.exclude`."""
        return await self._open_desk.exclude(asked, self.archive.contract)

    def cancel(self, contract_id: str) -> None:
        """End a live contract with the next tick. Raises CommandError where there is none of that id."""
        self.order(Cancel(contract_id=contract_id))

    @property
    def _open_desk(self) -> QuoteDesk:
        if self._desk is None:
            raise CommandError("the engine has not been started: ask when it runs")
        return self._desk

    def _present(self) -> Present:
        """The tick under way counts as done: its orders are obeyed, and those that came later wait for the next."""
        assert self._engine is not None
        if self._unstored is None:
            return Present(world=self._engine.world, waiting=tuple(self._commands), plan=self._plan)
        step = self._unstored.step
        return Present(world=step.world, waiting=tuple(self._commands)[len(step.commands) :], plan=self._plan)

    async def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        """The fleet's money line over the last simulated hours, from the store."""
        if self._store is None:
            return ()
        return await asyncio.to_thread(self._store.series, hours)

    @property
    def _run_id(self) -> str:
        run = self._store.run if self._store is not None else None
        return run.run_id if run is not None else ""

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
            self._publish()
            await self._stand(EngineState.FINISHED, str(error))
            return
        self._tries = self._tries + 1 if tick == self._failed_tick else 1
        self._failed_tick = tick
        reason = str(error) if isinstance(error, MaraError) else f"{type(error).__name__}: {error}"
        self.vitals.restarts_count += 1
        trace = None if isinstance(error, StoreBlocked) else error  # nothing to mend in the program
        log.error("tick failed", extra={"tick": tick, "tries": self._tries, "reason": reason}, exc_info=trace)
        self._publish()
        if self._tries >= MAX_TRIES and not isinstance(error, StoreBlocked):
            await self._stand(EngineState.HALTED, f"halted at tick {tick} after {MAX_TRIES} tries: {reason}")
        else:
            self.latest.mark(EngineState.DEGRADED, f"tick {tick}: {reason}")
            await asyncio.sleep(min(FIRST_BACK_OFF_S * 2 ** (min(self._tries, MAX_TRIES) - 1), MAX_BACK_OFF_S))

    async def _stand(self, state: EngineState, reason: str) -> None:
        """Wait for somebody who resumes or steps; what failed is then worked out anew."""
        self.latest.mark(state, reason)
        self._tries = 0
        self._unstored = None
        self._paused, self._steps_due = True, 0
        while self._paused and not self._steps_due:
            await self._until_woken(None)

    async def _loop(self) -> None:
        begun_s = self._now_s - self._tick_s  # when the tick before was due; the first is due now
        while True:
            if self._paused and not self._steps_due:
                self._publish()
                self.latest.mark(EngineState.PAUSED)
                await self._until_woken(None)
                begun_s = self._now_s - self._tick_s
                continue
            stepping = self._steps_due > 0
            due_s = self._now_s if stepping else begun_s + self._tick_s
            wait_s = due_s - self._now_s
            if wait_s > LEAST_PUBLISH_INTERVAL_S:
                self._publish()
            if wait_s > 0.0 and await self._until_woken(wait_s):
                continue
            # What is more than a tick late is let go, so that a stall is not made up for in a burst.
            begun_s = max(due_s, self._now_s - self._tick_s)
            self.vitals.lateness.add(max(self._now_s - due_s, 0.0))
            await self._tick()
            if stepping and self._steps_due:
                self._steps_due -= 1

    @property
    def _now_s(self) -> float:
        return self._clock.monotonic_s()

    @property
    def _tick_s(self) -> float:
        assert self._engine is not None
        return self._engine.charter.grid.tick_minutes * SECONDS_PER_MINUTE / self._speed_share

    @property
    def _is_ahead(self) -> bool:
        """Whether ticks come faster than they are shown."""
        return self._steps_due > 1 or self._tick_s < LEAST_PUBLISH_INTERVAL_S

    async def _until_woken(self, timeout_s: float | None) -> bool:
        """Sleep until a control changed something (True) or the time is over (False)."""
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _tick(self) -> None:
        """Gather, advance, store, show: in this order, and each only when the one before succeeded."""
        assert self._engine is not None
        assert self._store is not None
        # A tick whose storing failed is offered again as it was: the store knows it, should it have got through.
        began_s = self._now_s
        if self._unstored is None and self._is_ahead:
            self._store.refuse_little_room(self._engine.world.tick)
        turn = self._unstored or await self._next_turn(self._engine, self._store)
        self._unstored, self._plan = turn, turn.plan
        planned_s = self._now_s
        loop = asyncio.get_running_loop()
        stored = loop.run_in_executor(
            self._store.executor, self._store.append, turn.step, turn.plan, turn.events, turn.parts
        )
        await asyncio.shield(stored)
        self._unstored = None
        self.vitals.tick_stored(began_s, planned_s, self._now_s)
        self._engine.keep(turn)
        for _ in turn.step.commands:
            self._commands.popleft()
        self._show(turn)

    async def _next_turn(self, engine: Engine, store: Store) -> Turn:
        assert self._planner is not None
        outlook = self._lookout.outlook(engine)
        beside = engine.shadows.problems(outlook) if engine.shadows is not None else {}
        patience = STEPPING if self._steps_due else Patience(wait_s=PATIENCE_SHARE * self._tick_s)
        plan, plans = await self._planner.plans_for(engine.problem(outlook), beside, patience)
        turn = engine.turn(outlook, plan, tuple(self._commands))
        if engine.shadows is None:
            return turn
        # Several worlds more are several times the work: not on the event loop.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(store.executor, engine.with_shadows, turn, outlook, plans)

    def _show(self, turn: Turn) -> None:
        assert self._diary is not None
        self._diary.note(turn.step, turn.events, is_ahead=self._is_ahead)
        self._recent.extend(turn.events)
        self._unshown = turn
        if self._now_s - self._published_s >= LEAST_PUBLISH_INTERVAL_S:
            self._publish()

    def _publish(self) -> None:
        """Show the newest stored tick, unless it has been shown."""
        turn, self._unshown = self._unshown, None
        if turn is None:
            return
        assert self._engine is not None
        assert self._planner is not None
        self._published_s = self._now_s
        events = tuple(self._recent)
        charter, snapshot = self._engine.charter, self._engine.shown(turn, events, self._run_id)
        behind = self._planner.forecast_behind(turn.plan)
        self.latest.publish(snapshot, forecast_snapshot(behind, charter) if behind is not None else None)
