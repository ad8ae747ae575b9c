"""What is shown of a live run: stored ticks and nothing else, not more often than anybody can look."""

from collections.abc import Sequence
from typing import Final

from mara.core.events import Event
from mara.core.snapshot import Snapshot
from mara.core.snapshot_builder import forecast_snapshot
from mara.runtime.clock import Clock
from mara.runtime.live.planner import Planner
from mara.runtime.live.recent_events import MOST_SHOWN, RecentEvents
from mara.runtime.observe.daily_log import DailyLog
from mara.runtime.published_state import StatePublisher
from mara.runtime.replay_check import last_shown, notes_of
from mara.runtime.tick.engine import TickEngine, TickResult
from mara.store.store import Store

LEAST_PUBLISH_INTERVAL_S: Final = 0.1
"""Snapshots are drawn at most this often: in fast-forward most ticks are stored and not shown."""


class Display:
    """Belongs to the event loop's thread, but for what says otherwise.

    Attributes:
        notes: what is stored with the next tick, because no tick has told it.
    """

    def __init__(self, latest: StatePublisher, clock: Clock) -> None:
        self.notes: tuple[Event, ...] = ()
        self._latest = latest
        self._clock = clock
        self._published_s = float("-inf")
        self._unshown: TickResult | None = None
        self._recent = RecentEvents()
        self._stands_on: tuple[TickEngine, Planner, DailyLog, str] | None = None

    def recall(self, store: Store, engine: TickEngine, planner: Planner) -> Snapshot | None:
        """What was last stored, and the events before it; in any thread, while nothing else is asked.

        Raises:
            StoreError: it cannot be read.
        """
        run_id = store.run.run_id if store.run is not None else ""
        self._stands_on, self._unshown = (engine, planner, DailyLog(engine.config.grid), run_id), None
        self._recent.extend(store.recent_events(MOST_SHOWN))
        return last_shown(store, engine, self._events(engine.world.tick - 1, engine))

    def went(self, was_tick: int, now_tick: int) -> None:
        """Tell that the run stands at another tick than it did; `recall` comes after it."""
        self._recent = RecentEvents()
        self.notes = notes_of(was_tick, now_tick)

    def noted(self, told: Sequence[Event]) -> tuple[Event, ...]:
        """A tick's events, with what is to be stored beside them."""
        return (*self.notes, *told)

    def show(self, turn: TickResult, *, is_ahead: bool) -> None:
        """A tick was stored; `is_ahead` when ticks come faster than they are shown."""
        assert self._stands_on is not None
        self._stands_on[2].note(turn.step, turn.events, is_ahead=is_ahead)
        self.notes = ()
        self._recent.extend(turn.events)
        self._unshown = turn
        if self._clock.monotonic_s() - self._published_s >= LEAST_PUBLISH_INTERVAL_S:
            self.publish()

    def publish(self) -> None:
        """Show the newest stored tick, unless it has been shown."""
        turn, self._unshown = self._unshown, None
        if turn is None:
            return
        assert self._stands_on is not None
        engine, planner, _, run_id = self._stands_on
        self._published_s = self._clock.monotonic_s()
        config, events = engine.config, self._events(turn.step.tick, engine)
        snapshot = engine.shown(turn, events, run_id)
        behind = planner.forecast_behind(turn.plan)
        self._latest.publish(snapshot, forecast_snapshot(behind, config) if behind is not None else None)

    def _events(self, tick: int, engine: TickEngine) -> tuple[Event, ...]:
        """What is worth showing with a tick, oldest first."""
        return self._recent.shown(tick, engine.config.grid.ticks_per_hour)
