"""Users, tokens and sessions as the access log knows them: each line that changes one holds the digest of its new row.

So a row that was changed, removed or put in without a line is found by `mara db check`.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.store.encoding.chain import audit_hash
from mara.store.encoding.seal import row_digest

_MOST_SHOWN: Final = 40
"""Letters of a place: enough of a digest to find the row, too few to use."""
Standing = dict[str, str]
"""Digests of all rows, by table and key."""
TABLES: Final = {
    "users": "SELECT name, role, password_hash FROM users ORDER BY name",
    "tokens": "SELECT digest, name, role, expires_epoch_s FROM tokens ORDER BY digest",
    "sessions": "SELECT digest, name, role, expires_epoch_s FROM sessions ORDER BY digest",
}


def standing(connection: Connection) -> Standing:
    """What there is."""
    return {
        _place(table, row[0]): row_digest(row).hex()
        for table, query in TABLES.items()
        for row in connection.exec_driver_sql(query)
    }


def changes_text(before: Standing, after: Standing) -> str | None:
    """What a line of the log says of the rows that it changed: the new digest, or null where a row went."""
    places = [place for place in sorted(before | after) if before.get(place) != after.get(place)]
    return json.dumps({place: after.get(place) for place in places}) if places else None


def line_hash(previous: bytes, line: tuple[Any, ...], changes: str | None) -> bytes:
    """Of a line, with the line before; one without changes is as an older Mara wrote it."""
    return audit_hash(previous, line if changes is None else (*line, changes))


def access_findings(connection: Connection) -> Iterator[str]:
    """Lines of the log, and rows it tells of, that are not what was written, as sentences for `mara db check`."""
    expected: Standing = {}
    last = b""
    lines = connection.exec_driver_sql(
        "SELECT number, at_epoch_s, actor, address, action, changes, previous_hash, entry_hash"
        " FROM access_log ORDER BY number"
    )
    for place, (*line, changes, previous, own) in enumerate(lines):
        if line[0] != place or previous != last or line_hash(last, tuple(line), changes) != own:
            yield f"access_log, number {line[0]}: not what was written, or not after the line before"
        for name, digest in json.loads(changes or "{}").items():
            expected.pop(name, None)
            expected |= {} if digest is None else {name: digest}
        last = own
    yield from _differences(expected, standing(connection))


def _differences(expected: Standing, found: Standing) -> Iterator[str]:
    for place in sorted(expected | found):
        if place not in found:
            yield f"{place[:_MOST_SHOWN]}: missing, and the access log does not tell of its end"
        elif expected.get(place) != found[place]:
            yield f"{place[:_MOST_SHOWN]}: not what the access log tells of"


def _place(table: str, key: str | bytes) -> str:
    return f"{table}, {'name ' + key if isinstance(key, str) else 'digest ' + key.hex()}"
