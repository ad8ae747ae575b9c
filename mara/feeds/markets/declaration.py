"""The declaration of a market file's layout.

A layout is a frozen record and no program: a few forms of file and four kinds of stamp serve all of them, and the same
record is made from the SPEC's TOML where the layout is `csv`.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

Column = str | re.Pattern[str]
"""The name of a column, or a pattern of names.

Case and subscripts of a plain name are ignored. Named groups of a pattern (`point`, `currency`, `hour`) say of each
column found what its values are.
"""


class Quantity(StrEnum):
    """The thing that a file tells."""

    PRICE = "price"
    ANCILLARY = "ancillary"
    CARBON = "carbon"
    WEATHER = "weather"
    HASHPRICE = "hashprice"
    FX = "fx"


class Known(StrEnum):
    """The time at which a price is known."""

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
    """A stamp in one column, at one side of its interval.

    Attributes:
        formats: of `datetime.strptime`; `iso` for ISO 8601, `epoch` for Unix seconds.
        agrees: a column with the same instant in local time, which must agree: exactly where `agrees_zone` says whose
            time it is, else by a whole hour that changes by one hour at most.
        step: a column that says how long the interval is, as an ISO 8601 duration such as PT15M.
        hour: a column of hours 0 to 23 to add to a date.
        offset: a column of the constant offset of all stamps from UTC, in seconds.
    """

    column: str
    formats: tuple[str, ...]
    side: Side = Side.BEGIN
    agrees: str = ""
    agrees_zone: str = ""
    step: str = ""
    hour: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Both ends of the interval, in two columns, or in one with ` - ` between them."""

    begin: str
    end: str = ""
    formats: tuple[str, ...] = ("iso",)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourEnding:
    """A local date, the hour that is ending, 1 to 24 or 25, and the part of it.

    Attributes:
        hour: the column, or empty where the hour is in the names of the value columns (`HE 1` to `HE 24`).
        interval: the column of the part of the hour, 1 to `intervals`; empty where the hour is whole.
    """

    date: str
    hour: str = ""
    formats: tuple[str, ...] = ("%m/%d/%Y",)
    interval: str = ""
    intervals: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A local date and the number of the period in it, counted from 1.

    Attributes:
        date: a column, or several whose texts are joined by `-`.
    """

    date: tuple[str, ...]
    period: str
    formats: tuple[str, ...] = ("%Y-%m-%d",)


Stamp = Instant | Span | HourEnding | Period


class Kind(StrEnum):
    """The way in which a file holds its rows."""

    ROWS = "rows"
    TAGGED = "tagged"
    RECORDS = "records"
    PUBLICATION_XML = "publication-xml"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The conventions of the text.

    Attributes:
        delimiters: characters that may part the cells; the header decides.
        decimal: `.`, `,`, or `?` where a comma counts as the decimal mark if a cell has one and no point.
        thousands: characters to leave out of numbers.
        names: of the columns, where the file has no header.
        sample: what the first row must look like; tells layouts apart that share a header, or that have none.
        tags: first cells of the lines that hold the header and the rows (TAGGED), such as `H` and `D`.
        table: names behind the tag of the wanted table (RECORDS), such as `TRADING`, `PRICE`.
        count_line: text of the last line, whose last cell counts the lines.
        last_line: the line that a whole file ends with.
        bare_names: names at the end of the header that only tell something, and may have no cells below them.
        before: pattern of the text before the header; its groups become columns named `@group`.
        file_name: pattern of the file's name, likewise.
        json_path: keys down to the arrays or records (JSON).
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
    count_line: str = ""
    last_line: str = ""
    bare_names: int = 0
    before: re.Pattern[str] | None = None
    file_name: re.Pattern[str] | None = None
    json_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A column that tells series of one point apart beside time.

    Attributes:
        default: values that are taken where the SPEC names none; with none, a point with several is refused.
        same: values that mean the same, the first of them as the others are read.
        is_identity: whether rows of different values are different series; else the key only picks rows, those of the
            default always, or those that the SPEC asks for.
        is_optional: whether the column may be missing.
    """

    name: str
    column: str
    default: tuple[str, ...] = ()
    same: tuple[tuple[str, ...], ...] = ()
    is_identity: bool = True
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A column of numbers.

    Attributes:
        field: what it is in the series, such as `price` or `dry_bulb_c`.
        unit: as the publisher has it.
        factor: times this it is in the field's unit.
        point, currency: where the column itself says them.
        missing: texts that stand for no value, beside the usual ones.
        is_optional: whether the column may be missing.
        quality: pattern with a group `number`; a cell that it does not match whole is no value.
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
    """The limits that a market sets its prices, from a day on [currency per MWh]."""

    valid_from: date
    floor_per_mwh: float
    cap_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedConvention:
    """A stretch of time in which a publisher's rows had another stamp side.

    Attributes:
        valid_from, valid_until: first day, and the first day no longer.
        side: the stamp side then; None where the rows cannot be trusted, which is told as a warning.
    """

    column: str
    value: str
    valid_until: date | None = None
    valid_from: date | None = None
    side: Side | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All that must be known to read one report of one publisher.

    Attributes:
        id: the public name. Several records may share it: they are variants, such as an older header.
        variant: what tells this one from others of the same id.
        version: of the declaration, raised when a file would be read otherwise.
        header: columns by which a file is recognised, beside those that stamps, keys and values name; a group `point`
            of a pattern names the place of all rows.
        aliases: other names of points, as pairs of alias and name.
        point: columns that name the place; any of them answers to the SPEC's `point`, the first names the series.
        currency: of all values, or empty where a column or the header says it.
        steps_minutes: lengths of interval that occur; several may occur in one file.
        day_zones: clocks by whose days the publisher cuts its files: a file starts and ends at a midnight of one.
            Empty: it may start and end anywhere.
        vintage: the column that tells a later edition of a row from an earlier one.
        vintage_formats: of that column; empty where it holds a number.
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
        """The side of the interval that stamps name; both ends count as the beginning."""
        if isinstance(self.stamp, HourEnding):
            return Side.END
        return self.stamp.side if isinstance(self.stamp, Instant) else Side.BEGIN


QUARTERS: Final = (15, 30, 60)
"""Grains of European day-ahead markets; quarters since delivery day 2025-10-01."""
