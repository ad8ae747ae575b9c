"""One tick from observation to memory: gather inputs, call the functional core, hand over what came out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mara.core.commands import Command
from mara.core.events import FLEET_WIDE, Event, events_of
from mara.core.plan import Plan, Problem
from mara.core.snapshot import ShadowGains, Snapshot
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import Step, advance, observed
from mara.core.world import RunConfig, World
from mara.feeds.base import Feed
from mara.optimizers.base import Optimizer, ResumeState, memory_of
from mara.runtime.counterfactuals import CounterfactualRuns, CounterfactualStep
from mara.runtime.feed_reading import FeedReading
from mara.runtime.observe.daily_log import DailyLog
from mara.runtime.run_totals import RunTotals
from mara.runtime.tick.day_start import DayStart, dawn_after
from mara.runtime.tick.order_book import outcomes_of, possible
from mara.store.encoding.codec import bytes_of
from mara.store.store import Store
from mara.store.write.orders import Outcome

PLAN: Final = "plan"
"""The part that holds the plan in force and the solver's last basis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickResult:
    """A settled tick, the plan it followed, and what is worth telling of it."""

    step: Step
    plan: Plan
    events: tuple[Event, ...]
    ahead: CounterfactualStep | None = None
    """Where the worlds beside the live one stand after the tick, once that is worked out."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """What is kept with the tick beside its world."""
    memory: ResumeState | None = None
    """The optimizer's, where it is among the parts."""
    outcomes: tuple[Outcome, ...] = ()
    """What becomes of orders in the tick."""


@dataclass(slots=True, kw_only=True, eq=False)
class TickEngine:
    """A run's parts and its present world. `turn` computes the next tick; `keep` makes it the present."""

    config: RunConfig
    feed: Feed
    optimizer: Optimizer
    horizon_hours: int
    world: World
    shadows: CounterfactualRuns | None = None
    notes: tuple[str, ...] = ()
    """What whoever began the run should know of its input."""
    dawn: DayStart | None = None
    """What had been earned when the day of the last kept tick began."""
    notice: str = ""
    """What everybody must know of the run itself, told with the next tick: that ticks were lost."""
    _kept: ResumeState | None = None

    def outlook(self) -> FeedReading:
        """The outside world now, as the feed has it.

        Raises:
            FeedError: the feed has nothing for this tick.
        """
        tick = self.world.tick
        return FeedReading(observation=self.feed.observe(tick), forecast=self.feed.forecast(tick, self.horizon_hours))

    def problem(self, outlook: FeedReading) -> Problem:
        """What an optimizer may look at now."""
        seen = observed(outlook.observation, self.world)
        return Problem(config=self.config, world=self.world, observation=seen, forecast=outlook.forecast)

    def turn(self, outlook: FeedReading, plan: Plan, commands: tuple[Command, ...] = ()) -> TickResult:
        """The next tick under a plan; nothing is remembered yet."""
        step = advance(self.world, outlook.observation, plan.step_at(self.world.tick), self.config, commands)
        told = events_of(step, self.config)
        if self.notice:
            lost = Event(tick=step.tick, severity="critical", site=FLEET_WIDE, kind="storage", text=f"{self.notice}.")
            told = (lost, *told)
        return TickResult(step=step, plan=plan, events=told)

    def with_shadows(
        self, turn: TickResult, outlook: FeedReading, plans: Mapping[str, Plan] | None = None
    ) -> TickResult:
        """The same turn with the worlds beside it a tick on, and all that a resumed run must find again.

        `plans` were made elsewhere, by the companion's name. Safe in another thread while nothing else is asked.
        """
        parts: dict[str, bytes] = {}
        memory = memory_of(self.optimizer)
        memory = None if memory is self._kept else memory
        if memory is not None:
            parts[PLAN] = bytes_of(memory)
        if self.shadows is None:
            return replace(turn, parts=parts, memory=memory)
        is_planned = all(plan.status != "fallback" for plan in (turn.plan, *(plans or {}).values()))
        ahead = self.shadows.ahead(turn.step.world, outlook, turn.step.commands, plans, is_planned=is_planned)
        return replace(turn, ahead=ahead, parts={**parts, **ahead.parts}, memory=memory)

    @property
    def shadow_gains(self) -> ShadowGains | None:
        """What the run earned more than the worlds beside it; None where there are none."""
        return self.shadows.gains() if self.shadows is not None else None

    def shown(self, turn: TickResult, events: tuple[Event, ...], run_id: str) -> Snapshot:
        """The last kept turn as the outside sees it, with the events to tell."""
        dawn = self.dawn.cash_micro_usd if self.dawn is not None else None
        return snapshot_of(turn.step, turn.plan, events, self.config, run_id, self.shadow_gains, dawn_micro_usd=dawn)

    def keep(self, turn: TickResult) -> None:
        """Go on from a turn, once it is stored."""
        self.world = turn.step.world
        self.dawn = dawn_after(self.dawn, turn.step, self.config.grid)
        self._kept = turn.memory or self._kept
        self.notice = ""
        if self.shadows is not None and turn.ahead is not None:
            self.shadows.keep(turn.ahead)


def simulate(
    engine: TickEngine, store: Store | None, ticks: int, on_tick: Callable[[int], None] | None = None
) -> RunTotals:
    """Advance by `ticks`, planning synchronously before each, so that the same run is the same bit for bit.

    Orders that wait in the store are obeyed by the first of them. The sums are those of the ledger: a credit that falls
    due with the last tick belongs to the next one.

    Raises:
        FeedError, PlanError, StoreError: the run stands at the last stored tick; StoreBlocked when the disk is nearly
            full: fast-forward would fill it before anybody looks.
    """
    tally, diary = RunTotals(dt_h=engine.config.grid.dt_h), DailyLog(engine.config.grid)
    waiting = store.orders.waiting() if store is not None else ()
    for _ in range(ticks):
        if store is not None:
            store.refuse_little_room(engine.world.tick)
        outlook = engine.outlook()
        good, refused = possible(waiting, engine.world, engine.config)
        plan = engine.optimizer.plan(engine.problem(outlook))
        turn = engine.turn(outlook, plan, tuple(order.command for order in good))
        turn = engine.with_shadows(turn, outlook)
        if store is not None:
            outcomes = refused + outcomes_of(turn.step, good)
            store.append(turn.step, turn.plan, turn.events, turn.parts, outcomes)
        waiting = ()
        engine.keep(turn)
        diary.note(turn.step, turn.events, is_ahead=True)
        tally.add(turn.step)
        if on_tick is not None:
            on_tick(turn.step.tick)
    return tally
