"""Executors of a live run: told each document, leased, released at the end."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

from mara.core.dispatch_document import MODES, VALID_TICKS, DispatchDocument, Mode, SiteTarget
from mara.core.metering import ExecutorStatus
from mara.core.units import SECONDS_PER_MINUTE
from mara.core.world import RunConfig
from mara.errors import MaraError, StoreError
from mara.runtime.clock import Clock
from mara.runtime.published_state import EngineState, PublishedState, StatePublisher
from mara.runtime.signals.desk import MARA, REAL_WORLD, SignalsDesk
from mara.signals.executors.driver import RELEASE, WRITE, Driver
from mara.signals.executors.hold import HoldFile, releases_in
from mara.signals.executors.registry import executor_of, specs_in
from mara.signals.executors.watchdog import BEAT, DONE, release_all
from mara.store.store import Store
from mara.store.write.signals import NewSignal

BEATS_A_LEASE: Final = 4
"""Beats in the time after which the watchdog takes a silent Mara for dead."""
CLOSE_S: Final = 10.0
"""Longest wait for the watchdog's end."""
WATCHDOG: Final = "mara.runtime.signals.watchdog_process"
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


@dataclass(slots=True, kw_only=True)
class _SiteExecutor:
    """The driver of a site, the document that waits for it, and its state."""

    spec: Any
    driver: Driver
    status: ExecutorStatus
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: tuple[SiteTarget, bool, int] | None = None
    """Target, whether it is a dry run, and the tick of the document."""


class ExecutorDesk:
    """Tells the executors of sites what a plan means for them, while a run is open.

    All methods belong to the event loop's thread; devices are spoken to in threads, and no tick waits for them.

    Args:
        setup: None where no executor is set up; nothing is then ever written.
        on_followed: called with a site, the limit that it was told, and what came of it.
    """

    def __init__(
        self,
        setup: ExecutorSetup | None,
        publisher: StatePublisher,
        clock: Clock,
        *,
        on_followed: Callable[[str, float | None, ExecutorStatus], None] | None = None,
    ) -> None:
        self._setup = setup
        self._publisher = publisher
        self._clock = clock
        self._on_followed = on_followed
        self._sites: dict[str, _SiteExecutor] = {}
        self._desk: SignalsDesk | None = None
        self._store: Store | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._beat_task: asyncio.Task[None] | None = None
        self._lease_s = self._tick_s = 0.0
        self._seen = (-1, 0)
        self._beat_s = self._document_s = float("-inf")
        self._is_lost = False
        self._beats = b""
        self._beating = Lock()

    async def open(self, store: Store, config: RunConfig, desk: SignalsDesk) -> None:
        """Read the executors file, and bring back what an earlier Mara may have left.

        Raises:
            ConfigError: the file, or what it names, cannot be used.
            StoreError: the log cannot be written.
        """
        if self._setup is None:
            return
        specs = specs_in(self._setup.specs, config.fleet.site_ids)
        self._desk, self._store = desk, store
        self._tick_s = config.grid.tick_minutes * SECONDS_PER_MINUTE
        self._lease_s = min(spec.lease_s for spec in specs.values())
        self._sites = {site_id: self._executor(site_id, spec, self._setup) for site_id, spec in specs.items()}
        await asyncio.to_thread(self._bring_back, self._setup)
        self._beat_task = self._start(self._beat())
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
        await asyncio.gather(*(self._release(site_id, "the run ends") for site_id in self._sites))
        await asyncio.to_thread(self._end_watchdog)

    def why_not(self, site_id: str, mode: Mode) -> str:
        """Explain why a site cannot be put in a mode; empty where it can."""
        if site_id not in self._sites:
            return f"no executor is set up for {site_id}, so that it cannot be in {mode}: name one in MARA_EXECUTORS"
        shown = self._publisher.read()
        if shown.state is not EngineState.RUNNING or shown.snapshot is None:
            return f"the engine is {shown.state}: {site_id} can be armed when it runs"
        if mode == MODES[-1] and shown.world != REAL_WORLD:
            return (
                f"{site_id} can only act on live prices, those of this run are {shown.world}: set MARA_FEED=live, "
                "or choose dry-run"
            )
        if shown.speed_factor != REAL_TIME:
            return f"time runs {shown.speed_factor:g} times too fast for machines: set the speed to 1 first"
        return ""

    def on_mode(self, site_id: str, before: Mode, mode: Mode) -> None:
        """Act on a changed mode: release what is not armed, follow where it is."""
        if site_id not in self._sites:
            return
        if mode == MODES[-1]:
            self._is_lost, self._beat_s = False, float("-inf")
        if before == MODES[-1] or mode == MODES[-1]:
            self._start(self._release(site_id, f"the mode is {mode}"))
        if self._is_followed(mode):
            self._document_s = self._clock.monotonic_s()
            self._follow(self._publisher.read().dispatch)

    def on_state(self, current: PublishedState) -> None:
        """Follow a new document, and disarm where the run is no longer fit to be obeyed."""
        if self._desk is None:
            return
        armed = [site_id for site_id in self._sites if self._desk.mode_of(site_id) == MODES[-1]]
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
            site = self._sites.get(target.site_id)
            if site is not None and self._is_followed(mode):
                site.waiting = (target, mode != MODES[-1], document.tick)
                self._start(self._drive(target.site_id))

    async def _drive(self, site_id: str) -> None:
        """Follow the newest document of a site; one that was overtaken is left out."""
        site = self._sites[site_id]
        async with site.one_at_a_time:
            waiting, site.waiting = site.waiting, None
            if waiting is None or self._desk is None:
                return
            target, is_dry, tick = waiting
            if not self._is_followed(self._desk.mode_of(site_id)):
                return
            reason = f"tick {tick}: {target.reasons[0] if target.reasons else 'as planned'}"
            site.status = await asyncio.to_thread(
                partial(site.driver.follow, target.site_limit_mw, reason, is_dry=is_dry, is_urgent=target.is_urgent)
            )
        self._tell()
        if self._on_followed is not None:
            self._on_followed(site_id, target.site_limit_mw, site.status)

    async def _release(self, site_id: str, reason: str) -> None:
        site = self._sites[site_id]
        async with site.one_at_a_time:
            site.status = await asyncio.to_thread(partial(site.driver.release, reason))
        self._tell()

    def _disarm(self, reason: str) -> None:
        for site_id in self._sites:
            self._start(self._disarmed(site_id, reason))

    async def _disarmed(self, site_id: str, reason: str) -> None:
        if self._desk is not None:
            with suppress(StoreError):  # it is disarmed all the same
                await self._desk.disarm(site_id, reason)

    async def _beat(self) -> None:
        """Look at the lease for ever, a few times in its length."""
        while True:
            await self.look_at_lease()
            await self._clock.wait(self._lease_s / BEATS_A_LEASE)

    async def look_at_lease(self) -> None:
        """Keep the lease of armed sites; disarm them where it, or the plan, is over."""
        if self._desk is None or all(self._desk.mode_of(site_id) != MODES[-1] for site_id in self._sites):
            return
        if not await asyncio.to_thread(self._may_write):
            self._disarm("the lease was lost: the watchdog does not answer")
        elif self._clock.monotonic_s() - self._document_s > VALID_TICKS * self._tick_s:
            self._disarm(f"the newest document is older than {VALID_TICKS} ticks")

    def _may_write(self) -> bool:
        """Reach the watchdog: without it nothing may be written. Called in threads."""
        return not self._is_lost and self._beaten()

    def _beaten(self) -> bool:
        """Send a beat to the watchdog, started with the first; False once it is lost."""
        with self._beating:
            self._is_lost = not self._sent_beat()
            return not self._is_lost

    def _sent_beat(self) -> bool:
        assert self._setup is not None
        if self._watchdog is None:
            self._setup.holds.mkdir(mode=0o700, parents=True, exist_ok=True)
            words = [sys.executable, "-m", WATCHDOG, str(self._setup.holds), f"{self._lease_s:g}"]
            self._watchdog = subprocess.Popen(words, stdin=subprocess.PIPE, bufsize=0, start_new_session=True)  # noqa: S603  ours
            self._beats = f"{self._setup.secret}\n".encode()
        is_late = self._clock.monotonic_s() - self._beat_s > self._lease_s and self._beat_s > float("-inf")
        assert self._watchdog.stdin is not None
        try:
            self._watchdog.stdin.write(self._beats + BEAT)
            self._beats = b""
        except OSError:
            self._watchdog.stdin.close()
            self._watchdog.poll()
            self._watchdog = None
            self._beat_s = float("-inf")
            return False
        self._beat_s = self._clock.monotonic_s()
        return not is_late

    def _end_watchdog(self) -> None:
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is None or watchdog.stdin is None:
            return
        left = self._setup is not None and any(self._setup.holds.glob("*.hold.json"))
        with suppress(OSError):
            if not left:  # else it goes on trying to release them
                watchdog.stdin.write(DONE)
            watchdog.stdin.close()
        if not left:
            with suppress(subprocess.TimeoutExpired):
                watchdog.wait(CLOSE_S)

    def _bring_back(self, setup: ExecutorSetup) -> None:
        """Release what an earlier Mara held, and log what its watchdog did."""
        release_all(setup.holds, setup.secret, self._clock.now, lambda _: None, tries=1)
        for path, site_id, said in releases_in(setup.holds):
            self._write(site_id, RELEASE, f"by the watchdog: {said}", "", said)
            path.unlink()

    def _executor(self, site_id: str, spec: Any, setup: ExecutorSetup) -> _SiteExecutor:
        executor = executor_of(spec, setup.secret, self._clock.now)
        driver = Driver(
            executor,
            HoldFile(setup.holds, setup.locks, site_id),
            spec.model_dump(mode="json", by_alias=True),
            spec.pace,
            partial(self._log, site_id),
            may_write=self._may_write,
            monotonic_s=self._clock.monotonic_s,
        )
        return _SiteExecutor(
            spec=spec, driver=driver, status=ExecutorStatus(site_id=site_id, kind=executor.kind, state="idle")
        )

    def _log(self, site_id: str, kind: str, reason: str, before: str, after: str) -> None:
        """Write a line of the signal log; only a write to a device depends on it.

        Raises:
            StoreError: a write to a device is not logged, and must not leave.
        """
        try:
            self._write(site_id, kind, reason, before, after)
        except StoreError as error:
            if kind == WRITE:
                raise
            fields = {"site": site_id, "kind": kind, "what": reason, "reason": str(error)}
            log.warning("signal not logged", extra=fields)

    def _write(self, site_id: str, kind: str, reason: str, before: str, after: str) -> None:
        """Write a line of the signal log, and wait until it is stored. Called in threads."""
        assert self._store is not None
        snapshot = self._publisher.read().snapshot
        line = NewSignal(
            at=self._clock.now(),
            tick=snapshot.tick if snapshot is not None else 0,
            kind=kind,
            site_id=site_id,
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
