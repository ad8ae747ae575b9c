"""View model of the Money page over a time range, read from the archive."""

import asyncio
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final

from components.money.breakdown_panels import (
    by_site_channel,
    kind_bars,
    line_channel,
    money_cells,
    site_bars,
    today_cells,
)
from components.money.gain_panels import gain_bars, gain_cells, gain_day_channel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.view_model import ViewModel
from components.time_range.chart_range import LIVE_HOURS, ChartRange
from mara.core.day_gains import DayGains, gains_with_today
from mara.core.history import MoneyBreakdown
from mara.core.snapshot import Snapshot
from mara.runtime.published_state import PublishedState
from pages.authorization import Authorized
from pages.serving.cached_query import CachedQuery

GAIN_DAYS: Final = 31
"""Days of gains that are shown beside a shorter range that ends now."""
LONG_TIMEOUT_S: Final = 60.0
"""Time after which a reading counts as failed: weeks of a large fleet take long."""


class MoneyScreen:
    """View model of the Money page over a time range, shared by all its viewers.

    Ranges of more than a day are read again every hour of simulated time, shorter ones every tick.
    """

    def __init__(self, platform: Authorized, shown: ChartRange) -> None:
        self._platform = platform
        self._shown = shown
        self._parts: CachedQuery[MoneyBreakdown | None] = CachedQuery("money by kind", self._read, None, LONG_TIMEOUT_S)
        self._days: CachedQuery[tuple[DayGains, ...]] = CachedQuery("gains by day", self._read_days, ())

    async def renew(self) -> None:
        """Read the archive."""
        snapshot = self._platform.publisher.read().snapshot
        if snapshot is not None:
            await asyncio.gather(self._parts.renew(self._version(snapshot)), self._days.renew(snapshot.at.date()))

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the contents of the page's channels; empty before the first tick."""
        snapshot = current.snapshot
        if snapshot is None:
            return {}
        stored = self._days.newest(snapshot.at.date())
        days = gains_with_today(stored, snapshot, *self._gain_bounds(snapshot))
        gains: ViewModel = {
            "cells": {**gain_cells(days, snapshot), **today_cells(snapshot)},
            "gain-bars": gain_bars(days),
            "gain-days": gain_day_channel(days),
        }
        parts = self._parts.newest(self._version(snapshot))
        if parts is None:
            return gains
        return {
            **gains,
            "cells": {**gains["cells"], **money_cells(parts)},
            "money-kinds": kind_bars(parts),
            "money-sites": site_bars(parts, snapshot.sites),
            "money-lines": line_channel(parts),
            "money-by-site": by_site_channel(parts, snapshot.sites),
        }

    def _version(self, snapshot: Snapshot) -> Hashable:
        version = self._shown.version(snapshot)
        if version == snapshot.tick and self._shown.hours > LIVE_HOURS["day"]:
            return snapshot.at.replace(minute=0)
        return version

    def _gain_bounds(self, snapshot: Snapshot) -> tuple[datetime, datetime | None]:
        begin, end = self._shown.to_read(snapshot.at)
        if self._shown.bounds is None:
            begin = min(begin, snapshot.at - timedelta(days=GAIN_DAYS - 1))
        return begin, end

    async def _read(self) -> MoneyBreakdown | None:
        snapshot = self._platform.publisher.read().snapshot
        assert snapshot is not None
        return await self._platform.archive.money_breakdown(*self._shown.to_read(snapshot.at))

    async def _read_days(self) -> tuple[DayGains, ...]:
        snapshot = self._platform.publisher.read().snapshot
        assert snapshot is not None
        return await self._platform.archive.daily_gains(*self._gain_bounds(snapshot))
