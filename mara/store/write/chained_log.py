"""Logs beside the ticks, whose lines form a hash chain: appended and checked here."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from mara.store.encoding.chain import audit_hash, linked
from mara.store.schema.tables import Row, columns_of, table_of


def append_lines(connection: Connection, log: type[Row], lines: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """Append lines to a log, and return their numbers.

    Args:
        lines: values by column, in the order of the log's columns and without number and hashes.
    """
    columns = table_of(log).c
    last = connection.execute(
        select(columns.number, columns.entry_hash).order_by(columns.number.desc()).limit(1)
    ).one_or_none()
    number, link = (0, b"") if last is None else (int(last.number), bytes(last.entry_hash))
    first = number + 1
    for line in lines:
        number += 1
        values = {"number": number, **line}
        previous, link = link, audit_hash(link, tuple(values.values()))
        connection.execute(insert(log).values(**values, previous_hash=previous, entry_hash=link))
    return tuple(range(first, number + 1))


def chain_findings(connection: Connection, log: type[Row]) -> Iterator[str]:
    """Report lines of a log that are not as written, for `mara db check`."""
    name, columns = columns_of(log)
    lines = connection.execute(
        select(*(table_of(log).c[column] for column in columns)).order_by(table_of(log).c.number)
    )
    for number, (line, holds) in enumerate(linked(lines), start=1):
        if line.number != number or not holds:
            yield f"{name}, number {line.number}: not what was written, or not after the line before"
