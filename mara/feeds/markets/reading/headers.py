"""Search for a layout's header among a file's first lines, and for its columns."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from mara.feeds.markets.declaration import (
    Column,
    Form,
    HourEnding,
    Instant,
    Kind,
    Layout,
    Period,
    Span,
    Stamp,
    Value,
)

MOST_LINES_BEFORE: Final = 60
"""Most lines before the header: titles, terms of use, coordinates."""
SEPARATORS: Final = (",", ";", "\t", "|")
"""Separators that spreadsheets put between cells."""
INDEX_COLUMN: Final = "__index_level_0__"
"""Name that pandas gives an unnamed index in Parquet; in CSV it has no name."""
CURRENCIES_BY_SIGN: Final = {"€": "EUR", "£": "GBP", "$": "USD", "円": "JPY"}

Needs: TypeAlias = tuple[frozenset[str], tuple[re.Pattern[str], ...]]
"""Needed columns of a layout: normalized names, and patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Column names of a file, and the position of their line.

    Attributes:
        line: number of the header's line, from 1; 0 where there is none.
        delimiter: separator of the cells.
        width: cells of a row, where they are fewer than the names.
        said: values in the text before the header and in the file's name, by group name with an `@`.
    """

    names: tuple[str, ...]
    line: int = 1
    delimiter: str = ","
    width: int = 0
    said: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A column of values, with the point, currency or hour that its name contains."""

    value: Value
    column: int
    point: str
    currency: str
    hour: int = 0


@lru_cache(maxsize=65_536)
def spelled(name: str) -> str:
    """Normalize a column name: without case, subscripts, double spaces and marks."""
    plain = name.strip().strip("\ufeff").strip('"').replace("₂", "2")
    return " ".join(plain.split()).casefold() if plain != INDEX_COLUMN else ""


def header_in(lines: tuple[str, ...], layout: Layout, file_name: str = "") -> Header | None:
    """Find the header of a layout among first lines; None where it is missing."""
    form = layout.form
    if not form.names and not _are_among(_stamp_names(layout.stamp), lines, form):
        return None
    needs = _needs_of(layout)
    if not form.names and not _are_among(needs[0], lines, form):
        return None
    for number, delimiter, cells in _candidates(lines, form):
        if _has(cells, needs) and _looks_right(lines[number:], form):
            said = _said_of(form, "\n".join(lines[: max(number - 1, 0)]), file_name)
            if said is not None:
                width = _width_of(lines[number:], delimiter, form, len(cells))
                return Header(names=cells, line=number, delimiter=delimiter, width=width, said=said)
    return None


def header_in_rows(rows: Sequence[Sequence[str]], layout: Layout, file_name: str = "") -> Header | None:
    """Find the header of a layout among first rows; None where it is missing."""
    form, needs = layout.form, _needs_of(layout)
    first = rows[:MOST_LINES_BEFORE]
    for number, row in enumerate(first, start=1):
        if _has(tuple(row), needs):
            lines = [form.delimiters[0].join(cells) for cells in rows[: number + 1]]
            said = _said_of(form, "\n".join(lines[: number - 1]), file_name)
            if said is not None and _looks_right(lines[number:], form):
                return Header(names=tuple(row), line=number, said=said)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """Closeness of a line to the header of a layout.

    Attributes:
        has: number of the needed columns that the line has and that tell something.
        lacks: the needed columns that it lacks.
        delimiter: separator of its cells.
        names: its cells.
    """

    has: int
    lacks: tuple[Column, ...]
    delimiter: str
    names: tuple[str, ...] = ()


def nearness_of(lines: Sequence[str], layout: Layout) -> Nearness:
    """Find the line nearest to a layout's header, by any separator of its cells."""
    needed = tuple(dict.fromkeys(_needed(layout)))
    best = Nearness(has=0, lacks=needed, delimiter="")
    for line in lines:
        for delimiter in SEPARATORS:
            names = cells_of(line, delimiter)
            found = {column: sum(1 for _ in _matches(names, column)) for column in needed}
            lacks = tuple(column for column, count in found.items() if not count)
            # a pattern that most names fit tells nothing
            has = sum(0 < count <= len(names) / 2 for count in found.values())
            if (has - len(lacks)) > (best.has - len(best.lacks)):
                best = Nearness(has=has, lacks=lacks, delimiter=delimiter, names=names)
    return best


def _width_of(lines: Sequence[str], delimiter: str, form: Form, count: int) -> int:
    """Count the cells of a row: as many as names, or fewer where the last have none."""
    first = next((line for line in lines if line.strip()), "")
    short = form.bare_names and len(cells_of(first, delimiter)) == count - form.bare_names
    return count - form.bare_names if short else count


def has_columns(names: Sequence[str], layout: Layout) -> bool:
    """True if all columns that the layout needs are among the names."""
    return _has(tuple(names), _needs_of(layout))


def position_of(names: Sequence[str], column: str) -> int | None:
    """Find the place of a column, whatever its spelling; None where it is missing."""
    wanted = spelled(column)
    return next((place for place, name in enumerate(names) if spelled(name) == wanted), None)


def blocks_of(names: Sequence[str], layout: Layout, said: Mapping[str, str]) -> tuple[Block, ...]:
    """Find the layout's columns of values in a file.

    Args:
        said: values of the text before the header, of which the currency is taken.
    """
    patterns = (column for column in layout.header if isinstance(column, re.Pattern))
    everywhere = {
        key: text for pattern in patterns for _, groups in _matches(names, pattern) for key, text in groups.items()
    }
    return tuple(
        Block(
            value=value,
            column=place,
            point=groups.get("point", "").strip() or value.point or everywhere.get("point", ""),
            currency=_currency_of(groups.get("currency", "") or said.get("@currency", ""))
            or value.currency
            or layout.currency,
            hour=int(groups.get("hour") or 0),
        )
        for value in layout.values
        for place, groups in _matches(names, value.column)
    )


def stamp_columns(stamp: Stamp) -> tuple[str, ...]:
    """List the columns that a stamp is read from."""
    if isinstance(stamp, Instant):
        first = (stamp.date, stamp.column) if stamp.date else (stamp.column,)
        return (*first, *filter(None, (stamp.agrees, stamp.step, stamp.hour, stamp.offset)))
    if isinstance(stamp, Span):
        return (stamp.begin, stamp.end) if stamp.end else (stamp.begin,)
    if isinstance(stamp, HourEnding):
        return tuple(dict.fromkeys(filter(None, (stamp.date, stamp.hour, stamp.interval))))
    assert isinstance(stamp, Period)
    return (*stamp.date, stamp.period)


@lru_cache(maxsize=4_096)
def cells_of(line: str, delimiter: str) -> tuple[str, ...]:
    """Split one line into cells."""
    if line and '"' not in line:  # nothing is quoted
        return tuple(line.split(delimiter))
    return tuple(next(csv.reader([line], delimiter=delimiter), []))


def _are_among(names: frozenset[str], lines: tuple[str, ...], form: Form) -> bool:
    return any(names <= _names_in(lines, delimiter) for delimiter in form.delimiters)


@lru_cache(maxsize=64)
def _names_in(lines: tuple[str, ...], delimiter: str) -> frozenset[str]:
    """Gather the cells of all lines, by which most layouts are ruled out at once."""
    cells = {cell for line in lines for cell in cells_of(line, delimiter)}
    return frozenset(map(spelled, cells))


def _candidates(lines: Sequence[str], form: Form) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield lines that may be the header: number from 1, delimiter, cells."""
    if form.names:
        yield 0, form.delimiters[0], form.names
        return
    for number, line in enumerate(lines, start=1):
        for delimiter in form.delimiters:
            cells = cells_of(line, delimiter)
            if form.kind is Kind.TAGGED and cells[:1] != (form.tags[0],):
                continue
            if form.kind is Kind.RECORDS and cells[:3] != (form.tags[0], *form.table):
                continue
            yield number, delimiter, cells


def _has(names: tuple[str, ...], needs: Needs) -> bool:
    plain, patterns = needs
    if not plain <= _spelled_of(names):
        return False
    return all(any(pattern.fullmatch(_searched(name)) for name in names) for pattern in patterns)


@lru_cache(maxsize=4_096)
def _spelled_of(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(spelled(name) for name in names)


def _needs_of(layout: Layout) -> Needs:
    """Gather the columns that a layout needs, once for all lines of a file."""
    needed = tuple(_needed(layout))
    plain = frozenset(spelled(column) for column in needed if not isinstance(column, re.Pattern))
    return plain, tuple(column for column in needed if isinstance(column, re.Pattern))


@lru_cache(maxsize=1_024)
def _stamp_names(stamp: Stamp) -> frozenset[str]:
    return frozenset(spelled(name) for name in _stamps(stamp))


def _stamps(stamp: Stamp) -> Iterator[str]:
    return (name for name in stamp_columns(stamp) if not name.startswith("@"))


def _needed(layout: Layout) -> Iterator[Column]:
    yield from _stamps(layout.stamp)
    yield from layout.point
    yield from (key.column for key in layout.keys if not key.is_optional)
    yield from (value.column for value in layout.values if not value.is_optional)
    yield from filter(None, (layout.currency_column, layout.clock.flag))
    yield from layout.header


def _looks_right(lines: Sequence[str], form: Form) -> bool:
    """True if the first row below the header fits the sample of its layout."""
    if form.sample is None:
        return True
    first = next((line for line in lines if line.strip() and not line.startswith(form.names[:1] or "\0")), "")
    return form.sample.match(first) is not None


def _said_of(form: Form, before: str, file_name: str) -> dict[str, str] | None:
    """Read the values given by the text before the header, or else by the file's name.

    None where neither gives all that the layout needs.
    """
    patterns = [(form.before, before), (form.file_name, file_name)]
    if all(pattern is None for pattern, _ in patterns):
        return {}
    for pattern, text in patterns:
        found = pattern.search(text) if pattern is not None else None
        if found is not None:
            return {f"@{name}": value for name, value in found.groupdict().items() if value is not None}
    return None


def _matches(names: Sequence[str], column: Column) -> Iterator[tuple[int, dict[str, str]]]:
    if isinstance(column, str):
        place = position_of(names, column)
        if place is not None:
            yield place, {}
        return
    for place, name in enumerate(names):
        found = column.fullmatch(_searched(name))
        if found is not None:
            yield place, {key: text for key, text in found.groupdict().items() if text is not None}


@lru_cache(maxsize=65_536)
def _searched(name: str) -> str:
    """Normalize spaces and subscripts of a name, for patterns that depend on case."""
    return " ".join(name.strip("\ufeff \t").replace("₂", "2").split())


def _currency_of(text: str) -> str:
    return CURRENCIES_BY_SIGN.get(text, text.upper())
