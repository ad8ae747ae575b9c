"""What weather does to a site: PUE by cooling kind, derating of miners, water use, wet bulb.

The PUE model is parametric, inside published ranges (industry mean 1.54, Uptime Institute 2024; air-cooled mining 1.1
to 1.5;
immersion 1.03 to 1.10; Google fleet 1.10): it is no measurement of any one building.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import psychrolib

from mara.core.arrays import Bools, Floats
from mara.core.fleet import WORKLOAD_COUNT, Cooling, Fleet, Workload
from mara.core.units import KELVIN_AT_0_C

CHILLED_WATER_K: Final = 285.0
CONDENSER_APPROACH_C: Final = 12.0
CARNOT_SHARE: Final = 0.4
MAX_COP_SHARE: Final = 9.0
FREE_COOLING_LIFT_K: Final = 12.67
"""At or below this lift the compressor idles at its best COP."""
AIR_MINER_DERATE_FROM_C: Final = 35.0
AIR_MINER_DERATE_TO_C: Final = 45.0
AIR_MINER_OFF_C: Final = 47.0
IMMERSION_OFF_C: Final = 50.0
SEA_LEVEL_PA: Final = 101_325.0

psychrolib.SetUnitSystem(psychrolib.SI)


def pue_of(dry_bulb_c: Floats, wet_bulb_c: Floats, fleet: Fleet) -> Floats:
    """PUE of every workload; leading axes of the weather (..., S) are kept: (..., S, K)."""
    air = air_pue(dry_bulb_c)
    liquid = liquid_pue(wet_bulb_c)
    immersion = immersion_pue(dry_bulb_c)
    pue = np.empty((*dry_bulb_c.shape, WORKLOAD_COUNT))
    pue[..., Workload.AIR_MINER] = air
    pue[..., Workload.HYDRO_MINER] = liquid
    pue[..., Workload.IMMERSION_MINER] = immersion
    racks = air
    for cooling, there in _rack_cooling(fleet):
        if cooling is Cooling.MECHANICAL:
            racks = np.where(there, mechanical_pue(dry_bulb_c), racks)
        else:
            racks = np.where(there, immersion if cooling is Cooling.IMMERSION else liquid, racks)
    pue[..., Workload.GPU] = racks
    pue[..., Workload.ASIC] = racks
    return pue


def air_pue(dry_bulb_c: Floats) -> Floats:
    """Free air and air: fans that work harder above 18 C, and much harder above 27 C (ASHRAE recommended limit)."""
    return np.asarray(np.interp(dry_bulb_c, _AIR_KNOTS_C, _AIR_KNOTS_PUE))


def liquid_pue(wet_bulb_c: Floats) -> Floats:
    """Liquid loop, evaporative and hydro: the tower's approach follows the wet bulb."""
    return np.asarray(1.08 + 0.006 * np.maximum(wet_bulb_c - 15.0, 0.0))


def immersion_pue(dry_bulb_c: Floats) -> Floats:
    """Immersion with dry coolers."""
    return np.asarray(np.interp(dry_bulb_c, _IMMERSION_KNOTS_C, _IMMERSION_KNOTS_PUE))


def mechanical_pue(dry_bulb_c: Floats) -> Floats:
    """Mechanical AC: 1.08 + 1/COP, COP a share of Carnot that falls with heat, at most 9."""
    lift_k = dry_bulb_c + (KELVIN_AT_0_C + CONDENSER_APPROACH_C - CHILLED_WATER_K)
    cop = np.minimum(CARNOT_SHARE * CHILLED_WATER_K / np.maximum(lift_k, FREE_COOLING_LIFT_K / 2), MAX_COP_SHARE)
    return np.asarray(1.08 + 1.0 / np.where(lift_k <= FREE_COOLING_LIFT_K, MAX_COP_SHARE, cop))


def derate_share(dry_bulb_c: Floats) -> Floats | None:
    """Share of nameplate that heat leaves (..., S, K); None while it is nowhere hot, which is nearly always.

    Air miners lose 1 %/C above 35 C, 10 % at 45, and stop at 47; immersion stops above 50.
    """
    if not np.count_nonzero(dry_bulb_c > AIR_MINER_DERATE_FROM_C):
        return None
    share = np.ones((*dry_bulb_c.shape, WORKLOAD_COUNT))
    loss = np.clip(dry_bulb_c - AIR_MINER_DERATE_FROM_C, 0.0, AIR_MINER_DERATE_TO_C - AIR_MINER_DERATE_FROM_C) / 100.0
    share[..., Workload.AIR_MINER] = np.where(dry_bulb_c >= AIR_MINER_OFF_C, 0.0, 1.0 - loss)
    share[..., Workload.IMMERSION_MINER] = np.where(dry_bulb_c > IMMERSION_OFF_C, 0.0, 1.0)
    return share


def wet_bulb_c(dry_bulb_c: float, relative_humidity_share: float, pressure_pa: float = SEA_LEVEL_PA) -> float:
    """Wet bulb from dry bulb and humidity by PsychroLib (ASHRAE Handbook Fundamentals 2017, ch. 1).

    Slow (an iteration in Python): feeds tabulate it.
    """
    return float(psychrolib.GetTWetBulbFromRelHum(dry_bulb_c, relative_humidity_share, pressure_pa))


@lru_cache(maxsize=64)
def _rack_cooling(fleet: Fleet) -> tuple[tuple[Cooling, Bools], ...]:
    """Which sites cool their racks otherwise than by air: one mask (S,) for each kind that the fleet has."""
    kinds = [_MODEL_OF.get(site.cooling, site.cooling) for site in fleet.sites]
    others = (Cooling.HYDRO, Cooling.IMMERSION, Cooling.MECHANICAL)
    return tuple((cooling, np.array([kind is cooling for kind in kinds])) for cooling in others if cooling in kinds)


_MODEL_OF: Final = {Cooling.FREE_AIR: Cooling.AIR, Cooling.EVAPORATIVE: Cooling.HYDRO}
"""Kinds that share another's PUE model."""
# Beyond the last knot np.interp is flat: 100 C lies outside any weather on Earth.
_AIR_KNOTS_C: Final = np.array([18.0, 27.0, 100.0])
_AIR_KNOTS_PUE: Final = np.array([1.06, 1.06 + 0.004 * 9, 1.06 + 0.004 * 82 + 0.02 * 73])
_IMMERSION_KNOTS_C: Final = np.array([25.0, 40.0, 100.0])
_IMMERSION_KNOTS_PUE: Final = np.array([1.03, 1.03 + 0.002 * 15, 1.03 + 0.002 * 75 + 0.01 * 60])
