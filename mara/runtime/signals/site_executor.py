"""Driver of a site or one group of its machines, with its order and the outcome."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from mara.core.dispatch_document import SiteTarget
from mara.core.metering import ExecutorStatus
from mara.signals.executors.driver import Driver

REACHED: Final = frozenset({"ready", "written"})
"""States of devices that are as they should be, without a write or after one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOrder:
    """A limit to follow, and the reason for it.

    Attributes:
        site_limit_mw: limit of the whole site, of which an executor of one group is told a part.
        not_before_s: end of the time that machines which are off stay off, on the monotonic clock.
    """

    limit_mw: float | None
    site_limit_mw: float | None
    reason: str
    is_dry: bool
    is_urgent: bool
    not_before_s: float


@dataclass(slots=True, kw_only=True)
class SiteExecutor:
    """The driver of a site or of a group of its machines, with its orders and state.

    Attributes:
        thread: its own, so that devices that hang delay no other site and no tick.
        waiting: order that is not followed yet; a newer one takes its place.
        last: order followed last, which may not be reached yet.
        is_reached: the newest order is reached by all devices that answer.
        retry_s: time from which on a failed release is tried again.
    """

    driver: Driver
    status: ExecutorStatus
    thread: ThreadPoolExecutor
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: SiteOrder | None = None
    last: SiteOrder | None = None
    is_reached: bool = False
    retry_s: float = float("-inf")
    retry_wait_s: float = 0.0

    def has_reached(self, order: SiteOrder) -> bool:
        """Tell whether the devices are as an order wants them, and no newer one waits."""
        is_nearer = order.is_dry or self.driver.is_due or self.waiting is not None
        return self.status.state in REACHED and not is_nearer and not self.driver.is_short

    async def ask(self, call: Callable[[], ExecutorStatus]) -> None:
        """Let the driver do something in its thread, and take its state."""
        self.status = await asyncio.get_running_loop().run_in_executor(self.thread, call)


class Followed(Protocol):
    """Listener to what came of a site's limit."""

    def __call__(self, site_id: str, limit_mw: float | None, status: ExecutorStatus, *, is_reached: bool) -> None: ...


def limit_for(target: SiteTarget, group: str) -> float | None:
    """Limit of a site at its meter, or of the IT power of a group [MW].

    None is no limit.
    """
    if not group or not target.site_limit_mw:
        return target.site_limit_mw
    return next((its.power_mw for its in target.groups if its.group == group), None)


def not_before_of(target: SiteTarget, group: str) -> datetime | None:
    """End of the time that all machines of a site, or of one group, stay off."""
    ends = [its.not_before for its in target.groups if not group or its.group == group]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None
