"""Synthetic hashprice: one global price, mean-reverting in logarithms.

A discrete Ornstein-Uhlenbeck process of daily values, joined by smoothstep, 3t^2 - 2t^3.
Chosen: mean, half-life and standard deviation; mara/data/SOURCES.md gives the reasons.
"""

from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.units import HOURS_PER_DAY
from mara.feeds.synthetic.draws import Decay, RandomStream, Series

MEAN_HASHPRICE_USD_PER_PH_DAY: Final = 55.0
HALF_LIFE_DAYS: Final = 60.0
STATIONARY_SD_SHARE: Final = 0.12
"""Long-run standard deviation of the hashprice's logarithm."""
DAYS: Final = Series((Decay(half_life_rows=HALF_LIFE_DAYS, doublings=10),))


def hashprices(seed: int, first: int, end: int) -> Floats:
    """Draw the hashprice of hours ``[first, end)`` counted from 1970 UTC (N,).

    In USD/PH/day.
    """
    hours = np.arange(first, end)
    first_day, end_day = first // HOURS_PER_DAY, (end - 1) // HOURS_PER_DAY + 2
    level = DAYS.drawn(seed, RandomStream.HASHPRICE, first_day, end_day, 1)[:, 0]
    day = hours // HOURS_PER_DAY - first_day
    passed = hours % HOURS_PER_DAY / HOURS_PER_DAY
    passed = passed * passed * (3.0 - 2.0 * passed)
    logarithm = (1.0 - passed) * level[day] + passed * level[day + 1]
    centre = np.log(MEAN_HASHPRICE_USD_PER_PH_DAY) - STATIONARY_SD_SHARE**2 / 2.0
    return sealed(np.exp(centre + STATIONARY_SD_SHARE * logarithm))


def expected_hashprices(present_usd_per_ph_day: float, hours: int) -> Floats:
    """Forecast the hashprice of the next hours from the present one (H,).

    The distance of its logarithm from the mean's halves every `HALF_LIFE_DAYS`; row 0 is the present. In USD/PH/day.
    """
    remains = 0.5 ** (np.arange(hours) / (HALF_LIFE_DAYS * HOURS_PER_DAY))
    away_share = present_usd_per_ph_day / MEAN_HASHPRICE_USD_PER_PH_DAY
    return np.asarray(MEAN_HASHPRICE_USD_PER_PH_DAY * away_share**remains)
