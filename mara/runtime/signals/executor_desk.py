"""Executors of a live run: told each document, leased, released at the end."""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from mara.core.dispatch_document import MODES, VALID_TICKS, DispatchDocument, Mode, SiteTarget
from mara.core.fleet import Site, machines_of
from mara.core.metering import ExecutorStatus
from mara.core.timegrid import moment_text
from mara.core.units import SECONDS_PER_MINUTE
from mara.core.world import RunConfig
from mara.errors import MaraError, StoreError
from mara.runtime.clock import Clock
from mara.runtime.published_state import EngineState, PublishedState, StatePublisher
from mara.runtime.signals.desk import MARA, REAL_WORLD, SignalsDesk, no_executor
from mara.runtime.signals.lease import Lease
from mara.runtime.signals.site_executor import Followed, SiteExecutor, SiteOrder, limit_for, not_before_of
from mara.signals.executors.base import state_text
from mara.signals.executors.driver import RELEASE, WRITE, Driver
from mara.signals.executors.hold import HoldFile, releases_in
from mara.signals.executors.registry import Place, executor_of, specs_in
from mara.signals.executors.watchdog import release_all
from mara.store.store import Store
from mara.store.write.signals import NewSignal

BEATS_A_LEASE: Final = 4
"""Beats in the time after which the watchdog takes a silent Mara for dead."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 300.0
"""Pauses between tries to give back devices that do not answer; they double."""
REAL_TIME: Final = 1.0
"""Speed at which a plan may reach devices: a second of the run is a second."""

log = logging.getLogger("mara.executors")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSetup:
    """Settings of executors: their file, secret and folders.

    Attributes:
        specs: the executors file.
        holds: folder that remembers what owners had set.
        locks: folder that all Maras of this machine share.
    """

    specs: Path
    secret: str
    holds: Path
    locks: Path


class ExecutorDesk:
    """Tells the executors of sites what a plan means for them, while a run is open.

    All methods belong to the event loop's thread; devices are spoken to in threads, and no tick waits for them.

    Args:
        setup: None where no executor is set up; nothing is then ever written.

    Attributes:
        on_followed: told of each order that was followed, and of each release.
    """

    def __init__(self, setup: ExecutorSetup | None, publisher: StatePublisher, clock: Clock) -> None:
        self.on_followed: Followed | None = None
        self._setup = setup
        self._publisher = publisher
        self._clock = clock
        self._sites: dict[Place, SiteExecutor] = {}
        self._desk: SignalsDesk | None = None
        self._store: Store | None = None
        self._lease: Lease | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._note_thread: ThreadPoolExecutor | None = None
        self._noting: asyncio.Task[None] | None = None
        self._beat_task: asyncio.Task[None] | None = None
        self._tick_s = 0.0
        self._seen = (-1, 0)
        self._document_s = float("-inf")
        self._clocks_s = self._read_clocks()

    async def open(self, store: Store, config: RunConfig, desk: SignalsDesk) -> None:
        """Read the executors file, and bring back what an earlier Mara may have left.

        Raises:
            ConfigError: the file, or what it names, cannot be used.
            StoreError: the log cannot be written.
        """
        if self._setup is None:
            return
        specs = specs_in(self._setup.specs, machines_of(config.fleet))
        self._desk, self._store = desk, store
        self._note_thread = ThreadPoolExecutor(1, thread_name_prefix="mara-releases")
        self._tick_s = config.grid.tick_minutes * SECONDS_PER_MINUTE
        lease_s = min(spec.lease_s for spec in specs.values())
        self._lease = Lease(self._setup.holds, self._setup.secret, lease_s, self._clock)
        self._sites = {place: self._executor(place, spec, self._setup, self._lease) for place, spec in specs.items()}
        await asyncio.to_thread(self._bring_back, self._setup)
        self._beat_task = asyncio.create_task(self._beat(), name="mara-lease")
        self._tell()

    async def close(self) -> None:
        """Bring every device back to its owner's state, and end; harmless when repeated."""
        if self._desk is None:
            return
        self._desk = None
        if self._beat_task is not None:
            self._beat_task.cancel()
        # A write under way is waited for: a thread cannot be cancelled, and would write after the release.
        await asyncio.gather(*self._work, return_exceptions=True)
        await asyncio.gather(*(self._release(site, "the run ends") for site in self._sites.values()))
        for site in self._sites.values():
            site.thread.shutdown(wait=False)
        if self._note_thread is not None:
            self._note_thread.shutdown(wait=False)
        if self._lease is not None:
            await asyncio.to_thread(self._lease.end)

    def why_not(self, site: Site, mode: Mode) -> str:
        """Explain why a site cannot be put in a mode; empty where it can."""
        if not self._of(site.id):
            return no_executor(site, mode)
        shown = self._publisher.read()
        if shown.state is not EngineState.RUNNING:
            return f"the engine is {shown.state}: {site.name} can be armed when it runs"
        if shown.snapshot is None:
            return f"no tick has been computed yet: {site.name} can be armed after the first"
        if mode == MODES[-1] and shown.world != REAL_WORLD:
            return (
                f"{site.name} can only act on live prices, those of this run are {shown.world}: set MARA_FEED=live, "
                "or choose dry-run"
            )
        if shown.speed_factor != REAL_TIME:
            return f"time runs {shown.speed_factor:g} times too fast for machines: set the speed to 1 first"
        if mode == MODES[-1] and shown.dispatch is not None and shown.snapshot.plays == REAL_WORLD:
            return self._why_stale(site.name, shown.dispatch)
        return ""

    def _why_stale(self, name: str, document: DispatchDocument) -> str:
        """Explain that the newest targets are of another time than now; empty where not."""
        now, begins, ends = self._clock.now(), document.valid_from, document.valid_to
        if begins - timedelta(seconds=self._tick_s) <= now < ends:
            return ""
        return (
            f"the newest targets of {name} hold from {moment_text(begins)} to {moment_text(ends)}, this machine's "
            f"clock says {moment_text(now)}: wait for the next tick, or set the clock right"
        )

    def on_mode(self, site_id: str, before: Mode, mode: Mode) -> None:
        """Act on a changed mode: release what is not armed, follow where it is."""
        sites = self._of(site_id)
        if not sites:
            return
        if mode == MODES[-1] and self._lease is not None:
            self._lease.renew()
        if before == MODES[-1] or mode == MODES[-1]:
            for site in sites.values():
                site.last = None
                self._start(self._release(site, "armed anew" if mode == MODES[-1] else f"the mode is {mode}"))
        if self._is_followed(mode):
            self._document_s = self._clock.monotonic_s()
            self._follow(self._publisher.read().dispatch)

    def on_state(self, current: PublishedState) -> None:
        """Follow a new document, and disarm where the run is no longer fit to be obeyed."""
        if self._desk is None:
            return
        armed = self._armed()
        if armed and current.speed_factor != REAL_TIME:
            self._disarm(f"time runs {current.speed_factor:g} times too fast for machines")
        elif armed and current.state in {EngineState.HALTED, EngineState.FINISHED}:
            self._disarm(f"the engine is {current.state}")
        elif current.dispatch is not None and current.dispatch.key != self._seen:
            self._seen = current.dispatch.key
            self._document_s = self._clock.monotonic_s()
            self._follow(current.dispatch)

    def _follow(self, document: DispatchDocument | None) -> None:
        """Hand the targets of a document to the drivers of the sites that follow it."""
        if document is None or self._desk is None:
            return
        for target in document.sites:
            mode = self._desk.mode_of(target.site_id)
            if not self._is_followed(mode):
                continue
            reason = f"tick {document.tick}: {target.reasons[0] if target.reasons else 'as planned'}"
            for group, site in self._of(target.site_id).items():
                site.is_reached = False
                site.waiting = SiteOrder(
                    limit_mw=limit_for(target, group),
                    site_limit_mw=target.site_limit_mw,
                    reason=reason,
                    is_dry=mode != MODES[-1],
                    is_urgent=target.is_urgent,
                    not_before_s=self._not_before_s(document, target, group),
                )
                self._start(self._drive(target.site_id, site))

    def _not_before_s(self, document: DispatchDocument, target: SiteTarget, group: str) -> float:
        """Instant of a document from which on machines may start, on the monotonic clock."""
        at = not_before_of(target, group)
        if at is None:
            return float("-inf")
        return self._document_s + (at - document.valid_from).total_seconds()

    async def _drive(self, site_id: str, site: SiteExecutor) -> None:
        """Follow the newest order of a site; one that was overtaken is left out."""
        async with site.one_at_a_time:
            order, site.waiting = site.waiting, None
            if order is None or self._desk is None or not self._is_followed(self._desk.mode_of(site_id)):
                return
            site.last = order
            follow = partial(site.driver.follow, order.limit_mw, order.reason, is_dry=order.is_dry)
            await site.ask(partial(follow, is_urgent=order.is_urgent, not_before_s=order.not_before_s))
            site.is_reached = site.has_reached(order)
        self._tell()
        if self.on_followed is not None:
            is_whole = all(one.is_reached for one in self._of(site_id).values())
            self.on_followed(site_id, order.site_limit_mw, site.status, is_reached=is_whole)

    async def _release(self, site: SiteExecutor, reason: str) -> None:
        async with site.one_at_a_time:
            site.is_reached = False
            await site.ask(partial(site.driver.release, reason))
            longer_s = min(max(FIRST_RETRY_S, 2.0 * site.retry_wait_s), LONGEST_RETRY_S)
            site.retry_wait_s = longer_s if site.driver.is_holding else 0.0
            site.retry_s = self._clock.monotonic_s() + site.retry_wait_s
        self._tell()
        if self.on_followed is not None:
            self.on_followed(site.status.site_id, None, site.status, is_reached=False)

    def _disarm(self, reason: str) -> None:
        for site_id in sorted({site_id for site_id, _ in self._sites}):
            self._start(self._disarmed(site_id, reason))

    async def _disarmed(self, site_id: str, reason: str) -> None:
        if self._desk is not None:
            with suppress(StoreError):  # it is disarmed all the same
                await self._desk.disarm(site_id, reason)

    async def _beat(self) -> None:
        """Look at the lease for ever, a few times in its length."""
        assert self._lease is not None
        while True:
            await self.look_at_lease()
            self._try_again()
            await self._clock.wait(self._lease.length_s / BEATS_A_LEASE)

    async def look_at_lease(self) -> None:
        """Keep the lease; disarm sites where it or the plan is over, or the clock jumped.

        A document holds for two ticks of the clock: after a jump by more than one nobody knows whether it holds still.

        What the watchdog gave back meanwhile is logged, which nothing here waits for.
        """
        if self._noting is None or self._noting.done():
            self._noting = self._start(self._note_releases())
        jumped_s = self._jumped_s()
        if self._lease is None or not self._armed():
            return
        if not await self._lease.kept():
            self._disarm("the lease was lost: Mara or its watchdog stood still for longer than it lasts")
        elif self._clock.monotonic_s() - self._document_s > VALID_TICKS * self._tick_s:
            self._disarm(f"no new targets came for {VALID_TICKS} ticks: the run is paused, or stands still")
        elif abs(jumped_s) > self._tick_s:
            way = "forward" if jumped_s > 0.0 else "back"
            self._disarm(f"this machine's clock jumped {abs(jumped_s) / SECONDS_PER_MINUTE:.0f} min {way}")

    def _jumped_s(self) -> float:
        """Return how far the wall's clock jumped since the last look; negative: back."""
        (wall_s, real_s), self._clocks_s = self._clocks_s, self._read_clocks()
        return (self._clocks_s[0] - wall_s) - (self._clocks_s[1] - real_s)

    def _read_clocks(self) -> tuple[float, float]:
        return self._clock.now().timestamp(), self._clock.monotonic_s()

    async def _note_releases(self) -> None:
        """Log what the watchdog gave back, in a thread that hanging calls cannot take."""
        with suppress(StoreError):  # a note that is not logged stays for the next look
            await asyncio.get_running_loop().run_in_executor(self._note_thread, self._log_releases)

    def _try_again(self) -> None:
        """Follow orders that are not reached yet, and release what is held still."""
        if self._desk is None:
            return
        for (site_id, _), site in self._sites.items():
            mode = self._desk.mode_of(site_id)
            if site.one_at_a_time.locked():
                continue
            if mode == MODES[-1] and site.driver.is_due and site.waiting is None and site.last is not None:
                site.waiting = site.last
                self._start(self._drive(site_id, site))
            elif mode != MODES[-1] and site.driver.is_holding and self._clock.monotonic_s() >= site.retry_s:
                self._start(self._release(site, f"the mode is {mode}; tried again"))

    def _armed(self) -> bool:
        """Tell whether a site acts."""
        return self._desk is not None and any(self._desk.mode_of(site_id) == MODES[-1] for site_id, _ in self._sites)

    def _of(self, site_id: str) -> dict[str, SiteExecutor]:
        """The executors of a site by their group."""
        return {group: site for (its, group), site in self._sites.items() if its == site_id}

    def _bring_back(self, setup: ExecutorSetup) -> None:
        """Release what an earlier Mara held, and log what its watchdog did."""
        release_all(setup.holds, setup.secret, self._clock.now, self._clock.monotonic_s, lambda _: None, tries=1)
        self._log_releases()

    def _log_releases(self) -> None:
        """Log what the watchdog gave back while Mara could not. Called in threads.

        Raises:
            StoreError: a release is not logged, and its note stays.
        """
        if self._setup is None:
            return
        for note in releases_in(self._setup.holds):
            line = f"by the watchdog: {note.said}"
            self._write((note.site_id, note.group), RELEASE, line, state_text(note.before), note.said)
            note.path.unlink()

    def _executor(self, place: Place, spec: Any, setup: ExecutorSetup, lease: Lease) -> SiteExecutor:
        site_id, group = place
        executor = executor_of(spec, setup.secret, self._clock.now, self._clock.monotonic_s)
        driver = Driver(
            executor,
            HoldFile(setup.holds, setup.locks, site_id, group),
            spec.model_dump(mode="json", by_alias=True),
            spec.pace,
            partial(self._log, place),
            lease=lease.name_now,
            monotonic_s=self._clock.monotonic_s,
        )
        return SiteExecutor(
            driver=driver,
            status=ExecutorStatus(site_id=site_id, group=group, kind=executor.kind, state="idle"),
            thread=ThreadPoolExecutor(1, thread_name_prefix=f"mara-executor-{site_id}"),
        )

    def _log(self, place: Place, kind: str, reason: str, before: str, after: str) -> None:
        """Write a line of the signal log; only a write to a device depends on it.

        Raises:
            StoreError: a write to a device is not logged, and must not leave.
        """
        try:
            self._write(place, kind, reason, before, after)
        except StoreError as error:
            if kind == WRITE:
                raise
            fields = {"site": place[0], "kind": kind, "what": reason, "reason": str(error)}
            log.warning("signal not logged", extra=fields)

    def _write(self, place: Place, kind: str, reason: str, before: str, after: str) -> None:
        """Write a line of the signal log, and wait until it is stored. Called in threads."""
        assert self._store is not None
        snapshot = self._publisher.read().snapshot
        line = NewSignal(
            at=self._clock.now(),
            tick=snapshot.tick if snapshot is not None else 0,
            kind=kind,
            site_id=place[0],
            group=place[1],
            reason=reason,
            before=before,
            after=after,
            actor=MARA.name,
        )
        self._store.signals.write(line)

    def _tell(self) -> None:
        self._publisher.tell_executors(tuple(site.status for site in self._sites.values()))

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(_kept(work), name="mara-executor")
        self._work.add(task)  # asyncio holds no reference
        task.add_done_callback(self._work.discard)
        return task

    def _is_followed(self, mode: Mode) -> bool:
        return mode in MODES[2:]


async def _kept(work: Coroutine[Any, Any, None]) -> None:
    """Run work of the desk, whose failure is logged and ends nothing else."""
    try:
        await work
    except MaraError as error:
        log.warning("executor failed", extra={"reason": str(error)})
