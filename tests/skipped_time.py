"""Event loop that skips the time in which nothing happens.

A timer that comes next is due at once when nothing else is left to do: no callback, no input, no work in a thread. So a
wait lasts exactly until all that it waits for has run, on a busy machine too, and takes no time.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

Given = TypeVarTuple("Given")
Result = TypeVar("Result")


class SkippingLoop(asyncio.SelectorEventLoop):
    """Loop whose clock goes on to the next timer while the loop has nothing to do."""

    def __init__(self) -> None:
        self._waits = _Waits()
        super().__init__(self._waits)

    def time(self) -> float:
        return super().time() + self._waits.skipped_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Given], Result], *args: *Given
    ) -> asyncio.Future[Result]:
        future = super().run_in_executor(executor, func, *args)
        self._waits.in_threads.add(future)
        future.add_done_callback(self._waits.in_threads.discard)
        return future


class _Waits(selectors.DefaultSelector):
    """Waits for input, and for work in threads, but not for timers.

    Attributes:
        skipped_s: time that was not waited for.
        in_threads: work whose end is waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self.in_threads: set[asyncio.Future[Any]] = set()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0.0 or self.in_threads:
            return super().select(timeout)
        if found := super().select(0.0):
            return found
        self.skipped_s += timeout
        return []
