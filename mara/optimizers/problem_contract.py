"""Power contract of a problem file: charges, battery, feeding in and products.

All fields may be left out, and are then nothing; those of a battery, a demand charge or a product are all needed.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mara.core.arrays import Bools, Floats
from mara.errors import FeedInvalid
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.lp.power_contract import Batteries, GridProduct, PowerContract
from mara.optimizers.problem_numbers import listed, numbers_of, said

CONTRACT: Final[dict[str, str]] = {
    "export_limit_mw": "S",
    "export_fee_usd_per_mwh": "S",
    "adder_usd_per_mwh": "HS",
}
"""Axes of fields of the power contract that may be left out; then they are zero."""
BATTERY: Final[dict[str, str]] = {
    "power_mw": "S",
    "energy_mwh": "S",
    "efficiency_in_share": "S",
    "efficiency_out_share": "S",
    "wear_usd_per_mwh": "S",
    "start_mwh": "S",
    "end_mwh": "S",
}
DEMAND_CHARGE: Final[dict[str, str]] = {"usd_per_mw": "S", "peak_so_far_mw": "S"}
PRODUCT: Final[dict[str, str]] = {
    "price_usd_per_mw_h": "HS",
    "duration_h": "",
    "expected_deployment_share": "",
    "deployment_usd_per_mwh": "",
}
OPTIONAL: Final = frozenset({*CONTRACT, "demand_charge", "battery", "products"})
MAX_PRODUCTS: Final = 20


def contract_of(plain: dict[str, Any], lengths: dict[str, int]) -> PowerContract:
    """Read the power contract of a problem.

    Args:
        plain: all fields of the file.
        lengths: length of each axis.

    Raises:
        FeedInvalid: a field missing, unknown or of a wrong kind or shape; ranges are checked with the case.
    """
    given = {
        name: numbers_of(name, plain[name], _shape(letters, lengths))
        if name in plain
        else np.zeros(_shape(letters, lengths))
        for name, letters in CONTRACT.items()
    }
    return PowerContract(
        export_limit_mw=given["export_limit_mw"],
        export_fee_usd_per_mwh=given["export_fee_usd_per_mwh"],
        adder_usd_per_mwh=given["adder_usd_per_mwh"],
        demand_charge=_demand_charge(plain["demand_charge"], lengths) if "demand_charge" in plain else None,
        battery=_battery(plain["battery"], lengths) if "battery" in plain else None,
        products=_products(plain["products"], lengths) if "products" in plain else (),
    )


def _demand_charge(value: object, lengths: dict[str, int]) -> DemandCharges:
    fields = _fields("demand_charge", value, (*DEMAND_CHARGE, "counts"))
    given = _arrays("demand_charge", fields, DEMAND_CHARGE, lengths)
    counts = _switches("demand_charge.counts", fields["counts"], _shape("HS", lengths))
    return DemandCharges(
        site=np.arange(lengths["S"]),
        usd_per_mw=given["usd_per_mw"],
        peak_so_far_mw=given["peak_so_far_mw"],
        counts=counts,
    )


def _battery(value: object, lengths: dict[str, int]) -> Batteries:
    fields = _fields("battery", value, tuple(BATTERY))
    free = fields["end_mwh"] is None
    given = _arrays("battery", fields, {name: axes for name, axes in BATTERY.items() if name != "end_mwh"}, lengths)
    return Batteries(
        power_mw=given["power_mw"],
        energy_mwh=given["energy_mwh"],
        efficiency_in_share=given["efficiency_in_share"],
        efficiency_out_share=given["efficiency_out_share"],
        wear_usd_per_mwh=given["wear_usd_per_mwh"],
        start_mwh=given["start_mwh"],
        end_mwh=None if free else numbers_of("battery.end_mwh", fields["end_mwh"], _shape("S", lengths)),
    )


def _products(value: object, lengths: dict[str, int]) -> tuple[GridProduct, ...]:
    if not isinstance(value, list):
        raise FeedInvalid(f"products must be a list, got {said(value)}")
    if len(value) > MAX_PRODUCTS:
        raise FeedInvalid(f"products must be at most {MAX_PRODUCTS}, got {len(value)}: leave some out")
    products = []
    for i, item in enumerate(value):
        place = f"products[{i}]"
        fields = _fields(place, item, ("id", *PRODUCT))
        if not isinstance(fields["id"], str) or not fields["id"]:
            raise FeedInvalid(f"{place}.id must be a name, got {said(fields['id'])}")
        given = _arrays(place, fields, PRODUCT, lengths)
        products.append(
            GridProduct(
                id=fields["id"],
                price_usd_per_mw_h=given["price_usd_per_mw_h"],
                duration_h=float(given["duration_h"]),
                expected_deployment_share=float(given["expected_deployment_share"]),
                deployment_usd_per_mwh=float(given["deployment_usd_per_mwh"]),
            )
        )
    return tuple(products)


def _fields(place: str, value: object, names: Sequence[str]) -> dict[str, Any]:
    """Return the fields of an object that has all that it needs and no other."""
    if not isinstance(value, dict):
        raise FeedInvalid(f"{place} must be an object with {', '.join(names)}, got {said(value)}")
    missing, unknown = [name for name in names if name not in value], sorted(value.keys() - set(names))
    if missing:
        raise FeedInvalid(f"{listed(f'{place}.{name}' for name in missing)} missing: {place} needs every field")
    if unknown:
        raise FeedInvalid(f"{listed(f'{place}.{name}' for name in unknown)} unknown: the fields are {', '.join(names)}")
    return value


def _arrays(place: str, fields: dict[str, Any], shapes: dict[str, str], lengths: dict[str, int]) -> dict[str, Floats]:
    return {
        name: numbers_of(f"{place}.{name}", fields[name], _shape(letters, lengths)) for name, letters in shapes.items()
    }


def _switches(place: str, value: object, shape: tuple[int, ...]) -> Bools:
    """Read true and false, or 1 and 0."""
    given = np.array(numbers_of(place, _as_numbers(value), shape))
    if not np.isin(given, (0.0, 1.0)).all():
        raise FeedInvalid(f"{place} must hold true or false, got {given[~np.isin(given, (0.0, 1.0))][0]:g}")
    return np.asarray(given == 1.0)


def _as_numbers(value: object) -> object:
    if isinstance(value, list):
        return [_as_numbers(item) for item in value]
    return int(value) if isinstance(value, bool) else value


def _shape(letters: str, lengths: dict[str, int]) -> tuple[int, ...]:
    return tuple(lengths[letter] for letter in letters)
