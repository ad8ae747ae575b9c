"""Rate limits by token bucket: one bucket for each key, filled at a steady rate."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from mara.core.units import SECONDS_PER_MINUTE
from mara.runtime.clock import Clock

MAX_KEYS: Final = 10_000
"""Buckets kept; the one not used for longest is dropped first."""
IPV6_SITE_BITS: Final = 64
"""Length of the IPv6 prefix that one customer of a provider has.

Source: https://www.rfc-editor.org/rfc/rfc6177.
"""


class Limits:
    """Token bucket for each key: `per_minute` requests a minute, or all in one burst.

    Source: https://en.wikipedia.org/wiki/Token_bucket
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._per_s = per_minute / SECONDS_PER_MINUTE
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_spent(self, key: str) -> bool:
        """Tell whether the next request would have to wait; counts nothing."""
        return self._tokens(key, self._clock.monotonic_s()) < 1.0

    def wait_s(self, key: str) -> float:
        """Take a token; returns 0 where there was one, else the seconds until the next."""
        now_s = self._clock.monotonic_s()
        tokens = self._tokens(key, now_s)
        granted = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if granted else tokens, now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1.0 - tokens) / self._per_s

    def refund(self, key: str) -> None:
        """Return the token of a request that does not count after all."""
        if key in self._buckets:
            tokens, seen_s = self._buckets[key]
            self._buckets[key] = (tokens + 1.0, seen_s)

    def _tokens(self, key: str, now_s: float) -> float:
        tokens, seen_s = self._buckets.get(key, (float(self._per_minute), now_s))
        return min(float(self._per_minute), tokens + (now_s - seen_s) * self._per_s)


def network_of(address: str) -> str:
    """Name the client of an address: itself for IPv4, its /64 network for IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found.packed, IPV6_SITE_BITS), strict=False))
    return address
