"""Refuse history values that look as if they were in another unit.

Bounds on single values cannot find a factor of a thousand: 0.04 is a believable price in USD/MWh and a usual one in
USD/kWh. The largest value of a site over the whole period can. Nothing is converted: the operator decides.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from mara.core.arrays import Floats
from mara.errors import FeedInvalid

LEAST_TOP_PRICE_USD_PER_MWH: Final = 2.0
"""Price that a market's dearest hour exceeds, unless prices are in USD/kWh.

2 USD/kWh would be 2,000 USD/MWh, a price of scarcity.
"""
LEAST_TOP_CARBON_G_PER_KWH: Final = 2.0
"""Carbon intensity that a grid exceeds at times, unless values are in t/MWh.

Hydro and nuclear power cause about 10 to 25 g/kWh over their life cycle (IPCC AR5 WG3, annex III); coal causes about
1 t/MWh, which stays below the limit.
"""
LEAST_HASHPRICE_USD_PER_PH_DAY: Final = 2.0
"""Hashprice below which values look like USD/TH/day; the lowest was about 35."""
I_MEAN_IT: Final = "if you mean it, say MARA_TRUST_UNITS=true"


def question_units(
    file: Path, site_ids: Sequence[str], *, prices_usd_per_mwh: Mapping[str, Floats], carbon_g_per_kwh: Floats
) -> None:
    """Refuse sites whose prices look like USD/kWh, or whose carbon looks like t/MWh.

    Args:
        prices_usd_per_mwh: of each step and site (N, S), by the column's name; NaN at a site without.
        carbon_g_per_kwh: of each step and site (N, S).

    Raises:
        FeedInvalid: the message names the site, the unit its values look like, and how to confirm that they are right.
    """
    for name, price_usd_per_mwh in prices_usd_per_mwh.items():
        _question(file, site_ids, price_usd_per_mwh, _Look(name, LEAST_TOP_PRICE_USD_PER_MWH, "USD/kWh"))
    _question(
        file, site_ids, carbon_g_per_kwh, _Look("carbon_g_per_kwh", LEAST_TOP_CARBON_G_PER_KWH, "t/MWh or kg/kWh")
    )


def question_hashprice(file: Path, hashprice_usd_per_ph_day: Floats) -> None:
    """Refuse a hashprice by step (N,) that looks like USD/TH/day.

    Raises:
        FeedInvalid: the message says how to convert the values, or confirm that they are right.
    """
    top = float(hashprice_usd_per_ph_day.max())
    if top < LEAST_HASHPRICE_USD_PER_PH_DAY:
        raise FeedInvalid(
            f"{file}: hashprice_usd_per_ph_day is at most {top:g}, which looks like USD/TH/day: multiply by 1,000, or "
            f"{I_MEAN_IT}"
        )


class _Look(NamedTuple):
    """A column, the value that its maximum should exceed, and the likely other unit."""

    column: str
    least_top: float
    other_unit: str


def _question(file: Path, site_ids: Sequence[str], values: Floats, look: _Look) -> None:
    top = np.maximum(values.max(axis=0), -values.min(axis=0))
    odd = np.flatnonzero((top > 0.0) & (top < look.least_top)).tolist()
    if odd:
        others = f" and of {len(odd) - 1:,} more" if len(odd) > 1 else ""
        raise FeedInvalid(
            f"{file}: {look.column} of {site_ids[odd[0]]}{others} is at most {top[odd[0]]:g}, which looks like "
            f"{look.other_unit}: multiply by 1,000, or {I_MEAN_IT}"
        )
