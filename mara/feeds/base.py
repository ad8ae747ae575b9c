"""The protocol of feeds, and the record of one tick's reading."""

from dataclasses import dataclass
from typing import Protocol

from mara.core.world import Forecast, Observation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeedReading:
    """An observation of the outside world in a tick, with the forecast made then.

    Operators' commands are not part of it.
    """

    observation: Observation
    forecast: Forecast


class Feed(Protocol):
    """A source of observations and forecasts for one run, by tick."""

    @property
    def name(self) -> str: ...

    def observe(self, tick: int) -> Observation:
        """Observe the outside world in a tick.

        The same tick always gives the same answer, in whatever order ticks are read.

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
