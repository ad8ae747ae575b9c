"""Times of responses to what could not wait, from asking to reading back."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from mara.core.dispatch_document import MODES
from mara.core.metering import ExecutorStatus
from mara.core.overtaking import ResponseStatus
from mara.core.world import RunConfig
from mara.runtime.clock import Clock
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.runtime.signals.desk import SignalsDesk


@dataclass(slots=True, kw_only=True)
class _Response:
    """A response that is being timed, from `asked_s` on the monotonic clock."""

    asked_s: float
    status: ResponseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """Limit that all executors of a site have reached last, and when."""

    limit_mw: float | None
    at_s: float
    message: str


class ResponseTimes:
    """Times the newest response of each site, and shows it.

    All methods belong to the event loop's thread.
    """

    def __init__(self, publisher: StatePublisher, clock: Clock, signals: SignalsDesk) -> None:
        self._publisher = publisher
        self._clock = clock
        self._signals = signals
        self._config: RunConfig | None = None
        self._responses: dict[str, _Response] = {}
        self._reached: dict[str, _Reached] = {}
        self._called: frozenset[tuple[str, str]] = frozenset()
        self._seen = (-1, 0)
        self._timers: set[asyncio.Task[None]] = set()
        publisher.follow(self._time_calls)

    def open(self, config: RunConfig) -> None:
        """Time the responses of a run's sites."""
        self._config = config

    async def close(self) -> None:
        """Time nothing more; harmless when repeated."""
        self._config = None
        timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)

    def watch(self, site_id: str, cause: str, limit_mw: float | None, asked_s: float, allowed_s: float) -> float:
        """Time the response to an order told now; return how long telling took [s].

        The response is late where nothing is read back in time.

        Args:
            limit_mw: the site's limit in its document, to which executors bring it.
            asked_s: on the monotonic clock.
        """
        told_s = self._clock.monotonic_s() - asked_s
        is_armed = self._signals.mode_of(site_id) == MODES[-1]
        status = ResponseStatus(
            site_id=site_id,
            cause=cause,
            limit_mw=limit_mw,
            asked_at=self._clock.now() - timedelta(seconds=told_s),
            told_s=told_s,
            allowed_s=allowed_s,
            state="told" if is_armed else "unarmed",
            message="" if is_armed else "told by document alone: no executor writes to this site",
        )
        response = self._responses[site_id] = _Response(asked_s=asked_s, status=status)
        reached = self._reached.get(site_id)
        if is_armed and reached is not None and reached.limit_mw == limit_mw:  # no newer document is to come
            self._take(response, max(reached.at_s - asked_s, 0.0), reached.message)
        elif is_armed:
            timer = asyncio.get_running_loop().create_task(self._mark_late(site_id, asked_s, allowed_s - told_s))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)
        self.tell()
        return told_s

    def forget(self, site_id: str, cause: str) -> str:
        """Show a response no longer, because its order is taken back; say how it went."""
        response = self._responses.get(site_id)
        if response is None or response.status.cause != cause:
            return ""
        del self._responses[site_id]
        self.tell()
        took_s, allowed_s = response.status.read_back_s, response.status.allowed_s
        return "" if took_s is None else f"; it was read back after {took_s:.1f} s, {allowed_s:g} s are allowed"

    def on_followed(self, site_id: str, limit_mw: float | None, status: ExecutorStatus, *, is_reached: bool) -> None:
        """Note that executors have reached the limit of a site's document, or failed to."""
        now_s = self._clock.monotonic_s()
        self._reached.pop(site_id, None)
        if is_reached:
            self._reached[site_id] = _Reached(limit_mw=limit_mw, at_s=now_s, message=status.message)
        response = self._responses.get(site_id)
        if response is None or response.status.limit_mw != limit_mw or response.status.read_back_s is not None:
            return
        if is_reached:
            self._take(response, now_s - response.asked_s, status.message)
        elif status.state in {"failed", "override"}:
            response.status = replace(response.status, state="failed", message=status.message)
        elif status.state == "written":  # as far as the devices go
            response.status = replace(response.status, message=status.message)
        self.tell()

    def tell(self) -> None:
        """Show the responses."""
        self._publisher.tell_responses(tuple(response.status for response in self._responses.values()))

    def _take(self, response: _Response, took_s: float, message: str) -> None:
        response.status = replace(
            response.status,
            read_back_s=took_s,
            is_late=took_s > response.status.allowed_s,
            state="read back",
            message=message,
        )

    async def _mark_late(self, site_id: str, asked_s: float, left_s: float) -> None:
        await self._clock.wait(max(left_s, 0.0))
        response = self._responses.get(site_id)
        if response is not None and response.asked_s == asked_s and response.status.read_back_s is None:
            response.status = replace(response.status, is_late=True)
            self.tell()

    def _time_calls(self, current: PublishedState) -> None:
        """Time the response to each call of a product that a new document obeys."""
        self._forget_reached(current)
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
            self.watch(site_id, f"call of {product}", limits.get(site_id), asked_s, products[product].response_s)

    def _forget_reached(self, current: PublishedState) -> None:
        """Forget limits that a new document changes: executors have still to follow."""
        if current.dispatch is not None and current.dispatch.key != self._seen:
            self._seen = current.dispatch.key
            for site in current.dispatch.sites:
                reached = self._reached.get(site.site_id)
                if reached is not None and reached.limit_mw != site.site_limit_mw:
                    del self._reached[site.site_id]
