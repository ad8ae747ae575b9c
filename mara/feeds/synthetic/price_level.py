"""A market's price curve brought to the level of a site: its mean, median, negative hours, spikes, floor and cap."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.fleet import Site
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH
from mara.errors import ConfigError
from mara.feeds.files.site_fields import market_fields

MOST_STRETCH: Final = 1e3
HALVINGS: Final = 60
"""Of the interval in which the stretch is sought: far below a cent."""
SPIKES_FROM_SHARE: Final = 0.998
CLOSE_SHARE: Final = 0.005
"""A mean is reached when it is hit this closely."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceCurve:
    """Rising prices at rising scores, and how probable a lower one is, all (Q,)."""

    probability_share: Floats
    score: Floats
    price_usd_per_mwh: Floats

    @property
    def mean_usd_per_mwh(self) -> float:
        """Mean price over the whole distribution."""
        covered = self.probability_share[-1] - self.probability_share[0]
        return float(np.trapezoid(self.price_usd_per_mwh, self.probability_share) / covered)

    def quantile_usd_per_mwh(self, probability: float) -> float:
        """The price below which that share of hours lies."""
        return float(np.interp(probability, self.probability_share, self.price_usd_per_mwh))

    def with_knot(self, probability: float) -> "PriceCurve":
        """The same line with one more point on it, where a cut is going to bend it."""
        at = int(np.searchsorted(self.probability_share, probability))
        score = np.interp(probability, self.probability_share, self.score)
        return PriceCurve(
            probability_share=np.insert(self.probability_share, at, probability),
            score=np.insert(self.score, at, score),
            price_usd_per_mwh=np.insert(self.price_usd_per_mwh, at, self.quantile_usd_per_mwh(probability)),
        )

    def with_prices(self, price_usd_per_mwh: Floats) -> "PriceCurve":
        """Other prices at the same scores."""
        return replace(self, price_usd_per_mwh=price_usd_per_mwh)


def levelled(measured: PriceCurve, site: Site) -> PriceCurve:
    """The site's own curve out of its shape's.

    1. Shifted so that `negative_share` (or `zero_share`) of the hours lie below zero.
    2. The half below the median is scaled to `median_price_usd_per_mwh`; without one there is nothing to keep.
    3. What lies above is stretched until the mean is `mean_price_usd_per_mwh`. `spike_price_usd_per_mwh` is what the
       dearest hour of a year costs: the dearest two in a thousand are lifted towards it.
    4. Cut at zero (`zero_share`), `min_price_usd_per_mwh` and `max_price_usd_per_mwh`.

    Raises:
        ConfigError: a level that contradicts itself.
    """
    market = market_fields(site)
    floor, cap = _bounds_of(market, site)
    below = market.get("negative_share", market.get("zero_share"))
    if below is not None:
        measured = measured.with_knot(below)
        measured = measured.with_prices(measured.price_usd_per_mwh - measured.quantile_usd_per_mwh(below))
    base, excess, scale = _halves_of(measured, market)
    spike = market.get("spike_price_usd_per_mwh")
    rise = np.interp(measured.probability_share, (SPIKES_FROM_SHARE, measured.probability_share[-1]), (0.0, 1.0))

    def stretched(stretch: float) -> PriceCurve:
        price = base + stretch * excess
        if spike is not None:
            price = price * (1.0 + rise * (spike / price[-1] - 1.0))
        return measured.with_prices(np.clip(price, floor, cap))

    if "mean_price_usd_per_mwh" not in market:
        return stretched(scale)
    return _of_mean(stretched, market["mean_price_usd_per_mwh"], site)


def _halves_of(curve: PriceCurve, market: dict[str, float]) -> tuple[Floats, Floats, float]:
    """What stays fixed, what is stretched, and the stretch that changes nothing."""
    price = curve.price_usd_per_mwh
    if "median_price_usd_per_mwh" not in market:
        return np.zeros_like(price), price, 1.0
    median = curve.quantile_usd_per_mwh(0.5)
    scale = market["median_price_usd_per_mwh"] / median if median > 0.0 else 1.0
    return np.minimum(price, median) * scale, np.maximum(price - median, 0.0), scale


def _of_mean(stretched: Callable[[float], PriceCurve], mean: float, site: Site) -> PriceCurve:
    least, most = 1.0 / MOST_STRETCH, MOST_STRETCH
    for _ in range(HALVINGS):
        middle = (least * most) ** 0.5
        if stretched(middle).mean_usd_per_mwh < mean:
            least = middle
        else:
            most = middle
    found = stretched((least * most) ** 0.5)
    if abs(found.mean_usd_per_mwh - mean) <= CLOSE_SHARE * abs(mean):
        return found
    raise ConfigError(
        f"site {site.id!r} market.mean_price_usd_per_mwh cannot be {mean:g} with the median, negative hours, floor and "
        "cap given: bring them closer together"
    )


def _bounds_of(market: dict[str, float], site: Site) -> tuple[float, float]:
    floor = market.get("min_price_usd_per_mwh", 0.0 if "zero_share" in market else MIN_PRICE_USD_PER_MWH)
    cap = market.get("max_price_usd_per_mwh", MAX_PRICE_USD_PER_MWH)
    if floor <= cap:
        return floor, cap
    raise ConfigError(
        f"site {site.id!r} market.max_price_usd_per_mwh should be at least the lowest price, {floor:g}, came {cap:g}: "
        "correct it"
    )
