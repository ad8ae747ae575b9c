"""One tick from observation to memory: gather inputs, call the functional core, hand over what came out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mara.core.commands import Command
from mara.core.events import FLEET_WIDE, Event, events_of
from mara.core.picture import snapshot_of
from mara.core.plan import Plan, Problem
from mara.core.snapshot import ShadowGains, Snapshot
from mara.core.step import Step, advance, observed
from mara.core.world import Charter, World
from mara.feeds.base import Feed
from mara.optimizers.base import Optimizer
from mara.optimizers.keeper import Memory
from mara.optimizers.steady import Steady
from mara.runtime.dawn import Dawn, dawn_after
from mara.runtime.diary import Diary
from mara.runtime.order_book import outcomes_of, possible
from mara.runtime.outlook import Outlook
from mara.runtime.shadows import Ahead, Shadows
from mara.runtime.tally import Tally
from mara.store.codec import bytes_of
from mara.store.orders import Outcome
from mara.store.store import Store

PLAN: Final = "plan"
"""The part that holds the plan in force and the solver's last basis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turn:
    """A settled tick, the plan it followed, and what is worth telling of it."""

    step: Step
    plan: Plan
    events: tuple[Event, ...]
    ahead: Ahead | None = None
    """Where the worlds beside the live one stand after the tick, once that is worked out."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """What is kept with the tick beside its world."""
    memory: Memory | None = None
    """The optimizer's, where it is among the parts."""
    outcomes: tuple[Outcome, ...] = ()
    """What becomes of orders in the tick."""


@dataclass(slots=True, kw_only=True, eq=False)
class Engine:
    """A run's parts and its present world. `turn` computes the next tick; `keep` makes it the present."""

    charter: Charter
    feed: Feed
    optimizer: Optimizer
    horizon_hours: int
    world: World
    shadows: Shadows | None = None
    notes: tuple[str, ...] = ()
    """What whoever began the run should know of its input."""
    dawn: Dawn | None = None
    """What had been earned when the day of the last kept tick began."""
    notice: str = ""
    """What everybody must know of the run itself, told with the next tick: that ticks were lost."""
    _kept: Memory | None = None

    def outlook(self) -> Outlook:
        """The outside world now, as the feed has it.

        Raises:
            FeedError: the feed has nothing for this tick.
        """
        tick = self.world.tick
        return Outlook(observation=self.feed.observe(tick), forecast=self.feed.forecast(tick, self.horizon_hours))

    def problem(self, outlook: Outlook) -> Problem:
        """What an optimizer may look at now."""
        seen = observed(outlook.observation, self.world)
        return Problem(charter=self.charter, world=self.world, observation=seen, forecast=outlook.forecast)

    def turn(self, outlook: Outlook, plan: Plan, commands: tuple[Command, ...] = ()) -> Turn:
        """The next tick under a plan; nothing is remembered yet."""
        step = advance(self.world, outlook.observation, plan.step_at(self.world.tick), self.charter, commands)
        told = events_of(step, self.charter)
        if self.notice:
            lost = Event(tick=step.tick, severity="critical", site=FLEET_WIDE, kind="storage", text=f"{self.notice}.")
            told = (lost, *told)
        return Turn(step=step, plan=plan, events=told)

    def with_shadows(self, turn: Turn, outlook: Outlook, plans: Mapping[str, Plan] | None = None) -> Turn:
        """The same turn with the worlds beside it a tick on, and all that a resumed run must find again.

        `plans` were made elsewhere, by the companion's name. Safe in another thread while nothing else is asked.
        """
        parts: dict[str, bytes] = {}
        memory = self.optimizer.keeper.memory() if isinstance(self.optimizer, Steady) else None
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

    def shown(self, turn: Turn, events: tuple[Event, ...], run_id: str) -> Snapshot:
        """The last kept turn as the outside sees it, with the events to tell."""
        dawn = self.dawn.cash_micro_usd if self.dawn is not None else None
        return snapshot_of(turn.step, turn.plan, events, self.charter, run_id, self.shadow_gains, dawn_micro_usd=dawn)

    def keep(self, turn: Turn) -> None:
        """Go on from a turn, once it is stored."""
        self.world = turn.step.world
        self.dawn = dawn_after(self.dawn, turn.step, self.charter.grid)
        self._kept = turn.memory or self._kept
        self.notice = ""
        if self.shadows is not None and turn.ahead is not None:
            self.shadows.keep(turn.ahead)


def simulate(engine: Engine, store: Store | None, ticks: int, on_tick: Callable[[int], None] | None = None) -> Tally:
    """Advance by `ticks`, planning synchronously before each, so that the same run is the same bit for bit.

    Orders that wait in the store are obeyed by the first of them. The sums are those of the ledger: a credit that falls
    due with the last tick belongs to the next one.

    Raises:
        FeedError, PlanError, StoreError: the run stands at the last stored tick; StoreBlocked when the disk is nearly
            full: fast-forward would fill it before anybody looks.
    """
    tally, diary = Tally(dt_h=engine.charter.grid.dt_h), Diary(engine.charter.grid)
    waiting = store.orders.waiting() if store is not None else ()
    for _ in range(ticks):
        if store is not None:
            store.refuse_little_room(engine.world.tick)
        outlook = engine.outlook()
        good, refused = possible(waiting, engine.world, engine.charter)
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
