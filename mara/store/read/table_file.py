"""Write an export to a CSV or Parquet file, named when it is complete."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, get_args

from mara.errors import StoreError
from mara.store.files.unfinished import unfinished
from mara.store.read.export import ExportTable, Header, Values, export
from mara.store.read.read_model import ReadModel

ExportFormat = Literal["csv", "parquet"]
EXPORT_FORMATS: Final[tuple[ExportFormat, ...]] = get_args(ExportFormat)
ROWS_A_GROUP: Final = 50_000
ROWS_BETWEEN_RESTS: Final = 100
READABLE: Final = 0o666
"""File mode of an export, before the umask: others may read it."""
FORMULA_STARTS: Final = tuple("=+-@＝＋－＠")
"""First characters that spreadsheets take for a formula, in half and full width."""
THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}\b)")
"""A comma that separates thousands in a number."""


def write_export(
    read_model: ReadModel,
    table: ExportTable,
    form: ExportFormat,
    out: Path,
    from_: datetime | None = None,
    to: datetime | None = None,
    *,
    rest: Callable[[], object] | None = None,
) -> int:
    """Write a table of the ticks in ``[from_, to)`` to a file; returns its row count.

    Args:
        rest: called every `ROWS_BETWEEN_RESTS` rows, to give other threads the interpreter.

    Raises:
        StoreError: the file could not be written; one of that name is left as it was.
    """
    header, values = export(read_model, table, from_, to)
    try:
        with unfinished(out, READABLE) as part:
            count = _WRITERS[form](part, header, values if rest is None else _rested(values, rest))
            part.replace(out)
    except OSError as error:
        raise StoreError(f"{out} could not be written ({error.strerror}): name a file in a writable folder") from error
    return count


def _rested(values: Iterator[Values], rest: Callable[[], object]) -> Iterator[Values]:
    for number, row in enumerate(values, start=1):
        yield row
        if number % ROWS_BETWEEN_RESTS == 0:
            rest()


def harmless(text: str) -> str:
    """Remove from a text what a CSV reader may take for a separator or formula."""
    plain = THOUSANDS.sub("", text).replace(",", ";") if "," in text else text
    if not plain.isprintable():
        plain = "".join(letter if letter.isprintable() else " " for letter in plain)
    return "'" + plain if plain.lstrip().startswith(FORMULA_STARTS) else plain


def _write_csv(path: Path, header: Header, values: Iterator[Values]) -> int:
    count = 0
    texts = [i for i, column in enumerate(header) if column.kind == "text"]
    times = [i for i, column in enumerate(header) if column.kind == "time"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column.name for column in header)
        for row in values:
            cells = list(row)
            for i in texts:
                cells[i] = harmless(cells[i])
            for i in times:
                cells[i] = f"{cells[i]:%Y-%m-%dT%H:%M:%SZ}"
            writer.writerow(cells)
            count += 1
    return count


def _write_parquet(path: Path, header: Header, values: Iterator[Values]) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    kinds: dict[str, Any] = {
        "int": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "time": pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(column.name, kinds[column.kind]) for column in header])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        while group := list(islice(values, ROWS_A_GROUP)):
            columns = [
                pa.array(column, kind) for column, kind in zip(zip(*group, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(group)
    return count


_WRITERS: Final[dict[ExportFormat, Callable[[Path, Header, Iterator[Values]], int]]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
}
