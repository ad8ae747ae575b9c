"""Shapes of real power markets, fitted once to history by `scripts/fit_calibration.py` and kept as small tables."""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from mara.core.arrays import Floats, floats
from mara.core.fleet import Site
from mara.core.units import HOURS_PER_DAY
from mara.errors import ConfigError
from mara.feeds.files.site_fields import SHAPE_FIELD
from mara.spelling import nearest

CALIBRATION_FILE: Final = "calibration.json"
DEFAULT_SHAPE: Final = "frankfurt-de"
"""A site that names no shape, and is none, gets that of a large liquid market."""
MONTHS_PER_YEAR: Final = 12
PROFILE: Final = (MONTHS_PER_YEAR, HOURS_PER_DAY)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """One market: how its price, carbon intensity and renewable share move. Decision record 0020 has the model.

    Attributes:
        lat_deg: where it was measured: sites of the other hemisphere take its months half a year later.
        score_mean, score_sd: normal score of the price by month and local hour (12, 24).
        score_weekend: added to the score on Saturday and Sunday, by local hour (24,).
        component_share: variance of the score's noise by component, adding up to 1 (`prices.COMPONENTS`).
        curve_score, curve_price_usd_per_mwh: the rising line that turns a score into a price (Q,).
        carbon_g_per_kwh, renewable_share: means by month and local hour (12, 24).
        carbon_sd_share: of the noise, relative to the mean.
        renewable_sd_share: of the noise, absolute.
        price_carbon_share: correlation of the carbon noise with the price noise.
        carbon_renewable_share: correlation of the renewable noise with the carbon noise; negative.
        climate: as a site's.
    """

    name: str
    lat_deg: float
    score_mean: Floats
    score_sd: Floats
    score_weekend: Floats
    component_share: Floats
    curve_score: Floats
    curve_price_usd_per_mwh: Floats
    carbon_g_per_kwh: Floats
    renewable_share: Floats
    carbon_sd_share: float
    renewable_sd_share: float
    price_carbon_share: float
    carbon_renewable_share: float
    climate: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """All fitted shapes by name, and the cumulated probabilities that every price curve is given at (Q,)."""

    probability_share: Floats
    shapes: dict[str, Shape]


@lru_cache(maxsize=1)
def read_calibration() -> Calibration:
    """The tables that come with Mara."""
    raw = json.loads((files("mara") / "data" / CALIBRATION_FILE).read_text(encoding="utf-8"))
    return calibration_of(raw)


def calibration_of(raw: dict[str, Any]) -> Calibration:
    """Tables as they stand in the file, checked."""
    probability = floats(raw["probability_share"], (len(raw["probability_share"]),), "probability_share")
    shapes = {name: _shape_of(name, table, len(probability)) for name, table in raw["shapes"].items()}
    return Calibration(probability_share=probability, shapes=shapes)


def shape_of(site: Site, shapes: dict[str, Shape]) -> Shape:
    """The shape that a site names in `market`, or the one measured there, or the default.

    Raises:
        ConfigError: it names one that does not exist.
    """
    named = site.market.get(SHAPE_FIELD, site.id if site.id in shapes else DEFAULT_SHAPE)
    if named in shapes:
        return shapes[str(named)]
    near = nearest(str(named), shapes, least_share=0.0)
    raise ConfigError(
        f"site {site.id!r} market.{SHAPE_FIELD} should be one of {', '.join(sorted(shapes))}, came {named!r}; "
        f"the nearest is {near}: correct it"
    )


def _shape_of(name: str, table: dict[str, Any], knots: int) -> Shape:
    sizes: dict[str, tuple[int, ...]] = {
        "score_mean": PROFILE,
        "score_sd": PROFILE,
        "score_weekend": (HOURS_PER_DAY,),
        "component_share": (len(table["component_share"]),),
        "curve_score": (knots,),
        "curve_price_usd_per_mwh": (knots,),
        "carbon_g_per_kwh": PROFILE,
        "renewable_share": PROFILE,
    }
    arrays = {key: floats(table[key], size, f"{name} {key}") for key, size in sizes.items()}
    return Shape(name=name, **{**table, **arrays})
