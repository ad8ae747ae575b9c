"""The seal of a tick: digests of its transaction's rows, to name a changed one.

The hash chain of ticks is the same in equal runs; a seal also covers rows that may differ between them, such as who
logged in. Layout: a link to the seal before and to the tick's own hash, then for each table its code, the count of
digests and the digests in the order of the table's key.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import numpy as np

from mara.errors import StoreRefused

Marks = dict[str, tuple[bytes, ...]]
"""Digests by table name, of rows in the order of the table's key."""
DIGEST_BYTES: Final = 16
"""Length [bytes] of a row's digest, which is SHA-256 cut short."""
LINK_BYTES: Final = 32
_COUNT_BYTES: Final = 4
OLDER: Final = "older "
"""Prefix of a table's name for one digest of all its rows before the first seal."""
CODES: Final = {
    "prices": 0,
    "markets": 1,
    "allocations": 2,
    "ledger": 3,
    "plans": 4,
    "sla_contracts": 5,
    "sla_intervals": 6,
    "sla_windows": 7,
    "optimization_runs": 8,
    "events": 9,
    "engine_parts": 10,
    "hourly": 11,
    "runs": 12,
    "access_log": 13,
    "claude_requests": 14,
    "claude_runs": 15,
    "checkpoints": 16,
    "rules_in_force": 17,
    "orders": 18,
    "daily_gains": 19,
    "meters": 20,
    "alert_log": 21,
    "signal_log": 22,
}
"""Codes of tables within a seal; a code is never reused for another table."""
_OLDER_CODE: Final = 128
_CODES: Final = CODES | {OLDER + name: code + _OLDER_CODE for name, code in CODES.items()}
_NAMES: Final = {code: name for name, code in _CODES.items()}
_AS_THEY_ARE: Final = frozenset({int, str, bytes, type(None)})


def row_digest(row: Iterable[Any]) -> bytes:
    """Digest of a row as stored, without the sign of zero, since -0.0 reads as 0.0."""
    values = [value if type(value) in _AS_THEY_ARE else _plain(value) for value in row]
    return sha256(repr(values).encode(errors="backslashreplace")).digest()[:DIGEST_BYTES]


def rows_digest(rows: Iterable[Iterable[Any]]) -> bytes:
    """Digest of several rows in order."""
    digest = sha256()
    for row in rows:
        digest.update(row_digest(row))
    return digest.digest()[:DIGEST_BYTES]


def matrix_digest(matrix: np.ndarray) -> bytes:
    """Digest of the rows of a tick in a table with one row for each site (S, columns)."""
    return sha256((matrix + 0.0 if matrix.dtype.kind == "f" else matrix).tobytes()).digest()[:DIGEST_BYTES]


def market_digest(market: tuple[Any, ...]) -> bytes:
    """Digest of a row of `markets` after its tick."""
    # The digest is of a plain tuple: a named one is written with its name.
    return sha256(repr(tuple(market)).encode()).digest()[:DIGEST_BYTES]


def part_digest(part: str, content_hash: bytes) -> bytes:
    """Digest of an engine part, whose bytes are stored beside the world."""
    return sha256(content_hash + part.encode(errors="backslashreplace")).digest()[:DIGEST_BYTES]


def head_mark(number: int, entry_hash: bytes) -> bytes:
    """The mark of a log's last line: its number and the start of its hash."""
    return number.to_bytes(8, "big", signed=True) + entry_hash[:8].ljust(8, b"\0")


def head_number(mark: bytes) -> int:
    """The line number in a mark that `head_mark` made."""
    return int.from_bytes(mark[:8], "big", signed=True)


def merged(*several: Marks) -> Marks:
    """Merge marks, concatenating the digests of a table that occurs in several."""
    marks: Marks = {}
    for some in several:
        for name, digests in some.items():
            marks[name] = (*marks.get(name, ()), *digests)
    return marks


def seal_of(previous: bytes, tick_hash: bytes, marks: Mapping[str, Sequence[bytes]]) -> bytes:
    """Make the seal of a tick.

    Args:
        previous: the seal of the tick before; empty before the first.
    """
    parts = [seal_link(previous, tick_hash)]
    for name, code in _CODES.items():
        digests = marks.get(name)
        if digests:
            parts += (bytes((code,)), len(digests).to_bytes(_COUNT_BYTES, "big"), *digests)
    return b"".join(parts)


def seal_link(previous: bytes, tick_hash: bytes) -> bytes:
    """The first bytes of a seal, which bind it to the seal before and to its tick."""
    return sha256(previous + tick_hash).digest()


def marks_in(seal: bytes) -> Marks:
    """Read the digests of a seal.

    Raises:
        StoreRefused: the bytes are no seal, or of a newer Mara.
    """
    marks: Marks = {}
    at = LINK_BYTES
    while at < len(seal):
        name = _NAMES.get(seal[at])
        start = at + 1 + _COUNT_BYTES
        at = start + DIGEST_BYTES * int.from_bytes(seal[at + 1 : start], "big")
        if name is None or at > len(seal):
            raise StoreRefused("its seal cannot be read")
        marks[name] = tuple(seal[i : i + DIGEST_BYTES] for i in range(start, at, DIGEST_BYTES))
    return marks


def _plain(value: Any) -> Any:
    """Convert a numpy number to Python's own and drop the sign of zero."""
    return float(value) + 0.0 if isinstance(value, float) else int(value)
