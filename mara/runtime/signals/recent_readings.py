"""Readings of the last ticks by meter, in order: what the next tick averages."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from mara.core.meter_means import span_of
from mara.core.metering import Reading
from mara.core.world import RunConfig


def meters_since(tick: int, config: RunConfig) -> datetime:
    """Return the instant of the oldest reading that a tick may still need."""
    span = span_of(tick - 1, config)
    return span.begins - span.holds


class RecentReadings:
    """Readings by meter, each once and by instant."""

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        self._by_meter: dict[tuple[str, str], list[Reading]] = {}
        self.add(readings)

    @property
    def by_meter(self) -> Mapping[tuple[str, str], Sequence[Reading]]:
        return self._by_meter

    def add(self, readings: Iterable[Reading]) -> None:
        """Take in readings in any order; the first of an instant stays."""
        for reading in readings:
            kept = self._by_meter.setdefault((reading.site_id, reading.group), [])
            if all(one.at != reading.at for one in kept):
                insort(kept, reading, key=attrgetter("at"))

    def forget_before(self, at: datetime) -> None:
        """Drop readings that no tick needs any more."""
        for meter, kept in self._by_meter.items():
            self._by_meter[meter] = [reading for reading in kept if reading.at >= at]
