"""Fleets from TOML files: shipped ones by name, others by path.

A bad file is refused with its line and a remedy.
"""

import re
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mara.core.arrays import Ints
from mara.core.fleet import Fleet, Machine, Site
from mara.errors import ConfigError
from mara.feeds.files.fleet_tables import MAX_SITES, TABLES, FleetTables, MinerTable, RackTable, SiteTable
from mara.feeds.files.pool import DEFAULT_MACHINES, Profile, units_of_pool
from mara.spelling import nearest

MAX_FILE_BYTES: Final = 64_000_000
MAX_SHOWN_LENGTH: Final = 80
"""Most characters of a refused value that a message repeats."""

Loc = tuple[int | str, ...]
"""Location in a fleet file: table names, the site's number, the field."""

_SHAPES: Final = {"model_type": "a table", "dict_type": "a table", "tuple_type": "a list of tables, each [[site]]"}
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_.\"'-]+?)\s*=")


def read_fleet(name_or_path: str) -> Fleet:
    """Read a fleet from a TOML file, or a shipped one by name (`global_ten`).

    Either each site has an inventory of its own, or one [pool] is spread over the sites (`mara.feeds.files.pool`).

    Raises:
        ConfigError: there is no such fleet, or the file cannot be used; the message names file, line, field and remedy.
    """
    source = _source_of(name_or_path)
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
    try:
        tables = FleetTables.model_validate(raw)
    except ValidationError as error:
        raise _refusal_of(_first_of(error.errors()), str(source), text, raw) from error
    return _fleet_of(tables, _Refuser(str(source), text, raw))


def shipped_fleets() -> list[str]:
    """List the names of the shipped fleets, which `read_fleet` takes without a path."""
    folder = _shipped()
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def expectation_of(detail: ErrorDetails) -> str:
    """Phrase the rule that a value broke: ``should be greater than 0``."""
    if detail["type"] in _SHAPES:
        return f"should be {_SHAPES[detail['type']]}"
    _, should, what = detail["msg"].partition("should")
    return should + what if should else detail["msg"].removeprefix("Value error, ")


class _Refuser:
    """Maker of the errors of one fleet file, which name the line at fault."""

    def __init__(self, source: str, text: str, raw: dict[str, Any]) -> None:
        self._source, self._text, self._raw = source, text, raw

    def __call__(self, loc: Loc, expected: str, remedy: str = "correct it") -> ConfigError:
        line = _line_of(self._text, loc)
        place = f"{self._source} line {line}" if line else self._source
        return ConfigError(f"{place}: {_field_text(loc, self._raw)} {expected}: {remedy}")


def _fleet_of(tables: FleetTables, refused: _Refuser) -> Fleet:
    sites = tables.site
    first_of: dict[str, int] = {}
    for i, site in enumerate(sites):
        if first_of.setdefault(site.id, i) != i:
            raise refused(("site", i, "id"), f"should be unique, came {site.id!r} twice", "rename one")
    machines = _machines_of(tables)
    return Fleet(
        name=tables.fleet.name,
        sites=tuple(map(site_of_table, sites)),
        machines=machines,
        units_count=_units_of(tables, machines, refused),
        grid_limit_mw=np.array([site.grid_limit_mw for site in sites]),
        hedge_mw=np.array([site.hedge_mw for site in sites]),
        hedge_price_usd_per_mwh=np.array([site.hedge_price_usd_per_mwh for site in sites]),
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


def _units_of(tables: FleetTables, machines: tuple[Machine, ...], refused: _Refuser) -> Ints:
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


def _source_of(name_or_path: str) -> Path | Traversable:
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return Path(name_or_path)
    names = shipped_fleets()
    if name_or_path in names:
        return _shipped() / f"{name_or_path}.toml"
    near = nearest(name_or_path, names)
    remedy = f"the nearest is {near}" if near else "give a .toml file"
    raise ConfigError(
        f"fleet should be one of {', '.join(names)} or a .toml file, came {_shown(name_or_path)}: {remedy}"
    )


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


def _first_of(details: list[ErrorDetails]) -> ErrorDetails:
    """Choose the error to report: an unknown field first, else the first one.

    A misspelt required field gives two errors; the misspelling is the one to correct.
    """
    return next((detail for detail in details if detail["type"] == "extra_forbidden"), details[0])


def _refusal_of(detail: ErrorDetails, source: str, text: str, raw: dict[str, Any]) -> ConfigError:
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    refused = _Refuser(source, text, raw)
    if detail["type"] == "missing":
        return refused(loc, "is required", "add it")
    if detail["type"] == "extra_forbidden":
        return refused(loc, *_unknown_field(loc))
    if detail["loc"][-1] == "[key]":
        return refused(loc, "should be named in lower_snake_case", "rename it")
    return refused(loc, f"{expectation_of(detail)}, came {_shown(detail['input'])}")


def _unknown_field(loc: Loc) -> tuple[str, str]:
    names = [part for part in loc if isinstance(part, str)]
    table = names[-2] if len(names) > 1 else ""
    fields = list(TABLES[table].model_fields)
    near = nearest(names[-1], fields, least_share=0.0)
    remedy = f"correct or remove it (known: {', '.join(fields)})"
    return f"is not a field of {f'[{table}]' if table else 'a fleet file'}; the nearest is {near}", remedy


def _field_text(loc: Loc, raw: dict[str, Any]) -> str:
    """Write a location for a message: ``site 'texas' climate.mean_dry_bulb_c``."""
    if len(loc) < 2 or loc[0] != "site" or not isinstance(loc[1], int):
        return ".".join(map(str, loc))
    site = raw["site"][loc[1]]
    named = site.get("id") if isinstance(site, dict) else None
    return " ".join([f"site {_shown(named if named is not None else loc[1] + 1)}", ".".join(map(str, loc[2:]))]).strip()


def _line_of(text: str, loc: Loc) -> int | None:
    """Find the line that sets `loc`, else that of its table; None without either."""
    places: dict[Loc, int] = {}
    header: Loc = ()
    counts: dict[Loc, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _HEADER.match(line):
            header = _path_of(found[2], counts)
            if found[1] == "[[":
                counts[header] = counts.get(header, -1) + 1
                header = (*header, counts[header])
            places.setdefault(header, number)
        elif found := _KEY.match(line):
            places.setdefault((*header, *_names_of(found[1])), number)
    return next((places[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in places), None)


def _path_of(dotted: str, counts: dict[Loc, int]) -> Loc:
    """Convert a table's dotted name such as ``site.climate`` to a location.

    The name of a list of tables is followed by the number of the last table read so far.
    """
    path: Loc = ()
    for name in _names_of(dotted)[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return (*path, _names_of(dotted)[-1])


def _names_of(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_LENGTH else text[:MAX_SHOWN_LENGTH] + "…"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
