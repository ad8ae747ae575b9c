"""A live run beside a fleet of imitated meters, on a real database and a clock that tests move."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mara.core.contract import SlaContract
from mara.core.metering import Reading
from mara.core.snapshot import SiteSnapshot, Snapshot
from mara.core.world import RunConfig, World
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.live.planner import Planner
from mara.runtime.live.platform import Platform
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.replay_check import replayed
from mara.runtime.signals.executor_desk import ExecutorSetup
from mara.runtime.tick.engine import TickEngine
from mara.store import maintenance
from mara.store.encoding.records import run_record
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests import builders
from tests.runtime.made_up import IMPATIENT, CalmFeed, ManualClock, until
from tests.store.databases import url_of

READINGS_A_TICK = 5
"""One a minute."""


@dataclass
class RealFleet:
    """A live run, and the meters of its sites.

    Attributes:
        meters: by site, a function of the planned power that returns what its meter shows; None is silence.
    """

    path: Path
    config: RunConfig
    contracts: tuple[SlaContract, ...] = ()
    at: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()
    executors: ExecutorSetup | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    meters: dict[str, Callable[[float], float | None]] = field(default_factory=dict)
    world: str = "live"

    def __post_init__(self) -> None:
        self.feed = CalmFeed(self.config, name=self.world)
        self.platform = Platform(
            self._open, StatePublisher(), self.clock, 1.0, None, self._again, retry=IMPATIENT, executors=self.executors
        )

    @property
    def url(self) -> str:
        return url_of(self.path)

    @property
    def shown(self) -> Snapshot:
        snapshot = self.platform.publisher.read().snapshot
        assert snapshot is not None
        return snapshot

    def site(self, site_id: str) -> SiteSnapshot:
        return next(site for site in self.shown.sites if site.id == site_id)

    @property
    def shown_key(self) -> tuple[int, int]:
        """Tick and revision of the document that is shown."""
        document = self.platform.publisher.read().dispatch
        assert document is not None
        return document.key

    def shown_limit_mw(self, site_id: str) -> float | None:
        document = self.platform.publisher.read().dispatch
        assert document is not None
        return next(site.site_limit_mw for site in document.sites if site.site_id == site_id)

    @property
    def alerts(self) -> Mapping[tuple[str, str], str]:
        """Sentences of the alerts that stand, by kind and subject."""
        return {(alert.kind, alert.subject): alert.text for alert in self.platform.publisher.read().alerts}

    async def tick(self, count: int = 1) -> None:
        """Let the meters tell of the tick that is shown, if any, and make the next one, for each of some ticks."""
        for _ in range(count):
            shown = self.platform.publisher.read().snapshot
            tick = 0 if shown is None else shown.tick + 1
            if shown is not None:
                await self._measure(shown)
            self.clock.wall = self.config.grid.at(tick)
            self.platform.step(1)
            await asyncio.sleep(0)
            await until(lambda tick=tick: self.is_paused_at(tick))  # type: ignore[misc]

    def is_paused_at(self, tick: int) -> bool:
        current = self.platform.publisher.read()
        return current.state is EngineState.PAUSED and current.snapshot is not None and current.snapshot.tick == tick

    async def _measure(self, shown: Snapshot) -> None:
        begins = self.config.grid.at(shown.tick)
        readings = []
        for minute in range(READINGS_A_TICK):
            at = begins + timedelta(minutes=minute)
            for site in shown.sites:
                meter = self.meters.get(site.id)
                told = None if meter is None else meter(site.site_power_mw)
                if told is not None:
                    readings.append(Reading(site_id=site.id, at=at, power_mw=told))
        self.clock.wall = begins + timedelta(minutes=READINGS_A_TICK - 1, seconds=1)
        if readings:
            await self.platform.signals.receive(readings)

    def refuse_differences(self) -> None:
        """Fail unless every stored tick comes out again bit for bit, and nothing in the database was changed."""
        reading = ReadModel.open(self.url)
        run, end = reading.run(), reading.next_tick()
        assert [replayed(reading, run.run_id, tick).differs for tick in range(end)] == [()] * end
        reading.close()
        assert maintenance.check(self.url).findings == ()

    def _again(self, store: Store) -> tuple[TickEngine, Planner]:
        store.take_again()
        loaded = store.load()
        assert loaded is not None
        return self._engine_at(loaded[1])

    def _open(self) -> tuple[Store, TickEngine, Planner]:
        self.store = store = Store.open(self.url)
        loaded = store.load()
        if loaded is None:
            world = builders.world(self.config, self.contracts, self.at or None, bad=self.bad or None)
            store.begin(run_record(self.config, seed=1, optimizer="rules", feed=self.world, version="0.0.0"), world)
        else:
            world = loaded[1]
        return store, *self._engine_at(world)

    def _engine_at(self, world: World) -> tuple[TickEngine, Planner]:
        engine = TickEngine(config=self.config, feed=self.feed, optimizer=Rules(), horizon_hours=2, world=world)
        return engine, Planner(Rules(), RollingHorizon(Rules()), 60.0, first_patience_s=0.0)


@asynccontextmanager
async def running(fleet: RealFleet) -> AsyncIterator[RealFleet]:
    """The run between its start and its end, paused."""
    fleet.platform.pause()
    await fleet.platform.start()
    try:
        yield fleet
    finally:
        await fleet.platform.stop()
