"""Effect of weather on a site: PUE by cooling kind, derating of miners, wet bulb.

PUE by cooling kind is a parametric model inside published ranges; it measures no building.
Source: industry mean 1.54, Uptime Institute Global Data Center Survey 2025,
https://intelligence.uptimeinstitute.com/resource/uptime-institute-global-data-center-survey-2025
Source: air-cooled mining 1.10 to 1.50, single-phase immersion 1.03 to 1.10,
https://d-central.tech/immersion-vs-air-cooling/
Source: Google's fleet 1.10, https://www.cnbc.com/2022/04/13/google-data-center-goal-100percent-green-energy-by-2030.html
Model: docs/model.md#2-physics
"""

from functools import lru_cache
from typing import Final

import numpy as np
import psychrolib

from mara.core.arrays import Bools, Floats, has_any
from mara.core.fleet import WORKLOAD_COUNT, Cooling, Fleet, Workload
from mara.core.units import KELVIN_AT_0_C

CHILLED_WATER_K: Final = 285.0
CONDENSER_APPROACH_C: Final = 12.0
CARNOT_SHARE: Final = 0.4
MAX_COP_RATIO: Final = 9.0
FREE_COOLING_LIFT_K: Final = 12.67
"""Lift at which 0.4 of Carnot is a COP of 9: 0.4 x 285 K / 9 [K].

At or below it the compressor idles at its best COP.
"""
AIR_MINER_DERATE_FROM_C: Final = 35.0
AIR_MINER_DERATE_TO_C: Final = 45.0
AIR_MINER_OFF_C: Final = 47.0
IMMERSION_OFF_C: Final = 50.0
SEA_LEVEL_PA: Final = 101_325.0
MOST_RACK_PUE: Final = 1.9
MOST_RACK_PUE_UP_TO_C: Final = 60.0
"""Bound on the PUE of racks, whatever cools them.

It holds while neither dry nor wet bulb exceeds that temperature.
"""

psychrolib.SetUnitSystem(psychrolib.SI)


def pue_of(dry_bulb_c: Floats, wet_bulb_c: Floats, fleet: Fleet) -> Floats:
    """PUE of every workload (..., S, K); leading axes of the weather are kept."""
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
    """PUE of air cooling: fans work harder above 18 C, and much harder above 27 C.

    Knees at 18 and 27 C: the ends of the recommended inlet range. Source: ASHRAE TC 9.9, Thermal Guidelines for Data
    Processing Environments, 5th ed., 2021, ISBN 978-1-947192-64-5. Slopes are chosen: 1.10 at 27 C, 1.29 at 35 C.
    The shape is that of the argument.
    """
    return np.asarray(np.interp(dry_bulb_c, _AIR_KNOTS_C, _AIR_KNOTS_PUE))


def liquid_pue(wet_bulb_c: Floats) -> Floats:
    """PUE of liquid, evaporative and hydro cooling: the tower follows the wet bulb.

    The shape is that of the argument.

    Chosen: 1.08 with a tower that follows the wet bulb above 15 C; 1.14 at a wet bulb of 25 C.
    """
    return np.asarray(1.08 + 0.006 * np.maximum(wet_bulb_c - 15.0, 0.0))


def immersion_pue(dry_bulb_c: Floats) -> Floats:
    """PUE of immersion with dry coolers, which follow the dry bulb.

    The shape is that of the argument.

    Chosen: 1.03 up to 25 C, 1.06 at 40 C; 1.12 at 45 C lies above the published range of 1.03 to 1.10.
    """
    return np.asarray(np.interp(dry_bulb_c, _IMMERSION_KNOTS_C, _IMMERSION_KNOTS_PUE))


def mechanical_pue(dry_bulb_c: Floats) -> Floats:
    """PUE of mechanical cooling: 1.08 + 1 / COP, which falls with heat.

    COP = 0.4 x Carnot = 0.4 Tc / (Th - Tc), Tc = 285 K chilled water, Th = dry bulb + 12 K, at most 9. Carnot's limit
    is physics; 0.4, 285 K, 12 K and 9 are chosen: PUE 1.26 at 20 C, 1.39 at 35 C, never below 1.19.
    The array may have any shape, and the result has the same.
    """
    lift_k = dry_bulb_c + (KELVIN_AT_0_C + CONDENSER_APPROACH_C - CHILLED_WATER_K)
    cop = np.minimum(CARNOT_SHARE * CHILLED_WATER_K / np.maximum(lift_k, FREE_COOLING_LIFT_K / 2), MAX_COP_RATIO)
    return np.asarray(1.08 + 1.0 / np.where(lift_k <= FREE_COOLING_LIFT_K, MAX_COP_RATIO, cop))


def derate_share(dry_bulb_c: Floats) -> Floats | None:
    """Share of nameplate power that heat leaves (..., S, K); None where it takes none.

    Air miners lose 1 % a degree above 35 C, 10 % at 45 C, and stop at 47 C; immersion stops above 50 C.
    A current air-cooled miner throttles by a tenth (490 to 440 MHz) above 40 C and switches off above 47 C; the line
    from 35 C is chosen. Source: Antminer S21 review at different ambient temperatures, BTCWire, hackernoon.com,
    2024-03-11. Chosen: immersion off above 50 C dry bulb, where a dry cooler no longer holds its fluid.
    """
    if not has_any(dry_bulb_c > AIR_MINER_DERATE_FROM_C):
        return None
    share = np.ones((*dry_bulb_c.shape, WORKLOAD_COUNT))
    loss = np.clip(dry_bulb_c - AIR_MINER_DERATE_FROM_C, 0.0, AIR_MINER_DERATE_TO_C - AIR_MINER_DERATE_FROM_C) / 100.0
    share[..., Workload.AIR_MINER] = np.where(dry_bulb_c >= AIR_MINER_OFF_C, 0.0, 1.0 - loss)
    share[..., Workload.IMMERSION_MINER] = np.where(dry_bulb_c > IMMERSION_OFF_C, 0.0, 1.0)
    return share


def wet_bulb_c(dry_bulb_c: float, relative_humidity_share: float, pressure_pa: float = SEA_LEVEL_PA) -> float:
    """Wet bulb from dry bulb and relative humidity [C]; slow, so feeds tabulate it.

    Source: PsychroLib, GetTWetBulbFromRelHum, https://psychrometrics.github.io/psychrolib/api_docs.html, after ASHRAE
    Handbook Fundamentals 2017, ch. 1, eqn 33 and 35. Sea level: 101,325 Pa, the standard atmosphere.
    """
    return float(psychrolib.GetTWetBulbFromRelHum(dry_bulb_c, relative_humidity_share, pressure_pa))


@lru_cache(maxsize=64)
def _rack_cooling(fleet: Fleet) -> tuple[tuple[Cooling, Bools], ...]:
    """Masks (S,) of the sites whose racks are cooled otherwise than by air, by kind."""
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
