"""The newest state of the engine, written by its loop and read from any thread."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from mara.core.alert import Alert
from mara.core.dispatch_document import DispatchDocument
from mara.core.metering import DisarmedSite, ExecutorStatus
from mara.core.overtaking import ResponseStatus
from mara.core.plan_ahead import PlanAhead
from mara.core.snapshot import AdvisorSnapshot, ForecastSnapshot, Snapshot


class EngineState(StrEnum):
    """State of the loop, as its supervisor sees it."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DEGRADED = "degraded"
    HALTED = "halted"
    FINISHED = "finished"
    """A replay has come to the end of its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedState:
    """All that screens and the API show of a live run at one moment.

    `version` grows by one with every change; `reason` explains a state such as `halted`, and is empty where none is
    needed.
    """

    version: int = 0
    snapshot: Snapshot | None = None
    forecast: ForecastSnapshot | None = None
    """Forecast behind the plan in force; None until a plan was made."""
    ahead: PlanAhead | None = None
    """The plan in force over the next day; None until a tick was computed here."""
    dispatch: DispatchDocument | None = None
    """Targets of the snapshot's tick; None until a tick was stored."""
    state: EngineState = EngineState.STARTING
    reason: str = ""
    speed_factor: float = 1.0
    """Simulated seconds per real second."""
    executors: tuple[ExecutorStatus, ...] = ()
    """State of the executors of real sites; empty where none is set up."""
    disarmed: tuple[DisarmedSite, ...] = ()
    """Sites that were disarmed by no person, until a person sets their mode."""
    responses: tuple[ResponseStatus, ...] = ()
    """Responses to orders that could not wait for a tick, the newest of each site."""
    advisor: AdvisorSnapshot | None = None
    """State of the advisor; None where none was set up."""
    waiting_count: int = 0
    """Orders that are on disk and wait for the next tick."""
    alerts: tuple[Alert, ...] = ()
    """Alerts that stand, the worst first."""
    world: str = ""
    """Name of the feed, such as synthetic or replay; empty until the run is open."""
    is_of_this_machine: bool = False
    """True where an address of this machine serves a source, perhaps an imitation."""


class StatePublisher:
    """Holds the newest `PublishedState`, and calls listeners on each change.

    Replacing a reference is atomic, so readers in other threads need no lock.

    Args:
        listen: called on every change, in the thread that made it; must be quick.
    """

    def __init__(self, listen: Callable[[PublishedState], None] | None = None) -> None:
        self._current = PublishedState()
        self._listeners = [] if listen is None else [listen]

    def follow(self, listen: Callable[[PublishedState], None]) -> None:
        """Add a listener, called on every change; it must be quick."""
        self._listeners.append(listen)

    def read(self) -> PublishedState:
        return self._current

    def publish(
        self,
        snapshot: Snapshot,
        forecast: ForecastSnapshot | None = None,
        dispatch: DispatchDocument | None = None,
        ahead: PlanAhead | None = None,
    ) -> None:
        """Show a stored snapshot, its forecast, plan and targets; the engine runs again."""
        state = EngineState.RUNNING
        self._set(snapshot=snapshot, forecast=forecast, dispatch=dispatch, ahead=ahead, state=state, reason="")

    def refresh(self, snapshot: Snapshot, dispatch: DispatchDocument) -> None:
        """Show more about the tick that is shown; the engine's state stays as it is."""
        self._set(snapshot=snapshot, dispatch=dispatch)

    def mark(self, state: EngineState, reason: str = "") -> None:
        """Change the state, and keep showing the last stored snapshot.

        Marking the present state again changes nothing.
        """
        if (state, reason) != (self._current.state, self._current.reason):
            self._set(state=state, reason=reason)

    def set_speed(self, speed_factor: float) -> None:
        self._set(speed_factor=speed_factor)

    def set_waiting(self, waiting_count: int) -> None:
        if waiting_count != self._current.waiting_count:
            self._set(waiting_count=waiting_count)

    def tell_executors(self, executors: tuple[ExecutorStatus, ...]) -> None:
        """Publish the state of the executors."""
        if executors != self._current.executors:
            self._set(executors=executors)

    def tell_disarmed(self, disarmed: tuple[DisarmedSite, ...]) -> None:
        """Publish which sites were disarmed by no person."""
        if disarmed != self._current.disarmed:
            self._set(disarmed=disarmed)

    def tell_responses(self, responses: tuple[ResponseStatus, ...]) -> None:
        """Publish how orders that could not wait were responded to."""
        if responses != self._current.responses:
            self._set(responses=responses)

    def set_alerts(self, alerts: tuple[Alert, ...]) -> None:
        """Show the alerts that stand; the same ones again change nothing."""
        if alerts != self._current.alerts:
            self._set(alerts=alerts)

    def set_world(self, world: str, *, is_of_this_machine: bool = False) -> None:
        """Show which world is played, and whether this machine itself tells of it."""
        self._set(world=world, is_of_this_machine=is_of_this_machine)

    def tell(self, advisor: AdvisorSnapshot) -> None:
        """Publish the advisor's state."""
        self._set(advisor=advisor)

    def advisor_listener(self) -> Callable[[AdvisorSnapshot], None]:
        """Return a function that publishes the advisor's state from any thread."""
        loop = asyncio.get_running_loop()

        def tell(advisor: AdvisorSnapshot) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it all readers
                loop.call_soon_threadsafe(self.tell, advisor)

        return tell

    def _set(self, **changes: object) -> None:
        now = self._current
        self._current = replace(now, version=now.version + 1, **changes)  # type: ignore[arg-type]
        for listen in self._listeners:
            listen(self._current)
