"""The rows of a text file as columns of text, a block at a time, so that memory stays bounded whatever the size."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from mara.core.arrays import Ints
from mara.feeds.markets.declaration import Kind, Layout
from mara.feeds.markets.reading.headers import Header, cells_of
from mara.feeds.markets.reading.sources import Source, shown

BLOCK_BYTES: Final = 8_000_000
MOST_ROWS: Final = 50_000_000
"""Rows of one file."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Some rows: the wanted columns as text by their place in the header, and the line of each row from 1 (N,)."""

    columns: dict[int, Any]
    lines: Ints


def batches_of(source: Source, layout: Layout, header: Header, wanted: Sequence[int]) -> Iterator[Batch]:
    """The wanted columns of a text file.

    Raises:
        FeedInvalid: a row of another width than the header, text of another encoding, a file that was cut short.
    """
    if layout.form.kind in {Kind.TAGGED, Kind.RECORDS} or layout.form.last_line:
        return _batches_by_line(source, layout, header, wanted)
    return _batches_streamed(source, layout, header, wanted)


def _batches_streamed(source: Source, layout: Layout, header: Header, wanted: Sequence[int]) -> Iterator[Batch]:
    uneven: list[Any] = []

    def keep_uneven(row: Any) -> str:
        uneven.append(row)
        return "skip"

    names = [str(place) for place in range(len(header.names))]
    columns = [names[place] for place in wanted]
    rows = 0
    try:
        with source.opened() as stream:
            reader = pyarrow.csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK_BYTES,
                    skip_rows=header.line,
                    column_names=names,
                    encoding=layout.form.encoding,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=header.delimiter, ignore_empty_lines=False, invalid_row_handler=keep_uneven
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
                ),
            )
            for batch in reader:
                _refuse_uneven(source, uneven, header)
                first = header.line + 1 + rows
                lines = _lines_from(first, batch.num_rows, uneven)
                rows += batch.num_rows
                if rows > MOST_ROWS:
                    raise source.refusal(f"should have at most {MOST_ROWS:,} rows, has more: split it")
                yield Batch(
                    columns={place: batch.column(name) for place, name in zip(wanted, columns, strict=True)},
                    lines=lines,
                )
            _refuse_uneven(source, uneven, header)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise source.refusal(
            f"should be comma-separated {layout.form.encoding} text, but {error}: save it so"
        ) from error
    except (UnicodeDecodeError, pa.ArrowException) as error:
        raise source.refusal(f"should be {layout.form.encoding} text, but {error}: save it so") from error


def _refuse_uneven(source: Source, uneven: Sequence[Any], header: Header) -> None:
    for row in uneven:
        if row.text.strip().strip(header.delimiter).strip():
            raise source.refusal(
                f"a row should have {row.expected_columns} cells as the header has, has {row.actual_columns}: "
                f"{shown(row.text)}: correct it (a decimal comma, a line cut short?)",
                row.number if row.number is not None else None,
            )


def _lines_from(first: int, count: int, uneven: Sequence[Any]) -> Ints:
    """Line numbers of rows that follow each other but for the empty lines that were skipped."""
    lines = np.arange(first, first + count, dtype=np.int64)
    for row in uneven:
        if row.number is not None:
            lines[lines >= row.number] += 1
    return lines


def _batches_by_line(source: Source, layout: Layout, header: Header, wanted: Sequence[int]) -> Iterator[Batch]:
    """The rows of files in which lines of several kinds alternate, read line by line."""
    form = layout.form
    names, lines, rows = header.names, list[int](), list[Sequence[str]]()
    number, counted, last = 0, None, ""
    with source.opened() as stream:
        for number, line in enumerate(io.TextIOWrapper(stream, encoding=_decoder(form.encoding), newline=""), start=1):
            last = line.strip() or last
            cells = cells_of(line.rstrip("\r\n"), header.delimiter)
            if form.count_line and form.count_line in line and cells[-1].strip().isdigit():
                counted = int(cells[-1])
            if not form.tags:
                if number > header.line and line.strip() not in {"", form.last_line} and len(cells) >= len(names) - 1:
                    rows.append(cells)
                    lines.append(number)
                continue
            if form.kind is Kind.RECORDS and cells[1:3] != form.table:
                continue
            if cells[:1] == (form.tags[0],):
                if form.kind is Kind.RECORDS and cells != names:
                    yield from _batch_of(source, header, names, wanted, rows, lines)
                    names, rows, lines = cells, [], []
            elif cells[:1] == (form.tags[1],):
                rows.append(cells)
                lines.append(number)
    _refuse_cut(source, layout, number, counted, last)
    yield from _batch_of(source, header, names, wanted, rows, lines)


def _decoder(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _refuse_cut(source: Source, layout: Layout, lines: int, counted: int | None, last: str) -> None:
    """Compare a file with its own count or last line: one that was cut short looks whole otherwise."""
    form = layout.form
    if form.last_line and last != form.last_line:
        raise source.refusal(
            f"the last line should be {form.last_line!r}, is {shown(last)}: the file was cut short, fetch it again",
            lines,
        )
    if form.count_line and (counted is None or counted > lines):
        came = "it is missing" if counted is None else f"it counts {counted:,} lines, there are {lines:,}"
        raise source.refusal(
            f"the last line should be {form.count_line} and the count of lines, {came}: the file was cut short, "
            "fetch it again",
            lines,
        )


def _batch_of(
    source: Source,
    header: Header,
    names: Sequence[str],
    wanted: Sequence[int],
    rows: Sequence[Sequence[str]],
    lines: Sequence[int],
) -> Iterator[Batch]:
    """One batch of rows whose own header may name the columns in another order than the file's first."""
    if not rows:
        return
    place_of = {name.strip().casefold(): place for place, name in enumerate(names)}
    columns = {}
    for place in wanted:
        here = place_of.get(header.names[place].strip().casefold())
        if here is None:
            raise source.refusal(
                f"column {header.names[place]} is missing from a later header: fetch it again", lines[0]
            )
        columns[place] = pa.array([row[here] if here < len(row) else "" for row in rows], pa.string())
    yield Batch(columns=columns, lines=np.array(lines, np.int64))
