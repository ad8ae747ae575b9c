"""Money of the fleet over a time range: what is stored, and what was seen since."""

import asyncio
from typing import Final

from components.shared.key_figure_history import KeyFigureHistory
from components.shared.view_model import Channel, Row
from components.time_range.chart_range import LIVE_HOURS, MOST_POINTS, ChartRange
from mara.core.snapshot import Snapshot
from mara.core.units import MINUTES_PER_HOUR
from mara.runtime.published_state import StatePublisher
from pages.serving.cached_query import ArchiveReader, CachedQuery, CoursePoint

METRICS: Final = {"revenue": "revenue_usd_per_h", "profit": "profit_usd_per_h"}
"""Stored metric of each line."""
HELD_HOURS: Final = LIVE_HOURS["day"]
"""Past that the publisher holds from its start on, as far as its points reach."""


class MoneyCourse:
    """Revenue and profit over a time range, read from the archive unless held already."""

    def __init__(self, publisher: StatePublisher, archive: ArchiveReader, shown: ChartRange) -> None:
        self._publisher = publisher
        self._archive = archive
        self._shown = shown
        self._past: CachedQuery[Channel] = CachedQuery("money", self._read, {})

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        snapshot = self._publisher.read().snapshot
        if snapshot is not None and not self._is_held(snapshot):
            await self._past.renew(self._shown.version(snapshot))

    def channel(self, snapshot: Snapshot, past: KeyFigureHistory) -> Channel:
        """Return the points to draw, by epoch seconds."""
        read = {} if self._is_held(snapshot) else self._past.newest(self._shown.version(snapshot))
        return self._shown.course(read, past.money, snapshot)

    def _is_held(self, snapshot: Snapshot) -> bool:
        is_short = self._shown.bounds is None and self._shown.hours <= HELD_HOURS
        return is_short and self._shown.hours * MINUTES_PER_HOUR <= MOST_POINTS * snapshot.tick_minutes

    async def _read(self) -> Channel:
        snapshot = self._publisher.read().snapshot
        assert snapshot is not None
        from_, to = self._shown.to_read(snapshot.at)
        courses = [self._archive.history(metric, None, from_, to, MOST_POINTS) for metric in METRICS.values()]
        rows: dict[str, Row] = {}
        for line, course in zip(METRICS, await asyncio.gather(*courses), strict=True):
            for point in course.points:
                rows.setdefault(str(int(point.at.timestamp())), {}).update(_values(line, point))
        return dict(rows)


def _values(line: str, point: CoursePoint) -> Row:
    """Return a point of a line, with its extremes where those differ."""
    extremes = {f"{line}_low": point.low, f"{line}_high": point.high} if point.low != point.high else {}
    values = {line: point.mean, **extremes}
    return {name: round(value) for name, value in values.items() if value is not None}
