"""What the API may ask of the engine."""

from typing import Protocol

from mara.core.commands import Command, Exclude, Receipt
from mara.core.quote import Ask, Booking, Quote
from mara.core.snapshot import Snapshot
from mara.errors import StoreError
from mara.runtime.archive import Archive
from mara.runtime.exclusions import Announcement
from mara.runtime.latest import Latest
from mara.runtime.order_book import OrderBook
from mara.runtime.vitals import Vitals


class Engine(Protocol):
    """A live run; see `mara.runtime.platform.Platform`."""

    @property
    def latest(self) -> Latest: ...
    @property
    def archive(self) -> Archive: ...
    @property
    def vitals(self) -> Vitals: ...
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
    async def quote(self, ask: Ask) -> Quote: ...
    async def book(self, quote_id: str, customer: str = "") -> Booking: ...
    async def exclude(self, *asked: Announcement) -> tuple[Exclude, ...]: ...


def snapshot_of(engine: Engine) -> Snapshot:
    """The fleet in the tick last stored.

    Raises:
        StoreError: none has been stored yet.
    """
    snapshot = engine.latest.read().snapshot
    if snapshot is None:
        raise StoreError("no tick has been stored yet: ask again in a moment")
    return snapshot
