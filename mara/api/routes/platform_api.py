"""What the API may ask of the engine."""

from typing import Protocol

from mara.core.commands import Command, Exclude, Receipt
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import Snapshot
from mara.errors import StoreError
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.published_state import StatePublisher
from mara.runtime.run_archive import RunArchive
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.runtime.tick.order_book import OrderBook


class PlatformApi(Protocol):
    """A live run; see `mara.runtime.live.platform.Platform`."""

    @property
    def latest(self) -> StatePublisher: ...
    @property
    def archive(self) -> RunArchive: ...
    @property
    def vitals(self) -> EngineMetrics: ...
    @property
    def orders(self) -> OrderBook: ...
    def pause(self) -> object: ...
    def resume(self) -> object: ...
    def step(self, ticks: int) -> object: ...
    def set_speed(self, speed_share: float) -> object: ...
    @property
    def overdue_s(self) -> float: ...
    async def order(self, *commands: Command) -> Receipt: ...
    async def cancel(self, contract_id: str) -> Receipt: ...
    def optimize_now(self) -> object: ...
    async def quote(self, ask: QuoteRequest) -> Quote: ...
    async def book(self, quote_id: str, customer: str = "") -> Booking: ...
    async def exclude(self, *asked: ExclusionRequest) -> tuple[Exclude, ...]: ...


def snapshot_of(engine: PlatformApi) -> Snapshot:
    """The fleet in the tick last stored.

    Raises:
        StoreError: none has been stored yet.
    """
    snapshot = engine.latest.read().snapshot
    if snapshot is None:
        raise StoreError("no tick has been stored yet: ask again in a moment")
    return snapshot
