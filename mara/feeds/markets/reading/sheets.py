"""Reader of text files by columns of text, in batches of bounded size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from mara.core.arrays import Ints
from mara.feeds.markets.declaration import Layout
from mara.feeds.markets.reading.headers import Header
from mara.feeds.markets.reading.sources import Source, shown

BLOCK_BYTES: Final = 8_000_000
MOST_ROWS: Final = 50_000_000
"""Most rows of one file."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """A batch of rows: wanted columns by place in the header, and lines from 1 (N,)."""

    columns: dict[int, Any]
    lines: Ints


def batches_of(source: Source, layout: Layout, header: Header, wanted: Sequence[int]) -> Iterator[Batch]:
    """Yield the wanted columns of a text file.

    Raises:
        FeedInvalid: a row has another width than the header, the text has another encoding, or the file was cut short.
    """
    uneven: list[Any] = []

    def keep_uneven(row: Any) -> str:
        uneven.append(row)
        return "skip"

    names = [str(place) for place in range(header.width or len(header.names))]
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
    """Line numbers of consecutive rows (N,), without the skipped lines."""
    lines = np.arange(first, first + count, dtype=np.int64)
    for row in uneven:
        if row.number is not None:
            lines[lines >= row.number] += 1
    return lines
