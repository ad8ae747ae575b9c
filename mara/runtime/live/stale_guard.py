"""The outside world as a live run sees it: when the feed fails, its last good observation stands in for a while."""

import logging
from dataclasses import replace
from typing import Final

from mara.errors import FeedEnded, FeedError
from mara.runtime.feed_reading import FeedReading
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.tick.engine import TickEngine

MAX_STALE_TICKS: Final = 12
"""Ticks that may run on the last good observation: an hour."""

log = logging.getLogger("mara.platform")


class StaleFeedGuard:
    """Remembers the last good look."""

    def __init__(self, vitals: EngineMetrics) -> None:
        self._vitals = vitals
        self._last: FeedReading | None = None

    def outlook(self, engine: TickEngine) -> FeedReading:
        """The outside world now; a stand-in is marked stale and brings no requests.

        Raises:
            FeedError: the feed failed, and has for too long, or nothing more will come.
        """
        try:
            self._last = engine.outlook()
        except FeedEnded:
            raise
        except FeedError as error:
            last, tick = self._last, engine.world.tick
            self._vitals.feed_age_ticks = tick - last.observation.tick if last is not None else 0
            if last is None or tick - last.observation.tick > MAX_STALE_TICKS:
                raise
            log.warning("feed failed", extra={"tick": tick, "reason": str(error)})
            stale = replace(last.observation, tick=tick, arrivals=(), stale_sources=(engine.feed.name,))
            return replace(last, observation=stale)
        self._vitals.feed_age_ticks = 0
        return self._last
