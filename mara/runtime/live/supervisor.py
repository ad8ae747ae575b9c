"""Supervisor of a live run: retries failed ticks, and halts if none succeeds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential

from mara.errors import FeedEnded, MaraError, StoreBlocked, StoreError, StoreLost, StoreWentBack
from mara.runtime.clock import Clock
from mara.runtime.live.display import Display
from mara.runtime.live.loop import LiveLoop
from mara.runtime.live.pace import Pace
from mara.runtime.live.planner import Planner
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.tick.engine import TickEngine
from mara.runtime.tick.order_book import OrderBook
from mara.store.store import Store

Reload = Callable[[Store], tuple[TickEngine, Planner]]
"""Rebuild engine and planner from the last stored tick, after the store went back."""

log = logging.getLogger("mara.platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits on the tries of one tick; the wait doubles from try to try.

    Attributes:
        most_tries: tries before the engine halts; a store that is only blocked is tried for ever.
        first_wait_s: wait after the first failure.
        longest_wait_s: longest wait between two tries.
    """

    most_tries: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0

    def retrying(
        self, sleep: Callable[[float], Awaitable[None]], before_sleep: Callable[[RetryCallState], None]
    ) -> AsyncRetrying:
        """Build tenacity's retry loop for one tick; it re-raises the last failure.

        Args:
            sleep: waits for a number of real seconds.
            before_sleep: called with each failure that is followed by another try.
        """
        backoff = wait_exponential(multiplier=self.first_wait_s, max=self.longest_wait_s)
        return AsyncRetrying(
            sleep=sleep,
            retry=retry_if_exception(
                lambda error: not isinstance(error, FeedEnded | StoreLost) and _is_ordinary(error)
            ),
            stop=lambda state: (
                state.attempt_number >= self.most_tries and not isinstance(_failure(state), StoreBlocked)
            ),
            wait=lambda state: 0.0 if isinstance(_failure(state), StoreWentBack) else backoff(state),
            before_sleep=before_sleep,
            reraise=True,
        )


class Supervisor:
    """Keeps a loop going from tick to tick, with a limited number of tries for each.

    Args:
        reload: rebuilds the engine from the store; None where that is not possible.
    """

    def __init__(
        self,
        store: Store,
        loop: LiveLoop,
        *,
        orders: OrderBook,
        display: Display,
        pace: Pace,
        publisher: StatePublisher,
        metrics: EngineMetrics,
        clock: Clock,
        retry: RetryPolicy,
        reload: Reload | None,
    ) -> None:
        self._store = store
        self._loop = loop
        self._orders = orders
        self._display = display
        self._pace = pace
        self._publisher = publisher
        self._metrics = metrics
        self._reload = reload
        self._tries = retry.retrying(clock.wait, self._degrade)
        self._most_tries = retry.most_tries
        self._must_go_back = False

    async def run(self) -> NoReturn:
        """Tick for ever; when a tick has failed for good, wait until an operator resumes."""
        failure: Exception | None = None
        while True:
            try:
                if failure is not None:
                    ended, failure = failure, None
                    await self._stand_still(ended)
                async for attempt in self._tries:
                    with attempt:
                        await self._try(attempt.retry_state.attempt_number)
            except Exception as error:  # noqa: BLE001  the outermost frame: show it, and go on when told to
                failure = error

    async def _try(self, number: int) -> None:
        """Make one tick, or return to the last stored tick if the store went back.

        The tick after that one then has tries of its own.
        """
        try:
            if self._must_go_back:
                self._must_go_back = False
                was_tick = self._loop.tick
                await self._go_back()
                if self._loop.tick != was_tick:
                    return
            await self._loop.next_tick()
        except FeedEnded:
            self._display.publish()
            raise
        except Exception as error:
            self._note(error, number)
            raise

    def _note(self, error: Exception, number: int) -> None:
        """Log a failure, and publish the ticks that were stored before it."""
        self._metrics.restarts_count += 1
        has_no_bug = isinstance(error, StoreBlocked | StoreWentBack)  # not a fault of the program, so no traceback
        fields = {"tick": self._loop.tick, "tries": number, "reason": _reason(error)}
        log.error("tick failed", extra=fields, exc_info=None if has_no_bug else error)
        self._must_go_back = isinstance(error, StoreWentBack)
        self._display.publish()

    def _degrade(self, state: RetryCallState) -> None:
        """Show that the tick is tried again after a wait."""
        error = _failure(state)
        if not isinstance(error, StoreWentBack):
            self._publisher.mark(EngineState.DEGRADED, f"tick {self._loop.tick}: {_reason(error)}")

    async def _stand_still(self, error: Exception) -> None:
        """Publish the reason for the halt, and wait until an operator resumes or steps.

        The failed tick is then computed anew.
        """
        tick = self._loop.tick
        if isinstance(error, FeedEnded):
            log.info("finished", extra={"tick": tick, "reason": str(error)})
            self._publisher.mark(EngineState.FINISHED, str(error))
        elif isinstance(error, StoreLost):
            self._publisher.mark(EngineState.HALTED, f"halted at tick {tick}: {_reason(error)}")
        else:
            tried = f"halted at tick {tick} after {self._most_tries} tries"
            self._publisher.mark(EngineState.HALTED, f"{tried}: {_reason(error)}")
            self._must_go_back = isinstance(error, StoreError)
        self._loop.drop_unstored()
        self._pace.pause()
        while self._pace.stands_still:
            await self._pace.until_changed()

    async def _go_back(self) -> None:
        """Rebuild the run from the last tick that the store holds.

        Ticks that the store lost were not durable, and another writer may have continued from there.

        Raises:
            ConfigError, FeedError, StoreError: the run cannot be continued from there.
        """
        if self._reload is None:
            return
        async with self._orders.held():
            self._loop.drop_unstored()
            engine, planner = await asyncio.to_thread(self._reload, self._store)
            was_tick = self._loop.tick
            self._loop.restart(engine, planner)
            self._display.restart(engine, planner)
            last = await asyncio.to_thread(self._display.recall, self._store)
        log.warning("went where the store stands", extra={"from_tick": was_tick, "to_tick": self._loop.tick})
        if last is not None:
            self._display.show_again(last)


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _is_ordinary(error: BaseException) -> bool:
    """Return whether an error is a failure, not the end of the run or a cancellation."""
    return isinstance(error, Exception)


def _reason(error: BaseException | None) -> str:
    return str(error) if isinstance(error, MaraError) else f"{type(error).__name__}: {error}"
