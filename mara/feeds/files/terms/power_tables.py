"""Schema of a site's power terms in a fleet file, and of a products file.

Unknown fields are refused. Which fields a kind needs is said in one table each.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mara.core.power_terms import PRODUCT_KINDS, SUPPLY_KINDS

MAX_MW: Final = 10_000.0
MAX_USD_PER_MWH: Final = 20_000.0
MAX_USD_PER_MW: Final = 10_000_000.0
"""Highest charge on a megawatt in a month or year: fifty times the dearest known."""
MAX_TERMS: Final = 100
"""Most supply contracts, or charges, of a site."""
MAX_PRODUCTS: Final = 20
MINUTES_PER_HOUR: Final = 60
_RESERVE_COLUMN: Final = re.compile(r"reserve_[a-z0-9_]+_usd_per_mw_h")


def _divides_an_hour(minutes: int) -> int:
    if MINUTES_PER_HOUR % minutes:
        raise ValueError("should divide an hour, such as 15, 30 or 60")
    return minutes


def _ascending(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(numbers)) != len(numbers):
        raise ValueError("should name each only once")
    return tuple(sorted(numbers))


def _reserve_column(name: str) -> str:
    if not _RESERVE_COLUMN.fullmatch(name):
        raise ValueError("should be USD per MW and hour, or a column such as reserve_rrs_usd_per_mw_h")
    return name


Power = Annotated[float, Field(ge=0, le=MAX_MW)]
Price = Annotated[float, Field(ge=-MAX_USD_PER_MWH, le=MAX_USD_PER_MWH)]
Share = Annotated[float, Field(ge=0, le=1)]
Efficiency = Annotated[float, Field(gt=0, le=1)]
Charge = Annotated[float, Field(ge=0, le=MAX_USD_PER_MW)]
Interval = Annotated[int, Field(ge=1, le=MINUTES_PER_HOUR), AfterValidator(_divides_an_hour)]
Months = Annotated[
    tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(strict=False, max_length=12), AfterValidator(_ascending)
]
Weekdays = Annotated[
    tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(strict=False, max_length=7), AfterValidator(_ascending)
]
Hours = Annotated[
    tuple[Annotated[int, Field(ge=0, le=23)], ...], Field(strict=False, max_length=24), AfterValidator(_ascending)
]
Shares = Annotated[tuple[Share, ...], Field(strict=False, min_length=24, max_length=24)]


class _PowerTable(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class SupplyTable(_PowerTable):
    """A `[[site.supply]]` table: power that a site has contracted."""

    kind: Literal[SUPPLY_KINDS]  # type: ignore[valid-type]  # the constants of the core
    power_mw: Power | None = None
    capacity_mw: Power | None = None
    price_usd_per_mwh: Price | None = None
    floor_usd_per_mwh: Price | None = None
    cap_usd_per_mwh: Price | None = None
    mwh_per_year: Annotated[float | None, Field(ge=0, le=1e8)] = None
    shape: Annotated[str, Field(max_length=1_000)] | Shares | None = None
    profile: Annotated[str | None, Field(max_length=1_000)] = None
    sellback_spread_share: Share | None = None


class ChargeTable(_PowerTable):
    """A `[[site.charge]]` table: what a site pays beside the price of energy."""

    kind: Literal["adder", "demand", "coincident_peak"]
    usd_per_mwh: Annotated[float | None, Field(ge=-MAX_USD_PER_MWH, le=MAX_USD_PER_MWH)] = None
    usd_per_mw_month: Charge | None = None
    usd_per_mw_year: Charge | None = None
    interval_minutes: Interval | None = None
    ratchet_share: Share | None = None
    peaks_per_month: Annotated[int | None, Field(ge=1, le=20)] = None
    months: Months | None = None
    weekdays: Weekdays | None = None
    hours: Hours | None = None


class BatteryTable(_PowerTable):
    """The table [site.battery]."""

    power_mw: Annotated[float, Field(gt=0, le=MAX_MW)]
    energy_mwh: Annotated[float, Field(gt=0, le=100 * MAX_MW)]
    efficiency_in_share: Efficiency = 0.95
    efficiency_out_share: Efficiency = 0.95
    wear_usd_per_mwh: Annotated[float, Field(ge=0, le=MAX_USD_PER_MWH)] = 0.0
    start_share: Share = 0.5
    end_share: Share = 0.5
    max_cycles_per_day: Annotated[float | None, Field(gt=0, le=100)] = None


class ProductTable(_PowerTable):
    """A `[[product]]` table of a products file: power that a grid pays for."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    kind: Literal[PRODUCT_KINDS]  # type: ignore[valid-type]  # the constants of the core
    price: Annotated[float, Field(ge=0, le=MAX_USD_PER_MWH)] | Annotated[str, AfterValidator(_reserve_column)]
    response_s: Annotated[float, Field(gt=0, le=86_400)]
    duration_minutes: Annotated[int, Field(ge=1, le=10_080)]
    notice_minutes: Annotated[int, Field(ge=0, le=10_080)] = 0
    block_mw: Power = 0.0
    minimum_bid_mw: Power = 0.0
    expected_deployment_share: Share = 0.0
    deployment_price_usd_per_mwh: Price = 0.0
    penalty_share: Share = 0.0
    penalty_usd_per_mwh: Annotated[float, Field(ge=0, le=MAX_USD_PER_MWH)] = 0.0
    tests_per_year: Annotated[float, Field(ge=0, le=366)] = 0.0
    sites: Annotated[tuple[str, ...], Field(strict=False, max_length=20_000)] = ()
    months: Months = ()
    weekdays: Weekdays = ()
    hours: Hours = ()


class ProductTables(_PowerTable):
    """The whole products file."""

    product: Annotated[tuple[ProductTable, ...], Field(strict=False, min_length=1, max_length=MAX_PRODUCTS)]


PRODUCT_TABLES: Final[dict[str, type[BaseModel]]] = {"": ProductTables, "product": ProductTable}
POWER_TABLES: Final[dict[str, type[BaseModel]]] = {
    "supply": SupplyTable,
    "charge": ChargeTable,
    "battery": BatteryTable,
}
_TIMES: Final = frozenset({"months", "weekdays", "hours"})
NEEDED: Final[dict[str, frozenset[str]]] = {
    "block": frozenset({"power_mw", "price_usd_per_mwh"}),
    "as_produced": frozenset({"capacity_mw", "profile", "price_usd_per_mwh"}),
    "take_or_pay": frozenset({"mwh_per_year", "price_usd_per_mwh"}),
    "cfd": frozenset({"power_mw", "price_usd_per_mwh"}),
    "collar": frozenset({"power_mw", "floor_usd_per_mwh", "cap_usd_per_mwh"}),
    "adder": frozenset({"usd_per_mwh"}),
    "demand": frozenset({"usd_per_mw_month"}),
    "coincident_peak": frozenset({"usd_per_mw_year"}),
}
"""Fields that each kind of supply or charge needs."""
ALLOWED: Final[dict[str, frozenset[str]]] = {
    "block": frozenset({"shape", "sellback_spread_share"}),
    "as_produced": frozenset({"sellback_spread_share"}),
    "take_or_pay": frozenset(),
    "cfd": frozenset({"shape"}),
    "collar": frozenset({"shape"}),
    "adder": _TIMES,
    "demand": _TIMES | {"interval_minutes", "ratchet_share"},
    "coincident_peak": frozenset({"months", "peaks_per_month", "interval_minutes"}),
}
"""Further fields that each kind may have."""


def misplaced_field(table: SupplyTable | ChargeTable) -> tuple[str, str, str] | None:
    """Find a field that a table's kind lacks or does not have: field, rule, remedy."""
    kind = table.kind
    given = {name for name in type(table).model_fields if name != "kind" and _is_given(table, name)}
    for name in sorted(NEEDED[kind] - given):
        return name, f"is required with kind {kind!r}", "add it"
    for name in sorted(given - NEEDED[kind] - ALLOWED[kind]):
        known = ", ".join(sorted(NEEDED[kind] | ALLOWED[kind]))
        return name, f"is not a field of kind {kind!r}", f"remove it (known: {known})"
    return None


def _is_given(table: Any, name: str) -> bool:
    return getattr(table, name) is not None
