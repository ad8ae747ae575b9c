"""An event loop on simulated time, whose clock jumps to whatever is due next.

Nothing runs beside such a loop: work for a thread is done at once and takes none of its time. A live run thus passes
as fast as the machine computes it, with the same result on a quiet machine and on a busy one.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from mara.core.plan import Plan, Problem
from mara.optimizers.base import Optimizer
from mara.runtime.clock import Clock
from mara.runtime.live.planner import Begin


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Event loop of simulated time, for `asyncio.Runner(loop_factory=SimulatedLoop)`."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self.passed_s

    def run_in_executor(self, _: Executor | None, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """Call the function at once, in the loop's thread."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  the outermost frame of what would be a thread
            done.set_exception(error)
        return done


class _Impatient(selectors.DefaultSelector):
    """Selector that advances the loop's time instead of waiting."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if timeout is None else 0.0)
        if not ready and timeout is not None:
            self._loop.passed_s += timeout
        return ready


class SimulatedClock:
    """Clock of a simulated loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def monotonic_s(self) -> float:
        return self._loop.time()

    def cpu_s(self) -> float:
        return time.process_time()

    def now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=self.monotonic_s())

    async def wait(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)


def taking(duration_s: float | None = None) -> Begin:
    """Make a starter of solves that answer after `duration_s` of simulated time.

    With None, it comes after the processor time that the solve really took, which other work on the machine does not
    change.
    """

    def begin(optimizer: Optimizer, problem: Problem, _: Clock) -> Future[Plan]:
        work: Future[Plan] = Future()
        work.set_running_or_notify_cancel()
        began_s = time.process_time()
        try:
            answer: Callable[[], None] = partial(work.set_result, optimizer.plan(problem))
        except Exception as error:  # noqa: BLE001  as in the planner's own thread
            answer = partial(work.set_exception, error)
        took_s = time.process_time() - began_s
        asyncio.get_running_loop().call_later(took_s if duration_s is None else duration_s, answer)
        return work

    return begin
