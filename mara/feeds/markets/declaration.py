"""The declaration of a market file's layout.

A layout is a frozen record, not a program: a few forms of file and four kinds of time stamp serve all publishers. The
layout `csv` is the same record, made from the SPEC's TOML.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

CSV_LAYOUT: Final = "csv"
"""Name of the layout that a SPEC itself declares."""
Column = str | re.Pattern[str]
"""Name of a column, or a pattern of names.

Case and subscripts of a plain name are ignored. Named groups of a pattern (`point`, `currency`, `hour`) give the point,
currency or hour of the values in each column found.
"""


class Quantity(StrEnum):
    """The quantity that a market file gives."""

    PRICE = "price"
    ANCILLARY = "ancillary"
    CARBON = "carbon"
    WEATHER = "weather"
    DEMAND = "demand"
    HASHPRICE = "hashprice"
    FX = "fx"


class Known(StrEnum):
    """The time at which a price becomes known: the day before, or in its hour."""

    DAY_AHEAD = "day_ahead"
    REAL_TIME = "real_time"


class Side(StrEnum):
    """The end of its interval that a stamp names."""

    BEGIN = "begin"
    END = "end"


class Repeat(StrEnum):
    """The way in which a file marks the second of two equal local hours."""

    NEVER = "never"
    ORDER = "order"
    FLAG = "flag"
    SUFFIX = "suffix"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class StampClock:
    """Time zone of the timestamps in a market file, and its clock-change rules.

    Attributes:
        zone: an IANA name, or a fixed offset such as `UTC` or `UTC+10:00`. A market that keeps one time all year has a
            fixed offset and never a city's zone.
        flag: the column that marks the repeated hour, where `repeat` is FLAG.
        second: value of that column in the second of the two hours, and only there.
        names: UTC offsets in minutes of zone names that follow a timestamp, such as `CEST`.
        is_stated: True if each timestamp must contain its own UTC offset.
    """

    zone: str = "UTC"
    repeat: Repeat = Repeat.NEVER
    flag: str = ""
    second: tuple[str, ...] = ("Y",)
    names: tuple[tuple[str, int], ...] = ()
    is_stated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A time stamp in one column, for the beginning or the end of its interval.

    Attributes:
        formats: of `datetime.strptime`; `iso` for ISO 8601, `epoch` for Unix seconds.
        date: a column of dates, where `column` has only the time of day; they are read with a space between.
        agrees: a column with the same instant in local time, which must agree: exactly where `agrees_zone` says whose
            time it is, else by a whole hour that changes by one hour at most.
        step: a column that says how long the interval is, as an ISO 8601 duration such as PT15M.
        hour: a column of hours 0 to 23 to add to a date, or of their beginnings and ends (`00 - 01`).
        offset: a column of the constant offset of all stamps from UTC, in seconds.
    """

    column: str
    formats: tuple[str, ...]
    side: Side = Side.BEGIN
    date: str = ""
    agrees: str = ""
    agrees_zone: str = ""
    step: str = ""
    hour: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time stamp of both ends, in two columns or in one with ` - ` between them."""

    begin: str
    end: str = ""
    formats: tuple[str, ...] = ("iso",)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourEnding:
    """A time stamp of a local date and an ending hour, 1 to 24 or 25, or a part of it.

    Attributes:
        hour: the column, that of the date where both stand in one, or empty where the hour is in the names of the
            value columns (`HE 1` to `HE 24`).
        interval: the column of the part of the hour, 1 to `intervals`; empty where the hour is whole.
    """

    date: str
    hour: str = ""
    formats: tuple[str, ...] = ("%m/%d/%Y",)
    interval: str = ""
    intervals: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time stamp of a local date and the number of a period in it, from 1 on.

    Attributes:
        date: a column, or several whose texts are joined by `-`.
    """

    date: tuple[str, ...]
    period: str
    formats: tuple[str, ...] = ("%Y-%m-%d",)


Stamp = Instant | Span | HourEnding | Period


class Kind(StrEnum):
    """The form in which a file holds its rows."""

    ROWS = "rows"
    TAGGED = "tagged"
    RECORDS = "records"
    PUBLICATION_XML = "publication-xml"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Conventions of a file's text: separators, numbers, header and encoding.

    Attributes:
        delimiters: characters that may separate cells; the header decides.
        decimal: `.`, `,`, or `?` where a comma counts as the decimal mark if a cell has one and no point.
        thousands: characters to leave out of numbers.
        names: names of the columns, where the file has no header.
        sample: pattern of the first row; distinguishes layouts that share a header, or have none.
        tags: first cells of the lines that hold the header and the rows (TAGGED), such as `H` and `D`.
        table: names after the tag of the wanted table (RECORDS), such as `TRADING`, `PRICE`.
        count_tag: first cell of a last line whose last cell counts the rows; the line may be missing (TAGGED).
        count_line: text of the last line, whose last cell counts the lines.
        last_line: the line that a complete file ends with.
        bare_names: number of names at the end of the header that may have no cells below them.
        before: pattern of the text before the header; its groups become columns named `@group`.
        file_name: pattern of the file's name, likewise.
        json_path: keys down to the arrays or records (JSON).
        json_names: key of a list of objects whose `name` is that of a column, where rows are lists (JSON).
        is_one_record: whether the document itself is the only row (JSON).
    """

    kind: Kind = Kind.ROWS
    delimiters: str = ","
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"
    names: tuple[str, ...] = ()
    sample: re.Pattern[str] | None = None
    tags: tuple[str, ...] = ()
    table: tuple[str, ...] = ()
    count_tag: str = ""
    count_line: str = ""
    last_line: str = ""
    bare_names: int = 0
    before: re.Pattern[str] | None = None
    file_name: re.Pattern[str] | None = None
    json_path: tuple[str, ...] = ()
    json_names: str = ""
    is_one_record: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A column that distinguishes series of one market point.

    Attributes:
        default: values taken where the SPEC names none; without a default, a point with several series is refused.
        same: groups of values that mean the same; each is read as the first of its group.
        is_identity: whether rows of different values are different series; else the key only selects rows, by the
            default or by what the SPEC asks for.
        is_optional: whether the column may be missing.
        day_ahead: values whose prices are known a day before delivery, where all others are real-time prices; with
            none, the key does not tell.
    """

    name: str
    column: str
    default: tuple[str, ...] = ()
    same: tuple[tuple[str, ...], ...] = ()
    is_identity: bool = True
    is_optional: bool = False
    day_ahead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A column of numbers, with its field and unit.

    Attributes:
        field: name of the field in the series, such as `price` or `dry_bulb_c`.
        unit: unit as the publisher writes it.
        factor: multiplier from the publisher's unit to the field's.
        point, currency: market point and currency, where the column implies them.
        missing: texts that stand for no value, besides the usual ones.
        is_optional: whether the column may be missing.
        quality: pattern with a group `number`; a cell that does not match it wholly counts as missing.
    """

    field: str
    column: Column
    unit: str = ""
    factor: float = 1.0
    point: str = ""
    currency: str = ""
    missing: tuple[str, ...] = ()
    is_optional: bool = False
    quality: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Price limits of a market from a day on [currency per MWh].

    Attributes:
        currency: currency of the limits; empty where it is the layout's.
    """

    valid_from: date
    floor_per_mwh: float
    cap_per_mwh: float
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedConvention:
    """A period in which a publisher's stamps named another side of the interval.

    Attributes:
        valid_from, valid_until: first day of the period, and first day after it; None is no bound.
        side: the side in that period; None where its rows cannot be trusted, of which a warning is given.
    """

    column: str
    value: str
    valid_until: date | None = None
    valid_from: date | None = None
    side: Side | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Declaration of all that is needed to read one report of one publisher.

    Attributes:
        id: public name. Several records may share it as variants, such as one with an older header.
        variant: name that distinguishes this record from others of the same id.
        version: version of the declaration, raised when a file would be read differently.
        header: columns by which a file is recognised, besides those of stamps, keys and values; a group `point` of a
            pattern names the market point of all rows.
        aliases: other names of points, as pairs of alias and name.
        point: columns that name the market point; the SPEC's `point` may be in any of them, the first names the series.
        currency: currency of all values; empty where a column or the header names it.
        steps_minutes: lengths of interval that occur; several may occur in one file.
        day_zones: time zones at whose midnights a file must start and end; with none, it may start and end anywhere.
        vintage: column that orders the editions of a row.
        vintage_formats: time formats of that column; empty where it holds a number.
        is_forecast: whether editions of the local day of delivery, and later ones, do not count: a forecast is the one
            that was there on the day before.
        is_tiled: whether stamps come at irregular times, each ending the interval since the last (real-time dispatch).
        is_sampled: whether rows are readings at any minute, which are averaged by the hour (weather stations).
        valid_from: first delivery day of this form of the report, where it is known.
    """

    id: str
    publisher: str
    report: str
    quantity: Quantity
    stamp: Stamp
    values: tuple[Value, ...]
    variant: str = ""
    version: int = 1
    form: Form = field(default_factory=Form)
    clock: StampClock = field(default_factory=StampClock)
    header: tuple[Column, ...] = ()
    point: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    keys: tuple[Key, ...] = ()
    currency: str = ""
    currency_column: str = ""
    steps_minutes: tuple[int, ...] = (60,)
    day_zones: tuple[str, ...] = ()
    vintage: str = ""
    vintage_formats: tuple[str, ...] = ()
    known: Known | None = None
    caps: tuple[Cap, ...] = ()
    deviations: tuple[DatedConvention, ...] = ()
    is_tiled: bool = False
    is_sampled: bool = False
    is_forecast: bool = False
    valid_from: date | None = None
    licence: str = ""

    @property
    def name(self) -> str:
        """The id, with the variant where there is one."""
        return f"{self.id} ({self.variant})" if self.variant else self.id

    @property
    def unit(self) -> str:
        """The unit of the first value, as the publisher has it."""
        return self.values[0].unit

    @property
    def side(self) -> Side:
        """The side of the interval that stamps name; BEGIN where they name both."""
        if isinstance(self.stamp, HourEnding):
            return Side.END
        return self.stamp.side if isinstance(self.stamp, Instant) else Side.BEGIN


DEMAND: Final = "system_demand_mw"
DEMAND_FORECAST: Final = "system_demand_forecast_mw"
"""Fields of a power system's demand and of its day-ahead forecast [MW]."""
QUARTERS: Final = (15, 30, 60)
"""Step lengths [minutes] of European day-ahead markets; 15 since 2025-10-01."""
