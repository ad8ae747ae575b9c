"""What the feed says of one tick; what operators order lies not in it."""

from dataclasses import dataclass

from mara.core.world import Forecast, Observation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeedReading:
    """The outside world in a tick, and what is expected of the ticks after it."""

    observation: Observation
    forecast: Forecast
