"""Files of TOML tables that name devices of sites.

Faults are told with their place.
"""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mara.errors import ConfigError


def tables_in(path: Path, kind: str) -> list[Any]:
    """Read a file of tables of one kind, such as `[[meter]]`.

    Raises:
        ConfigError: it is no such file.
    """
    try:
        with path.open("rb") as file:
            plain = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} should be a TOML file of {kind}s, but {error}: correct it") from error
    tables = plain.pop(kind, None)
    if plain or not isinstance(tables, list) or not tables:
        raise ConfigError(f"{path} should hold [[{kind}]] tables and nothing else: see docs/formats.md")
    return tables


def table_of(adapter: TypeAdapter[Any], plain: Any, place: str) -> Any:
    """Check one table, whose `kind` decides its fields.

    Raises:
        ConfigError: a field is missing, unknown or out of bounds; the message names it.
    """
    try:
        return adapter.validate_python(plain)
    except ValidationError as error:
        (fault, *_) = error.errors(include_url=False, include_input=False)
        where = ".".join(str(part) for part in fault["loc"][1:2]) or "kind"
        raise ConfigError(f"{place}: {where}: {fault['msg'].removeprefix('Value error, ')}: correct it") from error


def check_place(site_id: str, group: str, machines: Mapping[str, Collection[str]], place: str) -> None:
    """Check that a table's site is there, and has machines of its group.

    Args:
        group: kind of machines; empty for the whole site.
        machines: kinds of machines at each site.

    Raises:
        ConfigError: there is no such site, or no such machines.
    """
    if site_id not in machines:
        raise ConfigError(f"{place}: no site {site_id!r}: name one of {', '.join(machines)}")
    if group and group not in machines[site_id]:
        there = ", ".join(machines[site_id])
        raise ConfigError(f"{place}: {site_id} has no machines {group!r}: name one of {there}, or leave it out")
