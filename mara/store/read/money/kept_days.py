"""Sums of the ledger by UTC day that were read once and are kept in memory."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from mara.core.arrays import Ints

MOST_KEPT_ROWS: Final = 40_000
"""Most rows that are kept, one a site and day: ten years of ten sites, 8 MB."""


class KeptDays:
    """Sums of each money line by site, of days that can no longer change.

    Safe to use from several threads. A day that two of them ask for at once is read twice.
    """

    def __init__(self) -> None:
        self._sums: OrderedDict[int, Ints] = OrderedDict()
        self._rows = 0
        self._lock = Lock()

    def sums_of(self, first_tick: int, read: Callable[[], Ints]) -> Ints:
        """Return the sums of a day by site and line [micro-USD], kept or read now.

        Args:
            first_tick: first tick of the day.
            read: function that reads the sums of the whole day.
        """
        with self._lock:
            if (kept := self._sums.get(first_tick)) is not None:
                return kept
        sums = read()
        sums.flags.writeable = False
        with self._lock:
            if self._sums.setdefault(first_tick, sums) is sums:
                self._rows += len(sums)
            while self._rows > MOST_KEPT_ROWS:
                _, oldest = self._sums.popitem(last=False)
                self._rows -= len(oldest)
        return sums
