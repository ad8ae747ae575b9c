"""Desk of alerts: finds, records and sends them, and takes orders about them.

An alert is shown at once, and recorded as soon as the store takes it: a store that fails is among what alerts tell of.
An order about an alert is on disk before it is confirmed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from mara.core.alert import Alert, AlertChange, ChangeKind, is_worse
from mara.core.live_source import GridWarning
from mara.core.snapshot import Snapshot
from mara.core.timegrid import TimeGrid
from mara.errors import EngineStopped, StoreError
from mara.runtime.actor import ACTOR
from mara.runtime.observe.alert_begins import begins_of
from mara.runtime.observe.alert_inbox import AlertInbox, Older
from mara.runtime.observe.alert_rules import OF_ENGINE, AlertRules, EngineSigns
from mara.runtime.observe.alert_targets import AlertMessage, Target
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.store.store import Store

LOOK_INTERVAL_S: Final = 1.0
"""Time between two looks at what no published state tells, such as a late tick."""
MOST_UNRECORDED: Final = 2_000
"""Changes that wait for a store that fails; older ones are dropped."""

log = logging.getLogger("mara.alerts")
T = TypeVar("T")
Standing = tuple[tuple[Alert, ...], tuple[AlertChange, ...], int]
"""Alerts that stand, silences as they were ordered, and the last alert's number."""


class AlertRecord(Protocol):
    """Keeper of alerts and their changes; its methods raise StoreError."""

    async def add(self, changes: Sequence[AlertChange], *, full: bool) -> None:
        """Store changes of alerts, all or none.

        Args:
            full: wait until they would survive a power cut.
        """
        ...

    async def standing(self) -> Standing:
        """Read the alerts that stand, the newest silences, and the last number."""
        ...

    async def begins(self, last: Snapshot) -> Mapping[tuple[str, str], int]:
        """Find since which tick each condition of the last stored tick has stood.

        Conditions are named by kind and subject.
        """
        ...

    async def free_bytes(self) -> int | None:
        """Measure the space beside the database; None where it cannot be seen."""
        ...


class StoredAlerts:
    """The log of alerts of a store, used in the store's own thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, changes: Sequence[AlertChange], *, full: bool) -> None:
        await self._in_thread(lambda: self._store.alerts.add(changes, full=full))

    async def standing(self) -> Standing:
        return await self._in_thread(self._store.alerts.standing)

    async def begins(self, last: Snapshot) -> Mapping[tuple[str, str], int]:
        """Find since when the conditions of the last stored tick have stood."""
        return await asyncio.to_thread(begins_of, last, self._store.read_model)

    async def free_bytes(self) -> int | None:
        """Measure the space beside the database; None where it cannot be seen."""
        try:
            return await asyncio.to_thread(self._store.database.free_bytes)
        except OSError:
            return None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._store.executor, work))


class AlertDesk:
    """The alerts of a live run, published with its state.

    All methods belong to the event loop's thread.

    Args:
        targets: where alerts are sent besides the log.
    """

    def __init__(self, publisher: StatePublisher, targets: Iterable[Target] = ()) -> None:
        self._publisher = publisher
        self._targets = tuple(targets)
        self._rules = AlertRules()
        self._inbox = AlertInbox()
        self._signs = EngineSigns()
        self._record: AlertRecord | None = None
        self._opened: tuple[int, datetime] | None = None
        self._found_tick: int | None = None  # the tick that a start found settled
        self._begins: Older = {}
        self._overdue_s: Callable[[], float] = float
        self._ahead_s: Callable[[], float] = float
        self._warnings: Callable[[], tuple[GridWarning, ...] | None] = tuple
        self._told: dict[int, str] = {}
        self._unrecorded: deque[AlertChange] = deque(maxlen=MOST_UNRECORDED)
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        publisher.follow(self._follow)

    async def open(
        self,
        record: AlertRecord,
        grid: TimeGrid,
        overdue_s: Callable[[], float] = float,
        *,
        ahead_s: Callable[[], float] = float,
        last: Snapshot | None = None,
        warnings: Callable[[], tuple[GridWarning, ...] | None] = tuple,
    ) -> None:
        """Read what stood when the run was closed, and start to look.

        Args:
            last: the last stored tick, from whose time on things change before another is shown.
            overdue_s: returns the time since the tick under way should have begun.
            ahead_s: returns the time by which a live world is ahead of this machine's clock.
            warnings: returns the warnings of the grid's operator that stand; None before it has answered.

        Raises:
            StoreError: the alerts cannot be read.
        """
        standing, silences, last_number = await record.standing()
        self._rules, self._inbox = AlertRules(), AlertInbox(standing, silences, last_number)
        self._rules.carry_on(standing)
        tick, at = (0, grid.start) if last is None else (last.tick, last.at)
        self._found_tick = None if last is None else last.tick
        begins = {} if last is None else await record.begins(last)
        self._begins = {key: (tick, grid.at(tick)) for key, tick in begins.items()}
        unheard = self._inbox.unheard(at)
        self._told = {alert.number: alert.severity for alert in standing if alert.number not in unheard}
        self._record, self._opened, self._warnings = record, (tick, at), warnings
        self._overdue_s, self._ahead_s = overdue_s, ahead_s
        self._signs = await self._measured(record)
        self._keep(asyncio.create_task(self._watch(), name="mara-alerts"))

    async def close(self) -> None:
        """Stop looking, and record what is left; harmless when repeated."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreError):
            await self._write()
        self._record = None

    async def acknowledge(self, *numbers: int) -> tuple[Alert, ...]:
        """Note that the acting user has seen some alerts, all or none.

        Raises, as all orders about alerts:
            CommandError: one of the alerts does not stand.
            EngineStopped: no run is open.
            StoreError: the order is not on disk, or it is not known whether it is.
        """
        return await self._ordered("acknowledged", numbers)

    async def reopen(self, *numbers: int) -> tuple[Alert, ...]:
        """Take back that some alerts were seen."""
        return await self._ordered("reopened", numbers)

    async def silence(self, *numbers: int, until: datetime) -> tuple[Alert, ...]:
        """Silence the kind and subject of some alerts until a time of the fleet's clock.

        One that gets worse meanwhile is told of again.
        """
        return await self._ordered("silenced", numbers, until)

    async def unsilence(self, *numbers: int) -> tuple[Alert, ...]:
        """End the silence of some alerts."""
        return await self._ordered("unsilenced", numbers)

    def look(self) -> None:
        """Find the alerts that stand in the published state, and publish them."""
        self._follow(self._publisher.read())

    async def _ordered(
        self, change: ChangeKind, numbers: Sequence[int], until: datetime | None = None
    ) -> tuple[Alert, ...]:
        work = asyncio.create_task(self._order(change, numbers, until), name="mara-alert-order")
        self._keep(work)  # a cancelled caller does not cancel what may be on disk already
        return await asyncio.shield(work)

    async def _order(self, change: ChangeKind, numbers: Sequence[int], until: datetime | None) -> tuple[Alert, ...]:
        if self._record is None:
            raise EngineStopped("the engine has not been started, or is ending: order when it runs")
        actor, (tick, at) = ACTOR.get(), self._moment(self._publisher.read())
        asked = self._inbox.asked(change, numbers, tick, at, until=until, by=actor.name, address=actor.address)
        await self._write(asked)
        for one in asked:
            self._inbox.apply(one)
            log.info("alert ordered", extra={"alert": one.number, "change": change, "by": actor.name})
        self._show(at)
        wanted = {one.number for one in asked}
        return tuple(alert for alert in self._inbox.shown(at) if alert.number in wanted)

    async def _watch(self) -> None:
        """Look at the engine itself once a second, and record what the store did not take."""
        while self._record is not None:
            self._signs = await self._measured(self._record)
            self.look()
            await asyncio.sleep(LOOK_INTERVAL_S)
            if self._unrecorded:
                self._keep(asyncio.create_task(self._write_soon()))

    async def _measured(self, record: AlertRecord) -> EngineSigns:
        free_bytes = await record.free_bytes()
        return EngineSigns(
            overdue_s=self._overdue_s(), ahead_s=self._ahead_s(), free_bytes=free_bytes, grid_alerts=self._warnings()
        )

    def _follow(self, current: PublishedState) -> None:
        """Take in a published state; called on every change, also on the desk's own."""
        if self._record is None:
            return
        tick, at = self._moment(current)
        troubles = self._rules.troubles(current, self._signs)
        is_found = tick == self._found_tick
        older = {one.key: self._begins.get(one.key) for one in troubles if is_found and one.kind not in OF_ENGINE}
        changes = self._inbox.meet(troubles, tick, at, older)
        for change in changes:
            _log(change)
        self._unrecorded.extend(changes)
        if changes:
            self._keep(asyncio.create_task(self._write_soon()))
        self._tell(changes, at)
        self._show(at)

    def _show(self, at: datetime) -> None:
        self._publisher.set_alerts(self._inbox.shown(at))

    def _tell(self, changes: Iterable[AlertChange], at: datetime) -> None:
        """Send open alerts, once for each severity, and the ends of what was sent."""
        for change in changes:
            if change.change == "ended" and self._told.pop(change.number, ""):
                self._send(AlertMessage.of_end(change))
        for alert in self._inbox.shown(at):
            told = self._told.get(alert.number)
            if not alert.is_quiet and (told is None or is_worse(alert.severity, told)):
                self._told[alert.number] = alert.severity
                self._send(AlertMessage.of(alert))

    def _send(self, message: AlertMessage) -> None:
        for target in self._targets:
            target.send(message)

    def _moment(self, current: PublishedState) -> tuple[int, datetime]:
        """Return the tick and time of the fleet's clock that a state belongs to."""
        assert self._opened is not None
        snapshot = current.snapshot
        return (snapshot.tick, snapshot.at) if snapshot is not None else self._opened

    async def _write_soon(self) -> None:
        try:
            await self._write()
        except StoreError as error:
            log.warning("alerts wait to be recorded", extra={"count": len(self._unrecorded), "reason": str(error)})

    async def _write(self, ordered: Sequence[AlertChange] = ()) -> None:
        """Record the changes that wait, and with them what was ordered.

        Raises:
            StoreError: nothing was recorded; what was not ordered still waits.
        """
        async with self._one_at_a_time:
            waiting = tuple(self._unrecorded)
            if self._record is None or not (waiting or ordered):
                return
            await self._record.add((*waiting, *ordered), full=bool(ordered))
            for _ in waiting:
                self._unrecorded.popleft()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        """Hold a task until it is done: asyncio holds none itself."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _log(change: AlertChange) -> None:
    found = change.trouble
    fields = {"kind": found.kind, "severity": found.severity, "subject": found.subject, "alert": change.number}
    if change.change == "ended":
        log.warning("over: %s", found.text, extra=fields | {"severity": "resolved"})
    else:
        log.warning("%s", found.text, extra=fields)
