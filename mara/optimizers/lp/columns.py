"""Layout of the linear program's variables within a period.

Every period is laid out alike.

Model: docs/model.md#5-the-linear-program
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from mara.core.arrays import Ints, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.power_contract import PowerContract


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Positions of each variable within a period.

    Attributes:
        miners (S, 3), merchant (R, S, 2), contracts (S, G), moved (S, 3), reserve (S,), reserve_sum (1,), ramp (S,),
        shed (3,), breached (3,), bought (N,) of metered sites only, sold (N,) of hedged sites only. If the case has
            them: rested (S, N), unserved contracts of the tiers that keep their place; broken (3,), unserved at the
            price of breaking; charged, discharged (B,) and stored (B,), the energy in batteries after the step;
            delivered (Y,), energy that batteries with daily limits gave in the day up to the step's end; exported (E,);
            peak (D,), the highest power that a demand charge counts, in the last step only;
            unused (V,), contracted power that is not drawn;
            pledged_miners (S, 3), pledged_merchant (S, 2) and pledged_spot (S,), load that stands ready for the product
            that pays most for it; pledged_battery (P, B), by product.
        metered: sites whose power is bought by a column of its own, since they have a hedge, a battery, a demand
            charge or contracted power (N,).
        hedged: sites with a hedge (N,).
        batteries, feeding: sites with a battery (B,), and sites of these that can feed into the grid (E,).
        billed, billed_site: demand charges whose peak costs something, by their places, and the site of each (D,).
        supplied: site of each contracted volume (V,). cycled: site of each battery with daily limits (Y,).
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
    charged: Ints
    discharged: Ints
    stored: Ints
    delivered: Ints
    exported: Ints
    peak: Ints
    unused: Ints
    pledged_miners: Ints
    pledged_merchant: Ints
    pledged_spot: Ints
    pledged_battery: Ints
    metered: Ints
    hedged: Ints
    batteries: Ints
    feeding: Ints
    billed: Ints
    billed_site: Ints
    supplied: Ints
    cycled: Ints
    resting: Ints
    width: int


def columns_of(case: LpCase) -> Columns:
    """Lay out a period."""
    s, r = case.sites, case.regions
    hedged, resting = np.nonzero(case.hedge_mw > 0.0)[0], np.flatnonzero(case.rests_in_place)
    own = _contract_sites(case.power_contract)
    products = 0 if case.power_contract is None else len(case.power_contract.products)
    pledging, batteries = s if products else 0, own["batteries"]
    metered = np.unique(np.concatenate([hedged, batteries, own["billed_site"], own["supplied"]]))
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
        "bought": (len(metered),),
        "sold": (len(hedged),),
        "rested": (s, len(resting)),
        "broken": (PROMISED_TIER_COUNT if case.breakable_mw.any() else 0,),
        "charged": batteries.shape,
        "discharged": batteries.shape,
        "stored": batteries.shape,
        "delivered": own["cycled"].shape,
        "exported": own["feeding"].shape,
        "peak": own["billed"].shape,
        "unused": own["supplied"].shape,
        "pledged_miners": (pledging, MINER_COUNT),
        "pledged_merchant": (pledging, RACK_KIND_COUNT),
        "pledged_spot": (pledging,),
        "pledged_battery": (products, len(batteries)),
    }
    places, width = _laid_end_to_end(tuple(shapes.items()))
    return Columns(**places, **own, metered=metered, hedged=hedged, resting=resting, width=width)


@lru_cache(maxsize=8)
def _laid_end_to_end(shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> tuple[dict[str, Ints], int]:
    """Number the places of variables by their names and shapes, and count them."""
    places: dict[str, Ints] = {}
    first = 0
    for name, shape in shapes:
        size = prod(shape)
        places[name] = sealed(np.arange(first, first + size).reshape(shape))
        first += size
    return places, first


def _contract_sites(contract: PowerContract | None) -> dict[str, Ints]:
    """List the sites and charges that a power contract has columns for."""
    none = np.zeros(0, dtype=np.int64)
    if contract is None:
        return dict.fromkeys(("batteries", "feeding", "billed", "billed_site", "supplied", "cycled"), none)
    cycles = None if contract.battery is None else contract.battery.cycles
    return {
        "batteries": contract.battery_sites,
        "feeding": contract.feeding_sites,
        "billed": contract.billed,
        "billed_site": none if contract.demand_charge is None else contract.demand_charge.site[contract.billed],
        "supplied": none if contract.supply is None else contract.supply.site,
        "cycled": none if cycles is None else np.intersect1d(cycles.site, contract.battery_sites),
    }
