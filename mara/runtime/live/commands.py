"""Commands that overtake the tick: sites are stopped, or limited by the grid.

Executors and outlets are told first. The order is then stored like any other, and the next tick obeys it, so that a
replay of the run comes out the same.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mara.core.commands import Outage, Restore
from mara.core.dispatch_document import DispatchDocument, SiteTarget
from mara.core.fleet import Fleet, Site, site_index
from mara.core.live_source import GridLimit
from mara.core.overtaking import Overtaking, overtaken
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig
from mara.errors import CommandError, EngineStopped, StoreError
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.clock import Clock
from mara.runtime.live.response_times import ResponseTimes
from mara.runtime.published_state import StatePublisher
from mara.runtime.signals.desk import MARA, MOST_REASON_CHARACTERS, REAL_WORLD, SignalsDesk, one_line
from mara.runtime.tick.command_validation import MAX_ORDER_TICKS
from mara.runtime.tick.order_book import OrderBook
from mara.store.write.signals import NewSignal

ALLOWED_S: Final = 10.0
"""Time in which a stopped site should read back as off.

Chosen: what an operator waits before running to a switch.
"""
STOP: Final = "stop"
GRID: Final = "limit of the grid"
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


class EmergencyDesk:
    """Stops and limits sites between ticks, and has the response to that timed.

    All methods belong to the event loop's thread.
    """

    def __init__(self, publisher: StatePublisher, clock: Clock, signals: SignalsDesk, orders: OrderBook) -> None:
        self.responses = ResponseTimes(publisher, clock, signals)
        self._publisher = publisher
        self._clock = clock
        self._signals = signals
        self._orders = orders
        self._config: RunConfig | None = None
        self._base: DispatchDocument | None = None
        self._obeyed_mw: Mapping[str, float] = {}
        self._revision = 0
        self._standing: dict[tuple[str, str], _Standing] = {}

    def open(self, config: RunConfig) -> None:
        """Take orders for the sites of a run."""
        self._config = config
        self.responses.open(config)

    async def close(self) -> None:
        """Take and time nothing more; harmless when repeated."""
        self._config = None
        await self.responses.close()

    def over(self, document: DispatchDocument, obeyed_mw: Mapping[str, float]) -> DispatchDocument:
        """Lower a tick's document to the orders that it does not know yet.

        Args:
            obeyed_mw: limits of the grid's operator that the tick was settled with, by site.
        """
        self._base, self._obeyed_mw = document, obeyed_mw
        self._standing = {
            key: standing
            for key, standing in self._standing.items()
            if standing.obeyed_tick is None or standing.obeyed_tick > document.tick
        }
        self._revision = 1 if self._unknown(document) else 0
        return self._lowered(document, self._revision) if self._revision else document

    async def stop(self, site_name: str, reason: str) -> EmergencyReceipt:
        """Have a site draw nothing from now on, until it is released.

        Executors and outlets are told before anything is stored.

        Raises:
            CommandError: there is no such site, or no reason is given.
            EngineStopped, StoreError: the site was told to stop, but the order is not known to be stored.
        """
        site, why = self._site(site_name), self._reason(reason)
        site_id = site.id
        told = f"stopped at once by {ACTOR.get().name}: {why}"
        told_s = self.overtake(Overtaking(site_id=site_id, limit_mw=0.0, reason=told), cause=STOP)
        outage = Outage(site_id=site_id, duration_ticks=MAX_ORDER_TICKS, reason=why)
        try:
            receipt = await self._orders.order(outage)
        except (EngineStopped, StoreError) as error:
            message = (
                f"{site.name} was told to stop, but the order is not stored, so that the plan does not know of it: "
            )
            raise type(error)(f"{message}{error}") from error
        standing = self._standing[site_id, STOP]
        standing.numbers, standing.obeyed_tick = receipt.numbers, receipt.tick
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
        site, why = self._site(site_name), self._reason(reason)
        site_id = site.id
        standing = self._standing.get((site_id, STOP))
        snapshot = self._publisher.read().snapshot
        is_out = snapshot is not None and any(s.id == site_id and s.outage_ends_tick for s in snapshot.sites)
        if standing is None and not is_out:
            raise CommandError(f"{site.name} is not stopped: there is nothing to release")
        numbers, tick = await self._take_back(site_id, standing, why)
        began_s = self._clock.monotonic_s()
        self._standing.pop((site_id, STOP), None)
        if standing is not None:
            self._issue()
        await self._note(site_id, why, before=STOP, after="plan")
        self.responses.forget(site_id, STOP)
        return EmergencyReceipt(
            site_id=site_id, done="released", told_s=self._clock.monotonic_s() - began_s, orders=numbers, tick=tick
        )

    def overtake(
        self, order: Overtaking, *, cause: str, allowed_s: float = ALLOWED_S, asked_s: float | None = None
    ) -> float:
        """Issue a document with a site's new limit at once; return when it was told [s].

        The order stands over the documents of later ticks until it is taken back, or they know it.

        Args:
            asked_s: when it was asked for, on the monotonic clock; None is now.
        """
        if asked_s is None:
            asked_s = self._clock.monotonic_s()
        self._standing[order.site_id, cause] = _Standing(order=order)
        self._issue()
        log.warning("site overtaken", extra={"site": order.site_id, "cause": cause, "reason": order.reason})
        return self.responses.watch(order.site_id, cause, self._limit_shown_mw(order), asked_s, allowed_s)

    async def keep(self, limits: Sequence[GridLimit]) -> None:
        """Keep sites within limits of the grid's operator, and free them at the end.

        Executors and outlets are told before anything is stored.

        Args:
            limits: all that hold now, one a site.
        """
        if self._config is None:
            return
        wanted = {limit.site_id: limit for limit in limits if self._is_less(limit)}
        ended = [site_id for site_id, cause in self._standing if cause == GRID and site_id not in wanted]
        new = [limit for limit in wanted.values() if self._is_new(limit)]
        for site_id in ended:
            del self._standing[site_id, GRID]
        if ended:
            self._issue()
        for limit in new:
            self._limit(limit)
        for limit in new:
            await self._note_limit(limit.site_id, limit.author, limit.sentence, f"{limit.limit_mw:g} MW")
        for site_id in ended:
            took = self.responses.forget(site_id, GRID)
            await self._note_limit(site_id, "", f"the limit by the grid's operator has ended{took}", "plan")

    def _limit(self, limit: GridLimit) -> None:
        """Have a site keep a limit, unless it was ordered to draw less by somebody else."""
        order = Overtaking(site_id=limit.site_id, limit_mw=limit.limit_mw, reason=limit.sentence)
        waited_s = max((self._clock.now() - limit.asked_at).total_seconds(), 0.0)
        others = [one for (site_id, cause), one in self._standing.items() if site_id == limit.site_id and cause != GRID]
        if any(one.order.limit_mw <= limit.limit_mw for one in others):
            self._standing[limit.site_id, GRID] = _Standing(order=order)
            return
        asked_s = self._clock.monotonic_s() - waited_s
        self.overtake(order, cause=GRID, allowed_s=limit.response_s, asked_s=asked_s)

    def _limit_shown_mw(self, order: Overtaking) -> float | None:
        """Limit of a site in the document that is shown, which executors follow."""
        shown = self._publisher.read().dispatch
        sites = () if shown is None else shown.sites
        return next((site.site_limit_mw for site in sites if site.site_id == order.site_id), order.limit_mw)

    def _is_less(self, limit: GridLimit) -> bool:
        """Tell whether a limit is less than the site's connection."""
        fleet = self._fleet
        known = limit.site_id in fleet.site_ids
        return known and limit.limit_mw < float(fleet.grid_limit_mw[fleet.site_ids.index(limit.site_id)])

    def _is_new(self, limit: GridLimit) -> bool:
        standing = self._standing.get((limit.site_id, GRID))
        return standing is None or standing.order.limit_mw != limit.limit_mw

    async def _note_limit(self, site_id: str, author: str, reason: str, after: str) -> None:
        """Note a limit or its end in the log of signals; it holds though that fails."""
        before = ACTOR.set(Actor(name=author or MARA.name))
        try:
            await self._note(site_id, one_line(reason), before="plan" if author else GRID, after=after)
        except (EngineStopped, StoreError) as error:
            log.warning("limit not noted", extra={"site": site_id, "reason": str(error)})
        finally:
            ACTOR.reset(before)

    def _site(self, site_name: str) -> Site:
        return self._fleet.sites[site_index(self._fleet.sites, site_name)]

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
        """Publish the present tick's document anew where the orders that stand change it."""
        shown = self._publisher.read()
        base = self._base or shown.dispatch
        if shown.snapshot is None or shown.dispatch is None or base is None:
            return
        self._base = base
        document = self._signals.with_modes(self._lowered(base, self._revision + 1))
        if document.sites == shown.dispatch.sites:
            return
        self._revision += 1
        self._publisher.refresh(self._signals.beside(shown.snapshot, document), document)

    def _lowered(self, document: DispatchDocument, revision_number: int) -> DispatchDocument:
        is_real = self._publisher.read().world == REAL_WORLD
        issued_at = self._clock.now() if is_real else document.issued_at
        return overtaken(document, self._unknown(document), issued_at, revision_number)

    def _unknown(self, document: DispatchDocument) -> list[Overtaking]:
        """List the orders that stand and that a document does not keep by itself."""
        targets = {site.site_id: site for site in document.sites}
        return [
            standing.order
            for (site_id, cause), standing in self._standing.items()
            if not _is_within(targets[site_id], standing.order)
            and not (cause == GRID and self._is_obeyed(standing.order))
        ]

    def _is_obeyed(self, order: Overtaking) -> bool:
        """Tell whether the present tick was settled with a limit of the grid's operator."""
        return self._obeyed_mw.get(order.site_id, float("inf")) <= order.limit_mw


def _is_within(target: SiteTarget, order: Overtaking) -> bool:
    """Tell whether a site's target keeps an order."""
    return target.site_limit_mw is not None and target.site_limit_mw <= order.limit_mw + TOLERANCE_MW
