"""How often somebody may ask: a bucket of tokens for each key, filled at a steady rate."""

from collections import OrderedDict
from typing import Final

from mara.runtime.clock import Clock

MAX_KEYS: Final = 10_000
"""Buckets kept; the one longest untouched is let go first."""
SECONDS_PER_MINUTE: Final = 60.0


class Limits:
    """Grants `per_minute` requests a minute for each key, and so many at once after a pause."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Take a token: 0 when there was one, else the seconds until the next."""
        now_s = self._clock.monotonic_s()
        tokens, seen_s = self._buckets.pop(key, (float(self._per_minute), now_s))
        per_s = self._per_minute / SECONDS_PER_MINUTE
        tokens = min(float(self._per_minute), tokens + (now_s - seen_s) * per_s)
        granted = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if granted else tokens, now_s)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1.0 - tokens) / per_s
