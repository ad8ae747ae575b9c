"""Cached queries of the archive, refreshed in the background for open pages."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from nicegui import background_tasks

from mara.core.alert import Alert
from mara.core.day_gains import DayGains
from mara.core.explanation import Explanation
from mara.core.history import (
    ContractLife,
    ContractRow,
    Decision,
    EvidenceTick,
    ExclusionAhead,
    GuessError,
    Ledger,
    LedgerSum,
    MoneyBreakdown,
    Optimization,
    OptimizationSnapshot,
    SignalEntry,
)
from mara.core.snapshot import SitePoint, Snapshot
from mara.core.units import MINUTES_PER_HOUR
from mara.errors import MaraError

LOOKS_BETWEEN: Final = 5
"""Calls of the publisher's `look`, one a second, between two readings."""
READ_TIMEOUT_S: Final = 2.0
"""Time that a page waits for its first reading before it is drawn without one."""

log = logging.getLogger("mara.pages")
Read = TypeVar("Read")


def first_tick_of_day(snapshot: Snapshot) -> int:
    """Return the first tick of the current UTC day, or of a run that began later."""
    minutes = snapshot.at.hour * MINUTES_PER_HOUR + snapshot.at.minute
    return max(0, snapshot.tick - minutes // snapshot.tick_minutes)


class CoursePoint(Protocol):
    """Point of a stored time series over an interval that begins at `at`."""

    @property
    def at(self) -> datetime: ...
    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


class Course(Protocol):
    """Stored time series, the oldest point first."""

    @property
    def points(self) -> Sequence[CoursePoint]: ...


class ArchiveReader(Protocol):
    """Queries of pages about a run's past; see `mara.runtime.run_archive.RunArchive`."""

    async def history(
        self,
        metric: str,
        site_id: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        max_points: int = ...,
    ) -> Course: ...
    async def site_series(
        self, site_id: str, from_: datetime | None = None, to: datetime | None = None
    ) -> tuple[SitePoint, ...]: ...
    async def site_ledger(self, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]: ...
    async def daily_ledgers(
        self, from_: datetime | None = ..., to: datetime | None = ..., site_id: str | None = ...
    ) -> tuple[Ledger, ...]: ...
    async def money_breakdown(self, from_: datetime | None = ..., to: datetime | None = ...) -> MoneyBreakdown: ...
    async def daily_gains(self, from_: datetime | None = ..., to: datetime | None = ...) -> tuple[DayGains, ...]: ...
    async def decisions(self, site_id: str, limit: int = ...) -> tuple[Decision, ...]: ...
    async def optimizations(self, limit: int) -> tuple[OptimizationSnapshot, ...]: ...
    async def optimization(self, adopted_tick: int) -> Optimization: ...
    async def profit_between(self, from_tick: int, to_tick: int) -> float: ...
    async def contracts(self, state: str = ..., limit: int = ...) -> tuple[ContractRow, ...]: ...
    async def contract(self, contract_id: str) -> ContractLife: ...
    async def exclusions_ahead(self) -> tuple[ExclusionAhead, ...]: ...
    async def evidence(self, contract_id: str) -> tuple[EvidenceTick, ...]: ...
    async def signals(self, site_id: str | None, kind: str | None, limit: int) -> Sequence[SignalEntry]: ...
    async def peak_hours(self) -> Mapping[str, float]: ...
    async def why(self, question: str) -> Explanation: ...
    async def alerts(
        self, from_: datetime | None = ..., to: datetime | None = ..., limit: int = ...
    ) -> tuple[Alert, ...]: ...
    async def can_be_asked(self) -> tuple[str, ...]: ...
    async def guesses(self, hour: int) -> tuple[GuessError, ...]: ...


class CachedQuery(Generic[Read]):
    """Newest result of a query of the archive, shared by all pages that show it.

    One reading is under way at a time, and none while simulated time stands still.

    Args:
        name: name of the query in the log.
        read: function that queries the archive.
        first: value until there is a result.
        timeout_s: time after which a reading counts as failed.
    """

    def __init__(
        self, name: str, read: Callable[[], Awaitable[Read]], first: Read, timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._read = read
        self._newest = first
        self._version: Hashable = None  # of the newest reading
        self._looks = 0
        self._is_reading = False

    def newest(self, version: Hashable) -> Read:
        """Return the newest result at once; query in the background if it is outdated.

        Args:
            version: version of the data, such as the newest tick; a result of an older one is outdated.
        """
        self._looks += 1
        if version != self._version and self._looks >= LOOKS_BETWEEN and not self._is_reading:
            background_tasks.create(self.renew(version), name=f"reading {self._name}")
        return self._newest

    async def renew(self, version: Hashable) -> None:
        """Query now; the last result stays where the store does not answer.

        In that case the engine's state, which every page shows, tells the fault.
        """
        if self._is_reading:
            return
        self._is_reading = True
        try:
            async with asyncio.timeout(self._timeout_s):
                self._newest = await self._read()
        except (MaraError, TimeoutError) as error:
            reason = str(error) or f"nothing came within {self._timeout_s:g} s"
            log.warning("the archive did not answer", extra={"what": self._name, "reason": reason})
        else:
            self._version = version
        finally:
            self._is_reading, self._looks = False, 0
