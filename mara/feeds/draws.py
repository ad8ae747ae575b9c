"""Chance by address: a number is drawn from (seed, stream, index) alone, so any moment can be drawn first, last or again.

Autocorrelated series are finite weighted sums of past innovations. Nothing is carried along, so nothing depends on where
a run began or in which order it asked.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed

ROWS_PER_BLOCK: Final = 256
"""Innovations are drawn in blocks of rows: a Philox generator costs 10 us to set up, a number 0.01 us."""
_WORD_MASK: Final = 2**64 - 1


class Stream(IntEnum):
    """What a number is drawn for. A value never changes its meaning: old runs would change with it."""

    PRICE_HOURS = 1
    PRICE_DAYS = 2
    PRICE_WEEKS = 3
    PRICE_FUEL = 4
    PRICE_MINUTES = 5
    GRID_MIX = 6
    WEATHER = 7
    HUMIDITY = 8
    HEAT_WAVES = 9
    HASHPRICE = 10
    OUTAGES = 11
    ARRIVALS = 12
    FIRST_CONTRACTS = 13


def generator(seed: int, stream: Stream, index: int, part: int = 0) -> np.random.Generator:
    """The generator of one address. The index may be negative: there was a world before the first tick.

    Counter-based (Philox4x64-10; Salmon et al., SC 2011, doi:10.1145/2063384.2063405): the address is key and counter.
    """
    key = np.array([seed & _WORD_MASK, stream], dtype=np.uint64)
    counter = np.array([0, index & _WORD_MASK, part, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def normals(seed: int, stream: Stream, first: int, end: int, width: int, part: int = 0) -> Floats:
    """Standard normal innovations of the indices ``[first, end)`` (end - first, width)."""
    first_block = first // ROWS_PER_BLOCK
    blocks = range(first_block, -(-end // ROWS_PER_BLOCK))
    rows = np.concatenate(
        [generator(seed, stream, block, part).standard_normal((ROWS_PER_BLOCK, width)) for block in blocks]
    )
    offset = first_block * ROWS_PER_BLOCK
    return rows[first - offset : end - offset]


class Autoregression:
    """A stationary first-order autoregression of unit variance, cut off after `2 ** doublings` innovations.

    The geometric weights are applied by doubling, ``(1 + p B)(1 + p^2 B^2)(1 + p^4 B^4)...`` with ``B`` a step of `lag`
    rows: exact, and the same sum for every row whatever the span asked for.
    """

    def __init__(self, half_life_rows: float, doublings: int, lag_rows: int = 1) -> None:
        self.phi_share = 0.5 ** (lag_rows / half_life_rows)
        self.lag_rows = lag_rows
        self.doublings = doublings
        self.history_rows = lag_rows * (2**doublings - 1)
        """Rows of innovations needed before the first row of the answer."""
        terms = 2**doublings
        power = self.phi_share**2
        self._unit = np.sqrt((1.0 - power) / (1.0 - power**terms))

    def __call__(self, innovations: Floats) -> Floats:
        """Innovations (history + N, ...) to the series (N, ...)."""
        series = innovations * self._unit
        weight, shift = self.phi_share, self.lag_rows
        for _ in range(self.doublings):
            series = series[shift:] + weight * series[:-shift]
            weight, shift = weight * weight, 2 * shift
        return series

    @property
    def kernel(self) -> Floats:
        """The weights of the innovations, newest first: what calibration computes autocorrelations from."""
        impulse = np.zeros(2 * self.history_rows + 1)
        impulse[self.history_rows] = 1.0
        return sealed(self(impulse))
