"""What every source of the outside world offers: the present as an Observation, the expected as a Forecast."""

from typing import Protocol

from mara.core.world import Forecast, Observation


class Feed(Protocol):
    """The outside world of one run, by tick."""

    @property
    def name(self) -> str: ...

    def observe(self, tick: int) -> Observation:
        """The outside world in a tick: the same answer however often and in whatever order ticks are asked for.

        Raises:
            FeedUnavailable: the source has nothing for this tick.
        """
        ...

    def forecast(self, tick: int, hours: int) -> Forecast:
        """What is expected from `tick` on, in `hours` hourly rows, by what was known at `tick`.

        Row 0 is the observed present; row ``h`` is the clock hour that contains the tick's start plus ``h`` hours.

        Raises:
            FeedUnavailable: the source has nothing for this tick.
        """
        ...
