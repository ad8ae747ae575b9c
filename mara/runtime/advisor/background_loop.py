"""A thread with an event loop of its own, for one piece of work at a time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from threading import RLock, Thread
from typing import Final

CLOSE_S: Final = 10.0
"""Longest time that `close` waits for work that it has cancelled.

A solve cannot be cancelled and runs to its end.
"""

log = logging.getLogger("mara.advisor")


class BackgroundLoop:
    """Runs one coroutine at a time in a thread of its own.

    An exception of a coroutine is logged with its traceback, and `on_bug` is called. `when_free` is called whenever
    the next coroutine may begin.
    """

    def __init__(self, name: str, when_free: Callable[[], None]) -> None:
        self._name = name
        self._when_free = when_free
        self._lock = RLock()
        self._thread: Thread | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        return self._thread is not None

    def start(self, work: Callable[[], Coroutine[None, None, None]], on_bug: Callable[[], None]) -> None:
        """Begin a piece of work; do nothing while another is under way, or after `close`."""
        with self._lock:
            if self._thread is not None or self._is_closed:
                return
            # Not a daemon: a solver that is killed at the interpreter's exit aborts the whole program.
            self._thread = Thread(target=self._run, args=(work, on_bug), name=self._name, daemon=False)
            self._thread.start()

    def close(self) -> None:
        """Cancel the work under way; none begins after this."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)
        if thread is not None:
            thread.join(CLOSE_S)

    def _run(self, work: Callable[[], Coroutine[None, None, None]], on_bug: Callable[[], None]) -> None:
        try:
            asyncio.run(self._supervised(work, on_bug))
        finally:
            with self._lock:
                self._thread = self._task = self._loop = None
            self._when_free()

    async def _supervised(self, work: Callable[[], Coroutine[None, None, None]], on_bug: Callable[[], None]) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            await work()
        except asyncio.CancelledError:
            log.info("the advisor's work was given up")
        except Exception:  # the thread's outermost frame: a bug of the advisor must not end the run
            log.exception("the advisor failed")
            on_bug()
        finally:
            with self._lock:
                self._task = self._loop = None
