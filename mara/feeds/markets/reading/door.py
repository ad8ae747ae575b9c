"""Reader of one market file: rows with UTC intervals, or a refusal with its line."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mara.core.arrays import Bools, Floats, Ints
from mara.feeds.markets.declaration import CSV_LAYOUT, HourEnding, Instant, Layout, Period, Span, Stamp
from mara.feeds.markets.reading.clocks import DAY_S, HOUR_S, NO_TIME, wall_clock
from mara.feeds.markets.reading.documents import duration_s
from mara.feeds.markets.reading.faces import Sheet
from mara.feeds.markets.reading.headers import Block, blocks_of, position_of, stamp_columns
from mara.feeds.markets.reading.placement import StampRows, intervals_of
from mara.feeds.markets.reading.readings import Readings, Wanted
from mara.feeds.markets.reading.selection import Selection
from mara.feeds.markets.reading.sheets import Batch
from mara.feeds.markets.reading.sources import shown
from mara.feeds.markets.reading.texts import (
    EMPTY,
    Stamps,
    joined,
    numbers_of,
    text_at,
    whole_numbers,
)

_STAMP, _VALUE = "stamp ", "value "
GROUPED: Final = re.compile(r"\d[.,' ]\d")
"""A mark between digits: of decimals or of thousands."""
_SMALL = frozenset({"begin_offset", "end_offset", "hour", "part", "second", "period"})
"""Parts of a stamp that are stored as 32-bit integers."""
SECOND_HOUR_MARKS: Final = ("X", "DST")
"""Ends of the text of an hour that is the second of two equal ones.

New England writes `02X`, ERCOT `02:00 DST`.
"""
Piece = dict[str, NDArray[Any]]
"""Rows of one batch, for one column of values or for all fields together.

Columns `series`, `lines` and `vintage`, then the parts of the stamp and the values under prefixes (N,).
"""


def read_rows(sheet: Sheet, layout: Layout, wanted: Wanted, on_batch: Callable[[], object] = lambda: None) -> Readings:
    """Read the wanted rows of a file.

    Args:
        on_batch: called before each batch of rows; raises where nobody wants them any more.

    Raises:
        FeedInvalid: a stamp or a number is invalid, or `intervals_of` refuses a row.
    """
    reader = _Reader(sheet, layout, wanted)
    pieces: list[Piece] = []
    for batch in sheet.batches(reader.columns):
        on_batch()
        pieces += reader.pieces(batch)
    fields = tuple(dict.fromkeys(block.value.field for block in reader.blocks))
    columns = _joined(pieces, fields)
    columns.setdefault("vintage", np.broadcast_to(np.int64(0), len(columns["lines"])))
    if wanted.as_of_s is not None and layout.vintage_formats:
        late = columns["vintage"] > wanted.as_of_s
        columns.update({_VALUE + name: np.where(late, np.nan, columns[_VALUE + name]) for name in fields})
    there = _has_value(columns, fields)
    begin_s, end_s = _placed(sheet, layout, columns, there)
    if layout.is_forecast:
        # the clock of the day is that of the edition's own stamp
        there &= columns["vintage"] < DAY_S * wall_clock(layout.clock.zone).days_of(begin_s)
    return Readings(
        layout=layout,
        source=sheet.source,
        keys=reader.selection.keys,
        series=_kept(columns["series"], there),
        begin_s=_kept(begin_s, there),
        end_s=_kept(end_s, there),
        values={name: _kept(columns[_VALUE + name], there) for name in fields},
        lines=_kept(columns["lines"], there),
        vintage=_kept(columns["vintage"], there),
        absent=int((~there).sum()),
    )


def _has_value(columns: Piece, fields: Sequence[str]) -> Bools:
    there = np.zeros(len(columns["lines"]), dtype=np.bool_)
    for name in fields:
        there |= ~np.isnan(columns[_VALUE + name])
    return there


def _placed(sheet: Sheet, layout: Layout, columns: Piece, there: Bools) -> tuple[Ints, Ints]:
    """Begin and end of each row; removes the parts of stamps from the columns."""
    names = [name for name in columns if name.startswith(_STAMP)]
    rows = StampRows(
        source=sheet.source,
        layout=layout,
        series=columns["series"],
        parts={name.removeprefix(_STAMP): columns.pop(name) for name in names},
        lines=columns["lines"],
        has_value=there,
    )
    return intervals_of(rows) if len(there) else (rows.series, rows.series)


def _kept(column: NDArray[Any], there: Bools) -> NDArray[Any]:
    """Select the rows that have a value; copies only where some have none."""
    return column if there.all() else column[there]


class _Reader:
    """Reads the batches of one file, with caches of parsed stamps and of series."""

    def __init__(self, sheet: Sheet, layout: Layout, wanted: Wanted) -> None:
        self._sheet, self._layout, self._wanted = sheet, layout, wanted
        self.blocks = blocks_of(sheet.names, layout, sheet.said)
        self.selection = Selection(sheet.names, layout, wanted)
        self._stamp_read = _stamp_reader(layout)
        self._vintages = Stamps(layout.vintage_formats) if layout.vintage_formats else None
        self._stamp_places = [self._place(name) for name in _stamp_and_flag(layout)]
        self._vintage_place = self._place(layout.vintage) if layout.vintage else None
        places = [*self._stamp_places, self._vintage_place, *self.selection.places]
        self.columns = sorted({p for p in places if p is not None} | {block.column for block in self.blocks})

    def _place(self, name: str) -> int | None:
        return None if name.startswith("@") and name in self._sheet.said else position_of(self._sheet.names, name)

    def pieces(self, batch: Batch) -> Iterator[Piece]:
        """Yield the wanted rows of a batch, one column of values at a time."""
        for is_melted, blocks in _melted(self.blocks):
            names_point = is_melted or blocks[0].point != ""
            series, keep = self.selection.series_of(batch, blocks[0] if names_point else None)
            if not keep.size:
                continue
            columns = {place: column.take(pa.array(keep)) for place, column in batch.columns.items()}
            lines = batch.lines[keep]
            texts = [self._text_of(name, place, columns, len(keep)) for name, place in self._named_stamps()]
            filled = self._filled(texts[0], columns, blocks)
            if not filled.all():
                rows = pa.array(np.flatnonzero(filled))
                series, lines = series[filled], lines[filled]
                columns = {place: column.take(rows) for place, column in columns.items()}
                texts = [text.take(rows) for text in texts]
            parts = self._stamp_read(texts)
            if is_melted and blocks[0].hour:
                parts["hour"] = np.full(len(lines), blocks[0].hour, np.int64)
            self._refuse_stamps(parts, texts, lines)
            yield {
                "series": series.astype(np.int32),
                "lines": lines.astype(np.int32),
                **({"vintage": self._vintage(columns, len(lines))} if self._layout.vintage else {}),
                **{_STAMP + name: part.astype(np.int32) if name in _SMALL else part for name, part in parts.items()},
                **{_VALUE + block.value.field: self._numbers(block, columns, lines) for block in blocks},
            }

    def _named_stamps(self) -> list[tuple[str, int | None]]:
        return list(zip(_stamp_and_flag(self._layout), self._stamp_places, strict=True))

    def _text_of(self, name: str, place: int | None, columns: dict[int, Any], count: int) -> Any:
        if place is None:
            return pa.array([self._sheet.said.get(name, "")] * count, pa.string())
        return columns[place]

    @staticmethod
    def _filled(stamp: Any, columns: dict[int, Any], blocks: Sequence[Block]) -> Bools:
        """Mark the rows in which a stamp or a value stands."""
        empty = pc.equal(pc.utf8_trim_whitespace(stamp), EMPTY)
        for block in blocks:
            empty = pc.and_(empty, pc.equal(pc.utf8_trim_whitespace(columns[block.column]), EMPTY))
        return ~np.asarray(empty)

    def _numbers(self, block: Block, columns: dict[int, Any], lines: Ints) -> Floats:
        values, bad = numbers_of(columns[block.column], block.value, self._layout.form)
        if bad.size:
            text = text_at(columns[block.column], bad[0])
            own = (
                "say csv.decimal and csv.thousands, " if self._layout.id == CSV_LAYOUT and GROUPED.search(text) else ""
            )
            raise self._sheet.source.refusal(
                f"{self._sheet.names[block.column]} should be a number, is {shown(text)}: "
                f"{own}correct it, or leave it empty where there is no value",
                int(lines[bad[0]]),
            )
        return values

    def _vintage(self, columns: dict[int, Any], count: int) -> Ints:
        column = self._text_of(self._layout.vintage, self._vintage_place, columns, count)
        if self._vintages is None:
            return whole_numbers(column, _whole_number)
        return self._vintages.moments(column)[0]

    def _refuse_stamps(self, parts: dict[str, Ints], texts: Sequence[Any], lines: Ints) -> None:
        for name, numbers in parts.items():
            if name.endswith("offset"):
                continue
            bad = np.flatnonzero(numbers == NO_TIME)
            if bad.size:
                said = " ".join(text_at(text, bad[0]) for text in texts)
                raise self._sheet.source.refusal(
                    f"{' and '.join(_stamp_and_flag(self._layout))} should be a stamp of the layout "
                    f"{self._layout.name} ({_formats_of(self._layout.stamp)}), is {shown(said)}: did a "
                    "spreadsheet change it? correct it, take the file as it was published, or name the right layout",
                    int(lines[bad[0]]),
                )


def _melted(blocks: Sequence[Block]) -> Iterator[tuple[bool, Sequence[Block]]]:
    """Group columns of values: one by one where each makes rows, else all together."""
    fields = [block.value.field for block in blocks]
    is_apart = len({block.point for block in blocks}) > 1 or any(block.hour for block in blocks)
    if len(blocks) == 1 or len(set(fields)) < len(fields) or is_apart:
        yield from ((True, (block,)) for block in blocks)
    else:
        yield False, blocks


def _stamp_reader(layout: Layout) -> Callable[[Sequence[Any]], dict[str, Ints]]:
    """Make the function that parses a stamp's parts from the texts of its columns."""
    stamp, names = layout.stamp, layout.clock.names
    stamps = Stamps(stamp.formats, names)
    if isinstance(stamp, Span):
        return lambda texts: _span_parts(stamps, texts)
    if isinstance(stamp, Instant):
        return lambda texts: _instant_parts(stamps, stamp, texts)
    if isinstance(stamp, Period):
        return lambda texts: {
            "day": _days(stamps, joined(texts[:-1])),
            "period": whole_numbers(texts[-1], _whole_number),
        }
    return lambda texts: _hour_parts(stamps, stamp, layout, texts)


def _span_parts(stamps: Stamps, texts: Sequence[Any]) -> dict[str, Ints]:
    begin, end = stamps.spans(texts[0]) if len(texts) == 1 else (stamps.moments(texts[0]), stamps.moments(texts[1]))
    return {"begin": begin[0], "begin_offset": begin[1], "end": end[0], "end_offset": end[1]}


def _instant_parts(stamps: Stamps, stamp: Instant, texts: Sequence[Any]) -> dict[str, Ints]:
    first = 2 if stamp.date else 1
    wall_s, offset_s = stamps.moments(joined([pc.utf8_trim_whitespace(text) for text in texts[:first]], " "))
    rest = list(texts[first:])
    parts = {"begin": wall_s, "begin_offset": offset_s}
    if stamp.agrees:
        parts["agrees"] = stamps.moments(rest.pop(0))[0]
    if stamp.step:
        parts["step"] = whole_numbers(rest.pop(0), lambda text: duration_s(text) or NO_TIME)
    if stamp.hour:
        hour = whole_numbers(rest.pop(0), lambda text: _hour_of(text.partition("-")[0]))
        parts["begin"] = np.where((wall_s == NO_TIME) | (hour == NO_TIME), NO_TIME, wall_s + hour * HOUR_S)
    if stamp.offset:
        parts["begin_offset"] = whole_numbers(rest.pop(0), _whole_number)
    return parts


def _hour_parts(stamps: Stamps, stamp: HourEnding, layout: Layout, texts: Sequence[Any]) -> dict[str, Ints]:
    if stamp.hour == stamp.date:
        pair = pc.extract_regex(texts[0], r"^\s*(?P<date>\S*)\s*(?P<hour>.*)$")
        texts = [*(pc.struct_field(pair, name) for name in ("date", "hour")), *texts[1:]]
    rest = list(texts[1:])
    day = _days(stamps, texts[0])
    ones = np.ones(len(day), np.int64)
    parts = {"day": day, "hour": ones, "part": ones, "second": 0 * ones}
    if stamp.hour:
        hours = rest.pop(0)
        parts["hour"] = whole_numbers(hours, _hour_of)
        parts["second"] = whole_numbers(hours, lambda text: int(text.strip().upper().endswith(SECOND_HOUR_MARKS)))
    if stamp.interval:
        parts["part"] = whole_numbers(rest.pop(0), _whole_number)
    if layout.clock.flag:
        second = {text.casefold() for text in layout.clock.second}
        parts["second"] = whole_numbers(rest.pop(0), lambda text: int(text.strip().casefold() in second))
    return parts


def _days(stamps: Stamps, text: Any) -> Ints:
    wall_s, _ = stamps.moments(text)
    return np.where(wall_s == NO_TIME, NO_TIME, wall_s // DAY_S)


def _hour_of(text: str) -> int:
    """Parse the hour of texts such as `1`, `01`, `24:00`, `02X`, `02:00 DST`, `HE 7`."""
    bare = text.strip().upper().removeprefix("HE").strip().removesuffix("X").partition(":")[0]
    return int(bare) if bare.isdigit() else NO_TIME


def _whole_number(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        return NO_TIME
    return int(number) if number.is_integer() else NO_TIME


def _stamp_and_flag(layout: Layout) -> tuple[str, ...]:
    return (*stamp_columns(layout.stamp), *filter(None, (layout.clock.flag,)))


def _formats_of(stamp: Stamp) -> str:
    return " or ".join(stamp.formats)


def _joined(pieces: Sequence[Piece], fields: Sequence[str]) -> Piece:
    """Concatenate all rows of a file; the rows of a series keep the file's order."""
    if not pieces:
        none = np.zeros(0, np.int64)
        return {"series": none, "lines": none} | {_VALUE + name: np.zeros(0) for name in fields}
    # each column is removed from the pieces once joined, so that a long file is not held twice
    return {name: np.concatenate([piece.pop(name) for piece in pieces]) for name in list(pieces[0])}
