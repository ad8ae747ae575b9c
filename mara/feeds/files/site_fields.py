"""Fields of a site's climate and market in a fleet file, and their bounds."""

from collections.abc import Mapping
from typing import Final

from mara.core.fleet import Site
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH
from mara.errors import ConfigError
from mara.spelling import nearest

Bounds = tuple[float, float]

CLIMATE_BOUNDS: Final[dict[str, Bounds]] = {
    "mean_dry_bulb_c": (-30.0, 40.0),
    "seasonal_amplitude_c": (0.0, 30.0),
    "daily_amplitude_c": (0.0, 15.0),
    "noise_sd_c": (0.0, 10.0),
    "warmest_day": (0.0, 366.0),
    "mean_humidity_share": (0.0, 1.0),
    "humidity_slope_share_per_c": (-0.1, 0.1),
    "humidity_sd_share": (0.0, 0.5),
    "most_dew_point_c": (-40.0, 35.0),
}
"""Lowest and highest value of each field of [site.climate]."""
_PRICE: Final = (MIN_PRICE_USD_PER_MWH, MAX_PRICE_USD_PER_MWH)
_SHARE: Final = (0.0, 1.0)
MARKET_BOUNDS: Final[dict[str, Bounds]] = {
    "mean_price_usd_per_mwh": _PRICE,
    "median_price_usd_per_mwh": _PRICE,
    "negative_share": _SHARE,
    "zero_share": _SHARE,
    "spike_price_usd_per_mwh": _PRICE,
    "min_price_usd_per_mwh": _PRICE,
    "max_price_usd_per_mwh": _PRICE,
    "within_hour_sd_share": _SHARE,
    "mean_carbon_g_per_kwh": (0.0, 2_000.0),
    "mean_renewable_share": _SHARE,
}
"""Lowest and highest value of each number of [site.market]; all are optional."""
SHAPE_FIELD: Final = "shape"
"""Text field of [site.market]: the name of a fitted market shape."""


def climate_fields(site: Site) -> dict[str, float]:
    """Return the climate fields that the site gives, checked.

    Raises:
        ConfigError: a field is unknown, or a number is out of its bounds.
    """
    return _checked(site, "climate", site.climate, CLIMATE_BOUNDS)


def market_fields(site: Site) -> dict[str, float]:
    """Return the numeric market fields that the site gives, checked.

    Raises:
        ConfigError: a field is unknown, or a number is out of its bounds.
    """
    numbers = {key: value for key, value in site.market.items() if key != SHAPE_FIELD}
    return _checked(site, "market", numbers, MARKET_BOUNDS)


def _checked(
    site: Site, table: str, fields: Mapping[str, float | str], bounds: Mapping[str, Bounds]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in fields.items():
        if key not in bounds:
            near = nearest(key, bounds, least_share=0.0)
            raise ConfigError(
                f"site {site.id!r} {table}.{key} is not a field of [site.{table}]; the nearest is {near}: "
                f"correct or remove it (known: {', '.join(bounds)})"
            )
        least, most = bounds[key]
        if isinstance(value, str) or not least <= value <= most:
            expected = f"a number from {least:,g} to {most:,g}"
            raise ConfigError(f"site {site.id!r} {table}.{key} should be {expected}, came {value!r}: correct it")
        found[key] = float(value)
    return found
