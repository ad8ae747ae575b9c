"""Fair division of a limited number of connections between users.

Each user may hold a part of them only, and a few more are kept for admins when all others are taken.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from mara.api.security.authenticator import LOCAL, Identity

USERS_TO_FILL: Final = 5
"""Number of users who take all connections when each is at their limit."""
LEAST_PER_USER: Final = 2
"""Connections that one user may hold, however few there are in all."""
RESERVED_FOR_ADMINS: Final = 5
"""Connections beyond the limit that only admins get, when all others are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimits:
    """Limit on connections in all, and the part of it that one user may hold."""

    total_count: int

    def most_for(self, identity: Identity) -> int:
        """Return how many connections may be open in all, one more of this user included."""
        is_named_admin = identity is not LOCAL and identity.may("admin")
        return self.total_count + (RESERVED_FOR_ADMINS if is_named_admin else 0)

    def most_of(self, identity: Identity) -> int:
        """Return how many connections this user may hold: all where nobody logs in."""
        if identity is LOCAL:
            return self.total_count
        return min(self.total_count, max(LEAST_PER_USER, self.total_count // USERS_TO_FILL))


class FairShare:
    """Count of the connections that each user holds, limited for each and for all."""

    def __init__(self, total_count: int) -> None:
        self._limits = ShareLimits(total_count=total_count)
        self._held: Counter[str] = Counter()

    @property
    def held_count(self) -> int:
        """Number of connections held by all users."""
        return self._held.total()

    def acquire(self, identity: Identity) -> bool:
        """Take a connection if this user may have one more; `release` must follow."""
        own = self._held[identity.name]
        if own >= self._limits.most_of(identity) or self.held_count >= self._limits.most_for(identity):
            return False
        self._held[identity.name] = own + 1
        return True

    def release(self, identity: Identity) -> None:
        """Return a connection that was acquired."""
        self._held[identity.name] -= 1
        if not self._held[identity.name]:
            del self._held[identity.name]
