"""The hash chain of ticks: each link covers a tick's rows and the link before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np

Line = TypeVar("Line", bound=Sequence[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256 digests of a tick, one for each time that its rows are kept.

    Attributes:
        raw: of prices, market, allocations and meters; can be checked while raw rows are kept.
        kept: of ledger, commands and the plan step in force; can be checked for ever.
        world: of the world after the tick; can be checked at a checkpoint, or by replay.
    """

    raw: bytes
    kept: bytes
    world: bytes


def genesis_of(run_id: str) -> bytes:
    """The link that stands before the first tick."""
    return sha256(run_id.encode()).digest()


def link_of(previous: bytes, tick: int, digests: Digests) -> bytes:
    """The link of a tick: SHA-256 of the previous link, the tick and its digests."""
    return sha256(previous + tick.to_bytes(8, "big") + digests.raw + digests.kept + digests.world).digest()


def raw_digest(
    prices: np.ndarray, market: tuple[object, ...], allocations: np.ndarray, meters: np.ndarray | None = None
) -> bytes:
    """Digest of the tick's raw rows: prices, market, allocations, and meters if any.

    The sign of zero is dropped first, because a stored -0.0 reads as 0.0.

    Args:
        prices, allocations, meters: columns of the tables of these names by site (S, columns).
        market: the row of `markets` without its tick.
    """
    # The digest is of a plain tuple: a named one is written with its name.
    parts = [(prices + 0.0).tobytes(), repr(tuple(market)).encode(), allocations.tobytes()]
    return _digest(*parts) if meters is None else _digest(*parts, meters.tobytes())


def kept_digest(ledger: np.ndarray, commands: bytes | None, plan_step: bytes) -> bytes:
    """Digest of the tick's permanent rows (ledger, commands, plan step)."""
    return _digest(ledger.tobytes(), commands or b"", plan_step)


def world_digest(world: bytes, book_hash: bytes) -> bytes:
    """Digest of a world: its bytes without the book, and the hash of the book.

    The book changes seldom, so that its hash is kept between ticks.
    """
    return _digest(world, book_hash)


def audit_hash(previous: bytes, entry: tuple[object, ...]) -> bytes:
    """Hash of a line of a chained table, with the hash of the line before."""
    return _digest(previous, repr(entry).encode())


def linked(
    lines: Iterable[Line], hashed: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple
) -> Iterator[tuple[Line, bool]]:
    """Walk the lines of a chained table, each with whether it follows the line before.

    Args:
        lines: rows in order, whose last two columns are `previous_hash` and `entry_hash`.
        hashed: takes the values that a line's hash covers from those before the last two; by default all.
    """
    last = b""
    for line in lines:
        *values, previous_hash, entry_hash = line
        yield line, previous_hash == last and audit_hash(last, hashed(tuple(values))) == entry_hash
        last = entry_hash


def _digest(*parts: bytes) -> bytes:
    """Hash parts with their lengths, so that bytes cannot move from one to the next."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
