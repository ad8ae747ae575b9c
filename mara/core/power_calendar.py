"""Local times of a fleet's power terms: which of them count in a tick.

Everything is looked up by the hour since 1970 UTC through IANA zones; hours of local clocks begin with UTC's, or with
its half hours, for which the hour that holds the begin of the UTC hour stands.
"""

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.fleet import Fleet
from mara.core.power_terms import PowerTerms, SupplyContract, TermTimes
from mara.core.timegrid import zone
from mara.core.units import SECONDS_PER_HOUR


def counts_at(times: TermTimes, local: datetime) -> bool:
    """Say whether a local time is one in which a term counts."""
    return (
        (not times.month_numbers or local.month in times.month_numbers)
        and (not times.weekday_numbers or local.isoweekday() in times.weekday_numbers)
        and (not times.hour_numbers or local.hour in times.hour_numbers)
    )


@lru_cache(maxsize=4_096)
def local_times(fleet: Fleet, epoch_h: int) -> tuple[datetime, ...]:
    """Local time of each site at an hour since 1970 UTC (S,)."""
    now = datetime.fromtimestamp(epoch_h * SECONDS_PER_HOUR, UTC)
    return tuple(now.astimezone(zone(site.timezone)) for site in fleet.sites)


@lru_cache(maxsize=4_096)
def month_numbers(fleet: Fleet, epoch_h: int) -> Ints:
    """Calendar month of each site, counted from year 0 (S,)."""
    return sealed(np.array([12 * local.year + local.month - 1 for local in local_times(fleet, epoch_h)]))


@lru_cache(maxsize=4_096)
def adder_usd_per_mwh(fleet: Fleet, epoch_h: int) -> Floats:
    """Sum the adders that each site pays in an hour (S,); zero without any."""
    total = np.zeros(fleet.site_count)
    if fleet.power is not None:
        local = local_times(fleet, epoch_h)
        for adder in fleet.power.adders:
            if counts_at(adder.times, local[adder.site]):
                total[adder.site] += adder.usd_per_mwh
    return sealed(total)


@lru_cache(maxsize=4_096)
def demand_counts(fleet: Fleet, epoch_h: int) -> Floats:
    """1 where a demand charge counts in an hour, else 0 (D,)."""
    charges = () if fleet.power is None else fleet.power.demand
    local = local_times(fleet, epoch_h)
    return sealed(np.array([counts_at(charge.times, local[charge.site]) for charge in charges], dtype=np.float64))


@lru_cache(maxsize=4_096)
def product_counts(fleet: Fleet, epoch_h: int) -> Floats:
    """1 where a product is bought at a site in an hour, else 0 (P, S)."""
    power = fleet.power
    if power is None:
        return sealed(np.zeros((0, fleet.site_count)))
    local = local_times(fleet, epoch_h)
    in_time = [[counts_at(product.times, at) for at in local] for product in power.products]
    return sealed(np.array(in_time, dtype=np.float64).reshape(len(power.products), fleet.site_count) * power.sold_at)


def supplied_mw(contract: SupplyContract, local: datetime) -> float:
    """Power of a supply contract at a local time."""
    if not counts_at(contract.times, local):
        return 0.0
    shares = contract.hourly_share
    if not shares:
        return contract.power_mw
    hour = local.hour if len(shares) == 24 else (local.timetuple().tm_yday - 1) * 24 + local.hour
    return contract.power_mw * shares[min(hour, len(shares) - 1)]


def year_gone_h(fleet: Fleet, site: int, epoch_s: int, start_epoch_s: int) -> float:
    """Count the hours of a site's calendar year that are gone.

    A run that began within it counts its own.
    """
    year = local_times(fleet, epoch_s // SECONDS_PER_HOUR)[site].replace(month=1, day=1, hour=0, minute=0)
    return (epoch_s - max(int(year.timestamp()), start_epoch_s)) / SECONDS_PER_HOUR


def power_of(fleet: Fleet) -> PowerTerms:
    """Return the power terms of a fleet that has some."""
    assert fleet.power is not None
    return fleet.power
