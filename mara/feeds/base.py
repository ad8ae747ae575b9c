"""The protocol of feeds, and the records of a reading and a live source's state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """State of a live source: how asking it goes, and what is known of it.

    Attributes:
        values: of the newest interval that has begun, by column; empty where nothing is known.
        age_minutes: time since that interval ended, 0 while it lasts; None where nothing is known.
        known_until: end of the last interval that is known.
        known_at: when the newest value became known.
        asked_at, told_at, next_at: of the last request, the last answer with values, and the next request.
        reason: why the last request gave no values; empty where it did.
    """

    name: str
    provider: str
    licence: str
    values: Mapping[str, float]
    age_minutes: float | None
    is_stale: bool
    known_until: datetime | None
    known_at: datetime | None
    asked_at: datetime | None
    told_at: datetime | None
    next_at: datetime | None
    reason: str
