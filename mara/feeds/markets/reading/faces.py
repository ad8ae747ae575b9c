"""Recognition of a file's layout by its header, and the file opened in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final

from mara.errors import FeedInvalid
from mara.feeds.markets.declaration import CSV_LAYOUT, Form, Kind, Layout, Quantity
from mara.feeds.markets.reading.documents import (
    XML_COLUMNS,
    Rows,
    Table,
    batches_of_frame,
    batches_of_table,
    frame_of,
    header_of_table,
    publication_of,
    records_of,
    workbook_of,
)
from mara.feeds.markets.reading.headers import (
    MOST_LINES_BEFORE,
    Header,
    has_columns,
    header_in,
    header_in_rows,
    nearness_of,
)
from mara.feeds.markets.reading.sheets import Batch, batches_of
from mara.feeds.markets.reading.sources import Source, shown
from mara.feeds.markets.reading.tagged import batches_by_line
from mara.spelling import nearest

LEAST_NEAR_COLUMNS: Final = 2
"""Least number of a layout's columns in a file for which it may be the nearest."""
HISTORY_COLUMNS: Final = frozenset({"timestamp_utc", "site_id", "price_usd_per_mwh"})
"""Columns by which the rows of a history folder are known, for messages."""
Batches = Callable[[Sequence[int]], Iterator[Batch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file opened in a layout, whose columns can be read.

    Attributes:
        names: names of the file's columns.
        said: values that the text before the header or the file's name gives, the same for all rows.
        batches: reads the columns at given places.
    """

    source: Source
    names: tuple[str, ...]
    said: dict[str, str] = field(default_factory=dict)
    batches: Batches


def recognised(
    source: Source, layouts: Sequence[Layout], quantities: Sequence[Quantity] = tuple(Quantity)
) -> tuple[Layout, Sheet]:
    """Recognise the layout of one of the quantities, and open the file in it.

    Raises:
        FeedInvalid: no layout fits, or two of one quantity do; the message names both.
    """
    found = recognised_each(source, layouts)
    return next((one for one in found if one[0].quantity in quantities), found[0])


def recognised_each(source: Source, layouts: Sequence[Layout]) -> list[tuple[Layout, Sheet]]:
    """Recognise the layout of each quantity that a file holds.

    Raises:
        FeedInvalid: no layout fits, or two of one quantity do; the message names both.
    """
    face = Face.of(source)
    found: dict[Quantity, dict[str, tuple[Layout, Sheet]]] = {}
    for layout in layouts:
        sheet = face.sheet_in(layout)
        if sheet is not None:
            found.setdefault(layout.quantity, {}).setdefault(layout.name, (layout, sheet))
    for fitting in found.values():
        if len(fitting) > 1:
            raise source.refusal(
                f'the header should fit one layout, fits {" and ".join(fitting)}: say which with layout = "…"'
            )
    if not found:
        raise source.refusal(
            f"should be in a layout of `mara import layouts`, begins with {shown(face.first_words)}: "
            f'{_nearest_in(face, layouts)} describe it with layout = "csv"'
        )
    return [one for fitting in found.values() for one in fitting.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """The first bytes of a file, or its table where the file is not text."""

    source: Source
    head: bytes
    frame: Any = None
    book: tuple[Rows, ...] | None = None

    @classmethod
    def of(cls, source: Source) -> "Face":
        """Read the first bytes of a file, or its table.

        Raises:
            FeedInvalid: the file cannot be read.
        """
        head = source.head()
        if head[:4] == b"PAR1":
            return cls(source=source, head=head, frame=frame_of(source))
        if head[:4] == b"PK\x03\x04":
            return cls(source=source, head=head, book=workbook_of(source))
        return cls(source=source, head=head)

    @property
    def first_words(self) -> str:
        """The first line that is not empty, or a table's column names, for messages."""
        if self.frame is not None:
            return ",".join(self.frame.column_names)
        if self.book is not None:
            return ",".join(self.book[0][0]) if self.book else ""
        lines = self.head.decode("utf-8-sig", errors="replace").splitlines()
        return next((line.strip() for line in lines if line.strip()), "")

    def sheet_in(self, layout: Layout) -> Sheet | None:
        """Open the file in a layout; None where the layout does not fit."""
        kind = layout.form.kind
        if self.frame is not None:
            return self._in_frame(layout, self.frame)
        if self.book is not None:
            return self._in_book(layout, self.book)
        start = self.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if kind is Kind.PUBLICATION_XML:
            return self._whole(layout, publication_of(self.source)) if start == b"<" else None
        if kind is Kind.JSON:
            return self._json(layout) if start in {b"{", b"["} else None
        return self._text(layout)

    def _text(self, layout: Layout) -> Sheet | None:
        header = header_in(_lines_of(self.head, layout.form.encoding), layout, self.source.file_name)
        return self._sheet(layout, header) if header is not None else None

    def _sheet(self, layout: Layout, header: Header) -> Sheet:
        by_line = layout.form.kind in {Kind.TAGGED, Kind.RECORDS} or bool(layout.form.last_line)
        read = batches_by_line if by_line else batches_of
        return Sheet(
            source=self.source,
            names=header.names,
            said=header.said,
            batches=lambda wanted: read(self.source, layout, header, wanted),
        )

    def _in_frame(self, layout: Layout, frame: Any) -> Sheet | None:
        names = tuple(frame.column_names)
        if not is_tabular(layout.form) or not has_columns(names, layout):
            return None
        return Sheet(
            source=self.source,
            names=header_of_table(names).names,
            batches=partial(batches_of_frame, frame, layout.form),
        )

    def _in_book(self, layout: Layout, book: Sequence[Rows]) -> Sheet | None:
        """Open a workbook; the header of its first sheet is that of all sheets."""
        header = header_in_rows(book[0], layout, self.source.file_name) if book and is_tabular(layout.form) else None
        if header is None:
            return None
        names, rows = header.names, book[0][header.line :]
        for sheet in book[1:]:
            rows = rows + sheet
        # the header is repeated on each sheet, some of which are narrower
        rows = [row[: len(names)] + [""] * (len(names) - len(row)) for row in rows if tuple(row) != names]
        return Sheet(
            source=self.source,
            names=names,
            said=header.said,
            batches=partial(batches_of_table, (names, rows), layout.form),
        )

    def _json(self, layout: Layout) -> Sheet | None:
        try:
            table = records_of(self.source, layout.form)
        except FeedInvalid:
            return None
        return self._whole(layout, table)

    def _whole(self, layout: Layout, table: Table) -> Sheet | None:
        names, _ = table
        if names is not XML_COLUMNS and not has_columns(names, layout):
            return None
        return Sheet(source=self.source, names=names, batches=partial(batches_of_table, table, layout.form))


@lru_cache(maxsize=8)
def _lines_of(head: bytes, encoding: str) -> tuple[str, ...]:
    """Decode the first lines of a file; none where its encoding is another.

    They are decoded once for all layouts.
    """
    try:
        text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        # the first bytes may end within a character
        if error.start < len(head) - 4:
            return ()
        text = head[: error.start].decode(encoding)
    return tuple(text.splitlines()[:MOST_LINES_BEFORE])


def is_tabular(form: Form) -> bool:
    """True if rows of cells without a text of their own may be in a form."""
    return form.kind is Kind.ROWS and not form.names


def opened_in(source: Source, layouts: Sequence[Layout]) -> tuple[Layout, Sheet]:
    """Open a file in a layout chosen by name, in whichever variant fits.

    Raises:
        FeedInvalid: no variant fits; the message names the columns that were looked for.
    """
    face = Face.of(source)
    for layout in layouts:
        sheet = face.sheet_in(layout)
        if sheet is not None:
            return layout, sheet
    error = _error_page(face)
    wanted = layouts[0]
    if wanted.id == CSV_LAYOUT:
        raise source.refusal(error or _undescribed_in(face, wanted))
    raise source.refusal(
        error
        or f"should be in the layout {wanted.id} ({wanted.publisher}, {wanted.report}), begins with "
        f"{shown(face.first_words)}: name the right layout, or leave it out and the header decides"
    )


def _undescribed_in(face: Face, layout: Layout) -> str:
    """Write by what a file misses the layout that its user described."""
    is_text = face.frame is None and face.book is None
    lines = _lines_of(face.head, layout.form.encoding) if is_text else (face.first_words,)
    if not lines:
        return f"should be text in {layout.form.encoding}, is not: say csv.encoding, such as cp1252"
    found = nearness_of(lines, layout)
    if found.lacks and found.names:
        lacking = str(found.lacks[0])
        near = nearest(lacking, found.names)
        listed = shown(", ".join(found.names))
        return (
            f"should have a column {lacking!r}, has {listed}: "
            + (f"is {near!r} meant? " if near else "")
            + "correct csv"
        )
    if found.delimiter and found.delimiter not in layout.form.delimiters:
        return f"has {found.delimiter!r} between its cells, the SPEC says {layout.form.delimiters!r}: say csv.delimiter"
    return f"should be the table that csv describes, begins with {shown(face.first_words)}: correct csv"


def _nearest_in(face: Face, layouts: Sequence[Layout]) -> str:
    """Write by what a text misses the layout nearest to it, and what to do first."""
    lines = _lines_of(face.head, "utf-8") if face.frame is None and face.book is None else ()
    near = [(nearness_of(lines, layout), layout) for layout in layouts]
    found, layout = max(near, key=lambda one: one[0].has - len(one[0].lacks))
    if any(set(line.split(",")) >= HISTORY_COLUMNS for line in lines):
        return (
            "these are rows of a history folder, which need no import: `mara history show FOLDER`; or, for one column "
            "of them,"
        )
    if found.has < LEAST_NEAR_COLUMNS or len(found.lacks) > found.has:
        return "is it another report?"
    if found.lacks:
        names = [f"{column}" for column in found.lacks if isinstance(column, str)]
        lacking = " and ".join(names) or "a column of values or of the place"
        return f"{layout.name} is nearest, and has {lacking} too; take the file as it was published, or"
    if found.delimiter not in layout.form.delimiters:
        return (
            f"its columns are those of {layout.name}, but {found.delimiter!r} is between them: was it saved again by a "
            "spreadsheet, which changes numbers and dates as well? take the file as it was published, or"
        )
    return (
        f"its columns are those of {layout.name}, but not its title, name or first row; take the file as it was "
        "published, or"
    )


def _error_page(face: Face) -> str:
    """Describe an error page that was saved instead of a file; empty for other files."""
    if face.first_words.startswith("<"):
        return f"should be a table, is an error message or a web page ({shown(face.first_words)}): fetch it again later"
    return ""
