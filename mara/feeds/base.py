"""The protocol of every source of the outside world, and one reading of it."""

from dataclasses import dataclass
from typing import Protocol

from mara.core.world import Forecast, Observation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeedReading:
    """The outside world in a tick, and what is expected of the ticks after it.

    Commands of operators are no part of it.
    """

    observation: Observation
    forecast: Forecast


class Feed(Protocol):
    """The outside world of one run, by tick."""

    @property
    def name(self) -> str: ...

    def observe(self, tick: int) -> Observation:
        """Observe the outside world in a tick.

        The answer is the same however often and in whatever order ticks are asked for.

        Raises:
            FeedUnavailable: the source has nothing for this tick.
        """
        ...

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast `hours` hourly rows from `tick` on, by what was known at `tick`.

        Row 0 is the observed present; row ``h`` is the clock hour that contains the tick's start plus ``h`` hours.

        Raises:
            FeedUnavailable: the source has nothing for this tick.
        """
        ...


def read_feed(feed: Feed, tick: int, horizon_hours: int) -> FeedReading:
    """Read the observation of a tick and the forecast that belongs to it.

    Raises:
        FeedError: the feed has nothing for this tick.
    """
    return FeedReading(observation=feed.observe(tick), forecast=feed.forecast(tick, horizon_hours))
