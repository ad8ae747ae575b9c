"""Real time without waiting for it: an event loop whose clock jumps to whatever is due next, and a solver on it.

Nothing runs beside such a loop: what is given to a thread is done on the spot and takes none of its time. So a live run
passes as quickly as the machine computes it, the same on a quiet machine and on a loaded one.
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
    """For `asyncio.Runner(loop_factory=SimulatedLoop)`."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self.passed_s

    def run_in_executor(self, _: Executor | None, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """Called at once."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  the outermost frame of what would be a thread
            done.set_exception(error)
        return done


class _Impatient(selectors.DefaultSelector):
    """Has the loop's time pass instead of waiting for it."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if timeout is None else 0.0)
        if not ready and timeout is not None:
            self._loop.passed_s += timeout
        return ready


class SimulatedClock:
    """The time of a simulated loop."""

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
    """Begins a solve whose answer comes after `duration_s` of simulated time; None: after what it really took.

    That is processor time: what else the machine is busy with is not the solver's.
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
