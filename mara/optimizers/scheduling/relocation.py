"""Room for a whole contract where no single site has enough: others are moved together, and only then shed.

Free racks in pieces serve nobody: five megawatts wait while ten sites have two each. Moving a smaller contract costs
its fee once; a promise that waits costs its rate every hour, and its budget.
"""

from dataclasses import dataclass

from mara.core.contract import PROMISED_TIER_COUNT, UNPLACED, Tier
from mara.core.units import TOLERANCE_MW
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relocation:
    """Contracts that leave `site`, each with where it goes; Spot may go nowhere. `fee_usd`: what that costs."""

    site: int
    moves: tuple[tuple[int, int], ...]
    fee_usd: float


def place_waiting(desk: ContractScheduler, waiting: list[int]) -> None:
    """Every waiting contract, the most binding tier first and the largest of it: where it fits, else where room can be
    made.
    """
    waiting.sort(key=lambda i: (desk.tier[i], -desk.power[i]))
    for i in waiting:
        if not desk.put_cheapest(i) and not _shuffle_for(desk, i):
            desk.make_room(i)


def _shuffle_for(desk: ContractScheduler, i: int) -> bool:
    """Put a contract where the cheapest shuffle makes room for it; False where none does."""
    found = [shuffle for site in desk.cheapest if (shuffle := _shuffle_at(desk, i, site)) is not None]
    if not found:
        return False
    best = min(found, key=lambda shuffle: shuffle.fee_usd)
    for j, to in best.moves:
        desk.take(j)
        if to != UNPLACED:
            desk.put(j, to)
    desk.put(i, best.site)
    return True


def _shuffle_at(desk: ContractScheduler, i: int, site: int) -> _Relocation | None:
    """The smallest set of moves that frees a site for a contract, found greedily; None where they free too little."""
    free = list(desk.free)
    short = desk.power[i] - free[site]
    free[site] = 0.0
    there = [j for j, at in enumerate(desk.at) if at == site]
    if short > sum(desk.power[j] for j in there) + TOLERANCE_MW:
        return None
    # What is just enough comes first, then large ones: few moves.
    there.sort(key=lambda j: (desk.tier[j] != Tier.SPOT, desk.power[j] < short, abs(desk.power[j] - short)))
    moves: list[tuple[int, int]] = []
    fee_usd = 0.0
    for j in there:
        if short <= TOLERANCE_MW:
            break
        to = _room_for(desk, j, free)
        if to == UNPLACED and desk.tier[j] < PROMISED_TIER_COUNT:
            continue
        if to != UNPLACED:
            free[to] -= desk.power[j]
        short -= desk.power[j]
        moves.append((j, to))
        fee_usd += desk.fee_usd(j)
    return _Relocation(site=site, moves=tuple(moves), fee_usd=fee_usd) if short <= TOLERANCE_MW else None


def _room_for(desk: ContractScheduler, j: int, free_mw: list[float]) -> int:
    """The cheapest site with room for a contract; `UNPLACED` if none has."""
    for site in desk.cheapest:
        if desk.power[j] <= free_mw[site] + TOLERANCE_MW:
            return site
    return UNPLACED
