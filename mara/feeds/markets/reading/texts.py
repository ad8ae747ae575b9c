"""Parsers of text columns: numbers and times, a whole column at once."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mara.core.arrays import Floats, Ints
from mara.feeds.markets.declaration import Form, Value
from mara.feeds.markets.reading.clocks import DAY_S, NO_TIME

MISSING: Final = frozenset({"", "-", "–", "n/e", "n/a", "na", "nan", "null", "none", "nat"})
"""Texts, in lower case, that publishers write where there is no value."""
# A text made a scalar at each use costs twenty times the comparison with it: pyarrow looks for dateutil each time.
EMPTY: Final = pa.scalar("")
"""The empty text, as pyarrow takes it."""
_NONE: Final = pa.scalar(None, pa.string())
NO_OFFSET: Final = int(np.iinfo(np.int32).min)
_ORIGIN: Final = datetime(1970, 1, 1)  # noqa: DTZ001  wall time has no zone
_NAME: Final = re.compile(r"\s*\(?\b([A-Z]{2,5})\)?$")
_MIDNIGHT_24: Final = re.compile(r"(?<=[ T])24:00(?=:00|$)")

_DATE_LENGTHS: Final = (8, 10)
_DATE: Final = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")
MANY: Final = 2_000
"""Number of cells from which on dates and times of day are parsed separately.

A year of quarter-hours has only 365 dates and 96 times of day.
"""

Moment = tuple[int, int]
"""Wall time [s], and the offset [s] that the text contains, or `NO_OFFSET`."""
NO_MOMENT: Final[Moment] = (NO_TIME, NO_OFFSET)


class Stamps:
    """Parses texts of time stamps to wall time [s], with a cache of texts.

    Attributes:
        formats: formats to try in turn, beginning with the one that fitted last.
    """

    def __init__(self, formats: Sequence[str], names: Sequence[tuple[str, int]] = ()) -> None:
        self.formats = list(formats)
        self._names = dict(names)
        self._read: dict[str, Moment] = {}

    def moments(self, column: Any) -> tuple[Ints, Ints]:
        """Parse wall times and offsets of a column (N,), `NO_TIME` where invalid."""
        halves = _halves(column) if len(column) >= MANY else None
        return self._by_halves(*halves) if halves is not None else _pairs(column, self._moment)

    def spans(self, column: Any, separator: str = " - ") -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """Parse the two stamps of each cell (N,), with a separator between them.

        Both are returned as by `moments`.
        """
        pair = pc.extract_regex(column, rf"^(?P<begin>.*?){separator}(?P<end>.*)$")
        return tuple(self.moments(pc.fill_null(pc.struct_field(pair, name), EMPTY)) for name in ("begin", "end"))  # type: ignore[return-value]

    def _by_halves(self, day: Any, hour: Any) -> tuple[Ints, Ints]:
        """Parse stamps of a date and a time of day from the few different texts of each."""
        days, hours = day.dictionary.to_pylist(), hour.dictionary.to_pylist()
        of_day = np.array([self._moment(f"{text}{hours[0]}")[0] for text in days])
        at_hour = np.array([self._moment(f"{days[0]}{text}") for text in hours])
        day_at, hour_at = (half.indices.to_numpy(zero_copy_only=False) for half in (day, hour))
        first = of_day[0]
        after_s = np.where(at_hour[:, 0] == NO_TIME, NO_TIME, at_hour[:, 0] - first)
        wall_s = of_day[day_at] + after_s[hour_at]
        bad = (of_day[day_at] == NO_TIME) | (after_s[hour_at] == NO_TIME) | (first == NO_TIME)
        return np.where(bad, NO_TIME, wall_s), np.where(bad, NO_OFFSET, at_hour[hour_at, 1])

    def _moment(self, text: str) -> Moment:
        found = self._read.get(text)
        if found is None:
            found = self._read[text] = self._parsed(text.strip())
        return found

    def _parsed(self, text: str) -> Moment:
        named = _NAME.search(text) if self._names else None
        if named is not None and named[1] in self._names:
            wall_s, _ = self._parsed_bare(text[: named.start()].strip())
            return (wall_s, self._names[named[1]] * 60) if wall_s != NO_TIME else NO_MOMENT
        return self._parsed_bare(text)

    def _parsed_bare(self, text: str) -> Moment:
        after_day_s = 0
        if _MIDNIGHT_24.search(text):
            text, after_day_s = _MIDNIGHT_24.sub("00:00", text), DAY_S
        for place, pattern in enumerate(self.formats):
            moment = _moment_of(text, pattern)
            if moment is not None:
                self.formats.insert(0, self.formats.pop(place))
                return moment[0] + after_day_s, moment[1]
        return NO_MOMENT


def whole_numbers(column: Any, meaning: Callable[[str], int]) -> Ints:
    """Convert each cell (N,) to a whole number by `meaning`, called once a text."""
    return _pairs(column, lambda text: (meaning(text), 0))[0]


def numbers_of(column: Any, value: Value, form: Form) -> tuple[Floats, Ints]:
    """Parse a column of numbers (N,), NaN where missing.

    The indices of invalid rows are returned too, an array of its own length.
    """
    texts = pc.utf8_trim_whitespace(column)
    if value.quality is not None:
        texts = _of_quality(texts, value.quality)
    written = texts
    if form.thousands:
        texts = _without_thousands(texts, form)
    if form.decimal == ",":
        # a point that no thousands were said of: 1.234 may be 1234, which nobody can tell
        texts = pc.replace_substring(pc.replace_substring(texts, ".", "?"), ",", ".")
    elif form.decimal == "?":
        texts = pc.if_else(pc.match_substring(texts, "."), texts, pc.replace_substring(texts, ",", "."))
    # a mark of no value may have points itself, such as n.v., or be a number, such as -999.9
    marks = _marks_of(value.missing)
    absent = pc.is_in(pc.utf8_lower(written), marks)
    if texts is not written:
        absent = pc.or_(absent, pc.is_in(pc.utf8_lower(texts), marks))
    texts = pc.if_else(absent, _NONE, texts)
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return _numbers_one_by_one(texts, value.factor)
    values = numbers.to_numpy(zero_copy_only=False).astype(np.float64, copy=True)
    bad = np.flatnonzero(~np.isfinite(values) & ~np.asarray(absent))
    return values * value.factor if value.factor != 1.0 else values, bad


@lru_cache(maxsize=64)
def _marks_of(missing: tuple[str, ...]) -> Any:
    """The texts, in lower case, that stand where there is no value."""
    return pa.array([*MISSING, *map(str.lower, missing)])


def _without_thousands(texts: Any, form: Form) -> Any:
    """Leave out the marks between groups of three digits.

    A mark that stands elsewhere is no such mark: what it was before the file was saved again cannot be told, so that
    the text is made no number.
    """
    for mark in form.thousands:
        grouped = pc.match_substring_regex(texts, rf"^[+-]?\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+(?:\D\d*)?$")
        texts = pc.if_else(grouped, pc.replace_substring(texts, mark, ""), pc.replace_substring(texts, mark, "?"))
    return texts


def text_at(column: Any, row: int) -> str:
    """The text of one cell."""
    return str(column[int(row)].as_py() or "")


def joined(columns: Sequence[Any], mark: str = "-") -> Any:
    """Join the cells of several columns, with a mark between."""
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _scalar_of(mark))


@lru_cache(maxsize=64)
def _scalar_of(text: str) -> Any:
    return pa.scalar(text)


def _numbers_one_by_one(texts: Any, factor: float) -> tuple[Floats, Ints]:
    values, bad = np.full(len(texts), math.nan), []
    for row, text in enumerate(texts.to_pylist()):
        if text is None:
            continue
        try:
            values[row] = float(text) * factor
        except ValueError:
            bad.append(row)
    return values, np.array(bad, np.int64)


def _of_quality(texts: Any, pattern: re.Pattern[str]) -> Any:
    read: dict[str, str] = {}
    encoded = texts.dictionary_encode()
    for text in encoded.dictionary.to_pylist():
        found = pattern.fullmatch(text)
        read[text] = found["number"] if found is not None else ""
    return pa.array([read[text] for text in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _halves(column: Any) -> tuple[Any, Any] | None:
    """Split a column into dates and times of day; None if their widths differ."""
    texts = pc.utf8_trim_whitespace(column)
    for mark in (" ", "T"):
        ends = pc.min_max(pc.find_substring(texts, mark)).as_py()
        if ends["min"] is None or ends["min"] != ends["max"] or ends["min"] < _DATE_LENGTHS[0]:
            continue
        day = pc.utf8_slice_codeunits(texts, 0, ends["min"]).dictionary_encode()
        if all(_DATE.fullmatch(text) for text in day.dictionary.to_pylist()):
            return day, pc.utf8_slice_codeunits(texts, ends["min"]).dictionary_encode()
    return None


def _pairs(column: Any, read: Callable[[str], Moment]) -> tuple[Ints, Ints]:
    encoded = column.dictionary_encode()
    pairs = [read(text) for text in encoded.dictionary.to_pylist()] or [NO_MOMENT]
    table = np.array(pairs, dtype=np.int64)
    if not len(column):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = table[encoded.indices.to_numpy(zero_copy_only=False)]
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])


def _moment_of(text: str, pattern: str) -> Moment | None:
    try:
        if pattern == "epoch":
            return int(text), 0
        moment = datetime.fromisoformat(text) if pattern == "iso" else datetime.strptime(text, pattern)  # noqa: DTZ007
    except (ValueError, OverflowError):
        return None
    offset = moment.utcoffset()
    since = moment.replace(tzinfo=None) - _ORIGIN
    wall_s = since.days * DAY_S + since.seconds
    return wall_s, NO_OFFSET if offset is None else int(offset.total_seconds())


def canonical(text: str, same: Sequence[Sequence[str]]) -> str:
    """Return the first of the values that mean the same as a text, in whatever case."""
    bare = text.casefold()
    return next((group[0] for group in same if any(bare == one.casefold() for one in group)), text)
