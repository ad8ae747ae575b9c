"""Digests in the access log, by which `mara db check` finds changed credentials.

Each line of the log that changes users, tokens or sessions holds the digests of their new rows. A row that was changed,
removed or added without a line is therefore found.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.store.encoding.chain import audit_hash, linked
from mara.store.encoding.seal import row_digest

_MOST_SHOWN: Final = 40
"""Characters of a digest that findings show, too few to use it."""
RowDigests = dict[str, str]
"""Hexadecimal digests of rows, by table and key."""
TABLES: Final = {
    "users": "SELECT name AS key, role, password_hash FROM users ORDER BY name",
    "tokens": "SELECT digest AS key, name, role, expires_epoch_s FROM tokens ORDER BY digest",
    "sessions": "SELECT digest AS key, name, role, expires_epoch_s FROM sessions ORDER BY digest",
}


def row_digests(connection: Connection) -> RowDigests:
    """Compute the digests of all users, tokens and sessions."""
    return {
        _row_name(table, row.key): row_digest(row).hex()
        for table, query in TABLES.items()
        for row in connection.exec_driver_sql(query)
    }


def changes_text(before: RowDigests, after: RowDigests) -> str | None:
    """Encode the changed rows of a line: the new digest, or null for a removed row.

    None where nothing changed.
    """
    names = [name for name in sorted(before | after) if before.get(name) != after.get(name)]
    return json.dumps({name: after.get(name) for name in names}) if names else None


def line_hash(previous: bytes, line: tuple[Any, ...], changes: str | None) -> bytes:
    """Hash of a line, with the hash of the line before.

    A line without changes hashes without that column, as an older Mara wrote it, which did not know the column.
    """
    return audit_hash(previous, line if changes is None else (*line, changes))


def access_findings(connection: Connection) -> Iterator[str]:
    """Report lines and rows that are not as written, as sentences for `mara db check`."""
    expected: RowDigests = {}
    lines = connection.exec_driver_sql(
        "SELECT number, at_epoch_s, actor, address, action, changes, previous_hash, entry_hash"
        " FROM access_log ORDER BY number"
    )
    for number, (line, holds) in enumerate(linked(lines, _hashed)):
        if line.number != number or not holds:
            yield f"access_log, number {line.number}: not what was written, or not after the line before"
        for name, digest in json.loads(line.changes or "{}").items():
            expected.pop(name, None)
            expected |= {} if digest is None else {name: digest}
    yield from _differences(expected, row_digests(connection))


def _hashed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values that a line's hash covers: all, but `changes` only if it is not null."""
    *line, changes = values
    return values if changes is not None else tuple(line)


def _differences(expected: RowDigests, found: RowDigests) -> Iterator[str]:
    for name in sorted(expected | found):
        if name not in found:
            yield f"{name[:_MOST_SHOWN]}: missing, and the access log does not tell of its end"
        elif expected.get(name) != found[name]:
            yield f"{name[:_MOST_SHOWN]}: not what the access log tells of"


def _row_name(table: str, key: str | bytes) -> str:
    return f"{table}, {'name ' + key if isinstance(key, str) else 'digest ' + key.hex()}"
