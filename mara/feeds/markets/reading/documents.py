"""Readers of XML, JSON, Parquet and workbooks, which give tables of text."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from importlib import import_module
from typing import Any, Final
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from mara.feeds.markets.declaration import Form
from mara.feeds.markets.reading.headers import Header
from mara.feeds.markets.reading.sheets import Batch
from mara.feeds.markets.reading.sources import Source

XML_COLUMNS: Final = ("begin", "end", "price", "currency", "unit", "area", "sequence", "business", "created")
"""Columns of the table made from a publication document, with a row an interval."""
MOST_POINTS: Final = 1_000_000
"""Most points of one XML document, those that a curve A03 repeats included."""
_DURATION: Final = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?")
_REPEATS: Final = "A03"
"""Curve type whose omitted positions repeat the value before; A01's are gaps.

Source: ENTSO-E, The Introduction of Different Time Series Possibilities (Curvetype) within Electronic Documents.
"""
ROW_BLOCK: Final = 65_536


class NumberText(str):
    """Text of a number that was no text in its file, with a decimal point."""

    __slots__ = ()


Rows = list[list[str]]
Table = tuple[tuple[str, ...], Rows]


def publication_of(source: Source) -> Table:
    """Convert an ENTSO-E publication document to rows of text without line numbers.

    Raises:
        FeedInvalid: the file is no XML, or holds an acknowledgement instead of prices, positions beyond the period, or
            an unknown curve type.
    """
    try:
        # expat of the standard library limits how far entities expand since 2.4.1
        root = ET.fromstring(source.whole())  # noqa: S314
    except ET.ParseError as error:
        raise source.refusal(
            f"should be XML, but {error}: the file was cut short or is none, fetch it again"
        ) from error
    if "Publication" not in _bare(root.tag):
        said = _text(root, "text") or _bare(root.tag)
        raise source.refusal(f"should be a Publication_MarketDocument, is an answer without prices ({said}): ask again")
    created = _text(root, "createdDateTime")
    rows = [
        row
        for series in root.iter()
        if _bare(series.tag) == "TimeSeries"
        for row in _rows_of_series(source, series, created)
    ]
    return XML_COLUMNS, rows


def duration_s(text: str) -> int | None:
    """Parse an ISO 8601 duration such as PT15M to seconds; None for other texts."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes = (int(found[name] or 0) for name in ("days", "hours", "minutes"))
    return 86_400 * days + 3_600 * hours + 60 * minutes or None


def records_of(source: Source, form: Form) -> Table:
    """Read a table from JSON: a list of records, or lists of equal length as columns.

    Scalars beside them become columns named `@key`, with the same value in every row.

    Raises:
        FeedInvalid: the file is not JSON or holds no objects, lacks the wanted path, or has lists of different lengths.
    """
    try:
        root = json.loads(source.whole().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise source.refusal(f"should be JSON, but {error}: fetch it again") from error
    names: list[str] = []
    rows: list[list[str]] = []
    for place, document in enumerate(root if isinstance(root, list) else [root]):
        if not isinstance(document, Mapping):
            raise source.refusal("should be a JSON object or a list of them, is none: fetch it again")
        scalars = {f"@{key}": _plain(value) for key, value in document.items() if not isinstance(value, list | dict)}
        scalars.setdefault("@location_id", str(place))
        columns = _columns_of(source, document, form)
        count = max(map(len, columns.values()), default=0)
        if any(len(column) != count for column in columns.values()):
            raise source.refusal("lists should be equally long, are not: the file was cut short, fetch it again")
        columns.update({key: [value] * count for key, value in scalars.items()})
        names = names or list(columns)
        rows.extend([columns[name][i] if name in columns else "" for name in names] for i in range(count))
    return tuple(names), rows


def frame_of(source: Source) -> Any:
    """Read a Parquet file as an Arrow table.

    Raises:
        FeedInvalid: the file is no Parquet.
    """
    try:
        return pyarrow.parquet.read_table(pa.BufferReader(source.whole()))
    except pa.ArrowException as error:
        raise source.refusal(f"should be Parquet, but {error}: save it again") from error


def batches_of_frame(table: Any, form: Form, wanted: Sequence[int]) -> Iterator[Batch]:
    """Yield the wanted columns of an Arrow table as text in a form."""
    first = 1
    for batch in table.to_batches(max_chunksize=ROW_BLOCK):
        columns = {place: _as_text(batch.column(place), form) for place in wanted}
        yield Batch(columns=columns, lines=np.arange(first, first + batch.num_rows, dtype=np.int64))
        first += batch.num_rows


def workbook_of(source: Source) -> tuple[Rows, ...]:
    """Read the sheets of a workbook that hold anything as rows of text.

    Raises:
        FeedInvalid: the package that reads workbooks is not installed, or the file is damaged.
    """
    try:
        calamine = import_module("python_calamine")
    except ImportError as error:
        raise source.refusal(
            "workbooks are read with the package python-calamine (the extra `xlsx`), which is not installed: "
            "pip install python-calamine, or save the sheets as CSV"
        ) from error
    sheets = []
    try:
        with source.opened() as stream:
            book = calamine.CalamineWorkbook.from_filelike(stream)
            for sheet in book.sheet_names:
                rows = [
                    [_plain(cell) for cell in row]
                    for row in book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
                ]
                sheets.append([cells for cells in rows if any(cells)])
    except calamine.CalamineError as error:
        raise source.refusal(f"should be a workbook, but {error}: save it again") from error
    return tuple(rows for rows in sheets if rows)


def batches_of_table(table: Table, form: Form, wanted: Sequence[int]) -> Iterator[Batch]:
    """Yield the wanted columns of rows of text in a form."""
    _, rows = table
    if form.decimal == ",":
        # numbers that were no text have no country's mark: they get that of the texts beside them
        rows = [[cell.replace(".", ",") if isinstance(cell, NumberText) else cell for cell in row] for row in rows]
    for start in range(0, len(rows), ROW_BLOCK):
        block = rows[start : start + ROW_BLOCK]
        lines = np.arange(start + 1, start + 1 + len(block), dtype=np.int64)
        yield Batch(
            columns={place: pa.array([row[place] for row in block], pa.string()) for place in wanted}, lines=lines
        )


def header_of_table(names: Sequence[str]) -> Header:
    """Make the header of a table that has names and no text before them."""
    return Header(names=tuple(names), line=0)


def _rows_of_series(source: Source, series: ET.Element, created: str) -> Iterator[list[str]]:
    curve = _text(series, "curveType") or "A01"
    if curve not in {"A01", _REPEATS}:
        raise source.refusal(f"curveType should be A01 or A03, is {curve}: fetch another document type")
    area = _text(series, "in_Domain.mRID") or _text(series, "area_Domain.mRID")
    sequence = _text(series, "classificationSequence_AttributeInstanceComponent.position") or "1"
    shared = [_text(series, "currency_Unit.name"), _text(series, "price_Measure_Unit.name") or "MWH", area, sequence]
    shared += [_text(series, "businessType"), created]
    for period in (child for child in series if _bare(child.tag) == "Period"):
        begin_s, end_s, step_s = _period_of(source, period)
        count = (end_s - begin_s) // step_s
        prices = _positions_of(source, period, count)
        for place, price in enumerate(_curve(prices, count, repeats=curve == _REPEATS)):
            if price is not None:
                at_s = begin_s + place * step_s
                yield [_epoch_text(at_s), _epoch_text(at_s + step_s), price, *shared]


def _period_of(source: Source, period: ET.Element) -> tuple[int, int, int]:
    interval = next((child for child in period if _bare(child.tag) == "timeInterval"), period)
    resolution = _text(period, "resolution")
    step_s = duration_s(resolution)
    try:
        begin_s, end_s = (int(datetime.fromisoformat(_text(interval, name)).timestamp()) for name in ("start", "end"))
    except ValueError as error:
        raise source.refusal(f"timeInterval should have ISO 8601 times, {error}: fetch it again") from error
    if step_s is None or end_s <= begin_s or (end_s - begin_s) % step_s or (end_s - begin_s) // step_s > MOST_POINTS:
        raise source.refusal(
            f"a period from {_epoch_text(begin_s)} to {_epoch_text(end_s)} should divide into whole steps of "
            f"resolution {resolution!r}, does not: fetch it again"
        )
    return begin_s, end_s, step_s


def _positions_of(source: Source, period: ET.Element, count: int) -> dict[int, str]:
    prices: dict[int, str] = {}
    for point in (child for child in period if _bare(child.tag) == "Point"):
        position, price = _text(point, "position"), _text(point, "price.amount")
        if not position.isdigit() or not 1 <= int(position) <= count:
            raise source.refusal(
                f"position should be 1 to {count} in the period, is {position!r}: the period is shorter than its "
                "points (a clock change?), fetch it again"
            )
        if prices.get(int(position) - 1, price) != price:
            raise source.refusal(f"position {position} should be there once, has two prices: fetch it again")
        prices[int(position) - 1] = price
    if 0 not in prices:
        raise source.refusal("position 1 should be there, is missing: nothing stands before it to repeat")
    return prices


def _curve(prices: Mapping[int, str], count: int, *, repeats: bool) -> Iterator[str | None]:
    last: str | None = None
    for place in range(count):
        last = prices.get(place, last if repeats else None)
        yield last


def _columns_of(source: Source, document: Mapping[str, Any], form: Form) -> dict[str, list[str]]:
    if form.is_one_record:
        return {key: [_plain(value)] for key, value in document.items() if not isinstance(value, list | dict)}
    if not form.json_names:
        return _columns_at(source, document, form.json_path)
    fields, rows = document.get(form.json_names), document.get(form.json_path[0])
    if not isinstance(fields, list) or not isinstance(rows, list) or not rows:
        raise source.refusal(f"should have {form.json_names} and {form.json_path[0]} with values, has none: ask again")
    names = [str(field.get("name")) for field in fields if isinstance(field, Mapping)]
    if any(not isinstance(row, list) or len(row) != len(names) for row in rows):
        raise source.refusal(
            f"rows should have the {len(names)} columns of {form.json_names}, some have not: ask again"
        )
    return {name: [_plain(row[place]) for row in rows] for place, name in enumerate(names)}


def _columns_at(source: Source, document: Mapping[str, Any], path: Sequence[str]) -> dict[str, list[str]]:
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        keys = list(found[0])
        return {key: [_plain(record.get(key)) for record in found] for key in keys}
    if isinstance(found, Mapping):
        return {key: [_plain(value) for value in column] for key, column in found.items() if isinstance(column, list)}
    raise source.refusal(f"should have {'.'.join(path)} with values, has none: fetch it again")


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _text(parent: ET.Element, name: str) -> str:
    """Text of the nearest descendant element with this name; empty without one."""
    found = next((child for child in parent.iter() if _bare(child.tag) == name), None)
    return (found.text or "").strip() if found is not None else ""


def _epoch_text(at_s: int) -> str:
    return str(at_s)


def _plain(value: object) -> str:
    """Convert a cell to the text that a CSV file would have."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, float):
        return NumberText(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return f"{value:%m/%d/%Y}"
    return str(value).strip()


def _as_text(column: Any, form: Form) -> Any:
    if pa.types.is_timestamp(column.type):
        zoned = column.type.tz is not None
        seconds = column.cast(pa.timestamp("s", tz="UTC" if zoned else None), safe=False)
        text = seconds.cast(pa.timestamp("s")).cast(pa.string())
        return pa.compute.binary_join_element_wise(text, "+00:00", "") if zoned else text
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    text = pa.compute.fill_null(column.cast(pa.string()), "")
    if form.decimal == "," and (pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        return pa.compute.replace_substring(text, ".", ",")
    return text
