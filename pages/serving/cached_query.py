"""What screens show beyond the newest snapshot: read from the archive while somebody looks, never on the loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from nicegui import background_tasks

from mara.core.explanation import Explanation
from mara.core.history import ContractLife, ContractRow, Decision, EvidenceTick, Optimization
from mara.core.snapshot import LedgerSum, OptimizationSnapshot, SitePoint, Snapshot
from mara.core.units import MINUTES_PER_HOUR
from mara.errors import MaraError

LOOKS_BETWEEN: Final = 5
"""Looks of the publisher from one reading to the next: one a second."""
PATIENCE_S: Final = 2.0
"""How long a page waits for its first reading before it is drawn without."""

log = logging.getLogger("mara.pages")
Read = TypeVar("Read")


def first_tick_of_day(snapshot: Snapshot) -> int:
    """The first tick of the present UTC day; the run's first where it began later."""
    minutes = snapshot.at.hour * MINUTES_PER_HOUR + snapshot.at.minute
    return max(0, snapshot.tick - minutes // snapshot.tick_minutes)


class CoursePoint(Protocol):
    """A point of a stored course: the mean over a span that begins at `at`."""

    @property
    def at(self) -> datetime: ...
    @property
    def mean(self) -> float: ...


class Course(Protocol):
    """A stored number over time, the oldest first."""

    @property
    def points(self) -> Sequence[CoursePoint]: ...


class ArchiveReader(Protocol):
    """What pages may ask of the past."""

    async def history(
        self,
        metric: str,
        site_id: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        max_points: int = ...,
    ) -> Course: ...
    async def site_series(self, site_id: str, hours: int) -> tuple[SitePoint, ...]: ...
    async def site_ledger(self, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]: ...
    async def decisions(self, site_id: str, limit: int = ...) -> tuple[Decision, ...]: ...
    async def optimizations(self, limit: int) -> tuple[OptimizationSnapshot, ...]: ...
    async def optimization(self, adopted_tick: int) -> Optimization: ...
    async def profit_between(self, from_tick: int, to_tick: int) -> float: ...
    async def contracts(self, state: str = ..., limit: int = ...) -> tuple[ContractRow, ...]: ...
    async def contract(self, contract_id: str) -> ContractLife: ...
    async def evidence(self, contract_id: str) -> tuple[EvidenceTick, ...]: ...
    async def why(self, question: str) -> Explanation: ...
    async def can_be_asked(self) -> tuple[str, ...]: ...


class CachedQuery(Generic[Read]):
    """The newest reading of something stored. One reading at a time; none while simulated time stands still.

    Args:
        name: for the log.
        read: asks the archive.
        first: what stands until there is a reading.
    """

    def __init__(self, name: str, read: Callable[[], Awaitable[Read]], first: Read) -> None:
        self._name = name
        self._read = read
        self._newest = first
        self._moment: Hashable = None  # of the newest reading
        self._looks = 0
        self._is_reading = False

    def newest(self, moment: Hashable) -> Read:
        """What is known, at once; asks for more in the background when it is of another moment: a tick, mostly."""
        self._looks += 1
        if moment != self._moment and self._looks >= LOOKS_BETWEEN and not self._is_reading:
            background_tasks.create(self.renew(moment), name=f"reading {self._name}")
        return self._newest

    async def renew(self, moment: Hashable) -> None:
        """Read now. A store that does not answer leaves what was known; the engine's own state says what is wrong."""
        if self._is_reading:
            return
        self._is_reading = True
        try:
            async with asyncio.timeout(PATIENCE_S):
                self._newest = await self._read()
        except (MaraError, TimeoutError) as error:
            log.warning("the archive did not answer", extra={"what": self._name, "reason": str(error)})
        else:
            self._moment = moment
        finally:
            self._is_reading, self._looks = False, 0
