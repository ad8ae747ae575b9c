"""Wet bulb of whole arrays, interpolated in a table of PsychroLib's values.

Source: PsychroLib, GetTWetBulbFromRelHum, https://psychrometrics.github.io/psychrolib/api_docs.html
"""

from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.climate import wet_bulb_c

COLDEST_C: Final = -50.0
HOTTEST_C: Final = 60.0
TABLE_STEP_C: Final = 1.0
HUMIDITY_STEPS: Final = 40


def wet_bulbs_c(dry_bulb_c: Floats, relative_humidity_share: Floats) -> Floats:
    """Compute the wet bulb at sea-level pressure, never above the dry bulb.

    Arrays of any shape. Below -50 C and above 60 C the values at the edge of the table hold. The result is within 0.01
    C of `mara.core.climate.wet_bulb_c`, except around 0 C, where that function jumps by up to 0.6 C from water to ice
    and the table joins the two sides by a line.
    """
    table = _table()
    rows, columns = table.shape
    row = np.clip((dry_bulb_c - COLDEST_C) / TABLE_STEP_C, 0.0, rows - 1.001)
    column = np.clip(relative_humidity_share * HUMIDITY_STEPS, 0.0, columns - 1.001)
    i, j = row.astype(np.int64), column.astype(np.int64)
    down, right = row - i, column - j
    upper = (1.0 - right) * table[i, j] + right * table[i, j + 1]
    lower = (1.0 - right) * table[i + 1, j] + right * table[i + 1, j + 1]
    return np.minimum((1.0 - down) * upper + down * lower, dry_bulb_c)


@lru_cache(maxsize=1)
def _table() -> Floats:
    """Tabulate the wet bulb by dry bulb and humidity, which takes a tenth of a second."""
    dry_bulbs = np.arange(COLDEST_C, HOTTEST_C + TABLE_STEP_C / 2, TABLE_STEP_C)
    humidities = np.linspace(0.0, 1.0, HUMIDITY_STEPS + 1)
    return sealed(np.array([[wet_bulb_c(float(t), float(h)) for h in humidities] for t in dry_bulbs]))
