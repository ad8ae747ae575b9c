"""A market's price curve brought to the level of a site: its mean, median, negative hours, spikes, floor and cap."""

from collections.abc import Callable
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.fleet import Site
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH
from mara.errors import ConfigError

LEVEL_KEYS: Final = (
    "mean_price_usd_per_mwh",
    "median_price_usd_per_mwh",
    "negative_share",
    "zero_share",
    "spike_price_usd_per_mwh",
    "min_price_usd_per_mwh",
    "max_price_usd_per_mwh",
)
"""What [site.market] may say of a price level; a market says any of it, or nothing to keep the measured one."""
MOST_STRETCH: Final = 1e3
HALVINGS: Final = 60
"""Of the interval in which the stretch is sought: far below a cent."""
CLOSE_SHARE: Final = 0.005
"""A mean is reached when it is hit this closely."""


def price_curve(probability_share: Floats, price_usd_per_mwh: Floats, site: Site) -> Floats:
    """The site's own curve (Q,) out of its shape's: rising prices at cumulated probabilities.

    1. Shifted so that `negative_share` (or `zero_share`) of the hours lie below zero.
    2. The half below the median is scaled to `median_price_usd_per_mwh`; without one there is nothing to keep.
    3. What lies above is stretched until the mean is `mean_price_usd_per_mwh`. Where `spike_price_usd_per_mwh` says how
       high the year's top goes, it is bent (a power of the excess) instead of stretched.
    4. Cut at zero (`zero_share`), `min_price_usd_per_mwh` and `max_price_usd_per_mwh`.

    Raises:
        ConfigError: a level that contradicts itself.
    """
    market = {key: _number_of(site, key) for key in LEVEL_KEYS if key in site.market}
    floor, cap = _bounds_of(market)
    below = market.get("negative_share", market.get("zero_share"))
    shift = 0.0 if below is None else float(np.interp(below, probability_share, price_usd_per_mwh))
    shifted = price_usd_per_mwh - shift
    base, excess, scale = _halves_of(shifted, float(np.interp(0.5, probability_share, shifted)), market)
    top = float(excess[-1])
    if "spike_price_usd_per_mwh" in market and top > 0.0:
        height = market["spike_price_usd_per_mwh"] - float(base[-1])

        def curve(stretch: float) -> Floats:
            bent = np.sign(excess) * height * (np.abs(excess) / top) ** (1.0 / stretch)
            return np.clip(base + bent, floor, cap)

    else:

        def curve(stretch: float) -> Floats:
            return np.clip(base + stretch * excess, floor, cap)

    if "mean_price_usd_per_mwh" not in market:
        return sealed(curve(scale))
    return sealed(_curve_of_mean(curve, market["mean_price_usd_per_mwh"], probability_share, site))


def mean_of_curve(probability_share: Floats, price_usd_per_mwh: Floats) -> float:
    """The mean price of a curve [USD/MWh]."""
    covered = probability_share[-1] - probability_share[0]
    return float(np.trapezoid(price_usd_per_mwh, probability_share) / covered)


def _halves_of(shifted: Floats, median: float, market: dict[str, float]) -> tuple[Floats, Floats, float]:
    """What stays fixed, what is stretched, and the stretch that changes nothing."""
    if "median_price_usd_per_mwh" not in market:
        return np.zeros_like(shifted), shifted, 1.0
    scale = market["median_price_usd_per_mwh"] / median if median > 0.0 else 1.0
    return np.minimum(shifted, median) * scale, np.maximum(shifted - median, 0.0), scale


def _curve_of_mean(curve: Callable[[float], Floats], mean: float, probability_share: Floats, site: Site) -> Floats:
    least, most = 1.0 / MOST_STRETCH, MOST_STRETCH
    for _ in range(HALVINGS):
        middle = (least * most) ** 0.5
        if mean_of_curve(probability_share, curve(middle)) < mean:
            least = middle
        else:
            most = middle
    found = curve((least * most) ** 0.5)
    if abs(mean_of_curve(probability_share, found) - mean) <= CLOSE_SHARE * abs(mean):
        return found
    raise ConfigError(
        f"site {site.id!r} market.mean_price_usd_per_mwh cannot be {mean:g} with the median, negative hours, floor and "
        "cap given: bring them closer together"
    )


def _bounds_of(market: dict[str, float]) -> tuple[float, float]:
    floor = market.get("min_price_usd_per_mwh", 0.0 if "zero_share" in market else MIN_PRICE_USD_PER_MWH)
    cap = market.get("max_price_usd_per_mwh", MAX_PRICE_USD_PER_MWH)
    return max(floor, MIN_PRICE_USD_PER_MWH), min(cap, MAX_PRICE_USD_PER_MWH)


def _number_of(site: Site, key: str) -> float:
    value = site.market[key]
    if isinstance(value, str):
        raise ConfigError(f"site {site.id!r} market.{key} should be a number, came {value!r}: correct it")
    return value
