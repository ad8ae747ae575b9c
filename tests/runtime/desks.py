"""The desks of signals over a stored run, without a loop: a test says what each document asks for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mara.core.dispatch_document import DispatchDocument, Mode, document_of
from mara.core.metering import ExecutorStatus
from mara.core.snapshot import Snapshot
from mara.core.snapshot_builder import snapshot_of
from mara.core.world import RunConfig, first_world
from mara.runtime.clock import Clock
from mara.runtime.published_state import StatePublisher
from mara.runtime.signals.desk import SignalsDesk
from mara.runtime.signals.executor_desk import ExecutorDesk, ExecutorSetup
from mara.store.store import Store
from tests.signals.devices import SECRET
from tests.signals.rigs import SITE
from tests.store.databases import url_of
from tests.store.runs import record, small_charter, steps

PATIENCE_S = 20.0


@dataclass
class Desks:
    """Open desks, with the document and snapshot of a first tick."""

    publisher: StatePublisher
    signals: SignalsDesk
    executors: ExecutorDesk
    snapshot: Snapshot
    document: DispatchDocument

    def publish(self, tick: int, limit_mw: float | None) -> None:
        """Show a tick whose document leaves so much to the site."""
        sites = tuple(
            replace(site, site_limit_mw=limit_mw if site.site_id == SITE else None) for site in self.document.sites
        )
        self.publisher.publish(
            replace(self.snapshot, tick=tick), dispatch=replace(self.document, tick=tick, sites=sites)
        )

    def status(self) -> ExecutorStatus:
        (status,) = self.publisher.read().executors
        return status

    async def arm(self, mode: Mode = "act") -> None:
        await self.signals.set_mode(SITE, mode, "a test")

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition, tested at each change of the published state."""
        changed = asyncio.Event()
        self.publisher.follow(lambda _: changed.set())
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await changed.wait()
                changed.clear()


def a_store(path: Path) -> tuple[Store, RunConfig]:
    """Open the small run in a database, begun where it is a new one."""
    config = small_charter()
    store = Store.open(url_of(path))
    if store.load() is None:
        store.begin(record(config), first_world(config))
    return store, config


@asynccontextmanager
async def desks_in(folder: Path, clock: Clock) -> AsyncIterator[Desks]:
    """Open the desks beside `folder/executors.toml`."""
    store, config = a_store(folder / "mara.db")
    publisher = StatePublisher()
    setup = ExecutorSetup(
        specs=folder / "executors.toml", secret=SECRET, holds=folder / "holds", locks=folder / "locks"
    )
    executors = ExecutorDesk(setup, publisher, clock)
    signals = SignalsDesk(publisher, clock, why_not_armed=executors.why_not, on_mode=executors.on_mode)
    ((step, plan, _),) = steps(config, first_world(config), 1)
    snapshot = snapshot_of(step, plan, (), config, "r-1")
    desks = Desks(publisher, signals, executors, snapshot, document_of(step, plan, config, "r-1"))
    try:
        await signals.open(store, config)
        await executors.open(store, config, signals)
        publisher.set_world("live")
        publisher.set_speed(1.0)
        publisher.follow(executors.on_state)
        yield desks
    finally:
        await executors.close()
        signals.close()
        await asyncio.to_thread(store.close)
