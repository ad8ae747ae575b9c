"""Layout of the linear program's variables within a period.

Every period is laid out alike.

Model: docs/model.md#5-the-linear-program
"""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Ints
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.optimizers.lp.case import LpCase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Positions of each variable within a period.

    Attributes:
        miners (S, 3), merchant (R, S, 2), contracts (S, G), moved (S, 3), reserve (S,), reserve_sum (1,), ramp (S,),
        shed (3,), breached (3,), and of hedged sites only: bought (N,), sold (N,). If the case has them: rested
            (S, N), unserved contracts of the tiers that keep their place; broken (3,), unserved at the price of
            breaking.
        hedged: sites with a hedge (N,).
        resting: tiers whose unserved load keeps its place (N,).
        width: columns in a period.
    """

    miners: Ints
    merchant: Ints
    contracts: Ints
    moved: Ints
    reserve: Ints
    reserve_sum: Ints
    ramp: Ints
    shed: Ints
    breached: Ints
    bought: Ints
    sold: Ints
    rested: Ints
    broken: Ints
    hedged: Ints
    resting: Ints
    width: int


def columns_of(case: LpCase) -> Columns:
    """Lay out a period."""
    s, r = case.sites, case.regions
    hedged, resting = np.nonzero(case.hedge_mw > 0.0)[0], np.flatnonzero(case.rests_in_place)
    shapes: dict[str, tuple[int, ...]] = {
        "miners": (s, MINER_COUNT),
        "merchant": (r, s, RACK_KIND_COUNT),
        "contracts": (s, TIER_COUNT),
        "moved": (s, PROMISED_TIER_COUNT),
        "reserve": (s,),
        "reserve_sum": (1,),
        "ramp": (s,),
        "shed": (PROMISED_TIER_COUNT,),
        "breached": (PROMISED_TIER_COUNT,),
        "bought": (len(hedged),),
        "sold": (len(hedged),),
        "rested": (s, len(resting)),
        "broken": (PROMISED_TIER_COUNT if case.breakable_mw.any() else 0,),
    }
    places: dict[str, Ints] = {}
    first = 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        places[name] = np.arange(first, first + size).reshape(shape)
        first += size
    return Columns(**places, hedged=hedged, resting=resting, width=first)
