"""What may be asked of the past as one number over time, and how it follows from what is stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mara.core.units import MICRO_USD_PER_USD, W_PER_MW
from mara.errors import CommandError

G_PER_T: Final = 1_000_000


class Metric(StrEnum):
    """A number over time. Of the fleet powers, money and emissions are sums over sites, the rest their means."""

    ENERGY_PRICE = "energy_price_usd_per_mwh"
    CARBON_INTENSITY = "carbon_intensity_g_per_kwh"
    RENEWABLE = "renewable_share"
    DRY_BULB = "dry_bulb_c"
    PUE = "pue"
    COOLING_EFFICIENCY = "cooling_efficiency_share"
    SITE_POWER = "site_power_mw"
    IT_POWER = "it_power_mw"
    AIR_MINER = "air_miner_mw"
    HYDRO_MINER = "hydro_miner_mw"
    IMMERSION_MINER = "immersion_miner_mw"
    GPU = "gpu_mw"
    ASIC = "asic_mw"
    CONTRACTS = "contracts_mw"
    REVENUE = "revenue_usd_per_h"
    COST = "cost_usd_per_h"
    PROFIT = "profit_usd_per_h"
    ENERGY_COST = "energy_cost_usd_per_h"
    EMISSIONS = "emissions_t_per_h"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """A bucket of time in the metric's unit: the mean over it, and the least and greatest of what it stands for."""

    at: datetime
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A metric over ``[from, to)``, oldest first; each point begins a bucket. `site_id` is empty for the fleet."""

    metric: Metric
    site_id: str
    bucket_minutes: int
    points: tuple[MetricPoint, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """A metric as SQL over the moments of `series`: ``sum(above) / sum(below) * factor``, extremes of the quotient."""

    above: str
    below: str
    factor: float = 1.0
    is_per_h: bool = False
    low: str = ""
    high: str = ""


def metric_of(name: str) -> Metric:
    """The metric of a name.

    Raises:
        CommandError: there is none.
    """
    try:
        return Metric(name)
    except ValueError:
        raise CommandError(f"no metric {name!r}: ask for one of {', '.join(Metric)}") from None


def _mean(column: str) -> Formula:
    return Formula(f"{column} * ticks_count", "ticks_count")


def _power(column: str) -> Formula:
    return Formula(f"{column} * ticks_count", "ticks_count", 1 / W_PER_MW)


def _money(column: str) -> Formula:
    return Formula(column, "ticks_count", 1 / MICRO_USD_PER_USD, is_per_h=True)


FORMULAS: Final = {
    Metric.ENERGY_PRICE: Formula("price * ticks_count", "ticks_count", low="price_low", high="price_high"),
    Metric.CARBON_INTENSITY: _mean("carbon"),
    Metric.RENEWABLE: _mean("renewable"),
    Metric.DRY_BULB: _mean("dry_bulb"),
    Metric.PUE: Formula("site_w * ticks_count", "it_w * ticks_count"),
    Metric.COOLING_EFFICIENCY: Formula("it_w * ticks_count", "site_w * ticks_count"),
    Metric.SITE_POWER: _power("site_w"),
    Metric.IT_POWER: _power("it_w"),
    Metric.AIR_MINER: _power("air_w"),
    Metric.HYDRO_MINER: _power("hydro_w"),
    Metric.IMMERSION_MINER: _power("immersion_w"),
    Metric.GPU: _power("gpu_w"),
    Metric.ASIC: _power("asic_w"),
    Metric.CONTRACTS: _power("contracts_w"),
    Metric.REVENUE: _money("revenue"),
    Metric.COST: _money("cost"),
    Metric.PROFIT: _money("revenue - cost"),
    Metric.ENERGY_COST: _money("energy_cost"),
    Metric.EMISSIONS: Formula("emissions_g", "ticks_count", 1 / G_PER_T, is_per_h=True),
}
