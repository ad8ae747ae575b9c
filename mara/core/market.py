"""Value of power, hashes and tokens, and demand for tokens by the hour.

Values are USD per IT MWh. Model: docs/model.md#3-money
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Final, Literal, get_args

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.fleet import Fleet
from mara.core.units import DAYS_PER_WEEK, HOURS_PER_DAY, MWH_TH_DAY_FACTOR, TOKENS_PER_MTOK


class Region(IntEnum):
    """Demand regions of merchant inference: the R axis."""

    AMERICAS = 0
    EUROPE = 1
    ASIA_PACIFIC = 2


REGION_COUNT: Final = 3
RegionKey = Literal["americas", "europe", "asia-pacific"]
REGION_KEYS: Final = get_args(RegionKey)
"""Names of the regions in settings, the API and exports, in the order of `Region`."""
REGION_ZONE: Final = ("America/Chicago", "Europe/Berlin", "Asia/Tokyo")
"""Time zone of each region's business hours."""
REGION_DEMAND_SHARE: Final = (0.50, 0.38, 0.12)
"""Share of the week's tokens asked for by each region.

Chosen: close to the users of today's large services; no measurement.
"""

DEFAULT_TOKEN_PRICE_USD_PER_MTOK: Final = 0.25
"""Price of a million tokens where a feed has none. Chosen: an assumption."""
MERCHANT_DEMAND_SHARE: Final = 0.20
"""Merchant demand, averaged over a week, as a share of the fleet's token capacity."""

BUSINESS_MULTIPLIER: Final = 1.5
SHOULDER_MULTIPLIER: Final = 1.2
NIGHT_MULTIPLIER: Final = 0.8
WEEKEND_SHARE: Final = 0.55
SATURDAY: Final = 5


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Commercial terms of a run.

    Chosen: the commercial terms of the default operator; every one is a setting or an argument. The sellback spread
    is 5 % of |price| for imbalance and fees.
    """

    carbon_price_usd_per_t: float = 50.0
    base_rate_usd_per_mwh: float = 150.0
    remote_serving_usd_per_mwh: float = 4.0
    sellback_spread_share: float = 0.05
    migration_usd_per_mw: tuple[float, float, float] = (40.0, 20.0, 8.0)
    restart_usd_per_mw: float = 3.0
    miner_min_off_minutes: float = 10.0
    """Minimum time off of miners [minutes]: two ticks of five minutes.

    Chosen: a restart takes minutes and wears the machine.
    """
    break_promises: str = "flexible"
    """Most binding tier whose promises may be broken where that costs less than power.

    It is `flexible`, `standard` or `never`; promises of Premium are never broken.
    """

    @cached_property
    def migration_rates_usd_per_mw(self) -> Floats:
        """`migration_usd_per_mw` as an array (3,)."""
        return sealed(np.array(self.migration_usd_per_mw))


def mining_value_usd_per_mwh(hashprice_usd_per_ph_day: float | Floats, efficiency_j_per_th: Floats) -> Floats:
    """Earnings of an IT megawatt-hour of each miner kind (3,) [USD/MWh].

    value = hashprice / (0.024 x efficiency). 1 PH/s at e J/TH draws e kW, so a PH-day costs 0.024 e MWh: 55
    USD/PH/day and 17.5 J/TH make 130.95 USD/MWh. Source of the unit: Luxor, Hashprice,
    https://docs.luxor.tech/hashrateindex/hashprice
    """
    return np.asarray(hashprice_usd_per_ph_day / (MWH_TH_DAY_FACTOR * efficiency_j_per_th))


def merchant_value_usd_per_mwh(
    fleet: Fleet, token_price_usd_per_mtok: float, demand_factor: Floats, remote_serving_usd_per_mwh: float
) -> Floats:
    """Earnings of an IT MWh of merchant inference, net of remote serving (R, S, 2).

    tokens/MWh x USD per million tokens / 1e6 x multiplier of the region of origin - remote serving [USD/MWh]. With the
    default machines and 0.25 USD: GPU 466 to 1,588, ASIC 660 to 2,250 USD/MWh before remote serving.
    """
    by_kind = fleet.tokens_per_mwh * (token_price_usd_per_mtok / TOKENS_PER_MTOK)
    remote = remote_cost_usd_per_mwh(fleet, remote_serving_usd_per_mwh)
    return np.asarray((demand_factor[:, None] * by_kind)[:, None, :] - remote)


def break_even_usd_per_mwh(value_usd_per_mwh: Floats, pue: Floats, carbon_cost_usd_per_mwh: Floats) -> Floats:
    """Grid price above which a load loses money: value / PUE - carbon cost [USD/MWh].

    Arguments of all shapes broadcast. A load of 130.95 USD per IT MWh at a PUE of 1.1 and 20 USD/MWh of carbon breaks
    even at 99.05.
    """
    return np.asarray(value_usd_per_mwh / pue - carbon_cost_usd_per_mwh)


def margin_usd_per_mwh(value_usd_per_mwh: Floats, pue: Floats, grid_cost_usd_per_mwh: Floats) -> Floats:
    """Profit of an IT megawatt-hour: value - PUE x cost of a site MWh [USD/MWh].

    Arguments of all shapes broadcast; the cost is price plus carbon. Negative exactly where the price lies above the
    break-even.
    """
    return np.asarray(value_usd_per_mwh - pue * grid_cost_usd_per_mwh)


def sellback_usd_per_mwh(price_usd_per_mwh: Floats, spread_share: float) -> Floats:
    """Earnings of a hedged megawatt-hour sold back: price - spread x |price|.

    It lies below the price, also where the price is negative [USD/MWh]. The shape is that of the price.
    """
    return np.asarray(price_usd_per_mwh - spread_share * np.abs(price_usd_per_mwh))


@lru_cache(maxsize=16)
def remote_cost_usd_per_mwh(fleet: Fleet, remote_serving_usd_per_mwh: float) -> Floats:
    """Cost of serving a region from a site outside it, 0 inside (R, S, 1) [USD/MWh]."""
    home = np.array([region_of(site.timezone) for site in fleet.sites])
    outside = np.arange(REGION_COUNT)[:, None] != home
    return sealed((outside * remote_serving_usd_per_mwh)[:, :, None])


def region_of(timezone: str) -> Region:
    """Find the demand region of a site's IANA time zone.

    Areas: https://www.iana.org/time-zones
    """
    area = timezone.split("/", 1)[0]
    if area in _AMERICAN_AREAS:
        return Region.AMERICAS
    return Region.EUROPE if area in _EUROPEAN_AREAS else Region.ASIA_PACIFIC


def demand_multiplier(local: datetime) -> float:
    """Price and volume multiplier by the local hour of a demand region.

    Chosen: office hours by local clock, quieter weekends; they average 1.0276 over a week.
    """
    if 9 <= local.hour < 18:
        base = BUSINESS_MULTIPLIER
    elif 6 <= local.hour < 9 or 18 <= local.hour < 22:
        base = SHOULDER_MULTIPLIER
    else:
        base = NIGHT_MULTIPLIER
    return base * WEEKEND_SHARE if local.weekday() >= SATURDAY else base


def token_demand_per_h(demand_factor: Floats, fleet: Fleet) -> Floats:
    """Tokens asked for, by region [tokens/h]; leading axes (..., R) are kept.

    Averages `MERCHANT_DEMAND_SHARE` of the fleet's token capacity over a week; a region peaks at about 1.5 times its
    mean.
    """
    mean_per_h = MERCHANT_DEMAND_SHARE * fleet.token_capacity_per_h
    return np.asarray(demand_factor * (_REGION_SHARE * (mean_per_h / _WEEK_MEAN_MULTIPLIER)))


def _week_mean_multiplier() -> float:
    monday = datetime(2024, 1, 1)  # noqa: DTZ001  a Monday; naive on purpose: these are local hours
    hours = DAYS_PER_WEEK * HOURS_PER_DAY
    total = sum(demand_multiplier(monday.replace(day=1 + h // 24, hour=h % 24)) for h in range(hours))
    return total / hours


_AMERICAN_AREAS: Final = frozenset({"America", "US", "Canada", "Mexico", "Brazil", "Chile"})
"""IANA areas of the Americas; the countries are older names, such as US/Central."""
_EUROPEAN_AREAS: Final = frozenset({"Europe", "Atlantic", "Africa"})
_WEEK_MEAN_MULTIPLIER: Final = _week_mean_multiplier()
_REGION_SHARE: Final = sealed(np.array(REGION_DEMAND_SHARE))
