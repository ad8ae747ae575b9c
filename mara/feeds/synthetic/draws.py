"""Random numbers that depend only on seed, stream and index.

Any moment can therefore be drawn first, alone or again. Autocorrelated series are finite weighted sums of past
innovations: no state is carried along, so nothing depends on where a run began or on the order of calls.

Source: counter-based generators, Salmon et al., SC 2011, doi:10.1145/2063384.2063405
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from mara.core.arrays import Floats, sealed

ROWS_PER_BLOCK: Final = 256
"""Rows of innovations that one generator draws.

Setting up a Philox generator takes 3 us, a number 0.01 us.
"""
ROWS_AT_ONCE: Final = 2_048
"""Most rows of a series that are summed together.

Those of a decade at once do not fit into a processor's cache.
"""
MOST_KEPT_WIDTH: Final = 32
"""Widest rows whose blocks are kept, which take 16 MB at most.

The weeks of a run reach back for many of the same rows.
"""
_WORD_MASK: Final = 2**64 - 1


class RandomStream(IntEnum):
    """Purpose of a random number, which is part of the generator's key.

    Values never change their meaning, because stored runs could not be replayed then.
    """

    PRICE_HOURS = 1
    PRICE_WEEKS = 2
    PRICE_FUEL = 3
    PRICE_WITHIN_HOUR = 4
    GRID_MIX = 5
    WEATHER = 6
    HUMIDITY = 7
    HEAT_WAVES = 8
    HASHPRICE = 9
    OUTAGES = 10
    ARRIVALS = 11
    FIRST_CONTRACTS = 12
    STUDIES = 13
    SYSTEM_DEMAND = 14
    RESERVE_PRICES = 15
    CALLS = 16


def generator(seed: int, stream: RandomStream, index: int, part: int = 0) -> np.random.Generator:
    """Return the generator of a seed, stream, index and part.

    The index may be negative, since series need innovations from before the first tick. The generator is counter-based
    (Philox4x64-10; Salmon et al., SC 2011, doi:10.1145/2063384.2063405): the arguments are its key and counter.
    """
    counter = np.array([0, index & _WORD_MASK, part, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(_key_of(seed, stream), counter=counter))  # type: ignore[arg-type]  # its stubs know fewer seeds


class _Key(ISeedSequence):
    """Key of a generator, given to it in the place of a seed.

    With a key alone, numpy first asks the system for entropy, which takes six times as long as all else.
    """

    def __init__(self, words: np.ndarray) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        assert (n_words, dtype) == (len(self._words), self._words.dtype)
        return self._words


@lru_cache(maxsize=256)
def _key_of(seed: int, stream: RandomStream) -> _Key:
    return _Key(np.array([seed & _WORD_MASK, stream], dtype=np.uint64))


def normals(seed: int, stream: RandomStream, first: int, end: int, width: int, part: int = 0) -> Floats:
    """Draw standard normal innovations of rows ``[first, end)`` (N, width)."""
    first_block = first // ROWS_PER_BLOCK
    blocks = range(first_block, -(-end // ROWS_PER_BLOCK))
    draw = _kept_normals if width <= MOST_KEPT_WIDTH else _block_of_normals
    rows = np.concatenate([draw(seed, stream, block, part, width) for block in blocks])
    offset = first_block * ROWS_PER_BLOCK
    return rows[first - offset : end - offset]


def _block_of_normals(seed: int, stream: RandomStream, block: int, part: int, width: int) -> Floats:
    return sealed(generator(seed, stream, block, part).standard_normal((ROWS_PER_BLOCK, width)))


_kept_normals: Final = lru_cache(maxsize=256)(_block_of_normals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """Geometric weights of past innovations, an AR(1) process cut off.

    Attributes:
        half_life_rows: rows after which a weight has halved.
        doublings: the sum has ``2 ** doublings`` terms.
        lag_rows: rows from one term to the next; 24 makes hours remember the same hour of earlier days.
    """

    half_life_rows: float
    doublings: int
    lag_rows: int = 1

    @property
    def history_rows(self) -> int:
        return self.lag_rows * ((1 << self.doublings) - 1)

    @property
    def phi_share(self) -> float:
        """Weight of a term relative to the next newer one."""
        return float(0.5 ** (self.lag_rows / self.half_life_rows))

    def sums(self, innovations_z: Floats) -> Floats:
        """Sum innovations (history + N, ...) by their weights (N, ...).

        By doubling, ``(1 + p B)(1 + p^2 B^2)(1 + p^4 B^4)...`` with ``B`` a shift by `lag_rows`: exact, and the same
        sum for every row whatever span is drawn.
        """
        series, weight, shift = innovations_z, self.phi_share, self.lag_rows
        for _ in range(self.doublings):
            older = weight * series[:-shift]
            older += series[shift:]
            series = older
            weight, shift = weight * weight, 2 * shift
        return series


@dataclass(frozen=True)
class Series:
    """Stationary Gaussian series of unit variance: white noise through several decays."""

    decays: tuple[Decay, ...]

    @cached_property
    def history_rows(self) -> int:
        """Rows of innovations needed before the first row of the series."""
        return sum(decay.history_rows for decay in self.decays)

    @cached_property
    def kernel(self) -> Floats:
        """Weight of each past innovation (`history_rows` + 1,), newest first.

        Their squares add up to 1.
        """
        impulse = np.zeros(2 * self.history_rows + 1)
        impulse[self.history_rows] = 1.0
        weights = self._filtered(impulse)
        return sealed(weights / np.sqrt((weights**2).sum()))

    @cached_property
    def _unit(self) -> float:
        return float(self.kernel[0])

    def drawn(self, seed: int, stream: RandomStream, first: int, end: int, width: int, part: int = 0) -> Floats:
        """Draw rows ``[first, end)`` of the series (N, width)."""
        rows = normals(seed, stream, first - self.history_rows, end, width, part)
        begins = range(0, end - first, ROWS_AT_ONCE)
        pieces = [self._filtered(rows[begin : begin + ROWS_AT_ONCE + self.history_rows]) for begin in begins]
        return np.concatenate(pieces) * self._unit

    def _filtered(self, innovations_z: Floats) -> Floats:
        for decay in self.decays:
            innovations_z = decay.sums(innovations_z)
        return innovations_z
