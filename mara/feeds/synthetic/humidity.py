"""Wet bulb of whole arrays: PsychroLib's answer, tabulated once and read between the lines."""

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
    """Wet bulb at sea-level pressure, of any shape, never above the dry bulb; outside -50 to 60 C as at the edge.

    Within 0.01 C of `mara.core.climate.wet_bulb_c`. Around 0 C that function itself jumps by up to 0.6 C, where it
    changes from water to ice, and the table joins the two sides by a line.
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
    """Wet bulb by dry bulb and humidity; a tenth of a second to make."""
    dry_bulbs = np.arange(COLDEST_C, HOTTEST_C + TABLE_STEP_C / 2, TABLE_STEP_C)
    humidities = np.linspace(0.0, 1.0, HUMIDITY_STEPS + 1)
    return sealed(np.array([[wet_bulb_c(float(t), float(h)) for h in humidities] for t in dry_bulbs]))
