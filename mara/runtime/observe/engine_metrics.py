"""How the engine itself is doing: durations, restarts, lateness. Counted where it happens, read by whoever measures."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes that durations are counted in; one more holds all that is longer."""


@dataclass(slots=True)
class Histogram:
    """How often something took how long."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, duration_s: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, duration_s)] += 1
        self.total_s += duration_s

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile_s(self, share: float) -> float:
        """The bound that so large a share stays under; 0 before the first, infinite beyond the last bound."""
        wanted, seen = share * self.count, 0
        for bound, count in zip((*BOUNDS_S, float("inf")), self.counts, strict=True):
            seen += count
            if seen >= wanted:
                return bound if self.count else 0.0
        return float("inf")


@dataclass(slots=True)
class EngineMetrics:
    """Of one platform since it began.

    Attributes:
        tick_durations: from asking for a plan until the tick is stored.
        commit_durations: of those, in the database.
        lateness: how much after its time a tick began.
        loop_lags: how late the event loop came to what was due, looked at twice a second.
        restarts_count: ticks that were tried again.
        feed_age_ticks: how old the observation is that the last tick ran on; 0 for a fresh one.
        refused_count: requests that the gate turned away.
        last_tick_s: when the last tick was stored, by the monotonic clock; None before the first.
    """

    tick_durations: Histogram = field(default_factory=Histogram)
    commit_durations: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)
    loop_lags: Histogram = field(default_factory=Histogram)
    restarts_count: int = 0
    feed_age_ticks: int = 0
    refused_count: int = 0
    last_tick_s: float | None = None

    def tick_stored(self, began_s: float, commit_began_s: float, now_s: float) -> None:
        """A tick went through."""
        self.tick_durations.add(now_s - began_s)
        self.commit_durations.add(now_s - commit_began_s)
        self.last_tick_s = now_s
