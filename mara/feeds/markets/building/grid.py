"""Resampling to a history's steps: coarse values are held, fine ones averaged."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.feeds.markets.reading.clocks import DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps of a history folder: half-open UTC intervals of equal length.

    Attributes:
        from_s, to_s: UTC seconds, whole multiples of the step.
    """

    from_s: int
    to_s: int
    step_s: int

    @property
    def count(self) -> int:
        """The number of steps."""
        return (self.to_s - self.from_s) // self.step_s

    @property
    def begin_s(self) -> Ints:
        """The beginning of each step (N,)."""
        return np.arange(self.from_s, self.to_s, self.step_s, dtype=np.int64)

    @property
    def days(self) -> Ints:
        """The UTC days that the steps touch, counted from 1970 (D,)."""
        return np.arange(self.from_s // DAY_S, -(-self.to_s // DAY_S), dtype=np.int64)


def on_steps(steps: Steps, begin_s: Ints, end_s: Ints, value: Floats) -> Floats:
    """The mean of a gapless series over each step, by time (N,).

    A step within one interval has exactly its value, because a value holds for its whole interval.
    """
    at_s = steps.begin_s
    first = np.searchsorted(begin_s, at_s, side="right") - 1
    last = np.searchsorted(begin_s, at_s + steps.step_s, side="left") - 1
    mean = value[first].astype(np.float64, copy=True)
    several = np.flatnonzero(first != last)
    if several.size:
        intervals = Intervals(begin_s, end_s, value)
        mean[several] = _means(steps, intervals, first[several], last[several], several)
    return mean


class Intervals(NamedTuple):
    """The intervals of a gapless series and their values (N,)."""

    begin_s: Ints
    end_s: Ints
    value: Floats


def _means(steps: Steps, intervals: Intervals, first: Ints, last: Ints, places: Ints) -> Floats:
    """Time-weighted means over steps, from the first to the last interval of each."""
    begin_s, end_s, value = intervals
    at_s = steps.from_s + places * steps.step_s
    weighted = np.append(value * (end_s - begin_s), 0.0)
    total = np.add.reduceat(weighted, np.stack([first, last + 1], axis=1).ravel())[::2]
    total -= value[first] * (at_s - begin_s[first])
    total -= value[last] * (end_s[last] - (at_s + steps.step_s))
    return np.asarray(total / steps.step_s)
