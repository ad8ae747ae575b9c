"""Encode records of the core as bytes and decode them, bit for bit.

Equal records give equal bytes. Layout: ``MARA``, a format byte, the length of the header (4 bytes, big-endian), the
header, then the arrays end to end.
The header is JSON (Python writes a float with as many digits as make it unique) and holds each record's fields by name;
arrays stand in it as type and shape. Several records in a row are stored by column. A field with a default may be
missing: an older Mara did not know it. One that came later (`mara.core.arrays.LATER`) is left out at its default.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from mara.core.arrays import sealed
from mara.core.commands import Command
from mara.errors import StoreRefused

MAGIC: Final = b"MARA"
FORMAT: Final = 1
HEADER_AT: Final = len(MAGIC) + 5
COMMANDS: Final[dict[str, type]] = {kind.__name__: kind for kind in get_args(Command)}

RETIRED: Final = frozenset({"sla_flexibility_micro_usd"})
"""Fields that records no longer have, skipped when an older database is read."""

T = TypeVar("T")
Plain = Any
"""A value that JSON can hold."""


def bytes_of(record: object, *, without: frozenset[str] = frozenset()) -> bytes:
    """Encode a record of the core in its canonical bytes.

    Args:
        without: fields to leave out; `record_of` is given them instead.
    """
    arrays: list[bytes] = []
    kind: Any = type(record)
    header = _text(_writers(kind, without)(record, arrays)).encode()
    return b"".join((MAGIC, bytes((FORMAT,)), len(header).to_bytes(4, "big"), header, *arrays))


def record_of(kind: type[T], content: bytes, **given: object) -> T:
    """Decode a record that `bytes_of` encoded.

    Args:
        given: values of the fields that were left out.

    Raises:
        StoreRefused: the bytes are no such record, or of a newer Mara.
    """
    if content[: len(MAGIC) + 1] != MAGIC + bytes((FORMAT,)):
        raise StoreRefused(
            f"a stored {kind.__name__} of format {FORMAT} was expected, other bytes came: use a newer Mara"
        )
    start = HEADER_AT + int.from_bytes(content[HEADER_AT - 4 : HEADER_AT], "big")
    try:
        plain = json.loads(content[HEADER_AT:start])
        record: T = _record_from(kind, plain, _Arrays(content, start), given)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise StoreRefused(f"a stored {kind.__name__} cannot be read ({error}): run `mara db check`") from error
    return record


def text_of(hint: object, value: object) -> str:
    """Encode a value without arrays, such as a tuple of requests, as canonical JSON."""
    return _text(_writer(hint)(value, []))


def value_of(hint: object, text: str) -> Any:
    """Decode a value that `text_of` encoded."""
    return _reader(hint)(json.loads(text), _Arrays(b"", 0))


def commands_bytes(commands: tuple[Command, ...]) -> bytes | None:
    """Encode a tick's commands; None for no command, as in most ticks."""
    if not commands:
        return None
    return _text([[type(c).__name__, _writer(COMMANDS[type(c).__name__])(c, [])] for c in commands]).encode()


def commands_of(content: bytes | None) -> tuple[Command, ...]:
    """Decode commands that `commands_bytes` encoded."""
    if content is None:
        return ()
    return tuple(_reader(COMMANDS[name])(plain, _Arrays(b"", 0)) for name, plain in json.loads(content))


@dataclass(slots=True)
class _Arrays:
    """The arrays behind a header, read in the order in which they were written."""

    content: bytes
    position: int

    def next_of(self, letter: str, shape: list[int]) -> np.ndarray:
        dtype = _DTYPES[letter]
        count = int(np.prod(shape, dtype=np.int64))
        # A copy is aligned and owns its memory; a view into the bytes would be neither.
        array = np.frombuffer(self.content, dtype, count, self.position).reshape(shape).copy()
        self.position += count * dtype.itemsize
        return sealed(array)


Writer = Callable[[Any, list[bytes]], Plain]
Reader = Callable[[Plain, _Arrays], Any]


def _text(plain: Plain) -> str:
    return _JSON.encode(plain)


@cache
def _writers(kind: Any, without: frozenset[str] = frozenset()) -> Writer:
    named = [(name, _writer(hint)) for name, hint in _hints(kind) if name not in without]
    later = {field.name: field.default for field in fields(kind) if field.metadata.get("later")}
    if not later:
        return lambda record, arrays: {name: write(getattr(record, name), arrays) for name, write in named}

    def write_but_defaults(record: Any, arrays: list[bytes]) -> Plain:
        values = ((name, write, getattr(record, name)) for name, write in named)
        return {n: write(v, arrays) for n, write, v in values if n not in later or not _is_default(v, later[n])}

    return write_but_defaults


def _is_default(value: Any, default: Any) -> bool:
    # an array is compared with nothing: fields that hold one have None for their default
    return value is default or (not isinstance(value, np.ndarray) and bool(value == default))


def _record_from(kind: Any, plain: Plain, arrays: _Arrays, given: dict[str, object]) -> Any:
    known = dict(_hints(kind))
    values = {name: _reader(known[name])(value, arrays) for name, value in plain.items() if name not in RETIRED}
    return kind(**values, **given)


@cache
def _hints(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


@cache
def _writer(hint: Any) -> Writer:
    """The function that turns a value of this type into plain JSON."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is np.ndarray:
        return _write_array
    if origin is tuple:
        return _write_columns(parts[0]) if _is_column_type(parts) else _write_tuple(parts)
    if origin in (Union, UnionType):
        kept = _optional_of(parts)
        return _write_number if kept is None else _write_maybe(_writer(kept))
    if origin is dict:
        write = _writer(parts[1])
        return lambda value, arrays: {k: write(value[k], arrays) for k in sorted(value)}
    if _is_record(hint):
        return _writers(hint)
    if hint is datetime:
        return lambda value, _: value.isoformat()
    if issubclass(hint, Enum):
        return lambda value, _: value.value
    return lambda value, _: hint(value)


@cache
def _reader(hint: Any) -> Reader:
    """The function that turns plain JSON back into a value of this type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is np.ndarray:
        return lambda plain, arrays: arrays.next_of(*plain)
    if origin is tuple:
        return _read_columns(parts[0]) if _is_column_type(parts) else _read_tuple(parts)
    if origin in (Union, UnionType):
        kept = _optional_of(parts)
        return _read_number if kept is None else _read_maybe(_reader(kept))
    if origin is dict:
        read = _reader(parts[1])
        return lambda plain, arrays: {k: read(v, arrays) for k, v in plain.items()}
    if _is_record(hint):
        return lambda plain, arrays: _record_from(hint, plain, arrays, {})
    if hint is datetime:
        return lambda plain, _: datetime.fromisoformat(plain)
    return lambda plain, _: hint(plain)


def _is_record(hint: object) -> bool:
    return is_dataclass(hint)


def _optional_of(parts: tuple[Any, ...]) -> Any:
    """The record or array type of an optional one; None for any other union."""
    is_optional = len(parts) == 2 and parts[1] is type(None)
    return parts[0] if is_optional and (_is_record(parts[0]) or get_origin(parts[0]) is np.ndarray) else None


def _is_column_type(parts: tuple[Any, ...]) -> bool:
    """True for a tuple type of any number of one record, which is stored by column."""
    return len(parts) == 2 and parts[1] is Ellipsis and _is_record(parts[0])


def _write_number(value: Any, _: list[bytes]) -> Plain:
    return value if isinstance(value, str) or value is None else float(value)


def _write_maybe(write: Writer) -> Writer:
    return lambda value, arrays: None if value is None else write(value, arrays)


def _read_number(plain: Plain, _: _Arrays) -> Any:
    return plain


def _read_maybe(read: Reader) -> Reader:
    return lambda plain, arrays: None if plain is None else read(plain, arrays)


def _write_columns(kind: type) -> Writer:
    named = [(name, _writer(hint)) for name, hint in _hints(kind)]
    none: Plain = {name: [] for name, _ in named}

    def write(records: Any, arrays: list[bytes]) -> Plain:
        if not len(records):  # None is no tuple of records, and is refused
            return none
        return {n: [w(getattr(r, n), arrays) for r in records] for n, w in named}

    return write


def _read_columns(kind: type) -> Reader:
    def read(plain: Plain, arrays: _Arrays) -> Any:
        known = dict(_hints(kind))
        columns = {n: [_reader(known[n])(v, arrays) for v in values] for n, values in plain.items()}
        rows = zip(*columns.values(), strict=True)
        return tuple(kind(**dict(zip(columns, row, strict=True))) for row in rows)

    return read


def _write_tuple(parts: tuple[Any, ...]) -> Writer:
    if parts[1:] == (Ellipsis,):
        write = _writer(parts[0])
        return lambda value, arrays: [write(item, arrays) for item in value]
    each = [_writer(part) for part in parts]
    return lambda value, arrays: [w(item, arrays) for w, item in zip(each, value, strict=True)]


def _read_tuple(parts: tuple[Any, ...]) -> Reader:
    def read(plain: Plain, arrays: _Arrays) -> Any:
        hints: Iterator[Any] = iter([parts[0]] * len(plain) if parts[1:] == (Ellipsis,) else parts)
        return tuple(_reader(hint)(item, arrays) for hint, item in zip(hints, plain, strict=True))

    return read


def _write_array(value: np.ndarray, arrays: list[bytes]) -> Plain:
    letter = value.dtype.kind
    assert value.dtype == _DTYPES[letter], f"arrays of the core are float64, int64 or bool, got {value.dtype}"
    arrays.append(value.tobytes())
    return [letter, list(value.shape)]


_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DTYPES: Final = {"f": np.dtype("<f8"), "i": np.dtype("<i8"), "b": np.dtype("?")}
