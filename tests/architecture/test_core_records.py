"""Records of the core are frozen, built by keyword, with units last in names."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import mara.core

UNITS = {
    "mw": "power, IT megawatts unless the name starts with site_",
    "mwh": "energy",
    "w": "power of one machine, or of a stored row",
    "wh": "energy in the ledger, an integer",
    "usd": "money inside optimizers and snapshots",
    "micro_usd": "money in the ledger, an integer",
    "usd_per_h": "money rate",
    "usd_per_mwh": "energy price, contract rate, value of an IT MWh",
    "usd_per_mw": "price of a move or a restart",
    "usd_per_mw_h": "price of a megawatt held ready for an hour",
    "usd_per_mw_month": "demand charge",
    "usd_per_mw_year": "coincident peak charge",
    "mwh_per_year": "take-or-pay energy",
    "usd_per_t": "carbon price",
    "usd_per_ph_day": "hashprice",
    "usd_per_mtok": "price of a million tokens",
    "g": "mass of CO2, an integer",
    "t": "mass of CO2",
    "g_per_kwh": "carbon intensity",
    "t_per_h": "emission rate",
    "t_per_mwh": "carbon intensity as the optimizers use it",
    "l_per_kwh": "water use",
    "c": "temperature",
    "deg": "latitude, longitude",
    "pa": "air pressure",
    "share": "0..1, or a ratio to a stated one",
    "ppm": "parts per million, an integer",
    "pue": "site power over IT power, at least 1",
    "ths": "hash rate",
    "j_per_th": "miner efficiency",
    "tokens": "inference work",
    "tokens_per_s": "inference speed of one machine",
    "tokens_per_h": "inference demand",
    "tokens_per_mwh": "inference work of an IT MWh",
    "s": "real or epoch seconds",
    "minutes": "length of a tick",
    "h": "duration",
    "hours": "duration, a whole number",
    "days": "duration, a whole number",
    "tick": "a moment: index into the run's time grid",
    "ticks": "duration in ticks",
    "count": "how many",
    "site": "index into the fleet's sites",
    "sites": "indices into the fleet's sites",
    "tier": "index into the tiers",
    "workload": "index into the workloads",
    "region": "index into the demand regions",
    "contract": "index into the contract book",
    "seed": "where chance starts",
    "number": "which one, counted from 1",
    "numbers": "which ones",
}


def records_of_the_core() -> list[type]:
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(mara.core.__path__, "mara.core.")]
    return [
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, type) and dataclasses.is_dataclass(item) and item.__module__ == module.__name__
    ]


RECORDS = records_of_the_core()
every_record = pytest.mark.parametrize("record", RECORDS, ids=[f"{r.__module__}.{r.__name__}" for r in RECORDS])


def is_number(annotation: Any) -> bool:
    """True if a field of this type holds plain numbers; mappings name theirs by key."""
    if isinstance(annotation, type) and not get_origin(annotation):
        return issubclass(annotation, int | float) and not issubclass(annotation, bool | Enum)
    if get_origin(annotation) is dict:
        return False
    if get_origin(annotation) is np.ndarray:
        return np.dtype[np.bool_] not in get_args(annotation)
    return any(is_number(part) for part in get_args(annotation))


def has_unit(field_name: str) -> bool:
    return any(field_name == unit or field_name.endswith("_" + unit) for unit in UNITS)


def numbers_without_unit(record: type) -> Iterator[str]:
    hints = get_type_hints(record)
    return (f.name for f in dataclasses.fields(record) if is_number(hints[f.name]) and not has_unit(f.name))


@every_record
def test_a_number_in_a_record_of_the_core_carries_its_unit_last(record: type) -> None:
    assert list(numbers_without_unit(record)) == []


@every_record
def test_a_record_of_the_core_is_frozen_and_built_by_keyword(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(field.kw_only for field in dataclasses.fields(record))


@every_record
def test_a_record_of_the_core_has_slots_unless_it_caches_what_it_derives(record: type) -> None:
    caches = any(isinstance(item, cached_property) for item in vars(record).values())
    assert caches or "__slots__" in vars(record)


@every_record
def test_a_record_with_arrays_is_not_compared_by_value(record: type) -> None:
    has_arrays = any(get_origin(hint) is np.ndarray for hint in get_type_hints(record).values())
    assert not (has_arrays and record.__dataclass_params__.eq)  # type: ignore[attr-defined]


def test_a_number_without_a_unit_is_found() -> None:
    @dataclasses.dataclass
    class Careless:
        power: float
        power_mw: float
        name: str
        alive: bool

    assert list(numbers_without_unit(Careless)) == ["power"]
