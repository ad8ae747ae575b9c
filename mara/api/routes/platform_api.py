"""Interface of a live run as the API and the screens use it.

The class behind it is `mara.runtime.live.platform.Platform`; tests put small imitations in its place.
"""

from typing import Protocol

from mara.core.commands import Command, Receipt
from mara.core.live_source import SourceSnapshot
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import Snapshot
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.errors import StoreError
from mara.runtime.observe.alert_desk import AlertDesk
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.published_state import StatePublisher
from mara.runtime.run_archive import RunArchive
from mara.runtime.signals.desk import SignalsDesk
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.runtime.tick.order_book import OrderBook


class LiveRun(Protocol):
    """Live run with its newest state, its controls and the orders that it takes.

    The API's `PlatformApi` and the pages' `PlatformView` add to it what they alone need.
    """

    @property
    def publisher(self) -> StatePublisher: ...
    def sources(self) -> tuple[SourceSnapshot, ...]: ...
    @property
    def alerts(self) -> AlertDesk: ...
    def pause(self) -> object: ...
    def resume(self) -> object: ...
    def step(self, ticks: int) -> object: ...
    def set_speed(self, speed_factor: float) -> object: ...
    def optimize_now(self) -> object: ...
    async def order(self, *commands: Command) -> object: ...
    async def cancel(self, contract_id: str) -> object: ...
    async def quote(self, ask: QuoteRequest) -> Quote: ...
    async def book(self, quote_id: str, customer: str = ...) -> Booking: ...
    async def what_if(self, asked: WhatIfRequest) -> WhatIf: ...
    async def exclude(self, *asked: ExclusionRequest) -> object: ...


class PlatformApi(LiveRun, Protocol):
    """Live run as the API uses it, with receipts of orders, the archive and metrics."""

    @property
    def archive(self) -> RunArchive: ...
    @property
    def metrics(self) -> EngineMetrics: ...
    @property
    def orders(self) -> OrderBook: ...
    @property
    def signals(self) -> SignalsDesk: ...
    @property
    def overdue_s(self) -> float: ...
    async def order(self, *commands: Command) -> Receipt: ...
    async def cancel(self, contract_id: str) -> Receipt: ...
    async def exclude(self, *asked: ExclusionRequest) -> Receipt: ...


def snapshot_of(run: LiveRun) -> Snapshot:
    """Return the fleet as of the tick last stored.

    Raises:
        StoreError: no tick has been stored yet.
    """
    snapshot = run.publisher.read().snapshot
    if snapshot is None:
        raise StoreError("no tick has been stored yet: ask again in a moment")
    return snapshot
