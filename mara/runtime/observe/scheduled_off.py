"""Counts of contracts scheduled off: how often, and for how long."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from mara.core.arrays import Ints
from mara.core.contract import TIER_COUNT
from mara.core.daybook import off_times_over
from mara.core.settled_stretch import SettledStretch
from mara.core.step import Step
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR


def _none() -> Ints:
    return np.zeros(TIER_COUNT, dtype=np.int64)


def _no_rests() -> tuple[Counter[int], ...]:
    return tuple(Counter() for _ in range(TIER_COUNT))


@dataclass(slots=True)
class ScheduledOffCounts:
    """Counts of stops and rests by tier.

    A stop is a contract that ran in the tick before and is scheduled off; a rest is its time off [ticks].
    """

    contract_ticks: Ints = field(default_factory=_none)
    stops: Ints = field(default_factory=_none)
    lengths: tuple[Counter[int], ...] = field(default_factory=_no_rests)
    """Finished rests, counted by their length [ticks]; one counter a tier."""
    _open: tuple[Ints, Ints] | None = None
    """Tiers and lengths so far of the rests under way after the last tick added (N,)."""

    def add(self, step: Step) -> None:
        """Add one settled tick of a book that is not empty."""
        book, accounts = step.before.book, step.before.accounts
        scheduled = step.allocation.scheduled
        self.contract_ticks += book.tier_counts
        any_is_off = np.count_nonzero(scheduled) > 0
        if not any_is_off and not np.count_nonzero(accounts.rest_ticks):
            self._open = None
            return
        self.stops += np.bincount(book.tier[accounts.served & scheduled], minlength=TIER_COUNT)
        over, ticks = off_times_over(step.before, step.allocation, step.world.book)
        for tier, length in zip(book.tier[over].tolist(), ticks[over].tolist(), strict=True):
            self.lengths[tier][length] += 1
        is_off = scheduled & ~over
        self._open = book.tier[is_off], accounts.rest_ticks[is_off] + 1

    def add_stretch(self, settled: SettledStretch) -> None:
        """Add the ticks of a stretch, whose book is not empty."""
        first, done, rest_ticks = settled.first, settled.done, settled.rest_ticks
        book, scheduled = first.book, done.scheduled
        self.contract_ticks += book.tier_counts * len(scheduled)
        self._open = None
        if not np.count_nonzero(scheduled) and not np.count_nonzero(rest_ticks[0]):
            return
        ran = np.concatenate([first.accounts.served[None], done.served[:-1]])
        self.stops += np.bincount(book.tier[np.nonzero(ran & scheduled)[1]], minlength=TIER_COUNT)
        over = (rest_ticks > 0) & ~scheduled
        for tier, length in zip(book.tier[np.nonzero(over)[1]].tolist(), rest_ticks[over].tolist(), strict=True):
            self.lengths[tier][length] += 1
        is_off = scheduled[-1]
        if np.count_nonzero(is_off) or np.count_nonzero(rest_ticks[-1]):
            self._open = book.tier[is_off], rest_ticks[-1][is_off] + 1

    def stops_per_contract_day(self, tier: int, dt_h: float) -> float:
        """Return the stops per day that a contract of the tier was live."""
        days = float(self.contract_ticks[tier]) * dt_h / HOURS_PER_DAY
        return float(self.stops[tier]) / days if days else 0.0

    def median_minutes(self, tier: int, dt_h: float) -> float:
        """Return the median length of a rest [minutes]; 0 without any.

        Rests under way count with their length so far.
        """
        ticks = list(self.lengths[tier].elements())
        if self._open is not None:
            of_tier, lengths = self._open
            ticks += lengths[of_tier == tier].tolist()
        return round(float(median(ticks)) * dt_h * MINUTES_PER_HOUR, 6) if ticks else 0.0
