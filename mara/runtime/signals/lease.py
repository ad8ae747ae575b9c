"""Lease of a run on real devices, which holds while a watchdog hears beats."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from mara.runtime.clock import Clock
from mara.signals.executors.hold import HOLD
from mara.signals.executors.watchdog import BEAT, DONE

CLOSE_S: Final = 10.0
"""Longest wait for the watchdog's end."""
WATCHDOG: Final = "mara.runtime.signals.watchdog_process"


class Lease:
    """Beats to the watchdog of a run, which is started with the first beat.

    Args:
        holds: folder of what is given back when the beats end.
        secret: what signs limits of web services; the watchdog hears it over its standard input.
        length_s: time after which a silent Mara has lost its sites.
    """

    def __init__(self, holds: Path, secret: str, length_s: float, clock: Clock) -> None:
        self.length_s = length_s
        self._holds = holds
        self._secret = secret
        self._clock = clock
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._former: list[subprocess.Popen[bytes]] = []
        self._name = ""
        self._beat_s = float("-inf")
        self._is_lost = False
        self._first = b""
        self._beating = Lock()
        # A thread of its own: where those of the event loop all wait for something, beats must not.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mara-lease")

    def renew(self) -> None:
        """Begin anew after a loss, because somebody arms a site."""
        self._is_lost, self._beat_s = False, float("-inf")

    async def kept(self) -> bool:
        """Send a beat, and tell whether the lease still holds."""
        return bool(await asyncio.get_running_loop().run_in_executor(self._thread, self.name_now))

    def name_now(self) -> str:
        """Send a beat, and return the lease's name; empty once it is lost.

        Called in threads.
        """
        with self._beating:
            self._is_lost = self._is_lost or not self._sent_beat()
            return "" if self._is_lost else self._name

    def end(self) -> None:
        """End the watchdog, unless it has something to give back still."""
        self._thread.shutdown(wait=False)
        with self._beating:  # a beat that comes later starts no other
            watchdog, self._watchdog, self._is_lost = self._watchdog, None, True
        if watchdog is not None:
            self._former.append(watchdog)
        is_left = any(self._holds.glob(f"*{HOLD}"))
        for one in self._former:
            assert one.stdin is not None
            with suppress(OSError):  # it may have died
                if not is_left:  # else it goes on trying to release them
                    one.stdin.write(DONE)
            with suppress(OSError):
                one.stdin.close()
        if watchdog is not None and not is_left:
            with suppress(subprocess.TimeoutExpired):
                watchdog.wait(CLOSE_S)
        for one in self._former:
            one.poll()
            one.returncode = one.returncode or 0  # those that still release outlive Mara, which is no oversight

    def _sent_beat(self) -> bool:
        """Send a beat; False where the watchdog is gone, or the beat comes too late."""
        now_s = self._clock.monotonic_s()
        is_late = now_s - self._beat_s > self.length_s and self._beat_s > float("-inf")
        watchdog = self._watchdog or self._started()
        assert watchdog.stdin is not None
        try:
            watchdog.stdin.write(self._first + BEAT)
            self._first = b""
        except OSError:
            is_late = True
        if is_late:  # it has died, or gives back what is held, now and once more at our end
            self._former.append(watchdog)
            self._watchdog = None
        self._beat_s = float("-inf") if is_late else now_s
        return not is_late

    def _started(self) -> "subprocess.Popen[bytes]":
        self._holds.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._name = f"{os.getpid()} {self._clock.now().isoformat()}"
        words = [sys.executable, "-m", WATCHDOG, str(self._holds), f"{self.length_s:g}", self._name]
        self._watchdog = subprocess.Popen(words, stdin=subprocess.PIPE, bufsize=0, start_new_session=True)  # noqa: S603  ours
        self._first = f"{self._secret}\n".encode()
        return self._watchdog
