"""Places of which nobody takes all: a share for each person, and a few more for admins when the others are full."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from mara.api.security.authenticator import LOCAL, Identity

SHARES: Final = 5
"""So many people fill a server."""
LEAST_SHARE: Final = 2
PLACES_FOR_ADMINS: Final = 5
"""Beyond those for everybody: whoever mends things gets in when it is crowded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimits:
    """How many there are, and how many of them one person may take."""

    count: int

    def most(self, identity: Identity) -> int:
        """Places that may be taken when this person comes."""
        is_named_admin = identity is not LOCAL and identity.may("admin")
        return self.count + (PLACES_FOR_ADMINS if is_named_admin else 0)

    def share(self, identity: Identity) -> int:
        """Of those, this person's: all for whoever sits at this machine, where nobody logs in."""
        return self.count if identity is LOCAL else min(self.count, max(LEAST_SHARE, self.count // SHARES))


class FairShare:
    """Who has how many of the places."""

    def __init__(self, count: int) -> None:
        self._places = ShareLimits(count=count)
        self._taken: Counter[str] = Counter()

    def take(self, identity: Identity) -> bool:
        """Take a place, if there is one for this person; `give_back` must follow."""
        own = self._taken[identity.name]
        if own >= self._places.share(identity) or self._taken.total() >= self._places.most(identity):
            return False
        self._taken[identity.name] = own + 1
        return True

    def give_back(self, identity: Identity) -> None:
        """Give a place back that was taken."""
        self._taken[identity.name] -= 1
        if not self._taken[identity.name]:
            del self._taken[identity.name]
