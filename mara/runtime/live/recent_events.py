"""What a screen lists of the events: the story as far back as it goes, and the routine of the last hour."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from mara.core.events import MOST_ROUTINE, Event, is_story, worth_showing

MOST_SHOWN: Final = 50
"""The newest events that a snapshot carries: whoever looks less often than ticks come still sees each."""


class RecentEvents:
    """The newest events, kept so that however much routine comes, outages stay."""

    def __init__(self) -> None:
        self._story: deque[tuple[int, Event]] = deque(maxlen=MOST_SHOWN - MOST_ROUTINE)
        self._routine: deque[tuple[int, Event]] = deque(maxlen=MOST_ROUTINE)
        self._count = 0

    def extend(self, events: Iterable[Event]) -> None:
        """Take in newer events, oldest first."""
        for event in events:
            (self._story if is_story(event) else self._routine).append((self._count, event))
            self._count += 1

    def shown(self, now_tick: int, ticks_per_hour: int) -> tuple[Event, ...]:
        """What is worth showing now, oldest first."""
        ordered = sorted((*self._story, *self._routine), key=lambda numbered: numbered[0])
        return worth_showing((event for _, event in ordered), now_tick, ticks_per_hour)
