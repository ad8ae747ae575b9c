"""Split and join the stored bytes of a record without decoding it.

Hashes are of the bytes as written, also by an older Mara whose records had other fields; decoding and encoding again
would give the bytes of this version's records instead.
"""

import json
from collections.abc import Iterator
from math import prod
from typing import Any, Final

from mara.errors import StoreRefused
from mara.store.encoding.codec import FORMAT, HEADER_AT, MAGIC

_ITEM_BYTES: Final = {"f": 8, "i": 8, "b": 1}


def divided(content: bytes, name: str) -> tuple[bytes, bytes]:
    """Split a record into its bytes without one field and the bytes of that field.

    Args:
        name: a field that is itself a record.

    Raises:
        StoreRefused: the bytes are no record with such a field.
    """
    try:
        start = HEADER_AT + int.from_bytes(content[HEADER_AT - 4 : HEADER_AT], "big")
        plain = json.loads(content[HEADER_AT:start])
        rest: list[bytes] = []
        own: list[bytes] = []
        at = start
        for field, value in plain.items():
            end = at + sum(_array_bytes(value))
            (own if field == name else rest).append(content[at:end])
            at = end
        part = plain.pop(name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreRefused(f"a stored record with a field {name} was expected, other bytes came") from error
    if content[: len(MAGIC) + 1] != MAGIC + bytes((FORMAT,)) or at != len(content):
        raise StoreRefused(f"a stored record of format {FORMAT} was expected, other bytes came")
    return _joined(plain, rest), _joined(part, own)


def united(content: bytes, name: str, part: bytes, *, after: str) -> bytes:
    """Insert a field into the bytes of a record; the inverse of `divided`.

    Args:
        part: the bytes of the field `name`, itself a record.
        after: the field to insert behind; it and the fields before it hold no arrays.
    """
    plain, own = json.loads(header_of(content)), json.loads(header_of(part))
    whole: dict[str, Any] = {}
    for field, value in plain.items():
        whole[field] = value
        if field == after:
            whole[name] = own
    return _joined(whole, [part[_arrays_at(part) :], content[_arrays_at(content) :]])


def _arrays_at(content: bytes) -> int:
    return HEADER_AT + int.from_bytes(content[HEADER_AT - 4 : HEADER_AT], "big")


def header_of(content: bytes) -> str:
    """The JSON header of a record; a record without arrays is nothing else."""
    return content[HEADER_AT : HEADER_AT + int.from_bytes(content[HEADER_AT - 4 : HEADER_AT], "big")].decode()


def _array_bytes(value: Any) -> Iterator[int]:
    """The lengths [bytes] of the arrays that a header value stands for, in order."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _array_bytes(inner)
    elif isinstance(value, list):
        if len(value) == 2 and value[0] in _LETTERS and isinstance(value[1], list):
            yield _ITEM_BYTES[value[0]] * prod(value[1])
        else:
            for inner in value:
                yield from _array_bytes(inner)


_LETTERS: Final = tuple(_ITEM_BYTES)


def _joined(plain: Any, arrays: list[bytes]) -> bytes:
    header = json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((MAGIC, bytes((FORMAT,)), len(header).to_bytes(4, "big"), header, *arrays))
