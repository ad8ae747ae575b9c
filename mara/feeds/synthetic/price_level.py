"""Adjustment of a market's price curve to the mean, median and extremes of a site.

Model: docs/model.md#14-the-synthetic-world ; decision 0020. Data: mara/data/SOURCES.md
"""

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
"""Bisections in the search for a stretch: they fix the mean to far below a cent."""
SPIKES_FROM_SHARE: Final = 0.998
"""Share of hours that are cheaper than any that `spike_price_usd_per_mwh` lifts."""
CLOSE_SHARE: Final = 0.005
"""Largest relative error of a mean that counts as reached."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceCurve:
    """Prices by normal score and by cumulative probability, all rising (Q,).

    Attributes:
        probability_share: share of hours with a lower price.
        score_z: normal score of the price.
    """

    probability_share: Floats
    score_z: Floats
    price_usd_per_mwh: Floats

    @property
    def mean_usd_per_mwh(self) -> float:
        """Mean price over the distribution."""
        return _mean_by(self.probability_share)(self.price_usd_per_mwh)

    def quantile_usd_per_mwh(self, probability_share: float) -> float:
        """Return the price below which that share of hours lies."""
        return float(np.interp(probability_share, self.probability_share, self.price_usd_per_mwh))

    def with_knot(self, probability_share: float) -> "PriceCurve":
        """Return the same curve with one more point, at which a later cut bends it."""
        at = int(np.searchsorted(self.probability_share, probability_share))
        score = np.interp(probability_share, self.probability_share, self.score_z)
        return PriceCurve(
            probability_share=np.insert(self.probability_share, at, probability_share),
            score_z=np.insert(self.score_z, at, score),
            price_usd_per_mwh=np.insert(self.price_usd_per_mwh, at, self.quantile_usd_per_mwh(probability_share)),
        )

    def with_prices(self, price_usd_per_mwh: Floats) -> "PriceCurve":
        """Return a curve of other prices (N,) at the same scores."""
        return replace(self, price_usd_per_mwh=price_usd_per_mwh)


def levelled(measured: PriceCurve, site: Site) -> PriceCurve:
    """Adjust the curve of a site's shape to the fields of its [site.market].

    1. Shift it so that `negative_share` (or `zero_share`) of the hours lie below zero.
    2. Scale the half below the median to `median_price_usd_per_mwh`; without that field nothing is held fixed.
    3. Stretch the half above the median (without one, all prices) until the mean is `mean_price_usd_per_mwh`. The
       dearest two hours in a thousand are lifted towards `spike_price_usd_per_mwh`, the price of the dearest hour of a
       year.
    4. Cut at zero (`zero_share`), `min_price_usd_per_mwh` and `max_price_usd_per_mwh`.

    Raises:
        ConfigError: the fields contradict each other.
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

    def stretched(stretch_factor: float) -> Floats:
        price: Floats = base + stretch_factor * excess
        if spike is not None:
            price = price * (1.0 + rise * (spike / price[-1] - 1.0))
        return price.clip(floor, cap)

    if "mean_price_usd_per_mwh" not in market:
        return measured.with_prices(stretched(scale))
    mean_of = _mean_by(measured.probability_share)
    return measured.with_prices(_of_mean(stretched, mean_of, market["mean_price_usd_per_mwh"], site))


def _mean_by(probability_share: Floats) -> Callable[[Floats], float]:
    """Return the function that averages prices (Q,) over their probabilities (Q,).

    By the trapezoidal rule, as `np.trapezoid`; a search for a mean asks sixty times.
    """
    width_share = np.diff(probability_share)
    covered_share = probability_share[-1] - probability_share[0]
    return lambda price: float((width_share * (price[1:] + price[:-1]) / 2.0).sum() / covered_share)


def _halves_of(curve: PriceCurve, market: dict[str, float]) -> tuple[Floats, Floats, float]:
    """Split prices into a fixed and a stretched part, with the neutral stretch."""
    price = curve.price_usd_per_mwh
    if "median_price_usd_per_mwh" not in market:
        return np.zeros_like(price), price, 1.0
    median = curve.quantile_usd_per_mwh(0.5)
    scale = market["median_price_usd_per_mwh"] / median if median > 0.0 else 1.0
    return np.minimum(price, median) * scale, np.maximum(price - median, 0.0), scale


def _of_mean(
    stretched: Callable[[float], Floats], mean_of: Callable[[Floats], float], mean_usd_per_mwh: float, site: Site
) -> Floats:
    """Search the stretch at which the prices (Q,) have the given mean.

    Raises:
        ConfigError: no stretch of the curve gives that mean.
    """
    least, most = 1.0 / MOST_STRETCH, MOST_STRETCH
    for _ in range(HALVINGS):
        middle = (least * most) ** 0.5
        if mean_of(stretched(middle)) < mean_usd_per_mwh:
            least = middle
        else:
            most = middle
    found = stretched((least * most) ** 0.5)
    if abs(mean_of(found) - mean_usd_per_mwh) <= CLOSE_SHARE * abs(mean_usd_per_mwh):
        return found
    raise ConfigError(
        f"site {site.id!r} market.mean_price_usd_per_mwh cannot be {mean_usd_per_mwh:g} with the median, negative "
        "hours, floor and cap given: bring them closer together"
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
