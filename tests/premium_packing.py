"""Independent check that Premium which was off in a tick could not have run.

It packs contracts by itself, without the code of dispatch, under the promise's own assumptions: Premium that ran at a
sound site stays there, Standard stays where it ran if it still runs there, nothing else takes racks, and each
contract is placed whole.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from mara.core.contract import Tier
from mara.core.dispatch import Allocation
from mara.core.world import Observation, RunConfig, World, conditions_of

SMALLEST_MW = 1e-3
MILLI = 1_000_000
"""Powers are compared in whole watts, with a watt of tolerance."""


def avoidable_misses(before: World, seen: Observation, done: Allocation, config: RunConfig) -> int:
    """Count the Premium contracts that could have run in a tick in addition.

    It is 0 where every miss was unavoidable.
    """
    book, accounts = before.book, before.accounts
    premium, standard = book.tier == Tier.PREMIUM, book.tier == Tier.STANDARD
    if done.served[premium].all():
        return 0
    fell = seen.availability_share < before.availability_share
    stands = done.served & (done.site == accounts.site) & accounts.served
    fixed = (stands & standard) | (stands & premium & ~fell[accounts.site])
    room = conditions_of(seen, config).contract_room_mw.copy()
    np.subtract.at(room, accounts.site[fixed], book.power_mw[fixed])
    loose = np.flatnonzero(premium & ~fixed)
    most = _most_held(
        tuple(sorted((round(mw * MILLI) for mw in book.power_mw[loose].tolist()), reverse=True)),
        tuple(sorted(int(mw * MILLI) + 1 for mw in room.tolist() if mw > SMALLEST_MW)),
    )
    return max(most - int(np.count_nonzero(done.served[loose])), 0)


@cache
def _most_held(loads: Sequence[int], rooms: Sequence[int]) -> int:
    """Count the most loads that fit into sites at once, each whole in one of them."""
    if not loads or not rooms or loads[-1] > max(rooms):
        return 0
    first, rest = loads[0], loads[1:]
    best = _most_held(rest, rooms)
    for n, room in enumerate(rooms):
        if best == len(loads):
            break
        if room >= first and (n == 0 or rooms[n - 1] != room):
            left = tuple(sorted((*rooms[:n], room - first, *rooms[n + 1 :])))
            best = max(best, 1 + _most_held(rest, left))
    return best
