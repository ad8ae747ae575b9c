"""The hash chain of ticks: a link covers what was stored of a tick and the link before, so no row changes unseen."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256 of the parts of a tick, by how long they can be checked from rows.

    Attributes:
        raw: prices, market and allocations; as long as raw rows are kept.
        kept: ledger, commands and the plan step in force; for ever.
        world: the world after the tick; where a checkpoint is, or by replay.
    """

    raw: bytes
    kept: bytes
    world: bytes


def genesis_of(run_id: str) -> bytes:
    """The link before the first tick."""
    return sha256(run_id.encode()).digest()


def link_of(previous: bytes, tick: int, digests: Digests) -> bytes:
    """A tick's link."""
    return sha256(previous + tick.to_bytes(8, "big") + digests.raw + digests.kept + digests.world).digest()


def raw_digest(prices: np.ndarray, market: tuple[object, ...], allocations: np.ndarray) -> bytes:
    """Of the raw rows of a tick. A stored -0.0 reads as 0.0, so zeros are made alike first."""
    return _digest((prices + 0.0).tobytes(), repr(market).encode(), allocations.tobytes())


def kept_digest(ledger: np.ndarray, commands: bytes | None, plan_step: bytes) -> bytes:
    """Of the rows of a tick that are never deleted."""
    return _digest(ledger.tobytes(), commands or b"", plan_step)


def world_digest(world: bytes, book_hash: bytes) -> bytes:
    """Of a world: its bytes without the book, and the book's hash, which seldom changes."""
    return _digest(world, book_hash)


def audit_hash(previous: bytes, entry: tuple[object, ...]) -> bytes:
    """Of an audit row, with the row before."""
    return _digest(previous, repr(entry).encode())


def linked(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Walk the lines of a chained table: each entry, and whether it is what was written after the line before.

    Args:
        rows: in order; the last two columns are the hash of the line before and the line's own.
    """
    last = b""
    for *values, previous, own in rows:
        entry = tuple(values)
        yield entry, previous == last and audit_hash(last, entry) == own
        last = own


def _digest(*parts: bytes) -> bytes:
    """Parts are told apart by their lengths, so that none can borrow from the next."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
