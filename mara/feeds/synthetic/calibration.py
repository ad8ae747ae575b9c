"""Fitted shapes of real power markets, read from `calibration.json`.

`scripts/fit_calibration.py` fits them once to a year of history. Model: docs/model.md#14-the-synthetic-world ; decision
0020. Data: mara/data/SOURCES.md
"""

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
"""Shape of a site that names none and was not measured: a large, liquid market."""
MONTHS_PER_YEAR: Final = 12
PROFILE: Final = (MONTHS_PER_YEAR, HOURS_PER_DAY)
SCORES: Final = ("score_mean", "score_sd", "score_weekend", "curve_score")
"""Tables of normal scores; fields of `Shape` add the unit ``_z`` to these names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """Statistics of one market's price, carbon intensity and renewable share.

    Attributes:
        lat_deg: latitude of the market; sites of the other hemisphere read its months half a year later.
        score_mean_z, score_sd_z: mean and standard deviation of the price's normal score, by month and local hour
            (12, 24).
        score_weekend_z: added to the score on Saturday and Sunday, by local hour (24,).
        component_share: variance of the score's noise by component, adding up to 1 (`prices.COMPONENTS`).
        curve_score_z, curve_price_usd_per_mwh: points of the rising line from score to price (Q,).
        carbon_g_per_kwh, renewable_share: means by month and local hour (12, 24).
        carbon_sd_share: standard deviation of the carbon noise, relative to the mean.
        renewable_sd_share: standard deviation of the renewable share's noise.
        price_carbon_share: correlation of the carbon noise with the price noise, -1 to 1.
        carbon_renewable_share: correlation of the renewable noise with the carbon noise, -1 to 1.
        climate: fields as in [site.climate] of a fleet file.
    """

    name: str
    lat_deg: float
    score_mean_z: Floats
    score_sd_z: Floats
    score_weekend_z: Floats
    component_share: Floats
    curve_score_z: Floats
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
    """All fitted shapes by name.

    Attributes:
        probability_share: cumulative probabilities of the points of every price curve (Q,).
    """

    probability_share: Floats
    shapes: dict[str, Shape]


@lru_cache(maxsize=1)
def read_calibration() -> Calibration:
    """Read the calibration that comes with Mara."""
    raw = json.loads((files("mara") / "data" / CALIBRATION_FILE).read_text(encoding="utf-8"))
    return calibration_of(raw)


def calibration_of(raw: dict[str, Any]) -> Calibration:
    """Check the tables of a calibration file and convert them to arrays."""
    probability = floats(raw["probability_share"], (len(raw["probability_share"]),), "probability_share")
    shapes = {name: _shape_of(name, table, len(probability)) for name, table in raw["shapes"].items()}
    return Calibration(probability_share=probability, shapes=shapes)


def shape_of(site: Site, shapes: dict[str, Shape]) -> Shape:
    """Return the shape that a site names.

    Without a name it is the shape measured at the site, else the default.

    Raises:
        ConfigError: the site names a shape that does not exist.
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
    fields = {f"{key}_z" if key in SCORES else key: value for key, value in (table | arrays).items()}
    return Shape(name=name, **fields)
