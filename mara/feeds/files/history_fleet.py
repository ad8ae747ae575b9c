"""Default fleet of a history folder: equal sites, those of its `sites.csv`."""

from typing import Final

import numpy as np
from pydantic import ValidationError

from mara.core.fleet import Cooling, Fleet, Site
from mara.core.units import W_PER_MW
from mara.errors import FeedInvalid
from mara.feeds.files.csv_table import CsvTable, Row, header_of, numbers_of
from mara.feeds.files.fleet_file import site_of_table
from mara.feeds.files.fleet_tables import SiteTable
from mara.feeds.files.history import SITES_FILE, History
from mara.feeds.files.pool import DEFAULT_MACHINES, Profile, units_of_pool, watt_shares_of
from mara.feeds.files.terms.toml_refusal import expectation_of

SITE_COLUMNS: Final = ("site_id", "name", "country", "lat", "lon", "timezone", "price_zone")
COOLING_COLUMN: Final = "cooling"

GRID_LIMIT_MW: Final = 50.0
IT_CAPACITY_MW: Final = 42.0
"""Installed IT power of a site: 50 MW of grid power feed it up to a PUE of 1.19."""
COOLING: Final = Cooling.AIR
PROFILE: Final = Profile(racks_share=0.16, gpu_share=0.80, miners=(53.0, 29.0, 18.0))
"""Machines of a site, by watts.

Chosen: racks are 16 % of IT power and 80 % of them GPU servers; the rest is miners: 53 % air, 29 % hydro, 18 %
immersion.
"""


def fleet_of_history(history: History) -> Fleet:
    """Build the default fleet of a history, with every site equipped alike.

    Sites then differ only in price, weather and carbon. Each has a grid limit of 50 MW, no hedge, 42 MW of IT power in
    the mix of `PROFILE`, and air cooling unless `sites.csv` has a column `cooling`. The machines of all sites are
    rounded to whole ones together and then spread, so that totals are kept.

    Raises:
        FeedInvalid: `sites.csv` is missing or unusable, or its sites are not those of the history.
    """
    sites = _read_sites(history)
    missing = [site.id for site in sites if site.id not in history.site_ids]
    unknown = [site_id for site_id in history.site_ids if site_id not in {site.id for site in sites}]
    path = history.folder / SITES_FILE
    if missing:
        raise FeedInvalid(f"{history.file} has no rows of {missing[0]!r}, a site of {path}: add them, or take it out")
    if unknown:
        raise FeedInvalid(f"{path} should have every site of {history.file}, has no {unknown[0]!r}: add it")
    return fleet_of_sites(history.folder.resolve().name, sites)


def fleet_of_sites(name: str, sites: tuple[Site, ...]) -> Fleet:
    """Equip sites alike, as `fleet_of_history` does."""
    count = len(sites)
    kind_w = count * IT_CAPACITY_MW * W_PER_MW * watt_shares_of(PROFILE)
    pool_units = tuple(round(w / machine.power_w) for w, machine in zip(kind_w, DEFAULT_MACHINES, strict=True))
    units_count = units_of_pool(pool_units, DEFAULT_MACHINES, np.full(count, IT_CAPACITY_MW), (PROFILE,) * count)
    return Fleet(
        name=name,
        sites=sites,
        machines=DEFAULT_MACHINES,
        units_count=units_count,
        grid_limit_mw=np.full(count, GRID_LIMIT_MW),
        hedge_mw=np.zeros(count),
        hedge_price_usd_per_mwh=np.zeros(count),
    )


def _read_sites(history: History) -> tuple[Site, ...]:
    path = history.folder / SITES_FILE
    if not path.is_file():
        raise FeedInvalid(f"{path} is missing, so there is no fleet for {history.file}: add it, or name a fleet")
    has_cooling = COOLING_COLUMN in header_of(path, (COOLING_COLUMN,))
    table = CsvTable(path=path, columns=SITE_COLUMNS + ((COOLING_COLUMN,) if has_cooling else ()), key_count=1)
    rows = [tuple(cell.strip() for cell in row) for block in table.blocks() for row in block]
    first_of: dict[str, int] = {}
    repeats = [i for i, row in enumerate(rows) if first_of.setdefault(row[0], i) != i]
    if repeats:
        raise table.refusal(repeats, "site_id", "unique", "keep one row for each site")
    return tuple(_site_of(table, i, row) for i, row in enumerate(rows))


def _site_of(table: CsvTable, number: int, row: Row) -> Site:
    site_id, name, country, lat, lon, timezone, price_zone, *cooling = row
    lat_deg, lon_deg = map(float, numbers_of([lat, lon]))
    try:
        # the same rules as for a site of a fleet file
        checked = SiteTable(
            id=site_id,
            name=name,
            country=country,
            lat=lat_deg,
            lon=lon_deg,
            timezone=timezone,
            price_zone=price_zone,
            cooling=Cooling(cooling[0]) if cooling else COOLING,
            grid_limit_mw=GRID_LIMIT_MW,
        )
    except ValidationError as error:
        detail = error.errors()[0]
        column = {"id": "site_id"}.get(str(detail["loc"][0]), str(detail["loc"][0]))
        expected = expectation_of(detail).removeprefix("should be ")
        raise table.refusal([number], column, expected, "correct it") from error
    except ValueError as error:
        raise table.refusal([number], COOLING_COLUMN, f"one of {', '.join(Cooling)}", "correct it") from error
    return site_of_table(checked)
