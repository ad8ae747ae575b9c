"""Run configurations for the tests of the synthetic feed."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np

from mara.core.fleet import WORKLOAD_COUNT, Cooling, Fleet, Site
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import RunConfig
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.pool import DEFAULT_MACHINES

START = datetime(2025, 7, 1, tzinfo=UTC)
HOURS_PER_YEAR = 8_766


@cache
def global_ten() -> Fleet:
    return read_fleet("global_ten")


def charter_of(fleet: Fleet | None = None, tick_minutes: int = 5, start: datetime = START) -> RunConfig:
    return RunConfig(fleet=fleet or global_ten(), grid=TimeGrid(start=start, tick_minutes=tick_minutes))


def site_of(timezone: str = "Europe/Berlin", price_zone: str = "DE-LU day-ahead") -> Site:
    return Site(
        id="somewhere",
        name="Somewhere",
        country="Nowhere",
        lat_deg=50.0,
        lon_deg=10.0,
        timezone=timezone,
        price_zone=price_zone,
        cooling=Cooling.AIR,
    )


def fleet_of(*sites: Site) -> Fleet:
    count = len(sites)
    return Fleet(
        name="made for a test",
        sites=tuple(replace(site, id=f"{site.id}-{i}") for i, site in enumerate(sites)),
        machines=DEFAULT_MACHINES,
        units_count=np.full((count, WORKLOAD_COUNT), 100),
        grid_limit_mw=np.full(count, 50.0),
        hedge_mw=np.zeros(count),
        hedge_price_usd_per_mwh=np.zeros(count),
    )


def hour_of(moment: datetime) -> int:
    return int(moment.timestamp()) // SECONDS_PER_HOUR
