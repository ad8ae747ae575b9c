"""CSV files read by column in blocks, with messages that name refused lines.

Common variants of a file are accepted: a byte order mark, gzip with or without its suffix, semicolons or tabs as
separators, column names in another case, spaces around a value.
"""

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TextIO

import numpy as np

from mara.core.arrays import Floats
from mara.errors import FeedInvalid
from mara.spelling import nearest

BLOCK_ROWS: Final = 65_536
"""Rows that are held as text at a time, to bound memory."""
MAX_LINE_LENGTH: Final = 4_096
"""Most characters of a line.

Together with `BLOCK_ROWS` it bounds memory for any file, also one that is not a table.
"""
MAX_ROWS: Final = 20_000_000
"""Most rows of a file; a thousand sites over two years have 17.5 million."""
CASES_SHOWN: Final = 3
MAX_SHOWN_LENGTH: Final = 60
"""Most characters of a refused value that a message repeats."""
SEPARATORS: Final = ",;\t"
GZIP_MAGIC: Final = b"\x1f\x8b"
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

Row = tuple[str, ...]


class Table(Protocol):
    """A table whose refused rows can be named: by the lines of a text, or by rows.

    The methods are described at `CsvTable`.
    """

    place: ClassVar[str]

    @property
    def path(self) -> Path: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def key_count(self) -> int: ...

    def refusal(self, rows: Iterable[int], column: str, expected: str, remedy: str) -> FeedInvalid: ...

    def cases(self, rows: Sequence[int]) -> list[tuple[int, Row]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """A CSV file with a header line, of which only the named columns are read.

    Attributes:
        columns: names of the columns to read, in this order, at least two.
        key_count: number of first columns that identify a row in messages.
    """

    path: Path
    columns: tuple[str, ...]
    key_count: int
    place: ClassVar[str] = "line"

    def blocks(self) -> Iterator[list[Row]]:
        """Yield the wanted cells of all rows in blocks of at most `BLOCK_ROWS`.

        Empty lines are skipped.

        Raises:
            FeedInvalid: the file cannot be read, a column is missing or repeated, a row has another length than the
                header, or there are too many rows.
        """
        count = 0
        with _rows_of(self.path) as reader:
            header: list[str] = next(reader, [])
            pick = itemgetter(*self._positions(header))
            filled = filter(None, reader)
            while block := list(islice(filled, BLOCK_ROWS)):
                if set(map(len, block)) != {len(header)}:
                    uneven = [count + i for i, row in enumerate(block) if len(row) != len(header)]
                    raise self._uneven(uneven, len(header))
                count += len(block)
                if count > MAX_ROWS:
                    raise FeedInvalid(f"{self.path} should have at most {MAX_ROWS:,} rows, has more: split it")
                yield list(map(pick, block))

    def refusal(self, rows: Iterable[int], column: str, expected: str, remedy: str) -> FeedInvalid:
        """Build the error for bad rows, naming line, value and key of the first few.

        Rows are counted from 0, the first row below the header.
        """
        return refusal_of(self, rows, column, expected, remedy)

    def cases(self, rows: Sequence[int]) -> list[tuple[int, Row]]:
        """Read line number and wanted cells of some rows, for messages.

        This reads the file again, because line numbers are not kept.

        Raises:
            FeedInvalid: the file cannot be read.
        """
        wanted, found = set(rows), []
        with _rows_of(self.path) as reader:
            pick = itemgetter(*self._positions(next(reader, [])))
            for row, cells in enumerate(filter(None, reader)):
                if row in wanted:
                    found.append((reader.line_num, pick(cells)))
                    if len(found) == len(wanted):
                        break
        return found

    def positions(self) -> tuple[list[str], list[int], str]:
        """Read the header: its names, the places of the wanted columns, and the separator.

        Raises:
            FeedInvalid: the file cannot be read, or a column is missing or repeated.
        """
        with _rows_of(self.path) as reader:
            header: list[str] = next(reader, [])
            return header, self._positions(header), reader.dialect.delimiter

    def _positions(self, header: list[str]) -> list[int]:
        names = _names_of(header, self.columns)
        for column in self.columns:
            if names.count(column) > 1:
                raise FeedInvalid(f"{self.path} line 1: column {column} should be there once, is there twice: drop one")
            if column not in names:
                near = nearest(column, names)
                hint = f"rename {near!r}" if near else "add it"
                raise FeedInvalid(
                    f"{self.path} line 1: column {column} is missing; "
                    f"expected {', '.join(self.columns)}, came {shown(','.join(names))}: {hint}"
                )
        return [names.index(column) for column in self.columns]

    def _uneven(self, rows: list[int], width: int) -> FeedInvalid:
        wanted, lines = set(rows[:CASES_SHOWN]), []
        with _rows_of(self.path) as reader:
            next(reader, [])
            for row, cells in enumerate(filter(None, reader)):
                if row in wanted:
                    lines.append(f"line {reader.line_num}: {len(cells)}")
                    if len(lines) == len(wanted):
                        break
        return FeedInvalid(
            f"{self.path} {lines[0].split(':')[0]}: a row should have {width} values as the header has; "
            f"{_counted(len(rows))}, first: {', '.join(lines)}: correct them (a decimal comma, a line cut short?)"
        )


def refusal_of(table: Table, rows: Iterable[int], column: str, expected: str, remedy: str) -> FeedInvalid:
    """Build the error for bad rows, naming place, value and key of the first few."""
    wanted = sorted(int(row) for row in rows)
    cases = table.cases(wanted[:CASES_SHOWN])
    at = table.columns.index(column)
    came = [
        f"{table.place} {number}: {shown(cells[at])} ({' '.join(cells[: table.key_count])})" for number, cells in cases
    ]
    if any(_DECIMAL_COMMA.fullmatch(cells[at].strip()) for _, cells in cases):
        remedy = "a decimal comma: write a point"
    return FeedInvalid(
        f"{table.path} {table.place} {cases[0][0]}: {column} should be {expected}; "
        f"{_counted(len(wanted))}, first: {', '.join(came)}: {remedy}"
    )


def header_of(path: Path, known: Sequence[str] = ()) -> list[str]:
    """Read the column names of a file.

    A name that differs from one of `known` only in case is returned as spelled there.

    Raises:
        FeedInvalid: the file cannot be read.
    """
    with _rows_of(path) as reader:
        return _names_of(next(reader, []), known)


def numbers_of(texts: Sequence[str]) -> Floats:
    """Parse a column of numbers (N,); NaN where a text is no number."""
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return np.array([_number_or_nan(text) for text in texts])


def utc_of(text: str) -> datetime:
    """Parse an ISO 8601 time with a zone (`Z` or an offset) and return it in UTC.

    Raises:
        ValueError: the text is no ISO 8601 time, or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("an ISO 8601 time such as 2023-01-01T00:00:00Z") from None
    raise ValueError("a time that says its zone, as 2023-01-01T00:00:00Z does: this has no time zone")


def shown(text: str) -> str:
    """Quote a value for a message, on one line and cut to `MAX_SHOWN_LENGTH`."""
    cut = text if len(text) <= MAX_SHOWN_LENGTH else text[:MAX_SHOWN_LENGTH] + "…"
    return repr(cut)


@contextmanager
def _rows_of(path: Path) -> Iterator[Any]:
    """Open a file as rows of cells, header first, with the separator it uses."""
    try:
        with _text_of(path) as text:
            lines = _lines_of(path, text)
            header = next(lines, "")
            separator = max(SEPARATORS, key=header.count)
            yield csv.reader(chain((header,) if header else (), lines), delimiter=separator)
    except FileNotFoundError as error:
        raise FeedInvalid(f"{path} is missing: add it, or name another folder") from error
    except UnicodeDecodeError as error:
        raise FeedInvalid(f"{path} should be UTF-8 text, but {error.reason}: save it as UTF-8") from error
    except csv.Error as error:
        raise FeedInvalid(f"{path} should be comma-separated values, but {error}: correct it") from error
    except (OSError, EOFError, zlib.error) as error:
        raise FeedInvalid(f"{path} cannot be read: {error}; fetch it again, or mend its permissions") from error


def _lines_of(path: Path, text: TextIO) -> Iterator[str]:
    while line := text.readline(MAX_LINE_LENGTH):
        if len(line) == MAX_LINE_LENGTH and not line.endswith("\n"):
            raise FeedInvalid(
                f"{path} should have lines of up to {MAX_LINE_LENGTH:,} characters, has a longer one: is it a table?"
            )
        yield line


def _text_of(path: Path) -> TextIO:
    if path.exists() and not path.is_file():
        raise FeedInvalid(f"{path} should be a file, is a folder or a device: name another")
    with path.open("rb") as file:
        first = file.read(2)
    if first in UTF16_MARKS:
        raise FeedInvalid(f"{path} should be UTF-8 text, but it is UTF-16 ('Unicode text'): save it as CSV UTF-8")
    # utf-8-sig drops the byte order mark that spreadsheets write before the first column's name
    if first == GZIP_MAGIC:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _names_of(header: Sequence[str], known: Sequence[str]) -> list[str]:
    """Strip column names, and spell those of `known` as there, whatever their case."""
    names = [name.strip() for name in header]
    spelled = {column.casefold(): column for column in known if column not in names}
    return [spelled.get(name.casefold(), name) for name in names]


def _number_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _counted(count: int) -> str:
    return "one row is not" if count == 1 else f"{count:,} rows are not"


_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+,\d+")
