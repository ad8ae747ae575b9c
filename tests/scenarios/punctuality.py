"""Lateness of ticks, without the time for which the machine had no core free.

A thread that could run and has no core is late through no fault of Mara's; Linux counts that time for each thread.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mara.runtime.live.platform import Platform

THREADS = Path("/proc/self/task")
NS_PER_S = 1e9
MOST_LATE_S = 0.05
"""Greatest lateness of a tick of a loop that nothing holds up."""


def kept_waiting_s() -> float:
    """Time for which this process's threads have waited for a core, 0 if uncounted."""
    waited_ns = 0
    for thread in THREADS.glob("*") if THREADS.is_dir() else ():
        try:
            waited_ns += int((thread / "schedstat").read_text().split()[1])
        except OSError:
            continue  # it has ended meanwhile
    return waited_ns / NS_PER_S


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
        """Lateness of each tick but the first, less the wait for a core since the last."""
        late, due = [], self.started_s[0]
        for n in range(1, len(self.started_s)):
            due += tick_s
            waited = max(0.0, self.waited_s[n] - self.waited_s[n - 1])
            late.append(max(0.0, self.started_s[n] - due - waited))
            due = max(due, self.started_s[n] - tick_s)  # what is later than a tick is let go
        return np.array(late)
