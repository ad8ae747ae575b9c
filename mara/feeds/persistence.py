"""Persistence forecasts: repeat the last known day, shifted to today's level.

The same hour of the day before is a seasonal naive forecast; today's difference from it fades with a half-life.

Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2,
https://otexts.com/fpp3/simple-methods.html ; half-lives are measured, decision 0021.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.units import HOURS_PER_DAY

PRICE_LEVEL_HALF_LIFE_H: Final = 1.5
CARBON_LEVEL_HALF_LIFE_H: Final = 8.0
WEATHER_LEVEL_HALF_LIFE_H: Final = 6.0
"""Half-life of the difference between now and this time yesterday, in hours.

Dry bulb and wet bulb share the third. Measured: decision 0021.
"""
MOST_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lead:
    """Rows that a forecast repeats, and the part of today's difference that it keeps.

    Row 0 is the present.

    Attributes:
        back_rows: the row that stands for each hour, relative to the present (H,).
        price_level_share: part kept of a real-time price's difference from yesterday (H, 1).
        level_share: the same for carbon intensity, dry bulb and wet bulb (3, H, 1).
    """

    back_rows: Ints
    price_level_share: Floats
    level_share: Floats


@lru_cache(maxsize=MOST_REMEMBERED)
def lead_of(hours: int) -> Lead:
    """Return the lead of a forecast of that many hours."""
    ahead = np.arange(hours)
    back = ahead - HOURS_PER_DAY * -(-ahead // HOURS_PER_DAY)
    # hours that repeat the present itself are on its level already
    is_older = (back < 0).astype(np.float64)
    half_lives = np.array([PRICE_LEVEL_HALF_LIFE_H, CARBON_LEVEL_HALF_LIFE_H, *2 * (WEATHER_LEVEL_HALF_LIFE_H,)])
    share = is_older * 0.5 ** (ahead / half_lives[:, None])
    return Lead(back_rows=back, price_level_share=sealed(share[0, :, None]), level_share=sealed(share[1:, :, None]))


def rows_until(first_row: int, hours: int, known_until_rows: Ints) -> Ints:
    """Return the row that stands for each hour at each site (H, S).

    Rows before a site's `known_until_rows` (S,) stand for themselves; later ones repeat its last 24 known rows.
    """
    rows = np.arange(first_row, first_row + hours)[:, None]
    beyond = rows - known_until_rows
    return np.where(beyond < 0, rows, beyond % HOURS_PER_DAY + (known_until_rows - HOURS_PER_DAY))
