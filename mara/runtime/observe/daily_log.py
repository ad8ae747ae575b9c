"""The run's log: events as they come, and one summary line a simulated day."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import date

from mara.core.events import Event
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import MICRO_USD_PER_USD

log = logging.getLogger("mara.diary")


class DailyLog:
    """Adds up the ticks of a day and logs a summary at its end.

    For a run that began or resumed within a day, the summary covers the rest of that day.
    """

    def __init__(self, grid: TimeGrid) -> None:
        self._grid = grid
        self._begin(None)

    def note(self, step: Step, events: Sequence[Event], *, is_ahead: bool) -> None:
        """Add a stored tick, and log its events.

        With `is_ahead` ticks come faster than anybody could read, and events are not logged.
        """
        today = self._grid.at(step.tick).date()
        if today != self._day:
            self._begin(today)
        self._ticks_count += 1
        self._profit_micro_usd += step.settlement.profit_micro_usd
        self._events_count.update(event.severity for event in events)
        if not is_ahead:
            for event in events:
                log.info(event.text, extra={"tick": event.tick, "kind": event.kind, "site": event.site})
        if self._grid.at(step.tick + 1).date() != today:
            self._tell(step.tick)

    def _begin(self, day: date | None) -> None:
        self._day = day
        self._ticks_count = 0
        self._profit_micro_usd = 0
        self._events_count: Counter[str] = Counter()

    def _tell(self, tick: int) -> None:
        told = {
            "tick": tick,
            "day": str(self._day),
            "ticks_count": self._ticks_count,
            "profit_usd": self._profit_micro_usd / MICRO_USD_PER_USD,
            "events": dict(sorted(self._events_count.items())),
        }
        log.info("day ended", extra=told)
