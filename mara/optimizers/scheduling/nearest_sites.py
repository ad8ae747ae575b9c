"""Whole contracts at the sites nearest to a plan's megawatts: a move is made where more than half of it is planned."""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.placement import Placement
from mara.core.units import TOLERANCE_MW
from mara.core.world import World

LEAST_SHARE: Final = 0.5
"""Of a contract: how much of it the plan must take from a site, and want at another, for the whole to move."""


def nearest(placed: Placement, contracts_mw: Floats, world: World, room_mw: Floats) -> Placement:
    """The placement after every move that brings both of its sites nearer to the plan's `contracts_mw` (S, G).

    A plan moves tenths of contracts hour by hour. Waiting until it takes a whole one from a site, as dispatch must, is
    to stay behind it for good.
    """
    load = placed.contracts_mw.copy()
    site, free = placed.site.copy(), room_mw - row_sums(load)
    off = contracts_mw[:, :PROMISED_TIER_COUNT] - load[:, :PROMISED_TIER_COUNT]
    if off.max(initial=0.0) <= TOLERANCE_MW or off.min(initial=0.0) >= -TOLERANCE_MW:
        return placed
    tier, power = world.book.tier, world.book.power_mw
    moved = False
    for g in range(PROMISED_TIER_COUNT):
        members = np.flatnonzero((tier == g) & placed.served)
        while (move := _best_move(members, site, power, off[:, g], free)) is not None:
            i, to = move
            for s, change_mw in ((site[i], -power[i]), (to, power[i])):
                load[s, g] += change_mw
                off[s, g] -= change_mw
                free[s] -= change_mw
            site[i], moved = to, True
    return replace(placed, site=sealed(site), contracts_mw=sealed(load)) if moved else placed


def _best_move(members: Ints, site: Ints, power_mw: Floats, off_mw: Floats, free_mw: Floats) -> tuple[int, int] | None:
    """Which contract goes where next: from where the plan has most too much; None when no move brings it nearer."""
    asked = members[-off_mw[site[members]] >= LEAST_SHARE * power_mw[members]]
    for i in asked[np.argsort(off_mw[site[asked]], kind="stable")].tolist():
        wanted = np.where(free_mw >= power_mw[i] - TOLERANCE_MW, off_mw, -np.inf)
        to = int(wanted.argmax())
        if wanted[to] >= LEAST_SHARE * power_mw[i] and wanted[to] - off_mw[site[i]] >= power_mw[i] + TOLERANCE_MW:
            return i, to
    return None
