"""Outline of a text table in no known layout: separator, columns, first rows.

It is what somebody needs to see to describe the table as a layout of their own; nothing is read by it.
"""

from dataclasses import dataclass
from typing import Final

from mara.feeds.markets.reading.headers import MOST_LINES_BEFORE, cells_of
from mara.feeds.markets.reading.sources import Source

DELIMITERS: Final = (";", "\t", "|", ",")
"""Separators that are looked for; a comma last, because it is also a decimal mark."""
UTF_8: Final = "utf-8"
WESTERN: Final = "cp1252"
"""Encoding that is taken where text is no UTF-8: spreadsheets still write it."""
LONGEST_CHARACTER: Final = 4
LEAST_COLUMNS: Final = 2
ROWS_SHOWN: Final = 4
MOST_COLUMNS: Final = 200
MOST_CELL_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The look of a table: separator, encoding, names of its columns, first rows."""

    delimiter: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: str = UTF_8


def outline_of(source: Source) -> Outline | None:
    """Find the header of a text table; None where the file is none.

    A header is a line of several different names under which the next line has as many cells.

    Raises:
        FeedInvalid: the file cannot be read.
    """
    text, encoding = _decoded(source.head())
    lines = text.splitlines()[: MOST_LINES_BEFORE + ROWS_SHOWN]
    for number in range(min(len(lines) - 1, MOST_LINES_BEFORE)):
        for delimiter in DELIMITERS:
            names = cells_of(lines[number], delimiter)
            if _is_header(names, cells_of(lines[number + 1], delimiter)):
                rows = (cells_of(line, delimiter) for line in lines[number + 1 : number + 1 + ROWS_SHOWN] if line)
                return Outline(
                    delimiter=delimiter,
                    columns=tuple(name.strip() for name in names),
                    rows=tuple(tuple(cell[:MOST_CELL_CHARACTERS] for cell in row) for row in rows),
                    encoding=encoding,
                )
    return None


def _decoded(head: bytes) -> tuple[str, str]:
    """Decode the first bytes of a file, and name their encoding."""
    try:
        return head.decode("utf-8-sig"), UTF_8
    except UnicodeDecodeError as error:
        if error.start >= len(head) - LONGEST_CHARACTER:
            return head[: error.start].decode("utf-8-sig"), UTF_8
        return head.decode(WESTERN, errors="replace"), WESTERN


def _is_header(names: tuple[str, ...], below: tuple[str, ...]) -> bool:
    if not LEAST_COLUMNS <= len(names) <= MOST_COLUMNS or len(below) != len(names):
        return False
    named = [name.strip() for name in names]
    has_digits = any(character.isdigit() for cell in below for character in cell)
    return all(named) and all(name.isprintable() for name in named) and len(set(named)) == len(named) and has_digits
