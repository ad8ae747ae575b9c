"""Timing on a shared machine: CPU time, repetitions, and a yardstick beside them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

Work = Callable[[], object]

REPETITIONS: Final = 5
ROUNDS: Final = 3
"""Rounds in which works are timed in turns; their medians are compared."""
YARDSTICK_ARRAYS_COUNT: Final = 20_000
REFERENCE_S: Final = 0.055
"""CPU time of the yardstick on the machine on which targets were set.

That machine had two shared cores of an AMD EPYC and no other work.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """CPU time of one piece of work over several repetitions [s]."""

    best_s: float
    median_s: float


def timed(work: Callable[[], object], repetitions: int = REPETITIONS) -> Timed:
    """Time a piece of work: best and median of several repetitions.

    Noise only adds time, so the best is nearest to the cost of the code.
    """
    took_s = [_cpu_s(work) for _ in range(repetitions)]
    return Timed(best_s=min(took_s), median_s=statistics.median(took_s))


def timed_in_parts(parts: Sequence[Callable[[], object]], repetitions: int = REPETITIONS) -> Timed:
    """Time work that can be cut in parts: `best_s` sums each part's best repetition.

    A shared machine may have no quiet second, but each twentieth of a second is quiet in some repetition.
    """
    took_s = [[_cpu_s(part, tidy=not n) for n, part in enumerate(parts)] for _ in range(repetitions)]
    best_s = sum(min(column) for column in zip(*took_s, strict=True))
    return Timed(best_s=best_s, median_s=statistics.median(sum(row) for row in took_s))


def alternately(works: Mapping[str, Callable[[], Work]], repetitions: int = ROUNDS) -> dict[str, Timed]:
    """Time several works in turns, after one round that is not timed.

    Other load on the machine is thus the same for all of them. Each is given as a function that prepares it, untimed,
    and returns what is timed.
    """
    took_s: dict[str, list[float]] = {name: [] for name in works}
    for number in range(1 + repetitions):
        for name, prepare in works.items():
            spent_s = _cpu_s(prepare())
            if number:
                took_s[name].append(spent_s)
    return {name: Timed(best_s=min(spent), median_s=statistics.median(spent)) for name, spent in took_s.items()}


def ready(work: Work) -> Callable[[], Work]:
    """Give `alternately` a work that needs no preparation."""
    return lambda: work


def yardstick() -> float:
    """Speed of this machine relative to the reference; 0.5 is half as fast.

    It is measured by a memory-bound walk over small arrays and lists, as in a tick.
    """
    chance = np.random.default_rng(7)
    arrays = [chance.random((10, 3)) for _ in range(YARDSTICK_ARRAYS_COUNT)]
    walk = [arrays[i] for i in chance.permutation(len(arrays))]

    def work() -> None:
        last = walk[-1]
        for array in walk:
            sums = (array * last).sum(axis=1)
            if (sums > 2.0).any():
                sorted(sums.tolist())
            last = array

    return REFERENCE_S / timed(work, 7).best_s


def _cpu_s(work: Callable[[], object], *, tidy: bool = True) -> float:
    if tidy:
        gc.collect()
    begun_s = time.process_time()
    work()
    return time.process_time() - begun_s
