"""A watchdog of the event loop: its lag, and the stack that blocks it."""

import asyncio
import logging
import sys
import threading
import traceback
from typing import Final

from mara.runtime.clock import Clock
from mara.runtime.observe.engine_metrics import EngineMetrics

LOOK_INTERVAL_S: Final = 0.5
BLOCKED_S: Final = 1.0
"""Time [s] after which a blocked loop is logged, once, with its stack."""
MAX_STACK_LINES: Final = 40

log = logging.getLogger("mara.watchdog")


class Watchdog:
    """Watches an event loop from a thread; `start` and `stop` are called on the loop."""

    def __init__(self, metrics: EngineMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._over = threading.Event()
        self._answered = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to watch the running loop."""
        loop, thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(loop, thread_id), name="mara-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; harmless when repeated."""
        self._over.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        while not self._over.wait(LOOK_INTERVAL_S):
            self._answered.clear()
            asked_s = self._clock.monotonic_s()
            try:
                loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:
                return  # the loop has ended
            if not self._answered.wait(BLOCKED_S):
                log.error("event loop blocked", extra={"stack": _stack_of(thread_id)})
                while not self._answered.wait(BLOCKED_S):
                    if self._over.is_set():
                        return
            self._metrics.loop_lags.observe(self._clock.monotonic_s() - asked_s)


def _stack_of(thread_id: int) -> str:
    """Format the stack of a thread as it is now."""
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  the documented way to look into another thread
    if frame is None:
        return "the thread has ended"
    return "".join(traceback.format_stack(frame)[-MAX_STACK_LINES:])
