"""Honest forecasts from the last day alone: the same hour of the last 24 known ones, set to the present level."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.units import HOURS_PER_DAY

PRICE_LEVEL_HALF_LIFE_H: Final = 1.5
CARBON_LEVEL_HALF_LIFE_H: Final = 8.0
WEATHER_LEVEL_HALF_LIFE_H: Final = 6.0
"""How long the difference between now and this time yesterday is expected to last; measured, decision record 0021."""
MOST_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lead:
    """What the next hours repeat, and how much of today's level they keep; row 0 is the present.

    Attributes:
        back_rows: the row that stands for each hour, relative to the present (H,).
        price_level_share: of a real-time price's difference from yesterday (H, 1).
        level_share: of the same difference of carbon intensity, dry bulb and wet bulb (3, H, 1).
    """

    back_rows: Ints
    price_level_share: Floats
    level_share: Floats


@lru_cache(maxsize=MOST_REMEMBERED)
def lead_of(hours: int) -> Lead:
    """The lead of a forecast of that many hours."""
    ahead = np.arange(hours)
    back = ahead - HOURS_PER_DAY * -(-ahead // HOURS_PER_DAY)
    # hours that repeat the present itself are on its level already
    is_older = (back < 0).astype(np.float64)
    half_lives = np.array([PRICE_LEVEL_HALF_LIFE_H, CARBON_LEVEL_HALF_LIFE_H, *2 * (WEATHER_LEVEL_HALF_LIFE_H,)])
    share = is_older * 0.5 ** (ahead / half_lives[:, None])
    return Lead(back_rows=back, price_level_share=sealed(share[0, :, None]), level_share=sealed(share[1:, :, None]))


def rows_until(first_row: int, hours: int, known_until_rows: Ints) -> Ints:
    """Which row stands for each hour at each site (H, S), known up to a row of its own at each site (S,).

    Known rows stand for themselves, later ones repeat the last 24 known.
    """
    rows = np.arange(first_row, first_row + hours)[:, None]
    beyond = rows - known_until_rows
    return np.where(beyond < 0, rows, beyond % HOURS_PER_DAY + (known_until_rows - HOURS_PER_DAY))
