"""The layout `csv`, whose columns and stamps the SPEC itself declares."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mara.errors import ConfigError
from mara.feeds.markets.building.money import unit_of
from mara.feeds.markets.declaration import (
    CSV_LAYOUT,
    DEMAND,
    Form,
    HourEnding,
    Instant,
    Key,
    Known,
    Layout,
    Period,
    Quantity,
    Repeat,
    Side,
    Span,
    Stamp,
    StampClock,
    Value,
)
from mara.spelling import nearest

FIELDS = {
    Quantity.PRICE: "price",
    Quantity.CARBON: "carbon_g_per_kwh",
    Quantity.ANCILLARY: "price",
    Quantity.DEMAND: DEMAND,
    Quantity.WEATHER: "dry_bulb_c",
    Quantity.HASHPRICE: "hashprice_usd_per_ph_day",
}
"""Field of a single `value` column, by the quantity of the source."""


class CsvTableSpec(BaseModel):
    """The table `csv` of a SPEC; its fields mean the same as in `declaration`.

    Attributes:
        time: the column of single stamps; or `begin` and `end`; or `date` with `time` (of day), `hour` or `period`.
        side: the side of the interval that `time` names.
        clock: IANA zone or fixed offset; `stated` where each stamp contains its offset.
        repeat: mark of the repeated hour in autumn, where the clock changes.
        value: the column of the one number; or `values`, columns by field, as `{ dry_bulb_c = "temp" }`.
        unit, units: of `value`, and by field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: str | None = None
    begin: str | None = None
    end: str | None = None
    date: str | None = None
    hour: str | None = None
    interval: str | None = None
    intervals: Annotated[int, Field(ge=1, le=60)] = 4
    period: str | None = None
    formats: tuple[str, ...] = ("iso",)
    side: Side | None = None
    clock: str
    repeat: Repeat = Repeat.NEVER
    flag: str = ""
    second: tuple[str, ...] = ("Y",)
    steps_minutes: Annotated[tuple[Annotated[int, Field(ge=1, le=44_640)], ...], Field(min_length=1)]
    value: str | None = None
    values: dict[str, str] = Field(default_factory=dict)
    unit: str | None = None
    units: dict[str, str] = Field(default_factory=dict)
    point: str | None = None
    keys: dict[str, str] = Field(default_factory=dict)
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ",", "?"] = "."
    thousands: str = ""
    encoding: str = "utf-8"
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    day_zone: str | None = None
    vintage: str = ""
    vintage_formats: tuple[str, ...] = ()
    known: Known | None = None
    licence: str = ""

    @model_validator(mode="after")
    def _says_its_stamp(self) -> "CsvTableSpec":
        if (self.begin is not None) == (self.time is not None or self.date is not None):
            raise ValueError("should have one of time, begin and date")
        if self.time is not None and self.side is None:
            raise ValueError('should say side = "begin" or "end": which end of its interval a stamp names')
        beside_date = [self.time, self.hour, self.period]
        if self.date is not None and sum(column is not None for column in beside_date) != 1:
            raise ValueError("should have one of time (of day), hour and period beside date")
        if (self.value is None) == (not self.values):
            raise ValueError("should have one of value and values")
        if self.repeat in {Repeat.FLAG, Repeat.SUFFIX} and self.hour is None:
            raise ValueError("should have a date and an hour where a flag or a suffix tells the repeated hour")
        if self.delimiter in {'"', "\n", "\r", "\0"}:
            raise ValueError("should have a delimiter that stands between cells, such as ; or a tab")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError("should have an encoding that is known, such as utf-8 or cp1252") from error
        return self


def own_layout(given: dict[str, Any], quantity: Quantity, where: str, field: str = "") -> Layout:
    """Make the layout that the `csv` table of a SPEC declares.

    Args:
        field: field of a single `value`, where the quantity has several; empty for its first.

    Raises:
        ConfigError: a field is missing, unknown or contradicts another; the message names it.
    """
    try:
        table = CsvTableSpec.model_validate(given)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(["csv", *map(str, detail["loc"])])
        raise ConfigError(f"{where}: {place} {_said_of(detail)}: correct it") from error
    return Layout(
        id=CSV_LAYOUT,
        publisher="a table that the SPEC describes",
        report="",
        quantity=quantity,
        form=Form(
            delimiters=table.delimiter,
            decimal=table.decimal,
            thousands=table.thousands,
            encoding=table.encoding,
            names=table.columns,
        ),
        stamp=_stamp_of(table),
        clock=StampClock(
            zone="UTC" if table.clock == "stated" else table.clock,
            repeat=table.repeat,
            flag=table.flag,
            second=table.second,
            is_stated=table.clock == "stated",
        ),
        values=_values_of(table, quantity, where, field or FIELDS[quantity]),
        point=(table.point,) if table.point else (),
        keys=tuple(Key(name=name, column=column) for name, column in table.keys.items()),
        steps_minutes=table.steps_minutes,
        day_zones=(table.day_zone or table.clock,) if table.clock != "stated" or table.day_zone else (),
        vintage=table.vintage,
        vintage_formats=table.vintage_formats,
        known=table.known,
        licence=table.licence,
    )


def _said_of(detail: Any) -> str:
    """Write what is wrong with a field of the table, and the field that may be meant."""
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] == "extra_forbidden":
        near = nearest(str(detail["loc"][-1]), CsvTableSpec.model_fields)
        return "is not a field of this table" + (f", {near} is" if near else "")
    if detail["type"] == "tuple_type":
        return f"should be a list, such as [{json.dumps(detail['input'], ensure_ascii=False, default=str)}]"
    return str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "should")


def layout_in(path: Path) -> Layout:
    """Read the layout that a TOML file declares: `quantity`, and the table `csv`.

    Raises:
        ConfigError: the file cannot be used; the message says why.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): name a file that is there") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} should be TOML, but {error}: correct it") from error
    quantity, table = said.get("quantity", str(Quantity.PRICE)), said.get("csv")
    if quantity not in set(Quantity) or not isinstance(table, dict):
        raise ConfigError(
            f"{path} should have a table [csv], and quantity as one of {', '.join(Quantity)}, has {', '.join(said)}: "
            "correct it"
        )
    return own_layout(table, Quantity(quantity), str(path))


def _stamp_of(table: CsvTableSpec) -> Stamp:
    if table.begin is not None:
        return Span(begin=table.begin, end=table.end or "", formats=table.formats)
    if table.time is not None:
        assert table.side is not None
        return Instant(column=table.time, date=table.date or "", formats=table.formats, side=table.side)
    assert table.date is not None
    if table.period is not None:
        return Period(date=(table.date,), period=table.period, formats=table.formats)
    return HourEnding(
        date=table.date,
        hour=table.hour or "",
        formats=table.formats,
        interval=table.interval or "",
        intervals=table.intervals if table.interval else 1,
    )


def _values_of(table: CsvTableSpec, quantity: Quantity, where: str, only: str) -> tuple[Value, ...]:
    columns = {only: table.value} if table.value is not None else table.values
    units = {only: table.unit, **table.units}
    values = []
    for field, column in columns.items():
        unit = units.get(field)
        if unit is None and quantity in {Quantity.PRICE, Quantity.ANCILLARY}:
            example = "EUR/MWh" if quantity is Quantity.PRICE else "EUR/MW/h"
            raise ConfigError(f"{where}: csv.unit is missing: say it, such as {example}; nothing is guessed")
        factor, currency = unit_of(unit, where) if unit is not None else (1.0, "")
        values.append(
            Value(field=field, column=column, unit=unit or "", factor=factor, currency=currency, missing=table.missing)
        )
    return tuple(values)
