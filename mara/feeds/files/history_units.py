"""Whether a history's values look as if they were in another unit: asked about, never converted.

A factor of a thousand is no error that a bound on single values can find: 0.04 is a believable price in USD/MWh and the
usual one in USD/kWh. What gives it away is that no value of a site, over the whole period, is larger.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from mara.core.arrays import Floats
from mara.errors import FeedInvalid

LEAST_TOP_PRICE_USD_PER_MWH: Final = 2.0
"""A market whose dearest hours stay below this looks like USD/kWh: at 2 USD/kWh scarcity itself would be priced."""
LEAST_TOP_CARBON_G_PER_KWH: Final = 2.0
"""Hydro and nuclear power cause about 10 to 25 g/kWh over their life (IPCC AR5 WG3, annex III); coal, at 1 t/MWh, would
stay below this."""
LEAST_HASHPRICE_USD_PER_PH_DAY: Final = 2.0
"""The lowest hashprice ever was about 35 USD/PH/day; per TH it is a thousandth."""
I_MEAN_IT: Final = "if you mean it, say MARA_TRUST_UNITS=true"


def question_units(file: Path, site_ids: Sequence[str], *, price: Floats, carbon: Floats) -> None:
    """Refuse sites whose prices look like USD/kWh, or whose carbon looks like t/MWh.

    Args:
        price: of each hour and site, as if USD/MWh (H, S).
        carbon: likewise, as if g/kWh.

    Raises:
        FeedInvalid: the message names the site, what its values are like, and how to say that they are right.
    """
    _question(file, site_ids, price, _Look("price_usd_per_mwh", LEAST_TOP_PRICE_USD_PER_MWH, "USD/kWh"))
    _question(file, site_ids, carbon, _Look("carbon_g_per_kwh", LEAST_TOP_CARBON_G_PER_KWH, "t/MWh or kg/kWh"))


def question_hashprice(file: Path, hashprice: Floats) -> None:
    """Refuse a hashprice that looks like USD/TH/day (H,).

    Raises:
        FeedInvalid: as above.
    """
    top = float(hashprice.max())
    if top < LEAST_HASHPRICE_USD_PER_PH_DAY:
        raise FeedInvalid(
            f"{file}: hashprice_usd_per_ph_day is at most {top:g}, which looks like USD/TH/day: multiply by 1,000, or "
            f"{I_MEAN_IT}"
        )


class _Look(NamedTuple):
    """A column, below what its largest value looks wrong, and in which unit it then seems to be."""

    column: str
    least_top: float
    other_unit: str


def _question(file: Path, site_ids: Sequence[str], values: Floats, look: _Look) -> None:
    top = np.abs(values).max(axis=0)
    odd = np.flatnonzero((top > 0.0) & (top < look.least_top)).tolist()
    if odd:
        others = f" and of {len(odd) - 1:,} more" if len(odd) > 1 else ""
        raise FeedInvalid(
            f"{file}: {look.column} of {site_ids[odd[0]]}{others} is at most {top[odd[0]]:g}, which looks like "
            f"{look.other_unit}: multiply by 1,000, or {I_MEAN_IT}"
        )
