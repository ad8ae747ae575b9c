"""The shown side of a live run: stored ticks only, no faster than eyes follow."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mara.core.dispatch_document import DispatchDocument, document_of
from mara.core.events import MOST_ROUTINE, Event, is_story, worth_showing
from mara.core.plan_ahead import PlanAhead, plan_ahead_of
from mara.core.snapshot import Snapshot
from mara.core.snapshot_builder import forecast_snapshot
from mara.core.step import Step
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import Forecast, RunConfig
from mara.runtime.clock import Clock
from mara.runtime.live.commands import EmergencyDesk
from mara.runtime.live.planner import Planner
from mara.runtime.observe.daily_log import DailyLog
from mara.runtime.published_state import StatePublisher
from mara.runtime.replay_check import last_result, notes_of
from mara.runtime.signals.desk import SignalsDesk
from mara.runtime.signals.documents import plan_behind
from mara.runtime.tick.engine import TickEngine, TickResult
from mara.store.store import Store

LEAST_PUBLISH_INTERVAL_S: Final = 0.1
"""Shortest time between two snapshots.

In fast-forward most ticks are stored and not shown.
"""
MOST_SHOWN: Final = 50
"""Newest events that a snapshot carries.

So many, that nobody misses one who looks less often than ticks come.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledTick:
    """The last stored tick, as it is shown again after a start."""

    snapshot: Snapshot
    document: DispatchDocument
    obeyed_mw: Mapping[str, float]


class Display:
    """Publishes the newest stored tick with its events and forecast.

    Belongs to the event loop's thread, except where a method says otherwise.

    Attributes:
        notes: events to store with the next tick, because no tick has told them.
    """

    def __init__(
        self,
        engine: TickEngine,
        planner: Planner,
        run_id: str,
        publisher: StatePublisher,
        clock: Clock,
        signals: SignalsDesk,
        *,
        emergency: EmergencyDesk,
    ) -> None:
        self.notes: tuple[Event, ...] = ()
        self._engine = engine
        self._planner = planner
        self._run_id = run_id
        self._publisher = publisher
        self._clock = clock
        self._signals = signals
        self._emergency = emergency
        self._published_s = float("-inf")
        self._unshown: TickResult | None = None
        self._ahead: PlanAhead | None = None
        self._recent = RecentEvents()
        self._daily_log = DailyLog(engine.config.grid)

    def recall(self, store: Store) -> RecalledTick | None:
        """Recompute the last stored tick and read the events before it.

        In any thread, while nothing else is asked.

        Raises:
            StoreError: it cannot be read.
        """
        self._recent.extend(store.recent_events(MOST_SHOWN))
        result = last_result(store, self._engine)
        if result is None:
            return None
        plan = plan_behind(store.read_model, result.step)
        return RecalledTick(
            snapshot=self._engine.shown(result, self._events(result.step.tick), self._run_id),
            document=document_of(result.step, plan, self._engine.config, self._run_id),
            obeyed_mw=_obeyed_mw(result.step, self._engine.config),
        )

    def show_again(self, last: RecalledTick) -> None:
        """Publish a recalled tick, with modes and telemetry beside it where there are any."""
        if not self._signals.is_used:
            self._publisher.publish(last.snapshot)
            return
        document = self._emergency.over(self._signals.with_modes(last.document), last.obeyed_mw)
        self._publisher.publish(self._signals.beside(last.snapshot, document), dispatch=document)

    def restart(self, engine: TickEngine, planner: Planner) -> None:
        """Show another engine from now on, and note that the run moved to its tick.

        `recall` comes after it.
        """
        self.notes = notes_of(self._engine.world.tick, engine.world.tick)
        self._engine = engine
        self._planner = planner
        self._unshown = self._ahead = None
        self._recent = RecentEvents()
        self._daily_log = DailyLog(engine.config.grid)

    def noted(self, told: Sequence[Event]) -> tuple[Event, ...]:
        """Put the notes before a tick's own events."""
        return (*self.notes, *told)

    def show(self, result: TickResult, *, is_ahead: bool) -> None:
        """Take in a stored tick; `is_ahead` when ticks come faster than they are shown."""
        self._daily_log.note(result.step, result.events, is_ahead=is_ahead)
        self.notes = ()
        self._recent.extend(result.events)
        self._unshown = result
        if self._clock.monotonic_s() - self._published_s >= LEAST_PUBLISH_INTERVAL_S:
            self.publish()

    def publish(self) -> None:
        """Publish the newest stored tick, unless it has been shown."""
        result, self._unshown = self._unshown, None
        if result is None:
            return
        self._published_s = self._clock.monotonic_s()
        config, events = self._engine.config, self._events(result.step.tick)
        snapshot = self._engine.shown(result, events, self._run_id)
        behind = self._planner.forecast_behind(result.plan)
        forecast = forecast_snapshot(behind, config) if behind is not None else None
        document = document_of(result.step, result.plan, config, self._run_id, self._signals.modes)
        self._ahead = self._ahead_of(result, behind)
        document = self._emergency.over(document, _obeyed_mw(result.step, config))
        self._publisher.publish(self._signals.beside(snapshot, document), forecast, document, self._ahead)

    def _ahead_of(self, result: TickResult, behind: Forecast | None) -> PlanAhead:
        """Return the plan ahead, made anew only where the plan or the hour is another."""
        plan, tick, grid = result.plan, result.step.tick, self._engine.config.grid
        shown, reason = self._ahead, (plan.optimizer, plan.status, plan.note)
        if shown is None or (shown.made_tick, shown.optimizer, shown.status, shown.note) != (plan.made_tick, *reason):
            return plan_ahead_of(plan, behind, tick, self._engine.config)
        if shown.at and grid.epoch_h(tick) != shown.at[0].timestamp() // SECONDS_PER_HOUR:
            return plan_ahead_of(plan, behind, tick, self._engine.config)
        return replace(shown, age_minutes=float((tick - plan.made_tick) * grid.tick_minutes))

    def _events(self, tick: int) -> tuple[Event, ...]:
        """List the events worth showing with a tick, oldest first."""
        return self._recent.shown(tick, self._engine.config.grid.ticks_per_hour)


def _obeyed_mw(step: Step, config: RunConfig) -> Mapping[str, float]:
    """Limits of the grid's operator that a tick was settled with, by site."""
    limits = step.observation.import_limit_mw
    return {} if limits is None else dict(zip(config.fleet.site_ids, limits.tolist(), strict=True))


class RecentEvents:
    """Keeps the newest events so that outages stay, however much routine comes."""

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
        """List the events worth showing now, oldest first."""
        ordered = sorted((*self._story, *self._routine), key=lambda numbered: numbered[0])
        return worth_showing((event for _, event in ordered), now_tick, ticks_per_hour)
