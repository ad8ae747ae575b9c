"""Fleets from TOML files: shipped ones by name, others by path.

A bad file is refused with its line and a remedy.
"""

import tomllib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from mara.core.arrays import Ints
from mara.core.fleet import Fleet, Machine, Site
from mara.errors import ConfigError
from mara.feeds.files.fleet_tables import MAX_SITES, TABLES, FleetTables, MinerTable, RackTable, SiteTable
from mara.feeds.files.pool import DEFAULT_MACHINES, Profile, units_of_pool
from mara.feeds.files.terms.power_terms import hedges_of, power_terms_of
from mara.feeds.files.terms.toml_refusal import Loc, Refuser, shown_value
from mara.spelling import nearest

MAX_FILE_BYTES: Final = 64_000_000


def read_fleet(name_or_path: str) -> Fleet:
    """Read a fleet from a TOML file, or a shipped one by name (`global_ten`).

    Either each site has an inventory of its own, or one [pool] is spread over the sites (`mara.feeds.files.pool`).

    Raises:
        ConfigError: there is no such fleet, or the file cannot be used; the message names file, line, field and remedy.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return _fleet_in(Path(name_or_path))
    return _shipped_fleet(name_or_path)


@lru_cache(maxsize=4)
def _shipped_fleet(name: str) -> Fleet:
    """Read a fleet that comes with Mara, once for all runs of a program."""
    names = shipped_fleets()
    if name in names:
        return _fleet_in(_shipped() / f"{name}.toml")
    near = nearest(name, names)
    remedy = f"the nearest is {near}" if near else "give a .toml file"
    raise ConfigError(f"fleet should be one of {', '.join(names)} or a .toml file, came {shown_value(name)}: {remedy}")


def _fleet_in(source: Path | Traversable) -> Fleet:
    text = _text_of(source)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} should be TOML, but {_lower_first(str(error))}: correct it") from error
    except RecursionError as error:
        raise ConfigError(f"{source} should be TOML of a few levels, is nested too deeply: correct it") from error
    sites = raw.get("site")
    if not sites:
        raise ConfigError(f"{source} should have at least one [[site]], has none: add one")
    if isinstance(sites, list) and len(sites) > MAX_SITES:
        raise ConfigError(f"{source} should have at most {MAX_SITES:,} sites, has {len(sites):,}: split the fleet")
    refused = Refuser(str(source), text, lambda loc: _field_text(loc, raw))
    try:
        tables = FleetTables.model_validate(raw)
    except ValidationError as error:
        raise refused.of_schema(error.errors(), TABLES, "a fleet file") from error
    return _fleet_of(tables, source.parent if isinstance(source, Path) else None, refused)


def shipped_fleets() -> list[str]:
    """List the names of the shipped fleets, which `read_fleet` takes without a path."""
    folder = _shipped()
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def _fleet_of(tables: FleetTables, folder: Path | None, refused: Refuser) -> Fleet:
    sites = tables.site
    first_of: dict[str, int] = {}
    for i, site in enumerate(sites):
        if first_of.setdefault(site.id, i) != i:
            raise refused(("site", i, "id"), f"should be unique, came {site.id!r} twice", "rename one")
    machines = _machines_of(tables)
    hedge_mw, hedge_price = hedges_of(sites, refused)
    return Fleet(
        name=tables.fleet.name,
        sites=tuple(map(site_of_table, sites)),
        machines=machines,
        units_count=_units_of(tables, machines, refused),
        grid_limit_mw=np.array([site.grid_limit_mw for site in sites]),
        hedge_mw=np.array(hedge_mw),
        hedge_price_usd_per_mwh=np.array(hedge_price),
        power=power_terms_of(sites, folder, refused),
    )


def site_of_table(table: SiteTable) -> Site:
    """Convert a checked [[site]] table to the core's `Site`."""
    return Site(
        id=table.id,
        name=table.name,
        country=table.country,
        lat_deg=table.lat,
        lon_deg=table.lon,
        timezone=table.timezone,
        price_zone=table.price_zone,
        cooling=table.cooling,
        climate=dict(table.climate),
        market=dict(table.market),
    )


def _machines_of(tables: FleetTables) -> tuple[Machine, ...]:
    given = tables.machine
    kinds: tuple[MinerTable | RackTable, ...] = (
        given.air_miner,
        given.hydro_miner,
        given.immersion_miner,
        given.gpu,
        given.asic,
    )
    return tuple(_machine_of(table, default) for table, default in zip(kinds, DEFAULT_MACHINES, strict=True))


def _machine_of(table: MinerTable | RackTable, default: Machine) -> Machine:
    return Machine(
        power_w=table.power_w or default.power_w,
        hashrate_ths=(table.hashrate_ths if isinstance(table, MinerTable) else None) or default.hashrate_ths,
        rate_tokens_per_s=(table.tokens_per_s if isinstance(table, RackTable) else None) or default.rate_tokens_per_s,
    )


def _units_of(tables: FleetTables, machines: tuple[Machine, ...], refused: Refuser) -> Ints:
    """Count machines by site and kind (S, K), as given or spread from the pool.

    Raises:
        ConfigError: inventories and a pool are mixed, both are missing, or the pool finds no place.
    """
    for i, site in enumerate(tables.site):
        if tables.pool is not None and site.inventory is not None:
            raise refused(("site", i, "inventory"), "should not stand beside a [pool]", "keep one of the two")
        if tables.pool is None and site.inventory is None:
            raise refused(("site", i), "needs [site.inventory]", "add it, or one [pool] for all sites")
        if tables.pool is None and site.profile is not None:
            raise refused(
                ("site", i, "profile"), "needs a [pool] to take from", "add the [pool], or remove the profile"
            )
    if tables.pool is None:
        return np.array([site.inventory.counts for site in tables.site if site.inventory is not None])
    capacity_mw = [site.grid_limit_mw if site.it_capacity_mw is None else site.it_capacity_mw for site in tables.site]
    try:
        return units_of_pool(tables.pool.counts, machines, np.array(capacity_mw), tuple(map(_profile_of, tables.site)))
    except ValueError as error:
        kind, _, reason = str(error).partition(": ")
        remedy = "lower it to 0, or give a site capacity and a share for it in its profile"
        raise refused(("pool", kind), f"finds no place: {reason.partition(':')[0]}", remedy) from error


def _profile_of(site: SiteTable) -> Profile:
    given = site.profile
    if given is None:
        return Profile()
    return Profile(racks_share=given.racks, gpu_share=given.gpu, miners=given.miners)


def _shipped() -> Traversable:
    return files("mara") / "data" / "fleets"


def _text_of(source: Path | Traversable) -> str:
    try:
        if isinstance(source, Path) and source.exists() and not source.is_file():
            raise ConfigError(f"fleet file {source} should be a file, is a folder or a device: correct the path")
        with source.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigError(f"{source} should have at most {MAX_FILE_BYTES:,} bytes, has more: split it")
        return content.decode("utf-8-sig")  # some editors put a byte order mark before the first line
    except OSError as error:
        raise ConfigError(f"fleet file {source} cannot be read, {error.strerror}: correct the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source} should be UTF-8 text, but {error.reason}: save it as UTF-8") from error


def _field_text(loc: Loc, raw: dict[str, Any]) -> str:
    """Write a location for a message: ``site 'texas' climate.mean_dry_bulb_c``."""
    if len(loc) < 2 or loc[0] != "site" or not isinstance(loc[1], int):
        return ".".join(map(str, loc))
    site = raw["site"][loc[1]]
    named = site.get("id") if isinstance(site, dict) else None
    return " ".join(
        [f"site {shown_value(named if named is not None else loc[1] + 1)}", ".".join(map(str, loc[2:]))]
    ).strip()


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
