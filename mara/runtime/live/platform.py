"""Facade of the live run: start, stop, orders, quotes and published state."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mara.core.commands import Cancel, Command, Receipt
from mara.core.dispatch_document import Mode
from mara.core.live_source import AnnouncedLimit, GridLimit, GridWarning, SourceSnapshot
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import SeriesPoint, Snapshot
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.errors import CommandError, EngineStopped
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.clock import Clock
from mara.runtime.guess_check import LookBack
from mara.runtime.live.commands import EmergencyDesk, EmergencyReceipt
from mara.runtime.live.display import Display
from mara.runtime.live.grid_notices import keep_limits, note_warnings
from mara.runtime.live.loop import LiveLoop
from mara.runtime.live.pace import Pace
from mara.runtime.live.planner import Planner
from mara.runtime.live.quote_desk import QuoteDesk
from mara.runtime.live.supervisor import Reload, RetryPolicy, Supervisor
from mara.runtime.live.what_if_desk import WhatIfDesk
from mara.runtime.observe.alert_desk import AlertDesk, StoredAlerts
from mara.runtime.observe.alert_targets import Target
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.observe.watchdog import Watchdog
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.runtime.run_archive import RunArchive
from mara.runtime.signals.desk import SignalsDesk
from mara.runtime.signals.executor_desk import ExecutorDesk, ExecutorSetup
from mara.runtime.signals.meter_desk import MeterDesk
from mara.runtime.tick.engine import TickEngine
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.runtime.tick.order_book import OrderBook
from mara.signals.outlets.mailbox import Mailboxes
from mara.store.access.api_usage import ClaudeCalls
from mara.store.read.outages import OutageCount
from mara.store.store import Store

log = logging.getLogger("mara.platform")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LiveRun:
    """The parts of a run while it is open."""

    store: Store
    loop: LiveLoop
    desk: QuoteDesk
    what_if: WhatIfDesk
    supervisor: Supervisor


class SourceListener(Protocol):
    """Listens to the live sources of a run, from before its first tick on.

    The methods are described at `mara.assembly.listening.Listening`.
    """

    def statuses(self) -> tuple[SourceSnapshot, ...]: ...
    def warnings(self) -> tuple[GridWarning, ...] | None: ...
    def limits(self) -> tuple[GridLimit, ...]: ...
    def announced(self) -> tuple[AnnouncedLimit, ...]: ...
    def take(self, snapshot: Snapshot) -> None: ...
    def close(self) -> None: ...


class Platform:
    """A live run from `start` to `stop`, and all that operators may ask of it.

    All methods belong to the event loop's thread; `publisher` may be read from anywhere.

    Args:
        open_run: opens the store, and returns it with the engine at the run's next tick; called by `start`.
        advisor: gives advice in addition to the planner; None for none.
        reload: see `Reload`; None where reloading is not possible.
        retry: limits on the tries of a failing tick.
        outlets: destinations of each tick's dispatch document; None for none.
        executors: ways to the devices of real sites; None for none.
        meters: file of meters that tell of real sites besides the API; None for none.
        listener: listens to live sources, opened with the run; such a run keeps the wall clock. None for another.
        look_back: opens a feed of its own on the same world, to check earlier forecasts; None for no such checks.
        targets: where alerts are sent besides the log.
    """

    def __init__(
        self,
        open_run: Callable[[], tuple[Store, TickEngine, Planner]],
        publisher: StatePublisher,
        clock: Clock,
        speed_factor: float,
        advisor: AdvisorScheduler | None = None,
        reload: Reload | None = None,
        *,
        retry: RetryPolicy | None = None,
        outlets: Mailboxes | None = None,
        executors: ExecutorSetup | None = None,
        meters: Path | None = None,
        listener: SourceListener | None = None,
        look_back: LookBack | None = None,
        targets: Sequence[Target] = (),
    ) -> None:
        self.publisher = publisher
        self.advisor = advisor
        self.archive = RunArchive()
        self.metrics = EngineMetrics()
        self.orders = OrderBook(publisher)
        self.executors = ExecutorDesk(executors, publisher, clock)
        self.signals = SignalsDesk(
            publisher, clock, why_not_armed=self.executors.why_not, on_mode=self.executors.on_mode
        )
        self._meters = MeterDesk(meters, clock)
        self.emergency = EmergencyDesk(publisher, clock, self.signals, self.orders)
        self.executors.on_followed = self.emergency.responses.on_followed
        self.alerts = AlertDesk(publisher, targets)
        self._open_run = open_run
        self._reload = reload
        self._retry = retry or RetryPolicy()
        self._outlets = outlets or Mailboxes()
        self._sent = (-1, 0)
        publisher.follow(self._send_on)
        publisher.follow(self.executors.on_state)
        self._clock = clock
        self._listener = listener
        self._look_back = look_back
        self._pace = Pace(speed_factor, keeps_wall_clock=listener is not None)
        self._watchdog = Watchdog(self.metrics, clock)
        self._is_wanted = False
        self._run: _LiveRun | None = None
        self._closing = AsyncExitStack()

    async def start(self) -> None:
        """Open the run and begin to tick, unless `stop` came meanwhile.

        Raises:
            ConfigError, FeedError, StoreError: the run cannot be opened; nothing is left open.
        """
        self._is_wanted = True
        store, engine, planner = await asyncio.to_thread(self._open_run)
        try:
            await self._open(store, engine, planner)
        except BaseException:
            await self.stop()
            raise
        if not self._is_wanted:
            await self.stop()

    async def stop(self) -> None:
        """End the run after the tick under way is stored.

        Harmless when repeated or when never started.
        """
        self._is_wanted = False
        self._watchdog.stop()
        await self.orders.close()
        await self._closing.aclose()
        if self._listener is not None:
            await asyncio.to_thread(self._listener.close)
        self._run = None

    async def ask_claude(self) -> None:
        """Ask Claude for advice on the plan in force, now.

        Raises:
            CommandError: Claude cannot be asked; the message gives the reason.
        """
        if self.advisor is None:
            raise CommandError("nobody advises this run: start it with --optimizer claude")
        await asyncio.to_thread(self.advisor.ask)

    def pause(self) -> None:
        """Stop simulated time after the tick under way; steps still due are dropped."""
        self._pace.pause()

    def resume(self) -> None:
        """Let simulated time go on at its speed, also after a halt."""
        self._pace.resume()

    def step(self, ticks: int) -> None:
        """Advance by some ticks at once, also after a halt, and stay paused.

        See `Pace.step`.
        """
        self._pace.step(ticks)

    def set_speed(self, speed_factor: float) -> None:
        """Set the simulated seconds per real second. See `Pace.set_speed`."""
        self._pace.set_speed(speed_factor)
        self.publisher.set_speed(speed_factor)

    async def order(self, *commands: Command, only_look: bool = False) -> Receipt:
        """Order commands for the next tick, all or none.

        They are on disk when this returns. See `OrderBook.place`. With `only_look` they are only checked.
        """
        return self.orders.look(*commands) if only_look else await self.orders.order(*commands)

    def optimize_now(self) -> None:
        """Plan anew at once; the first tick after the answer follows it.

        Raises:
            CommandError: the run is not open, or a plan is being made.
            FeedError: the feed has no observation of the present tick.
        """
        self._opened.loop.plan_now()

    async def quote(self, ask: QuoteRequest) -> Quote:
        """Price a contract. See `QuoteDesk.quote`."""
        return await self._opened.desk.quote(ask)

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        """Book a contract as it was quoted. See `QuoteDesk.book`."""
        return await self._opened.desk.book(quote_id, customer)

    async def what_if(self, asked: WhatIfRequest) -> WhatIf:
        """Plan the next tick as it is and as changed. See `WhatIfDesk.answer`."""
        return await self._opened.what_if.answer(asked)

    async def exclude(self, *asked: ExclusionRequest, only_look: bool = False) -> Receipt:
        """Announce ticks that will not count for an SLA. See `QuoteDesk.exclude`."""
        return await self._opened.desk.exclude(asked, self.archive.contract, only_look=only_look)

    async def cancel(self, contract_id: str) -> Receipt:
        """End a contract with the next tick.

        Raises:
            CommandError: no contract of that id is live or booked.
        """
        return await self.order(Cancel(contract_id=contract_id))

    async def set_mode(self, site_name: str, mode: Mode, reason: str) -> Mode:
        """Put a site in a mode, and return the one before. See `SignalsDesk.set_mode`."""
        return await self.signals.set_mode(site_name, mode, reason)

    async def stop_site(self, site_name: str, reason: str) -> EmergencyReceipt:
        """Have a site draw nothing from now on. See `EmergencyDesk.stop`."""
        return await self.emergency.stop(site_name, reason)

    async def release_site(self, site_name: str, reason: str) -> EmergencyReceipt:
        """Let a stopped site follow the plan again. See `EmergencyDesk.release`."""
        return await self.emergency.release(site_name, reason)

    async def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        """Read the fleet's revenue, cost and profit over the last simulated hours."""
        if self._run is None:
            return ()
        return await asyncio.to_thread(self._run.store.read_model.series, hours)

    def sources(self) -> tuple[SourceSnapshot, ...]:
        """Tell how asking the live sources goes; empty for a run without."""
        return () if self._listener is None else self._listener.statuses()

    def warnings(self) -> tuple[GridWarning, ...] | None:
        """List the grid operator's standing warnings; None before it has answered.

        There are none without a VTN.
        """
        return () if self._listener is None else self._listener.warnings()

    def announced_limits(self) -> tuple[AnnouncedLimit, ...]:
        """List the limits by the grid's operator whose time is not over.

        There are none without a VTN.
        """
        return () if self._listener is None else self._listener.announced()

    @property
    def overdue_s(self) -> float:
        """Time since the tick under way should have begun; zero in a pause."""
        return self._run.loop.overdue_s if self._run is not None else 0.0

    @property
    def ahead_s(self) -> float:
        """Time by which a live world is ahead of this machine's clock, or zero."""
        return self._run.loop.ahead_s if self._run is not None else 0.0

    @property
    def _opened(self) -> _LiveRun:
        if self._run is None:
            raise EngineStopped("the engine has not been started: ask when it runs")
        return self._run

    async def _open(self, store: Store, engine: TickEngine, planner: Planner) -> None:
        """Connect the parts of an opened run, and begin to tick.

        Each part that `stop` must close is recorded as soon as it is open.
        """
        run_id = store.run.run_id if store.run is not None else ""
        self._closing.push_async_callback(self._close_store, store)
        self.archive.open(store.read_model, lambda: self.publisher.read().forecast, self._look_back)
        self._closing.callback(self.archive.close)
        if self.advisor is not None:
            self._closing.push_async_callback(asyncio.to_thread, self.advisor.close)
        display = Display(engine, planner, run_id, self.publisher, self._clock, self.signals, emergency=self.emergency)
        run = self._run_of(store, engine, planner, display)
        self._closing.callback(run.loop.close)
        last = await asyncio.to_thread(display.recall, store)
        await self.orders.open(store, engine.config, run.loop.position)
        await run.desk.open()
        await self.signals.open(store, engine.config, engine.feed.name, engine.world.tick)
        engine.meters = self.signals.metered
        self._closing.callback(self.signals.close)
        await self._meters.open(engine.config, run_id, self.signals)
        self._closing.push_async_callback(self._meters.close)
        await self.executors.open(store, engine.config, self.signals)
        self._closing.push_async_callback(self.executors.close)
        self.emergency.open(engine.config)
        self._closing.push_async_callback(self.emergency.close)
        shown, warnings = None if last is None else last.snapshot, self.warnings
        await self.alerts.open(
            StoredAlerts(store),
            engine.config.grid,
            lambda: self.overdue_s,
            ahead_s=lambda: self.ahead_s,
            last=shown,
            warnings=warnings,
        )
        self._closing.push_async_callback(self.alerts.close)
        if self.advisor is not None:
            tell = self.publisher.advisor_listener()
            await asyncio.to_thread(self.advisor.open, ClaudeCalls(store), tell, self.metrics.advice_ended)
        if not self._is_wanted:
            return
        self._run = run
        self._outlets.open()
        self._closing.push_async_callback(asyncio.to_thread, self._outlets.close)
        self.publisher.set_speed(self._pace.speed_factor)
        is_of_this_machine = any(source.is_of_this_machine for source in self.sources())
        self.publisher.set_world(engine.feed.name, is_of_this_machine=is_of_this_machine)
        if last is not None:
            self._sent = last.document.key  # outlets had it when it was new
            display.show_again(last)
        self._watchdog.start()
        log.info("run opened", extra={"run": run_id})
        task = asyncio.create_task(run.supervisor.run(), name="mara-loop")
        self._closing.push_async_callback(_cancelled, task)
        if self._listener is not None:
            names = {site.id: site.name for site in engine.config.fleet.sites}
            notes = asyncio.create_task(note_warnings(warnings, self.orders, names), name="mara-grid-notices")
            self._closing.push_async_callback(_cancelled, notes)
            limits = asyncio.create_task(keep_limits(self._listener.limits, self.emergency), name="mara-grid-limits")
            self._closing.push_async_callback(_cancelled, limits)

    def _run_of(self, store: Store, engine: TickEngine, planner: Planner, display: Display) -> _LiveRun:
        loop = LiveLoop(
            store,
            engine,
            planner,
            orders=self.orders,
            display=display,
            pace=self._pace,
            publisher=self.publisher,
            metrics=self.metrics,
            clock=self._clock,
        )
        supervisor = Supervisor(
            store,
            loop,
            orders=self.orders,
            display=display,
            pace=self._pace,
            publisher=self.publisher,
            metrics=self.metrics,
            clock=self._clock,
            retry=self._retry,
            reload=self._reload,
        )
        outages = OutageCount(read_model=store.read_model, sites=engine.config.fleet.site_count)
        desk = QuoteDesk(engine, self.orders, store, outages.record)
        what_if = WhatIfDesk(engine, self.orders)
        return _LiveRun(store=store, loop=loop, desk=desk, what_if=what_if, supervisor=supervisor)

    def _send_on(self, current: PublishedState) -> None:
        """Hand what is new to outlets and to the listener, which never wait."""
        document = current.dispatch
        if self._listener is not None and current.snapshot is not None:
            self._listener.take(current.snapshot)
        if document is not None and document.key != self._sent:
            self._sent = document.key
            self._outlets.put(document)

    async def _close_store(self, store: Store) -> None:
        await asyncio.to_thread(store.close)
        log.info("run closed")


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
