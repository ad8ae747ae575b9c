"""Room for whole contracts by moving others or evicting less binding ones.

Scattered free racks hold no large contract: five megawatts wait while ten sites have two each. Moving a smaller
contract costs its fee once; a contract that waits costs its rate every hour, and error budget. Model:
docs/model.md#9-from-megawatts-to-whole-contracts. Constants are chosen by measurement: decision 0063.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT, UNPLACED, Tier, spendable_ticks
from mara.core.placement import Placement
from mara.core.units import TOLERANCE_MW
from mara.core.world import World
from mara.optimizers.scheduling.site_load import SiteLoad, cheapest_with_room

LEAST_SHARE: Final = 0.5
"""Least share of a contract that a plan moves for the whole contract to move.

The plan takes that share from its site and places it at another.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relocation:
    """Moves that free a site for a contract.

    Moves are pairs of contract and new site, `UNPLACED` for Spot that stops.
    """

    site: int
    moves: tuple[tuple[int, int], ...]
    fee_usd: float


def place_waiting(load: SiteLoad, waiting: list[int], world: World) -> None:
    """Place contracts that wait, the most binding tier and the largest first.

    Each goes where it fits, or else where a relocation makes room, or else where less binding contracts are evicted.
    """
    waiting.sort(key=lambda i: (load.tier[i], -load.power[i]))
    for i in waiting:
        if not load.put_cheapest(i) and not _relocate_for(load, i):
            evict_for(load, i, world)


def evict_for(load: SiteLoad, i: int, world: World) -> None:
    """Evict less binding contracts at the cheapest site where that makes room.

    The lowest tier goes first.

    Evicted contracts go to the cheapest site with room, if any.
    """
    left: list[int] = spendable_ticks(world.book, world.accounts, world.tick).tolist()
    for site in load.cheapest:
        lower = [j for j, at in enumerate(load.at) if at == site and load.tier[j] > load.tier[i]]
        if load.free[site] + sum(load.power[j] for j in lower) < load.power[i]:
            continue
        lower.sort(key=lambda j: (-load.tier[j], -left[j]))
        evicted = []
        while load.free[site] < load.power[i]:
            evicted.append(lower.pop(0))
            load.take(evicted[-1])
        load.put(i, site)
        for j in evicted:
            load.put_cheapest(j)
        return


def _relocate_for(load: SiteLoad, i: int) -> bool:
    """Make room by the relocation with the lowest fees, and put the contract there.

    Return False where no relocation makes room.
    """
    found = [option for site in load.cheapest if (option := _relocation_at(load, i, site)) is not None]
    if not found:
        return False
    best = min(found, key=lambda option: option.fee_usd)
    for j, to in best.moves:
        load.take(j)
        if to != UNPLACED:
            load.put(j, to)
    load.put(i, best.site)
    return True


def _relocation_at(load: SiteLoad, i: int, site: int) -> _Relocation | None:
    """Find a few moves, greedily, that free a site for a contract.

    None where they free too little.
    """
    free = list(load.free)
    short = load.power[i] - free[site]
    free[site] = 0.0
    there = [j for j, at in enumerate(load.at) if at == site]
    if short > sum(load.power[j] for j in there) + TOLERANCE_MW:
        return None
    # The smallest contract that is enough comes first, then the largest, to need few moves.
    there.sort(key=lambda j: (load.tier[j] != Tier.SPOT, load.power[j] < short, abs(load.power[j] - short)))
    moves: list[tuple[int, int]] = []
    fee_usd = 0.0
    for j in there:
        if short <= TOLERANCE_MW:
            break
        to = cheapest_with_room(load.power[j], free, load.cheapest)
        if to == UNPLACED and load.tier[j] < PROMISED_TIER_COUNT:
            continue
        if to != UNPLACED:
            free[to] -= load.power[j]
        short -= load.power[j]
        moves.append((j, to))
        fee_usd += load.move_fee_usd(j)
    return _Relocation(site=site, moves=tuple(moves), fee_usd=fee_usd) if short <= TOLERANCE_MW else None


def nearest(placed: Placement, contracts_mw: Floats, world: World, room_mw: Floats) -> Placement:
    """Move whole contracts wherever that brings both sites nearer to the plan.

    The plan is `contracts_mw` (S, G). A plan moves fractions of contracts hour by hour; waiting until it takes a
    whole one from a site, as dispatch does, would always lag behind the plan.
    """
    load = placed.contracts_mw.copy()
    site, free = placed.site.copy(), room_mw - row_sums(load)
    off = contracts_mw[:, :PROMISED_TIER_COUNT] - load[:, :PROMISED_TIER_COUNT]
    if off.max(initial=0.0) <= TOLERANCE_MW or off.min(initial=0.0) >= -TOLERANCE_MW:
        return placed
    tier, power = world.book.tier, world.book.power_mw
    is_moved = False
    for g in range(PROMISED_TIER_COUNT):
        members = np.flatnonzero((tier == g) & placed.served)
        while (move := _best_move(members, site, power, off[:, g], free)) is not None:
            i, to = move
            for s, change_mw in ((site[i], -power[i]), (to, power[i])):
                load[s, g] += change_mw
                off[s, g] -= change_mw
                free[s] -= change_mw
            site[i], is_moved = to, True
    return replace(placed, site=sealed(site), contracts_mw=sealed(load)) if is_moved else placed


def _best_move(members: Ints, site: Ints, power_mw: Floats, off_mw: Floats, free_mw: Floats) -> tuple[int, int] | None:
    """Choose the next contract to move, and its new site; None: no move helps.

    The contract leaves the site with the most power above the plan.
    """
    asked = members[-off_mw[site[members]] >= LEAST_SHARE * power_mw[members]]
    for i in asked[np.argsort(off_mw[site[asked]], kind="stable")].tolist():
        wanted = np.where(free_mw >= power_mw[i] - TOLERANCE_MW, off_mw, -np.inf)
        to = int(wanted.argmax())
        if wanted[to] >= LEAST_SHARE * power_mw[i] and wanted[to] - off_mw[site[i]] >= power_mw[i] + TOLERANCE_MW:
            return i, to
    return None
