"""Metrics over time: their names, and SQL to compute each from stored columns."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from mara.core.units import G_PER_T, MICRO_USD_PER_USD, W_PER_MW
from mara.errors import CommandError


class Metric(StrEnum):
    """The name of a number over time, which ends in its unit.

    For the fleet, powers, money and emissions are sums over sites, other metrics means; its renewable share is weighted
    by site power, as in the newest snapshot.
    """

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
    """A bucket of a metric in its unit: the mean, minimum and maximum over its ticks.

    A fleet price is the mean of its sites, with the extremes of any site. `low` and `high` are None where an older Mara
    rolled up hours without them and their ticks have been pruned.
    """

    at: datetime
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricHistory:
    """A metric over a time range, oldest first; each point begins a bucket.

    Attributes:
        site_id: empty for the fleet.
    """

    metric: Metric
    site_id: str
    bucket_minutes: int
    points: tuple[MetricPoint, ...]


@dataclass(frozen=True, slots=True)
class MetricFormula:
    """SQL of a metric over ticks or hours: ``sum(above) / sum(below) * factor``.

    Attributes:
        low, high: SQL for the extremes of the quotient in a moment that is longer than a tick.
        has_range: True where a tick has extremes too, those of its sites.
    """

    above: str
    below: str
    low: str
    high: str
    factor: float = 1.0
    is_per_h: bool = False
    has_range: bool = False


def metric_of(name: str) -> Metric:
    """Find a metric by its name.

    Raises:
        CommandError: there is no such metric.
    """
    try:
        return Metric(name)
    except ValueError:
        raise CommandError(f"no metric {name!r}: ask for one of {', '.join(Metric)}") from None


def _mean(column: str) -> MetricFormula:
    return MetricFormula(f"{column} * ticks_count", "ticks_count", f"{column}_low", f"{column}_high")


def _power(column: str) -> MetricFormula:
    return replace(_mean(column), factor=1 / W_PER_MW)


def _sum(column: str, value: str, factor: float) -> MetricFormula:
    return MetricFormula(value, "ticks_count", f"{column}_low", f"{column}_high", factor, is_per_h=True)


def _money(column: str, value: str = "") -> MetricFormula:
    return _sum(column, value or column, 1 / MICRO_USD_PER_USD)


FORMULAS: Final = {
    Metric.ENERGY_PRICE: replace(_mean("price"), has_range=True),
    Metric.CARBON_INTENSITY: _mean("carbon"),
    Metric.RENEWABLE: MetricFormula(
        "renewable * renewable_weight * ticks_count",
        "renewable_weight * ticks_count",
        "renewable_low",
        "renewable_high",
    ),
    Metric.DRY_BULB: _mean("dry_bulb"),
    Metric.PUE: MetricFormula("site_w * ticks_count", "it_w * ticks_count", "pue_low", "pue_high"),
    Metric.COOLING_EFFICIENCY: MetricFormula(
        "it_w * ticks_count", "site_w * ticks_count", "1 / pue_high", "1 / pue_low"
    ),
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
    Metric.PROFIT: _money("profit", "revenue - cost"),
    Metric.ENERGY_COST: _money("energy_cost"),
    Metric.EMISSIONS: _sum("emissions", "emissions_g", 1 / G_PER_T),
}
