"""Derived values: carbon of a generation mix, wet bulb of humidity or dew point."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.feeds.synthetic.humidity import wet_bulbs_c

CARBON_G_PER_KWH: Final[Mapping[str, float]] = {
    "coal_mw": 820.0,
    "gas_mw": 490.0,
    "oil_mw": 650.0,
    "nuclear_mw": 12.0,
    "hydro_mw": 24.0,
    "river_mw": 24.0,
    "solar_mw": 48.0,
    "solar_alone_mw": 48.0,
    "solar_stored_mw": 48.0,
    "wind_mw": 11.0,
    "wind_alone_mw": 11.0,
    "wind_stored_mw": 11.0,
    "geothermal_mw": 38.0,
    "other_mw": 230.0,
    "unknown_mw": 490.0,
}
"""Median life-cycle emissions of each source [g CO2eq/kWh].

Oil is set by its ratio to gas; other sources count as biomass, unknown ones as gas.

Source: IPCC AR5 WG3 (2014), annex III, table A.III.2, https://www.ipcc.ch/report/ar5/wg3/.
"""
RENEWABLE: Final = ("hydro", "river", "solar", "wind", "geothermal")
"""Prefixes of the names of sources that count as renewable."""
MAGNUS_B: Final = 17.625
MAGNUS_C: Final = 243.04
"""Coefficients of the saturation pressure over water [C].

Source: Alduchov and Eskridge (1996), https://doi.org/10.1175/1520-0450(1996)035<0601:IMFAOS>2.0.CO;2.
"""


def mix_of(generation_mw: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Carbon intensity [g/kWh] and renewable share of net generation by source (N,).

    NaN where no source runs. A source that takes up energy, such as pumped storage, counts as no generation.
    """
    names = [name for name in CARBON_G_PER_KWH if name in generation_mw]
    running = np.stack([np.maximum(np.nan_to_num(generation_mw[name]), 0.0) for name in names])
    total = running.sum(axis=0)
    total = np.where(total > 0.0, total, np.nan)
    carbon = np.array([CARBON_G_PER_KWH[name] for name in names]) @ running / total
    renewable = running[[name.startswith(RENEWABLE) for name in names]].sum(axis=0) / total
    return np.asarray(carbon), np.asarray(renewable)


def humidity_of_dew_point(dry_bulb_c: Floats, dew_point_c: Floats) -> Floats:
    """Relative humidity [0..1] from temperatures (N,) [C], by the Magnus formula.

    The source of its coefficients is at `MAGNUS_C`.
    """

    def saturation(temperature_c: Floats) -> Floats:
        return np.asarray(np.exp(MAGNUS_B * temperature_c / (MAGNUS_C + temperature_c)))

    return np.minimum(saturation(dew_point_c) / saturation(dry_bulb_c), 1.0)


def wet_bulb_of(dry_bulb_c: Floats, values: Mapping[str, Floats]) -> Floats | None:
    """The wet bulb (N,) [C], as given or from humidity or dew point; None without any."""
    if "wet_bulb_c" in values:
        return np.minimum(values["wet_bulb_c"], dry_bulb_c)
    if "humidity_share" in values:
        return wet_bulbs_c(dry_bulb_c, values["humidity_share"])
    if "dew_point_c" in values:
        return wet_bulbs_c(dry_bulb_c, humidity_of_dew_point(dry_bulb_c, values["dew_point_c"]))
    return None
