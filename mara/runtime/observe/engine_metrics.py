"""Figures of the engine itself: durations, restarts, lateness.

The engine's parts count them, and `mara.api.routes.metrics` exports them.
"""

from typing import Final

from prometheus_client import Counter, Histogram

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of durations; one more holds the longer ones."""
ADVICE_OUTCOMES: Final = ("accepted", "adjusted", "kept")
"""Outcomes of a request: its plan runs, runs with changes, or is not followed."""


class EngineMetrics:
    """Figures of one platform since the process began; safe in any thread.

    Attributes:
        tick_durations: time from asking for a plan until the tick is stored.
        commit_durations: the part of that time which the database takes.
        lateness: time between a tick's due time and its beginning.
        loop_lags: delay of a timer of the event loop, measured twice a second.
        claude_requests: requests to Claude by outcome.
        restarts_count: ticks that were tried again.
        feed_age_ticks: age of the observation that the last tick ran on; 0 for a fresh one.
        refused_count: requests that the gate turned away.
        last_tick_s: time when the last tick was stored, by the monotonic clock; None before the first.
    """

    def __init__(self) -> None:
        self.tick_durations = _histogram("mara_tick_duration_seconds", "planning, advancing and storing a tick")
        self.commit_durations = _histogram("mara_db_commit_seconds", "storing a tick")
        self.lateness = _histogram("mara_tick_lateness_seconds", "how late a tick began")
        self.loop_lags = _histogram("mara_loop_lag_seconds", "how late the event loop came to what was due")
        self.claude_requests = Counter("mara_claude_requests", "by what came of them", ["outcome"], registry=None)
        for outcome in ADVICE_OUTCOMES:
            self.claude_requests.labels(outcome)
        self.restarts_count = 0
        self.feed_age_ticks = 0
        self.refused_count = 0
        self.last_tick_s: float | None = None

    @property
    def histograms(self) -> tuple[Histogram, ...]:
        return self.tick_durations, self.commit_durations, self.lateness, self.loop_lags

    def tick_stored(self, began_s: float, commit_began_s: float, now_s: float) -> None:
        """Count a tick that was stored."""
        self.tick_durations.observe(now_s - began_s)
        self.commit_durations.observe(now_s - commit_began_s)
        self.last_tick_s = now_s

    def advice_ended(self, outcome: str) -> None:
        """Count a request to Claude by its outcome."""
        self.claude_requests.labels(outcome).inc()


def _histogram(name: str, text: str) -> Histogram:
    """Build a histogram that is not in prometheus_client's global registry."""
    return Histogram(name, text, buckets=BOUNDS_S, registry=None)
