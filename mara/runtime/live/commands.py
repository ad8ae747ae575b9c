"""Commands that overtake the tick: a site is stopped, and its response timed.

Executors and outlets are told first. The order is then stored like any other, and the next tick obeys it, so that a
replay of the run comes out the same.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from mara.core.commands import Outage, Restore
from mara.core.dispatch_document import MODES, DispatchDocument
from mara.core.fleet import Fleet, site_index
from mara.core.metering import ExecutorStatus
from mara.core.overtaking import Overtaking, ResponseStatus, overtaken
from mara.core.world import RunConfig
from mara.errors import CommandError, EngineStopped, StoreError
from mara.runtime.actor import ACTOR
from mara.runtime.clock import Clock
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.runtime.signals.desk import MOST_REASON_CHARACTERS, REAL_WORLD, SignalsDesk, one_line
from mara.runtime.tick.command_validation import MAX_ORDER_TICKS
from mara.runtime.tick.order_book import OrderBook
from mara.store.write.signals import NewSignal

ALLOWED_S: Final = 10.0
"""Time in which a stopped site should read back as off.

Chosen: what an operator waits before running to a switch.
"""
STOP: Final = "stop"
EMERGENCY: Final = "emergency"
"""Kind of the lines that such orders leave in the signal log."""

log = logging.getLogger("mara.emergency")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyReceipt:
    """Confirmation of a stop or its release, with the tick that obeys the orders."""

    site_id: str
    done: str
    told_s: float
    orders: tuple[int, ...]
    tick: int


@dataclass(slots=True, kw_only=True)
class _Standing:
    """An order that overtook the tick and stands until a tick has obeyed it.

    `obeyed_tick` is None while it is not known to be stored.
    """

    order: Overtaking
    numbers: tuple[int, ...] = ()
    obeyed_tick: int | None = None


@dataclass(slots=True, kw_only=True)
class _Response:
    """A response that is being timed, from `asked_s` on the monotonic clock."""

    asked_s: float
    status: ResponseStatus


class EmergencyDesk:
    """Stops sites between ticks, and times the response to that and to calls.

    All methods belong to the event loop's thread.
    """

    def __init__(self, publisher: StatePublisher, clock: Clock, signals: SignalsDesk, orders: OrderBook) -> None:
        self._publisher = publisher
        self._clock = clock
        self._signals = signals
        self._orders = orders
        self._config: RunConfig | None = None
        self._base: DispatchDocument | None = None
        self._revision = 0
        self._standing: dict[str, _Standing] = {}
        self._responses: dict[str, _Response] = {}
        self._called: frozenset[tuple[str, str]] = frozenset()
        self._timers: set[asyncio.Task[None]] = set()
        publisher.follow(self._time_calls)

    def open(self, config: RunConfig) -> None:
        """Take orders for the sites of a run."""
        self._config = config

    async def close(self) -> None:
        """Time nothing more; harmless when repeated."""
        timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)
        self._config = None

    def over(self, document: DispatchDocument) -> DispatchDocument:
        """Lower a tick's document to the orders that it does not know yet."""
        self._base, self._revision = document, 0
        self._standing = {
            site_id: standing
            for site_id, standing in self._standing.items()
            if standing.obeyed_tick is None or standing.obeyed_tick > document.tick
        }
        return self._lowered(document) if self._standing else document

    async def stop(self, site_name: str, reason: str) -> EmergencyReceipt:
        """Have a site draw nothing from now on, until it is released.

        Executors and outlets are told before anything is stored.

        Raises:
            CommandError: there is no such site, or no reason is given.
            EngineStopped, StoreError: the site was told to stop, but the order is not known to be stored.
        """
        site_id, why = self._site(site_name), self._reason(reason)
        told = f"stopped at once by {ACTOR.get().name}: {why}"
        told_s = self.overtake(Overtaking(site_id=site_id, limit_mw=0.0, reason=told), cause=STOP)
        outage = Outage(site_id=site_id, duration_ticks=MAX_ORDER_TICKS, reason=why)
        try:
            receipt = await self._orders.order(outage)
        except (EngineStopped, StoreError) as error:
            message = f"{site_id} was told to stop, but the order is not stored, so that the plan does not know of it: "
            raise type(error)(f"{message}{error}") from error
        self._standing[site_id].numbers, self._standing[site_id].obeyed_tick = receipt.numbers, receipt.tick
        await self._note(site_id, why, before="plan", after=STOP)
        return EmergencyReceipt(
            site_id=site_id, done="stopped", told_s=told_s, orders=receipt.numbers, tick=receipt.tick
        )

    async def release(self, site_name: str, reason: str) -> EmergencyReceipt:
        """Let a stopped site follow the plan again.

        At once where no tick has obeyed the stop, else from the next tick on.

        Raises:
            CommandError: there is no such site, no reason is given, or the site is not stopped.
            EngineStopped, StoreError: the release is not stored.
        """
        site_id, why = self._site(site_name), self._reason(reason)
        standing = self._standing.get(site_id)
        snapshot = self._publisher.read().snapshot
        is_out = snapshot is not None and any(s.id == site_id and s.outage_ends_tick for s in snapshot.sites)
        if standing is None and not is_out:
            raise CommandError(f"{site_id} is not stopped: there is nothing to release")
        numbers, tick = await self._take_back(site_id, standing, why)
        began_s = self._clock.monotonic_s()
        self._standing.pop(site_id, None)
        if standing is not None:
            self._issue()
        await self._note(site_id, why, before=STOP, after="plan")
        self._responses.pop(site_id, None)
        self._tell()
        return EmergencyReceipt(
            site_id=site_id, done="released", told_s=self._clock.monotonic_s() - began_s, orders=numbers, tick=tick
        )

    def overtake(self, order: Overtaking, *, cause: str, allowed_s: float = ALLOWED_S) -> float:
        """Issue a document with a site's new limit at once; return when it was told [s].

        The order stands over the documents of later ticks until it is released.
        """
        asked_s = self._clock.monotonic_s()
        self._standing[order.site_id] = _Standing(order=order)
        self._watch(order.site_id, cause, order.limit_mw, asked_s, allowed_s)
        self._issue()
        told_s = self._clock.monotonic_s() - asked_s
        response = self._responses[order.site_id]
        response.status = replace(response.status, told_s=told_s)
        log.warning("site overtaken", extra={"site": order.site_id, "cause": cause, "reason": order.reason})
        self._tell()
        return told_s

    def on_followed(self, site_id: str, limit_mw: float | None, status: ExecutorStatus) -> None:
        """Note that an executor has followed a limit, or failed to."""
        response = self._responses.get(site_id)
        if response is None or response.status.limit_mw != limit_mw or response.status.read_back_s is not None:
            return
        if status.state == "written":
            took_s = self._clock.monotonic_s() - response.asked_s
            response.status = replace(
                response.status,
                read_back_s=took_s,
                is_late=took_s > response.status.allowed_s,
                state="read back",
                message=status.message,
            )
        elif status.state in {"failed", "override"}:
            response.status = replace(response.status, state="failed", message=status.message)
        self._tell()

    def _site(self, site_name: str) -> str:
        return self._fleet.site_ids[site_index(self._fleet.sites, site_name)]

    def _reason(self, reason: str) -> str:
        why = one_line(reason)
        if not why or why != " ".join(reason.split()):
            raise CommandError(
                f"a reason is one line of 1 to {MOST_REASON_CHARACTERS} printable characters, got {len(reason)}: say "
                "why, it is kept with the order"
            )
        return why

    @property
    def _fleet(self) -> Fleet:
        if self._config is None:
            raise EngineStopped("the engine has not been started: order when it runs")
        return self._config.fleet

    async def _take_back(self, site_id: str, standing: _Standing | None, why: str) -> tuple[tuple[int, ...], int]:
        """Withdraw a stop that waits; order the end of one that was obeyed."""
        snapshot = self._publisher.read().snapshot
        if standing is not None and standing.obeyed_tick is None:
            return (), snapshot.tick if snapshot is not None else 0
        if standing is not None:
            with suppress(CommandError):  # the tick under way obeys it already
                for number in standing.numbers:
                    await self._orders.withdraw(number, why)
                return (), standing.obeyed_tick or 0
        receipt = await self._orders.order(Restore(site_id=site_id, reason=why))
        return receipt.numbers, receipt.tick

    async def _note(self, site_id: str, reason: str, *, before: str, after: str) -> None:
        actor = ACTOR.get()
        await self._signals.write(
            NewSignal(
                at=self._clock.now(),
                tick=max(0, self._signals.tick),
                kind=EMERGENCY,
                site_id=site_id,
                reason=reason,
                before=before,
                after=after,
                actor=actor.name,
                address=actor.address,
            )
        )

    def _issue(self) -> None:
        """Publish the present tick's document anew, with the orders that stand."""
        shown = self._publisher.read()
        base = self._base or shown.dispatch
        if shown.snapshot is None or base is None:
            return
        document = self._signals.with_modes(self._lowered(base))
        self._publisher.refresh(self._signals.beside(shown.snapshot, document), document)

    def _lowered(self, document: DispatchDocument) -> DispatchDocument:
        self._base = document
        self._revision += 1
        is_real = self._publisher.read().world == REAL_WORLD
        issued_at = self._clock.now() if is_real else document.issued_at
        orders = [standing.order for standing in self._standing.values()]
        return overtaken(document, orders, issued_at, self._revision)

    def _watch(self, site_id: str, cause: str, limit_mw: float | None, asked_s: float, allowed_s: float) -> None:
        """Time the response to an order; it is late where nothing is read back in time."""
        is_armed = self._signals.mode_of(site_id) == MODES[-1]
        status = ResponseStatus(
            site_id=site_id,
            cause=cause,
            limit_mw=limit_mw,
            asked_at=self._clock.now(),
            told_s=0.0,
            allowed_s=allowed_s,
            state="told" if is_armed else "unarmed",
            message="" if is_armed else "told by document alone: no executor writes to this site",
        )
        self._responses[site_id] = _Response(asked_s=asked_s, status=status)
        if is_armed:
            timer = asyncio.get_running_loop().create_task(self._mark_late(site_id, asked_s, allowed_s))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)

    async def _mark_late(self, site_id: str, asked_s: float, allowed_s: float) -> None:
        await self._clock.wait(allowed_s)
        response = self._responses.get(site_id)
        if response is not None and response.asked_s == asked_s and response.status.read_back_s is None:
            response.status = replace(response.status, is_late=True)
            self._tell()

    def _time_calls(self, current: PublishedState) -> None:
        """Time the response to each call of a product that a new document obeys."""
        if self._config is None or current.snapshot is None or current.dispatch is None or not current.snapshot.power:
            return
        products = {} if self._config.fleet.power is None else {p.id: p for p in self._config.fleet.power.products}
        called = frozenset(
            (site.site_id, award.product)
            for site in current.snapshot.power
            for award in site.awards
            if award.called_mw > 0.0
        )
        new, self._called = called - self._called, called
        limits = {site.site_id: site.site_limit_mw for site in current.dispatch.sites}
        for site_id, product in sorted(new):
            asked_s = self._clock.monotonic_s()
            self._watch(site_id, f"call of {product}", limits.get(site_id), asked_s, products[product].response_s)
        if new:
            self._tell()

    def _tell(self) -> None:
        self._publisher.tell_responses(tuple(response.status for response in self._responses.values()))
