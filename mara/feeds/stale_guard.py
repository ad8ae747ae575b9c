"""A guard that repeats a feed's last good reading for up to an hour of failures."""

import logging
from dataclasses import replace
from typing import Final

from mara.errors import FeedEnded, FeedError
from mara.feeds.base import Feed, FeedReading, read_feed

MAX_STALE_TICKS: Final = 12
"""Most ticks that run on the last good reading; an hour of five-minute ticks."""

log = logging.getLogger("mara.platform")


class StaleFeedGuard:
    """Reader of a feed that repeats the last good reading when the feed fails.

    Attributes:
        age_ticks: age of the observation read last; 0 for a fresh one.
    """

    def __init__(self) -> None:
        self.age_ticks = 0
        self._last: FeedReading | None = None

    def read(self, feed: Feed, tick: int, horizon_hours: int) -> FeedReading:
        """Read a tick; a repeated reading is marked stale and brings no requests.

        Raises:
            FeedError: the feed has ended, or failed without a recent enough reading to repeat.
        """
        try:
            self._last = read_feed(feed, tick, horizon_hours)
        except FeedEnded:
            raise
        except FeedError as error:
            last = self._last
            self.age_ticks = tick - last.observation.tick if last is not None else 0
            if last is None or self.age_ticks > MAX_STALE_TICKS:
                raise
            log.warning("feed failed", extra={"tick": tick, "reason": str(error)})
            stale = replace(last.observation, tick=tick, arrivals=(), stale_sources=(feed.name,))
            return replace(last, observation=stale)
        self.age_ticks = 0
        return self._last
