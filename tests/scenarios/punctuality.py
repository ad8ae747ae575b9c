"""Lateness of ticks, without the time for which the machine had no core free.

A thread that could run and has no core is late through no fault of Mara's; Linux counts that time for each thread.
"""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mara.runtime.live.platform import Platform

PROCESSES = Path("/proc")
NS_PER_S = 1e9
LOOK_INTERVAL_S = 0.01


def kept_waiting_s() -> float:
    """Time for which this process's threads have waited for a core, 0 if uncounted."""
    return sum(_waits_s("self").values())


def time_to_end_s(process: "subprocess.Popen[str]", most_s: float) -> float:
    """Wait until a process ends; return how long it took, without waits for a core.

    Of its threads that of the longest wait counts: the waits of several may be at the same time.
    """
    begun_s, before_s = time.monotonic(), _waits_s(str(process.pid))
    waits_s = dict(before_s)
    while process.poll() is None:
        assert time.monotonic() - begun_s < most_s, "the process does not end"
        waits_s |= _waits_s(str(process.pid))
        time.sleep(LOOK_INTERVAL_S)
    longest_s = max((wait_s - before_s.get(thread, 0.0) for thread, wait_s in waits_s.items()), default=0.0)
    return time.monotonic() - begun_s - longest_s


def _waits_s(process: str) -> dict[str, float]:
    """Time for which each thread of a process has waited for a core."""
    waits_s = {}
    for thread in (PROCESSES / process / "task").glob("*"):
        try:
            waits_s[thread.name] = int((thread / "schedstat").read_text().split()[1]) / NS_PER_S
        except (OSError, IndexError):
            continue  # it has ended meanwhile, or nobody counts
    return waits_s


@dataclass
class Watch:
    """The starts of a platform's ticks, and the process's wait for a core by then."""

    started_s: list[float] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)

    def look_at(self, platform: Platform) -> None:
        observe = platform.metrics.lateness.observe

        def watched(late_s: float) -> None:
            self.started_s.append(time.monotonic())
            self.waited_s.append(kept_waiting_s())
            observe(late_s)

        platform.metrics.lateness.observe = watched  # type: ignore[method-assign,assignment]

    def lateness_s(self, tick_s: float) -> np.ndarray:
        """Lateness of each tick but the first, less the waits for a core that it comes from.

        A wait delays the ticks after it too, until they have caught up, but explains no more than by what a tick is
        later than the one before: who is late all the time is late on a busy machine too.
        """
        late, due, behind_s, late_s = [], self.started_s[0], 0.0, 0.0
        for n in range(1, len(self.started_s)):
            due += tick_s
            before_s, behind_s = behind_s, max(0.0, self.started_s[n] - due)
            waited_s = max(0.0, self.waited_s[n] - self.waited_s[n - 1])
            late_s = min(behind_s, late_s + max(0.0, behind_s - before_s - waited_s))
            late.append(late_s)
            due = max(due, self.started_s[n] - tick_s)  # what is later than a tick is let go
            behind_s = min(behind_s, tick_s)
        return np.array(late)
