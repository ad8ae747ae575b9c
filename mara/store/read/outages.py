"""Outages as they were stored: in which ticks a site had less than all its machines."""

from dataclasses import dataclass, field

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.quote import OutageRecord
from mara.store.read.read_model import ReadModel


@dataclass(slots=True, kw_only=True)
class OutageCount:
    """Counts the outages in the raw rows, each tick once however often it is asked.

    Raw rows are kept for a while only, so a record reaches as far back as they did when it was first asked.
    """

    reading: ReadModel
    sites: int
    _lost_ticks: Floats = field(init=False)
    _fall_count: Ints = field(init=False)
    _last_share: dict[int, tuple[int, float]] = field(default_factory=dict, init=False)
    """Of each site: the last tick with less than all machines, and how much of them there was."""
    _first_tick: int = field(default=-1, init=False)
    _next_tick: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._lost_ticks = np.zeros(self.sites)
        self._fall_count = np.zeros(self.sites, dtype=np.int64)

    def record(self) -> OutageRecord:
        """The outages of all ticks stored so far.

        Raises:
            StoreError: the database could not be read.
        """
        if self._first_tick < 0:
            first = self.reading.ask("SELECT MIN(tick) FROM prices")[0][0]
            if first is None:
                return self._now()
            self._first_tick = self._next_tick = int(first)
        last = self.reading.ask("SELECT MAX(tick) FROM prices")[0][0]
        found = self.reading.ask(
            "SELECT tick, site, availability_share FROM prices"
            " WHERE tick >= ? AND tick <= ? AND availability_share < 1.0 ORDER BY tick, site",
            self._next_tick,
            last,
        )
        for tick, site, share in found:
            self._count(int(tick), int(site), float(share))
        self._next_tick = int(last) + 1
        return self._now()

    def _count(self, tick: int, site: int, share: float) -> None:
        last_tick, last_share = self._last_share.get(site, (-1, 1.0))
        self._lost_ticks[site] += 1.0 - share
        self._fall_count[site] += share < (last_share if last_tick == tick - 1 else 1.0)
        self._last_share[site] = (tick, share)

    def _now(self) -> OutageRecord:
        return OutageRecord(
            seen_ticks=max(self._next_tick - max(self._first_tick, 0), 0),
            lost_ticks=sealed(self._lost_ticks.copy()),
            fall_count=sealed(self._fall_count.copy()),
        )
