"""The seal of a tick: a digest of each row that its transaction wrote, so that a changed row can be found and named.

Beside the hash chain of ticks, which is the same in equal runs: a seal also knows of rows that may differ between them,
such as who logged in. Layout: a link to the seal before and to the tick's own hash, then for each table its code, the
count of digests and the digests in the order of the table's key.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import numpy as np

from mara.errors import StoreRefused

Marks = dict[str, tuple[bytes, ...]]
"""Digests by table, of rows in the order of the table's key."""
DIGEST_BYTES: Final = 16
"""Of SHA-256: nobody finds another row with the same digest by chance."""
LINK_BYTES: Final = 32
_COUNT_BYTES: Final = 4
OLDER: Final = "older "
"""Before a table's name: one digest of all its rows that a Mara without seals had written."""
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
}
"""Numbers of tables within a seal; never given to another table."""
_OLDER_CODE: Final = 128
_CODES: Final = CODES | {OLDER + name: code + _OLDER_CODE for name, code in CODES.items()}
_NAMES: Final = {code: name for name, code in _CODES.items()}
_AS_THEY_ARE: Final = frozenset({int, str, bytes, type(None)})


def row_digest(row: Iterable[Any]) -> bytes:
    """Of a row as it is stored. A stored -0.0 reads as 0.0, so zeros are alike."""
    values = [value if type(value) in _AS_THEY_ARE else _plain(value) for value in row]
    return sha256(repr(values).encode(errors="backslashreplace")).digest()[:DIGEST_BYTES]


def rows_digest(rows: Iterable[Iterable[Any]]) -> bytes:
    """Of several rows in order."""
    digest = sha256()
    for row in rows:
        digest.update(row_digest(row))
    return digest.digest()[:DIGEST_BYTES]


def matrix_digest(matrix: np.ndarray) -> bytes:
    """Of the rows of a tick in a table with a row for each site."""
    return sha256((matrix + 0.0 if matrix.dtype.kind == "f" else matrix).tobytes()).digest()[:DIGEST_BYTES]


def market_digest(market: tuple[Any, ...]) -> bytes:
    """Of the market's row after its tick."""
    return sha256(repr(market).encode()).digest()[:DIGEST_BYTES]


def part_digest(part: str, content_hash: bytes) -> bytes:
    """Of what others keep beside the world."""
    return sha256(content_hash + part.encode(errors="backslashreplace")).digest()[:DIGEST_BYTES]


def head_mark(number: int, entry_hash: bytes) -> bytes:
    """The last line of a log: how far it went, and which line that was."""
    return number.to_bytes(8, "big", signed=True) + entry_hash[:8].ljust(8, b"\0")


def head_number(mark: bytes) -> int:
    """How far the log went that `head_mark` is of."""
    return int.from_bytes(mark[:8], "big", signed=True)


def together(*several: Marks) -> Marks:
    """All digests, one after the other where a table has them from more than one."""
    marks: Marks = {}
    for some in several:
        for name, digests in some.items():
            marks[name] = (*marks.get(name, ()), *digests)
    return marks


def seal_of(previous: bytes, tick_hash: bytes, marks: Mapping[str, Sequence[bytes]]) -> bytes:
    """The seal of a tick after `previous`, which is empty before the first."""
    parts = [seal_link(previous, tick_hash)]
    for name, code in _CODES.items():
        digests = marks.get(name)
        if digests:
            parts += (bytes((code,)), len(digests).to_bytes(_COUNT_BYTES, "big"), *digests)
    return b"".join(parts)


def seal_link(previous: bytes, tick_hash: bytes) -> bytes:
    """The first bytes of a seal: it stands after another one, and in this tick."""
    return sha256(previous + tick_hash).digest()


def marks_in(seal: bytes) -> Marks:
    """The digests of a seal.

    Raises:
        StoreRefused: it is not one, or of a newer Mara.
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
    """A float without the sign of zero, which a file does not keep; a number of numpy as one of Python's own."""
    return float(value) + 0.0 if isinstance(value, float) else int(value)
