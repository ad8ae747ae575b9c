"""Synthetic carbon intensity and renewable share of each site's grid.

Each is a profile by month and local hour plus noise. Wind and sun move price, carbon and renewables together, so the
carbon noise is correlated with the price noise, and the renewable noise with the carbon noise (negatively).

Model: docs/model.md#14-the-synthetic-world ; decision 0020. Data: mara/data/SOURCES.md
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.fleet import Fleet
from mara.feeds.files.site_fields import market_fields
from mara.feeds.synthetic.calibration import MONTHS_PER_YEAR, Calibration, shape_of
from mara.feeds.synthetic.draws import Decay, RandomStream, Series
from mara.feeds.synthetic.local_hours import LocalHours
from mara.feeds.synthetic.prices import month_shifts

MEMORY: Final = Series((Decay(half_life_rows=18.0, doublings=7), Decay(half_life_rows=2.0, doublings=4)))
LEAST_CARBON_RATIO: Final = 0.1
MOST_CARBON_RATIO: Final = 2.5
"""Bounds of carbon intensity over its profile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixHours:
    """Grid mix by hour and site (N, S)."""

    carbon_intensity_g_per_kwh: Floats
    renewable_share: Floats


class GridMix:
    """Carbon intensity and renewable share at all sites of a fleet.

    Hours are counted from 1970 UTC.
    """

    def __init__(self, fleet: Fleet, calibration: Calibration, seed: int) -> None:
        shapes = [shape_of(site, calibration.shapes) for site in fleet.sites]
        self._seed = seed
        self._site = np.arange(fleet.site_count)
        self._month_shift = month_shifts(fleet, shapes)
        carbon = np.stack([shape.carbon_g_per_kwh for shape in shapes])
        renewable = np.stack([shape.renewable_share for shape in shapes])
        carbon_mean, renewable_mean = carbon.mean(axis=(1, 2)), renewable.mean(axis=(1, 2))
        carbon_level = _levels(fleet, "mean_carbon_g_per_kwh", carbon_mean)
        renewable_level = _levels(fleet, "mean_renewable_share", renewable_mean)
        self._carbon = carbon * (carbon_level / carbon_mean)[:, None, None]
        # Shares near 0 or 1 swing less: scale by the standard deviation of a Bernoulli variable with that share.
        spread = renewable_level * (1.0 - renewable_level) / (renewable_mean * (1.0 - renewable_mean))
        swing = np.minimum(1.0, np.sqrt(spread))
        away = renewable - renewable_mean[:, None, None]
        self._renewable = renewable_level[:, None, None] + swing[:, None, None] * away
        self._carbon_sd = np.array([shape.carbon_sd_share for shape in shapes])
        self._renewable_sd = swing * np.array([shape.renewable_sd_share for shape in shapes])
        self._price_carbon = np.array([shape.price_carbon_share for shape in shapes])
        self._carbon_renewable = np.array([shape.carbon_renewable_share for shape in shapes])

    def hours(self, first: int, end: int, local: LocalHours, price_noise_z: Floats) -> MixHours:
        """Draw the mix of hours ``[first, end)`` for the given price noise (N, S)."""
        own = [MEMORY.drawn(self._seed, RandomStream.GRID_MIX, first, end, len(self._site), part) for part in range(2)]
        carbon_noise = _mixed(self._price_carbon, price_noise_z, own[0])
        renewable_noise = _mixed(self._carbon_renewable, carbon_noise, own[1])
        month = (local.month + self._month_shift) % MONTHS_PER_YEAR
        factor = np.clip(1.0 + self._carbon_sd * carbon_noise, LEAST_CARBON_RATIO, MOST_CARBON_RATIO)
        renewable = self._renewable[self._site, month, local.hour] + self._renewable_sd * renewable_noise
        return MixHours(
            carbon_intensity_g_per_kwh=sealed(self._carbon[self._site, month, local.hour] * factor),
            renewable_share=sealed(np.clip(renewable, 0.0, 1.0)),
        )


def _levels(fleet: Fleet, field: str, measured: Floats) -> Floats:
    """Return the mean given in each [site.market], else the measured one (S,)."""
    said = [market_fields(site).get(field) for site in fleet.sites]
    return np.array([mean if level is None else level for level, mean in zip(said, measured.tolist(), strict=True)])


def _mixed(correlation_share: Floats, noise_z: Floats, own_z: Floats) -> Floats:
    """Mix unit-variance noise that has the given correlation with `noise_z`."""
    return np.asarray(correlation_share * noise_z + np.sqrt(1.0 - correlation_share**2) * own_z)
