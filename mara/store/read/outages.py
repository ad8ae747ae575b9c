"""Count the outages in stored ticks, in which a site lacked part of its machines."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from sqlalchemy import func, select

from mara.core.arrays import Floats, Ints, sealed
from mara.core.quote import OutageRecord
from mara.store.read.read_model import ReadModel
from mara.store.schema.tables import PriceRow, table_of

_PRICE: Final = table_of(PriceRow).c


@dataclass(slots=True, kw_only=True)
class OutageCount:
    """A running count of outages, which reads each stored tick once.

    Raw rows are pruned, so the count begins at the oldest one stored when it was first asked.
    """

    read_model: ReadModel
    sites: int
    _lost_ticks: Floats = field(init=False)
    _fall_count: Ints = field(init=False)
    _last_share: dict[int, tuple[int, float]] = field(default_factory=dict, init=False)
    """Last tick with an outage and the availability in it, by site."""
    _first_tick: int = field(default=-1, init=False)
    _next_tick: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._lost_ticks = np.zeros(self.sites)
        self._fall_count = np.zeros(self.sites, dtype=np.int64)

    def record(self) -> OutageRecord:
        """Count the outages of all ticks stored so far.

        Raises:
            StoreError: the database could not be read.
        """
        if self._first_tick < 0:
            (oldest,) = self.read_model.ask(select(func.min(_PRICE.tick).label("tick")))
            if oldest.tick is None:
                return self._now()
            self._first_tick = self._next_tick = int(oldest.tick)
        (newest,) = self.read_model.ask(select(func.max(_PRICE.tick).label("tick")))
        found = self.read_model.ask(
            select(_PRICE.tick, _PRICE.site, _PRICE.availability_share)
            .where(_PRICE.tick.between(self._next_tick, newest.tick), _PRICE.availability_share < 1.0)
            .order_by(_PRICE.tick, _PRICE.site)
        )
        for row in found:
            self._count(int(row.tick), int(row.site), float(row.availability_share))
        self._next_tick = int(newest.tick) + 1
        return self._now()

    def _count(self, tick: int, site: int, availability_share: float) -> None:
        last_tick, last_share = self._last_share.get(site, (-1, 1.0))
        self._lost_ticks[site] += 1.0 - availability_share
        self._fall_count[site] += availability_share < (last_share if last_tick == tick - 1 else 1.0)
        self._last_share[site] = (tick, availability_share)

    def _now(self) -> OutageRecord:
        return OutageRecord(
            seen_ticks=max(self._next_tick - max(self._first_tick, 0), 0),
            lost_ticks=sealed(self._lost_ticks.copy()),
            fall_count=sealed(self._fall_count.copy()),
        )


def down_since(read_model: ReadModel, site: int) -> int | None:
    """Find the tick since which no machine of a site is available.

    None where the site is up, or no stored tick shows it up.
    """
    asked = select(func.max(_PRICE.tick).label("tick")).where(_PRICE.site == site)
    (newest,) = read_model.ask(asked)
    (up,) = read_model.ask(asked.where(_PRICE.availability_share > 0.0))
    return None if up.tick is None or up.tick == newest.tick else int(up.tick) + 1
