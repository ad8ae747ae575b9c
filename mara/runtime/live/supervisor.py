"""The supervisor of a live run: tells failures, tries again, halts in the end."""

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
"""Makes the engine anew where an open store stands, after the run stood elsewhere."""

log = logging.getLogger("mara.platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits on the tries of one tick; the wait doubles from try to try.

    Attributes:
        most_tries: tries before the engine halts; what only stands in the way is tried until it has passed.
        first_wait_s: wait after the first failure.
        longest_wait_s: bound of the wait.
    """

    most_tries: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0

    def retrying(
        self, sleep: Callable[[float], Awaitable[None]], before_sleep: Callable[[RetryCallState], None]
    ) -> AsyncRetrying:
        """Build the tries of a tick, which wait by `sleep`; the last failure is raised."""
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
    """Keeps a loop going from tick to tick; each has tries of its own.

    Args:
        reload: None where a run cannot go back to where its store stands.
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
        """Tick for ever; when a tick has failed for good, wait for somebody who resumes."""
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
        """Make one tick, or go back to where the store stands.

        A tick that the store stands at instead has tries of its own.
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
        """Log a failure, and show what was stored before it."""
        self._metrics.restarts_count += 1
        has_no_bug = isinstance(error, StoreBlocked | StoreWentBack)  # nothing to mend in the program
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
        """Show why nothing goes on, and wait for somebody who resumes or steps.

        What failed is then computed anew.
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
        """Stand where the store does.

        What it lost was never to be relied on, and somebody else may have gone on.

        Raises:
            ConfigError, FeedError, StoreError: nothing can be gone on with there.
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
            self._publisher.publish(last)


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _is_ordinary(error: BaseException) -> bool:
    """Tell failures from the end of the run, such as a cancelled task."""
    return isinstance(error, Exception)


def _reason(error: BaseException | None) -> str:
    return str(error) if isinstance(error, MaraError) else f"{type(error).__name__}: {error}"
