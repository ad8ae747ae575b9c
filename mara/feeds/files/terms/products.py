"""Grid products from a TOML file: a shipped one by name, others by path."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from mara.core.arrays import Floats
from mara.core.contract import some_of
from mara.core.fleet import Fleet
from mara.core.power_terms import BATTERY_RESPONSE_S, MINER_RESPONSE_S, ReserveProduct, TermTimes
from mara.errors import ConfigError
from mara.feeds.files.terms.power_tables import PRODUCT_TABLES, ProductTable, ProductTables
from mara.feeds.files.terms.toml_refusal import Loc, Refuser, read_any
from mara.spelling import nearest

PRODUCTS_FILE: Final = "products.toml"
MAX_PRODUCTS_BYTES: Final = 1_000_000


def read_products(name_or_path: str, fleet: Fleet) -> tuple[ReserveProduct, ...]:
    """Read grid products from a TOML file, or shipped ones by name (`ercot`).

    Raises:
        ConfigError: there is no such file, or it cannot be used; the message names file, line, field and remedy.
    """
    source = _source_of(name_or_path)
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ConfigError(f"products file {source} cannot be read, {error.strerror}: correct the path") from error
    if len(content) > MAX_PRODUCTS_BYTES:
        raise ConfigError(f"{source} should have at most {MAX_PRODUCTS_BYTES:,} bytes, has more: is it another file?")
    try:
        text = content.decode("utf-8-sig")
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source} should be UTF-8 text, but {error.reason}: save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{source} should be TOML, but {error}: correct it") from error
    refused = Refuser(str(source), text, lambda loc: _field_text(loc, raw))
    if not raw.get("product") and raw.keys() <= {"product"}:
        raise ConfigError(f"{source} should have at least one [[product]], has none: add one")
    try:
        tables = ProductTables.model_validate(raw)
    except ValidationError as error:
        raise refused.of_schema(error.errors(), PRODUCT_TABLES, "a products file") from error
    seen: set[str] = set()
    for p, table in enumerate(tables.product):
        if table.id in seen:
            raise refused(("product", p, "id"), f"should be unique, came {table.id!r} twice", "rename one")
        seen.add(table.id)
        for site_id in table.sites:
            if site_id not in fleet.site_ids:
                near = nearest(site_id, fleet.site_ids, least_share=0.0)
                raise refused(
                    ("product", p, "sites"), f"should name sites of the fleet, came {site_id!r}", f"is it {near}?"
                )
    return tuple(_product_of(table, fleet) for table in tables.product)


def unsold_told(fleet: Fleet) -> list[str]:
    """Tell where a product of the fleet can never be sold, a line a product."""
    lines = []
    for product in fleet.power.products if fleet.power is not None else ():
        least_mw, most_mw = _least_mw(product), _most_mw(product, fleet)
        small = [s for s in product.sites if most_mw[s] < least_mw or most_mw[s] <= 0.0]
        if small:
            named = some_of([fleet.site_ids[s] for s in small])
            could = f"{most_mw[small].max():,g} MW in {product.response_s:g} s"
            lines.append(
                f"product {product.id} is never sold at {named}, which could give at most {could}"
                + (f": the least award is {least_mw:,g} MW" if least_mw else "")
            )
    return lines


def shipped_products() -> list[str]:
    """List the names of the shipped products files."""
    return sorted(item.name.removesuffix(".toml") for item in _shipped().iterdir() if item.name.endswith(".toml"))


def products_beside(fleet_name: str) -> str | None:
    """Find the products file beside a fleet file, or of a shipped fleet's name.

    None where there is none.
    """
    if not fleet_name.endswith(".toml"):
        return fleet_name if fleet_name in shipped_products() else None
    beside = Path(fleet_name).parent / PRODUCTS_FILE
    return str(beside) if beside.is_file() else None


def _product_of(table: ProductTable, fleet: Fleet) -> ReserveProduct:
    sites = [fleet.site_ids.index(site_id) for site_id in table.sites] or range(fleet.site_count)
    return ReserveProduct(
        id=table.id,
        kind=table.kind,
        sites=tuple(sites),
        response_s=table.response_s,
        duration_minutes=table.duration_minutes,
        notice_minutes=table.notice_minutes,
        block_mw=table.block_mw,
        minimum_bid_mw=table.minimum_bid_mw,
        price_usd_per_mw_h=0.0 if isinstance(table.price, str) else table.price,
        price_column=table.price if isinstance(table.price, str) else "",
        expected_deployment_share=table.expected_deployment_share,
        deployment_usd_per_mwh=table.deployment_price_usd_per_mwh,
        penalty_share=table.penalty_share,
        penalty_usd_per_mwh=table.penalty_usd_per_mwh,
        tests_per_year_count=table.tests_per_year,
        times=TermTimes(month_numbers=table.months, weekday_numbers=table.weekdays, hour_numbers=table.hours),
    )


def _least_mw(product: ReserveProduct) -> float:
    """Return the least award of a product at a site."""
    return max(product.block_mw, product.minimum_bid_mw)


def _most_mw(product: ReserveProduct, fleet: Fleet) -> Floats:
    """Bound what each site could ever sell to a product (S,).

    It is the site's connection, and its battery for as long as a call lasts.
    """
    most_mw = np.zeros(fleet.site_count)
    sites = list(product.sites)
    if product.response_s >= MINER_RESPONSE_S:
        most_mw[sites] = fleet.grid_limit_mw[sites]
    for battery in fleet.power.batteries if fleet.power is not None else ():
        if battery.site in sites and product.response_s >= BATTERY_RESPONSE_S:
            stored_mw = battery.energy_mwh * battery.efficiency_out_share / product.duration_h
            most_mw[battery.site] += min(battery.power_mw, stored_mw)
    return most_mw


def _field_text(loc: Loc, raw: dict[str, Any]) -> str:
    """Write a location for a message: ``product 'rrs' response_s``."""
    if len(loc) < 2 or loc[0] != "product" or not isinstance(loc[1], int):
        return ".".join(map(str, loc))
    table = read_any(raw, "product")[loc[1]]
    named = table.get("id") if isinstance(table, dict) else None
    return f"product {named or loc[1] + 1!r} {'.'.join(map(str, loc[2:]))}".strip()


def _shipped() -> Traversable:
    return files("mara") / "data" / "products"


def _source_of(name_or_path: str) -> Path | Traversable:
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return Path(name_or_path)
    names = shipped_products()
    if name_or_path in names:
        return _shipped() / f"{name_or_path}.toml"
    near = nearest(name_or_path, names)
    remedy = f"the nearest is {near}" if near else "give a .toml file"
    raise ConfigError(f"products should be one of {', '.join(names)} or a .toml file, came {name_or_path!r}: {remedy}")
