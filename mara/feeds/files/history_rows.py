"""Rows of a history file as columns, from CSV text or from Parquet."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mara.core.arrays import Floats, Ints
from mara.errors import FeedInvalid
from mara.feeds.files.csv_table import (
    GZIP_MAGIC,
    MAX_ROWS,
    CsvTable,
    Row,
    Table,
    header_of,
    numbers_of,
    refusal_of,
    utc_of,
)
from mara.feeds.files.history_clock import TIME_COLUMN
from mara.spelling import nearest

SITE_COLUMN: Final = "site_id"
PARQUET_FILE: Final = "history.parquet"
MAX_SITES: Final = 20_000
NO_TIME: Final = int(np.iinfo(np.int64).min)
"""Stands for a time that cannot be read."""
BLOCK_BYTES: Final = 8_000_000
BLOCK_ROWS: Final = 250_000
Places = NDArray[np.int32]

_UNITS_PER_S: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HistoryRows:
    """Rows of a history file, as columns.

    Attributes:
        table: names rows in refusals.
        epoch_s: seconds since 1970 UTC (N,); `NO_TIME` where a time cannot be read.
        site: index into `site_ids` (N,).
        columns: (N,) by name; NaN where a cell is empty, infinite where an optional one is no number.
        site_ids: in order of their first row.
    """

    table: Table
    epoch_s: Ints
    site: Places
    columns: dict[str, Floats]
    site_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetTable:
    """A Parquet file of which only the named columns are read; rows count from 1."""

    path: Path
    columns: tuple[str, ...]
    key_count: int
    place: ClassVar[str] = "row"

    def refusal(self, rows: Iterable[int], column: str, expected: str, remedy: str) -> FeedInvalid:
        """Build the error for bad rows, which are counted from 0."""
        return refusal_of(self, rows, column, expected, remedy)

    def cases(self, rows: Sequence[int]) -> list[tuple[int, Row]]:
        """Read the wanted cells of some rows as text, for messages.

        Raises:
            FeedInvalid: the file cannot be read.
        """
        found, before = [], 0
        with _opened(self.path) as file:
            for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=list(self.columns)):
                for row in [row for row in rows if before <= row < before + batch.num_rows]:
                    cells = [batch.column(name)[row - before].as_py() for name in self.columns]
                    found.append((row + 1, tuple("" if cell is None else str(cell) for cell in cells)))
                before += batch.num_rows
        return found


def rows_of(file: Path, required: Sequence[str], is_optional: Callable[[str], bool]) -> HistoryRows:
    """Read times, sites, the required columns and those optional ones that are there.

    Raises:
        FeedInvalid: the file cannot be read, a column is missing or repeated, a row has another length than the header,
            or there are too many rows or sites.
    """
    is_parquet = file.name == PARQUET_FILE
    # names in a text may be written in any case
    names = _names_of_parquet(file) if is_parquet else [name.casefold() for name in header_of(file)]
    wanted = (TIME_COLUMN, SITE_COLUMN, *required, *dict.fromkeys(filter(is_optional, names)))
    if is_parquet:
        return _parquet_rows(ParquetTable(path=file, columns=wanted, key_count=2), names)
    table = CsvTable(path=file, columns=wanted, key_count=2)
    try:
        return _gathered(table, _text_batches(table))
    except (pa.ArrowException, OSError):
        # whatever is unusual about the text, the reader of single cells reads it or says what is wrong with it
        return _gathered(table, _cell_batches(table))


def place_of_site(file: Path, site_id: str) -> str:
    """Name the first row of a site for a message: its line, or row of a Parquet file.

    Raises:
        FeedInvalid: the file cannot be read.
    """
    rows = rows_of(file, (), lambda _: False)
    first = np.flatnonzero(rows.site == rows.site_ids.index(site_id))[:1]
    return f"{rows.table.place} {rows.table.cases(first.tolist())[0][0]}"


_Batch = tuple[Ints, Iterable[str], Ints, list[Floats]]
"""Block of rows: times (B,), site names, index into these (B,), and columns (B,)."""


def _gathered(table: Table, batches: Iterable[_Batch]) -> HistoryRows:
    by_id: dict[str, int] = {}
    epoch_s, site = _Column(np.int64), _Column(np.int32)
    numbers = [_Column(np.float64) for _ in table.columns[2:]]
    for times, names, index, columns in batches:
        place_of = np.array([by_id.setdefault(name.strip(), len(by_id)) for name in names], dtype=np.int32)
        epoch_s.add(times)
        site.add(place_of[index])
        for kept, column in zip(numbers, columns, strict=True):
            kept.add(column)
        if epoch_s.count > MAX_ROWS:
            raise FeedInvalid(f"{table.path} should have at most {MAX_ROWS:,} rows, has more: split it")
        if len(by_id) > MAX_SITES:
            raise FeedInvalid(f"{table.path} should have at most {MAX_SITES:,} sites, has more: split it")
    if not epoch_s.count:
        raise FeedInvalid(f"{table.path} {table.place} 2: should have a row per step and site, has none: add them")
    return HistoryRows(
        table=table,
        epoch_s=epoch_s.whole(),
        site=site.whole(),
        columns={name: column.whole() for name, column in zip(table.columns[2:], numbers, strict=True)},
        site_ids=tuple(by_id),
    )


class _Column:
    """An array that grows in place, so that a long history is not held twice."""

    def __init__(self, kind: type[np.generic]) -> None:
        self._array: Any = np.empty(0, kind)
        self.count = 0

    def add(self, piece: NDArray[Any]) -> None:
        needed = self.count + len(piece)
        if needed > len(self._array):
            self._array.resize(max(needed, len(self._array) * 5 // 4), refcheck=False)
        self._array[self.count : needed] = piece
        self.count = needed

    def whole(self) -> Any:
        self._array.resize(self.count, refcheck=False)
        return self._array


def _text_batches(table: CsvTable) -> Iterator[_Batch]:
    """Read well-formed text, many times faster than cell by cell.

    Raises:
        pa.ArrowException, OSError: the text is not well-formed, or a cell is no time or number.
    """
    header, places, separator = table.positions()
    keys = [str(place) for place in range(len(header))]
    wanted = [keys[place] for place in places]
    types = [pa.timestamp("s", tz="UTC"), pa.dictionary(pa.int32(), pa.string()), *[pa.float64()] * (len(places) - 2)]
    with table.path.open("rb") as file:
        is_zipped = file.read(2) == GZIP_MAGIC
    with (
        # a file and not its name, which may be no UTF-8
        table.path.open("rb") as file,
        pa.input_stream(file, compression="gzip" if is_zipped else None) as text,
        pyarrow.csv.open_csv(
            text,
            pyarrow.csv.ReadOptions(column_names=keys, skip_rows=1, block_size=BLOCK_BYTES),
            pyarrow.csv.ParseOptions(delimiter=separator),
            pyarrow.csv.ConvertOptions(
                include_columns=wanted, column_types=dict(zip(wanted, types, strict=True)), null_values=[""]
            ),
        ) as reader,
    ):
        for batch in reader:
            times, names, *columns = batch.columns
            yield (
                times.cast(pa.int64()).fill_null(NO_TIME).to_numpy(zero_copy_only=False),
                names.dictionary.to_pylist(),
                names.indices.to_numpy(),
                [column.to_numpy(zero_copy_only=False) for column in columns],
            )


def _cell_batches(table: CsvTable) -> Iterator[_Batch]:
    seconds = _Seconds()
    for block in table.blocks():
        times, names, *columns = zip(*block, strict=True)
        distinct = list(dict.fromkeys(names))
        place_of = {name: place for place, name in enumerate(distinct)}
        yield (
            np.fromiter(map(seconds.__getitem__, times), np.int64, len(block)),
            distinct,
            np.fromiter(map(place_of.__getitem__, names), np.int64, len(block)),
            [_cells_of(column) for column in columns],
        )


def _cells_of(texts: Sequence[str]) -> Floats:
    """Parse a column (B,): NaN where a cell is empty, infinite where it is no number."""
    found = numbers_of(texts)
    for row in np.flatnonzero(np.isnan(found)).tolist():
        found[row] = np.nan if texts[row].strip().casefold() in {"", "nan"} else np.inf
    return found


class _Seconds(dict[str, int]):
    """Cache from the text of a time to seconds since 1970 UTC.

    Every site repeats the same times, so each is parsed only once.
    """

    def __missing__(self, text: str) -> int:
        try:
            moment_s = utc_of(text).timestamp()
        except ValueError:
            moment_s = 0.5
        found = int(moment_s) if moment_s.is_integer() else NO_TIME
        self[text] = found
        return found


def _parquet_rows(table: ParquetTable, names: Sequence[str]) -> HistoryRows:
    for column in table.columns:
        if names.count(column) != 1:
            near = nearest(column, names)
            raise FeedInvalid(
                f"{table.path}: column {column} should be there once, is there {names.count(column)} times; came "
                f"{', '.join(names)}: {f'rename {near!r}' if near and near != column else 'correct it'}"
            )
    return _gathered(table, _parquet_batches(table))


def _parquet_batches(table: ParquetTable) -> Iterator[_Batch]:
    with _opened(table.path) as file:
        schema = file.schema_arrow
        for name in table.columns[2:]:
            kind = schema.field(name).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
                raise FeedInvalid(f"{table.path}: {name} should be a column of numbers, is {kind}: convert it")
        for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=list(table.columns)):
            times, sites, *columns = (batch.column(name) for name in table.columns)
            names = pc.fill_null(sites.cast(pa.string()), "").dictionary_encode()
            yield (
                _seconds_of(table, times),
                names.dictionary.to_pylist(),
                names.indices.to_numpy(),
                [column.cast(pa.float64()).to_numpy(zero_copy_only=False) for column in columns],
            )


def _seconds_of(table: ParquetTable, times: Any) -> Ints:
    """Read times as seconds since 1970 UTC (B,), from zoned timestamps or text."""
    kind = times.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        counted = times.cast(pa.int64()).fill_null(NO_TIME).to_numpy(zero_copy_only=False)
        whole, rest = np.divmod(counted, _UNITS_PER_S[kind.unit])
        return np.where((rest == 0) & (counted != NO_TIME), whole, NO_TIME)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        texts = pc.fill_null(times.cast(pa.string()), "").dictionary_encode()
        seconds = _Seconds()
        distinct = np.array([seconds[text] for text in texts.dictionary.to_pylist()], dtype=np.int64)
        return np.asarray(distinct[texts.indices.to_numpy()])
    raise FeedInvalid(
        f"{table.path}: {TIME_COLUMN} should be timestamps with a zone or ISO 8601 text, is {kind}: "
        "write it as timestamp[s, tz=UTC]"
    )


def _names_of_parquet(path: Path) -> list[str]:
    with _opened(path) as file:
        return list(file.schema_arrow.names)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        # opened before, because a name may be no UTF-8; read as it goes, because a long history fits in memory once
        with path.open("rb") as opened, pq.ParquetFile(opened, read_dictionary=[SITE_COLUMN], pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n", maxsplit=1)[0].rstrip(".")
        raise FeedInvalid(f"{path} cannot be read as Parquet: {reason}; write it again, or mend its rights") from error
