"""Reader of files in which lines of several kinds alternate."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mara.feeds.markets.declaration import Form, Kind, Layout
from mara.feeds.markets.reading.headers import Header, cells_of
from mara.feeds.markets.reading.sheets import Batch
from mara.feeds.markets.reading.sources import Source, shown


def batches_by_line(source: Source, layout: Layout, header: Header, wanted: Sequence[int]) -> Iterator[Batch]:
    """Yield the wanted columns of the wanted table's rows, read line by line.

    Raises:
        FeedInvalid: a row is cut short, or the file does not end as a complete one does.
    """
    form = layout.form
    table = _TableInLines(source, header, wanted)
    number, counted, last = 0, None, ""
    for number, line in _numbered_lines(source, form.encoding):
        last = line.strip() or last
        cells = cells_of(line.rstrip("\r\n"), header.delimiter)
        if form.count_line and form.count_line in line and cells[-1].strip().isdigit():
            counted = int(cells[-1])
        if form.count_tag and cells[:1] == (form.count_tag,):
            _refuse_fewer_rows(source, table.count, cells, number)
        elif _is_row(form, cells, number, line):
            table.add(cells, number)
        elif form.kind is Kind.RECORDS and cells[:3] == (form.tags[0], *form.table) and cells != table.names:
            # the columns may change within one archive
            yield from table.taken()
            table.names = cells
    _refuse_cut(source, form, number, counted, last)
    yield from table.taken()


class _TableInLines:
    """Rows of one table, under the last header before them."""

    def __init__(self, source: Source, header: Header, wanted: Sequence[int]) -> None:
        self._source, self._header, self._wanted = source, header, wanted
        self.names = header.names
        self._rows: list[Sequence[str]] = []
        self._lines: list[int] = []
        self.count = 0

    def add(self, cells: Sequence[str], line: int) -> None:
        # a last column without a name results from a separator at the line's end
        if len(cells) < len(self.names) - (self.names[-1] == ""):
            raise self._source.refusal(
                f"a row should have {len(self.names)} cells, has {len(cells)}: {shown(','.join(cells))}: was the line "
                "cut short? fetch the file again",
                line,
            )
        self.count += 1
        self._rows.append(cells)
        self._lines.append(line)

    def taken(self) -> Iterator[Batch]:
        """Yield the rows so far as one batch, and drop them."""
        if not self._rows:
            return
        place_of = {name.strip().casefold(): place for place, name in enumerate(self.names)}
        columns = {}
        for place in self._wanted:
            here = place_of.get(self._header.names[place].strip().casefold())
            if here is None:
                raise self._source.refusal(
                    f"column {self._header.names[place]} is missing from a later header: fetch the file again",
                    self._lines[0],
                )
            columns[place] = pa.array([row[here] for row in self._rows], pa.string())
        yield Batch(columns=columns, lines=np.array(self._lines, np.int64))
        self._rows, self._lines = [], []


def _is_row(form: Form, cells: Sequence[str], number: int, line: str) -> bool:
    if form.kind is Kind.RECORDS:
        return tuple(cells[:3]) == (form.tags[1], *form.table)
    if form.kind is Kind.TAGGED:
        return bool(cells) and cells[0] == form.tags[1]
    is_title = number == 1 and form.sample is not None and form.sample.match(line) is not None
    return not is_title and line.strip() not in {"", form.last_line}


def _numbered_lines(source: Source, encoding: str) -> Iterator[tuple[int, str]]:
    with source.opened() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")
        try:
            yield from enumerate(text, start=1)
        except UnicodeDecodeError as error:
            raise source.refusal(f"should be {encoding} text, but {error}: save it so") from error
        finally:
            text.detach()


def _refuse_fewer_rows(source: Source, rows: int, cells: Sequence[str], line: int) -> None:
    """Refuse a file whose closing line counts other rows than there are.

    The count may be followed by what is counted, as in `29016 lines`.
    """
    counted = cells[-1].strip()
    if counted.partition(" ")[0] != str(rows):
        raise source.refusal(
            f"the last line should count the {rows:,} rows before it, counts {shown(counted)}: the file was cut or "
            "joined, fetch it again",
            line,
        )


def _refuse_cut(source: Source, form: Form, lines: int, counted: int | None, last: str) -> None:
    """Refuse a file that lacks its last line, or lines that its own count names."""
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
