"""Packing of whole loads into rooms: all of them if possible, else the most.

Best fit by decreasing size, then exact search. Source: Johnson et al. 1974, doi:10.1137/0203025 (first and best fit
decreasing use at most 11/9 of the fewest bins, plus 4).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from mara.core.units import TOLERANCE_MW

MOST_TRIED: Final = 20_000
"""Most attempts for one tick's loads, about thirty milliseconds.

Chosen; what is found until then is used. A dozen contracts need a few hundred.
"""


class _Search:
    """Attempts left in one search."""

    def __init__(self) -> None:
        self.left_count = MOST_TRIED


def most_packed(power_mw: Sequence[float], homes: Sequence[int], room_mw: Sequence[float]) -> dict[int, int]:
    """Pack as many loads as any packing can hold, up to `MOST_TRIED` attempts.

    Args:
        power_mw: of each load; where not all fit, the first ones are left out rather than later ones.
        homes: the room that each load is put into if it can be; -1 for none.

    Returns:
        The room of each load that has one, by the load's place in `power_mw`.
    """
    largest = max(room_mw, default=0.0) + TOLERANCE_MW
    asked = [i for i, power in enumerate(power_mw) if power <= largest]
    best = _largest_first(asked, power_mw, homes, room_mw)
    search = _Search()
    for left_out in range(len(asked) - len(best)):
        for dropped in combinations(asked, left_out):
            wanted = [i for i in asked if i not in dropped]
            found = _all_packed(wanted, power_mw, homes, room_mw, search)
            if found is not None:
                return found
            if search.left_count <= 0:
                return best
    return best


def _largest_first(
    asked: Sequence[int], power_mw: Sequence[float], homes: Sequence[int], room_mw: Sequence[float]
) -> dict[int, int]:
    """Pack in one pass, the largest first and each where it leaves least."""
    left, found = list(room_mw), dict[int, int]()
    for i in sorted(asked, key=lambda i: -power_mw[i]):
        rooms = _rooms_for(power_mw[i], homes[i], left)
        if rooms:
            found[i] = rooms[0]
            left[rooms[0]] -= power_mw[i]
    return found


def _all_packed(
    wanted: Sequence[int],
    power_mw: Sequence[float],
    homes: Sequence[int],
    room_mw: Sequence[float],
    search: _Search,
) -> dict[int, int] | None:
    """Search for a packing of every load; None if there is none or the attempts end."""
    order, left, found = sorted(wanted, key=lambda i: -power_mw[i]), list(room_mw), dict[int, int]()
    search.left_count -= 1
    if sum(power_mw[i] for i in wanted) > sum(room for room in room_mw if room > 0.0) + TOLERANCE_MW * len(wanted):
        return None

    def others_fit(n: int) -> bool:
        if n == len(order):
            return True
        i, tried = order[n], set[float]()
        for room in _rooms_for(power_mw[i], homes[i], left):
            # Rooms of the same size are as good as one another, but for who is at home there.
            if round(left[room], 6) in tried:
                continue
            search.left_count -= 1
            if search.left_count <= 0:
                return False
            tried.add(round(left[room], 6))
            left[room] -= power_mw[i]
            found[i] = room
            if others_fit(n + 1):
                return True
            left[room] += power_mw[i]
            del found[i]
        return False

    return found if others_fit(0) else None


def _rooms_for(power_mw: float, home: int, left_mw: Sequence[float]) -> list[int]:
    """List the rooms that hold a load: its home, then those where it leaves least."""
    rooms = [room for room, left in enumerate(left_mw) if power_mw <= left + TOLERANCE_MW]
    return sorted(rooms, key=lambda room: (room != home, left_mw[room]))
