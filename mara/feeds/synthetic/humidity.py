"""Wet bulb of whole arrays, interpolated in a table of PsychroLib's values.

Source: PsychroLib, GetTWetBulbFromRelHum, https://psychrometrics.github.io/psychrolib/api_docs.html
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

import mara
from mara.core.arrays import Floats, sealed

COLDEST_C: Final = -50.0
TABLE_STEP_C: Final = 1.0
DRY_BULBS_C: Final = sealed(np.arange(COLDEST_C, 60.5, TABLE_STEP_C))
HUMIDITY_STEPS: Final = 40
HUMIDITIES_SHARE: Final = sealed(np.linspace(0.0, 1.0, HUMIDITY_STEPS + 1))
TABLE: Final = Path(mara.__file__).parent / "data" / "wet_bulb_c.csv"
"""Wet bulb by dry bulb (rows) and humidity (columns).

Made by `scripts/tabulate_wet_bulbs.py`; computing it at each start took a fifth of a second.
"""


def wet_bulbs_c(dry_bulb_c: Floats, relative_humidity_share: Floats) -> Floats:
    """Compute the wet bulb at sea-level pressure, never above the dry bulb.

    Arrays of any shape. Below -50 C and above 60 C the values at the edge of the table hold. The result is within 0.01
    C of `mara.core.climate.wet_bulb_c`, except around 0 C, where that function jumps by up to 0.6 C from water to ice
    and the table joins the two sides by a line.
    """
    values = table()
    rows, columns = values.shape
    flat = values.ravel()
    row = np.clip((dry_bulb_c - COLDEST_C) / TABLE_STEP_C, 0.0, rows - 1.001)
    column = np.clip(relative_humidity_share * HUMIDITY_STEPS, 0.0, columns - 1.001)
    i, j = row.astype(np.int64), column.astype(np.int64)
    down, right = row - i, column - j
    left, at = 1.0 - right, i * columns + j
    upper = left * flat.take(at) + right * flat.take(at + 1)
    lower = left * flat.take(at + columns) + right * flat.take(at + columns + 1)
    return np.asarray(np.minimum((1.0 - down) * upper + down * lower, dry_bulb_c))


@lru_cache(maxsize=1)
def table() -> Floats:
    """Read the table, once (T, H)."""
    rows = TABLE.read_text(encoding="utf-8").splitlines()
    return sealed(np.array([[float(value) for value in row.split(",")] for row in rows]))
