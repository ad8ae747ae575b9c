"""Desk of a live run's signals: telemetry, and the mode of each site."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np

from mara.core.arrays import sealed
from mara.core.dispatch_document import MODES, UNARMED, DispatchDocument, Mode
from mara.core.fleet import WORKLOAD_KEYS, Fleet, Site, site_index
from mara.core.meter_means import metering_of
from mara.core.metering import DisarmedSite, Reading
from mara.core.snapshot import Snapshot
from mara.core.telemetry import metered, newest_of
from mara.core.world import Observation, RunConfig, World
from mara.errors import CommandError, EngineStopped
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.clock import Clock
from mara.runtime.published_state import StatePublisher
from mara.runtime.signals.recent_readings import RecentReadings, meters_since
from mara.store.store import Store
from mara.store.write.signals import MODE, NewSignal

LONGEST_DELAY: Final = timedelta(days=1)
"""Oldest reading that is taken."""
MOST_AHEAD: Final = timedelta(minutes=1)
"""Difference between clocks that is let pass."""
MOST_OVER_LIMIT_RATIO: Final = 1.2
"""Power over a site's grid limit from which on a reading cannot be true."""
REAL_WORLD: Final = "live"
"""World whose plans may reach devices, and whose sites may be billed by meters."""
FALL_BACK: Final[Mode] = "shadow"
"""Mode that an armed site falls back to."""
MOST_REASON_CHARACTERS: Final = 200
MARA: Final = Actor(name="mara")
"""Author of what Mara does by itself."""

T = TypeVar("T")
log = logging.getLogger("mara.signals")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryReceipt:
    """Confirmation that readings are stored; `repeated_count` of them were before."""

    accepted_count: int
    repeated_count: int
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SignalledRun:
    """An open run: its store and its configuration."""

    store: Store
    config: RunConfig
    is_real: bool


class SignalsDesk:
    """Takes telemetry and changes of modes while a run is open.

    All methods belong to the event loop's thread.

    Args:
        why_not_armed: explains why a site cannot be put in a mode now; empty where it can.
        on_mode: called with a site whose mode was set, the mode before, and its new mode.
    """

    def __init__(
        self,
        publisher: StatePublisher,
        clock: Clock,
        *,
        why_not_armed: Callable[[Site, Mode], str] | None = None,
        on_mode: Callable[[str, Mode, Mode], None] | None = None,
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._why_not_armed = why_not_armed or no_executor
        self._on_mode = on_mode
        self._run: _SignalledRun | None = None
        self._readings: Mapping[tuple[str, str], Reading] = {}
        self._recent = RecentReadings()
        self._modes: dict[str, Mode] = {}
        self._disarmed: dict[str, DisarmedSite] = {}
        self._held: tuple[DispatchDocument | None, DispatchDocument | None] = (None, None)
        """The document beside which meters were shown last, and the one before it."""
        self._one_at_a_time = asyncio.Lock()

    async def open(self, store: Store, config: RunConfig, world: str = "", tick: int = 0) -> None:
        """Read modes and telemetry of the stored run; no site stays armed over a restart.

        Args:
            world: name of the feed; sites are billed by meters in the real world only.
            tick: the next tick, which reads the meters of the one before.

        Raises:
            StoreError: they cannot be read.
        """
        self._run = _SignalledRun(store=store, config=config, is_real=world == REAL_WORLD)
        self._held = (None, None)
        ids = config.fleet.site_ids
        since = meters_since(tick, config)
        self._recent = RecentReadings(await self._stored(partial(store.signals.readings_since, since, ids)))
        stored = await self._stored(store.signals.modes)
        self._modes = {site_id: mode for site_id in ids for mode in MODES if stored.get(site_id) == mode}
        self._readings = newest_of({}, await self._stored(partial(store.signals.newest_readings, ids)))
        for site_id in [site_id for site_id, mode in self._modes.items() if mode == MODES[-1]]:
            await self.disarm(site_id, "the run was opened anew, and a lease ends with the process that held it")

    def close(self) -> None:
        """Take nothing more; harmless when repeated."""
        self._run = None

    @property
    def modes(self) -> Mapping[str, Mode]:
        """Modes of the sites that were ever given one."""
        return MappingProxyType(self._modes)

    @property
    def is_used(self) -> bool:
        """Return whether there are modes or telemetry to show beside the plan."""
        return bool(self._modes or self._readings)

    def mode_of(self, site_id: str) -> Mode:
        """Return the mode of a site: advise where it was never given another."""
        return self._modes.get(site_id, MODES[0])

    def beside(self, snapshot: Snapshot, document: DispatchDocument) -> Snapshot:
        """Set modes and metered power beside the plan, where there are any.

        A document that is new is looked at together with the one that held until it.
        """
        newest, before = self._held
        if newest is None or document.key != newest.key:
            before = newest
        self._held = (document, before)
        return metered(snapshot, document, self._readings, self._modes, self._clock.now(), before)

    def with_modes(self, document: DispatchDocument) -> DispatchDocument:
        """Set the present modes of a document."""
        return with_modes(document, self._modes)

    def metered(self, observation: Observation, world: World) -> Observation:
        """Add what meters tell to an observation, where a site is billed by them.

        These are the sites of a live world that are in any mode but advise when the tick begins.
        """
        run = self._opened
        is_metered = np.array([self.mode_of(site_id) != MODES[0] for site_id in run.config.fleet.site_ids])
        if not run.is_real or not (is_metered.any() or world.unread is not None):
            return observation
        self._recent.forget_before(meters_since(world.tick, run.config))
        return replace(observation, metering=metering_of(self._recent.by_meter, sealed(is_metered), world, run.config))

    async def receive(self, readings: Sequence[Reading]) -> TelemetryReceipt:
        """Store readings, all or none; a reading that was stored before changes nothing.

        Raises:
            CommandError: one of them cannot be true; the message says which and why.
            StoreError: they are not stored.
        """
        run, now = self._opened, self._clock.now()
        known = [_known(reading, run.config.fleet, now) for reading in readings]
        distinct = dict.fromkeys(known)
        if len({(reading.site_id, reading.group, reading.at) for reading in distinct}) < len(distinct):
            raise CommandError("two readings of one meter and instant differ: send the right one; nothing was stored")
        async with self._one_at_a_time:
            new_count = await self._stored(
                partial(run.store.signals.add_readings, tuple(distinct), run.config.fleet.site_ids)
            )
            self._readings = newest_of(self._readings, distinct)
            self._recent.add(distinct)
        self._show()
        return TelemetryReceipt(accepted_count=new_count, repeated_count=len(known) - new_count, known_at=now)

    async def set_mode(self, site_name: str, mode: Mode, reason: str) -> Mode:
        """Put a site in a mode, on the word of the acting user; returns the mode before.

        Arming is stored before it counts, disarming counts before it is stored.

        Raises:
            CommandError: there is no such site, no fit reason is given, or it cannot be armed now.
            StoreError: the change is not stored; a site that was to be disarmed is disarmed all the same.
        """
        fleet = self._opened.config.fleet
        site = fleet.sites[site_index(fleet.sites, site_name)]
        kept = one_line(reason)
        if mode in UNARMED:  # a site is given back whatever the reason looks like
            self._note_disarmed(site.id, None)
            return await self._change(site.id, mode, kept or "none given", ACTOR.get(), store_first=False)
        if not kept:
            raise CommandError(
                f"{mode} needs a reason, which is kept with the change: say why {site.name} is to be in it"
            )
        if kept != " ".join(reason.split()):
            raise CommandError(
                f"a reason is one line of 1 to {MOST_REASON_CHARACTERS} printable characters, got {len(reason)}: "
                "shorten it, or leave out what cannot be printed"
            )
        refusal = self._why_not_armed(site, mode)
        if refusal:
            raise CommandError(refusal)
        self._note_disarmed(site.id, None)
        return await self._change(site.id, mode, kept, ACTOR.get(), store_first=True)

    async def disarm(self, site_id: str, reason: str, actor: Actor = MARA) -> None:
        """Take an armed site back to shadow, for a reason that no person gave.

        Raises:
            StoreError: the change is not stored; the site is disarmed all the same.
        """
        if self.mode_of(site_id) == MODES[-1]:
            kept = one_line(reason)  # devices have their say in it, and other lines of the log wait for this one
            log.warning("site disarmed", extra={"site": site_id, "reason": kept})
            self._note_disarmed(site_id, DisarmedSite(site_id=site_id, reason=kept))
            await self._change(site_id, FALL_BACK, kept, actor, store_first=False)

    def _note_disarmed(self, site_id: str, disarmed: DisarmedSite | None) -> None:
        """Remember why nobody disarmed a site, until a person sets its mode."""
        self._disarmed.pop(site_id, None)
        if disarmed is not None:
            self._disarmed[site_id] = disarmed
        self._publisher.tell_disarmed(tuple(self._disarmed.values()))

    async def write(self, *lines: NewSignal) -> None:
        """Write lines of the signal log.

        Raises:
            StoreError: they are not stored.
        """
        await self._stored(partial(self._opened.store.signals.write, *lines))

    @property
    def tick(self) -> int:
        """Tick last shown; -1 before the first."""
        snapshot = self._publisher.read().snapshot
        return snapshot.tick if snapshot is not None else -1

    async def _change(self, site_id: str, mode: Mode, reason: str, actor: Actor, *, store_first: bool) -> Mode:
        before = self.mode_of(site_id)
        line = NewSignal(
            at=self._clock.now(),
            tick=max(0, self.tick),
            kind=MODE,
            site_id=site_id,
            reason=reason,
            before=before,
            after=mode,
            actor=actor.name,
            address=actor.address,
        )
        signals = self._opened.store.signals
        write = partial(signals.write, line) if store_first else signals.announced(line)
        if not store_first:
            self._put(site_id, mode)
        async with self._one_at_a_time:
            await self._stored(write)
        if store_first:
            self._put(site_id, mode)
        return before

    def _put(self, site_id: str, mode: Mode) -> None:
        before = self.mode_of(site_id)
        self._modes[site_id] = mode
        self._show()
        if self._on_mode is not None:
            self._on_mode(site_id, before, mode)

    def _show(self) -> None:
        """Show modes and telemetry at once, beside the tick that is shown."""
        shown = self._publisher.read()
        if shown.snapshot is None or shown.dispatch is None:
            return
        document = self.with_modes(shown.dispatch)
        self._publisher.refresh(self.beside(shown.snapshot, document), document)

    async def _stored(self, call: Callable[[], T]) -> T:
        """Call the store in its own thread; a cancelled caller does not stop it."""
        executor = self._opened.store.executor
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(executor, call))

    @property
    def _opened(self) -> _SignalledRun:
        if self._run is None:
            raise EngineStopped("the engine has not been started: try again when it runs")
        return self._run


def with_modes(document: DispatchDocument, modes: Mapping[str, Mode]) -> DispatchDocument:
    """Set the modes of a document."""
    sites = tuple(replace(site, mode=modes.get(site.site_id, site.mode)) for site in document.sites)
    return replace(document, sites=sites, mode=max((site.mode for site in sites), key=MODES.index))


def one_line(reason: str) -> str:
    """Keep of a reason what every database can store and every screen can show."""
    printable = "".join(character if character.isprintable() else " " for character in reason)
    return " ".join(printable.split())[:MOST_REASON_CHARACTERS]


def no_executor(site: Site, mode: Mode) -> str:
    """Say that a site without an executor cannot be in a mode that needs one."""
    return f"no executor is set up for {site.name}, so that it cannot be in {mode}: name one in MARA_EXECUTORS"


def _known(reading: Reading, fleet: Fleet, now: datetime) -> Reading:
    """Check a reading, and note when it came.

    Raises:
        CommandError: it cannot be true.
    """
    s = site_index(fleet.sites, reading.site_id)
    site_id, limit_mw = fleet.site_ids[s], float(fleet.grid_limit_mw[s])
    if reading.group and (
        reading.group not in WORKLOAD_KEYS or not fleet.units_count[s][WORKLOAD_KEYS.index(reading.group)]
    ):
        there = [key for k, key in enumerate(WORKLOAD_KEYS) if fleet.units_count[s][k]]
        raise CommandError(
            f"{site_id} has no machines {reading.group!r}: name one of {', '.join(there)}, or leave the group out"
        )
    if not now - LONGEST_DELAY <= reading.at <= now + MOST_AHEAD:
        raise CommandError(
            f"{site_id}: a reading should be at most a day old and not of the future, {reading.at.isoformat()} came at"
            f" {now.isoformat()}: set the meter's clock, or send its readings sooner"
        )
    if not 0.0 <= reading.power_mw <= limit_mw * MOST_OVER_LIMIT_RATIO:
        raise CommandError(
            f"{site_id}: power_mw should be 0 to {limit_mw * MOST_OVER_LIMIT_RATIO:g}, its connection has {limit_mw:g}"
            f" MW, {reading.power_mw:g} came: consumption is positive, and in megawatts"
        )
    # A database keeps milliseconds and watts: what is compared later is what was stored.
    at = reading.at.replace(microsecond=reading.at.microsecond // 1_000 * 1_000)
    return replace(reading, site_id=site_id, at=at, known_at=now)
