"""The engine of a run: gathers a tick's inputs, calls the core, keeps the result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mara.core.arrays import Floats
from mara.core.commands import Command
from mara.core.day_gains import DayGains
from mara.core.events import FLEET_WIDE, Event, events_of
from mara.core.plan import Plan, Problem, problem_of
from mara.core.snapshot import ShadowGains, Snapshot
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import Step, advance, observed
from mara.core.world import Observation, RunConfig, World
from mara.feeds.base import Feed, FeedReading, read_feed
from mara.optimizers.base import Optimizer, ResumeState, memory_of
from mara.optimizers.day_ahead import with_orders
from mara.optimizers.flexibility.expected_terms import peak_price_now, risk_of_next_day
from mara.runtime.counterfactuals import CounterfactualRuns, CounterfactualStep
from mara.runtime.observe.daily_log import DailyLog
from mara.runtime.run_totals import RunTotals
from mara.runtime.tick.day_start import DayStart, day_start_after
from mara.runtime.tick.order_book import outcomes_of, possible
from mara.store.encoding.codec import bytes_of
from mara.store.store import Store
from mara.store.write.orders import Outcome

Meters = Callable[[Observation, World], Observation]
PLAN: Final = "plan"
"""Name of the part with the plan in force and the solver's last basis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickResult:
    """A settled tick, the plan that it followed, and its events."""

    step: Step
    plan: Plan
    events: tuple[Event, ...]
    ahead: CounterfactualStep | None = None
    """The counterfactual worlds after the tick; None until they are computed."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """Parts that are stored with the tick beside its world, by name."""
    memory: ResumeState | None = None
    """The optimizer's state, where it is among the parts; else None."""
    outcomes: tuple[Outcome, ...] = ()
    """Outcomes of the orders that the tick took."""
    peak_risk_share: Floats | None = None
    """Peaks expected in the next clock hours (24, S); None without such charges."""

    @property
    def closed_day(self) -> DayGains | None:
        """Gains of the UTC day that ended before the tick; None for none."""
        return self.ahead.closed_day if self.ahead is not None else None


@dataclass(slots=True, kw_only=True, eq=False)
class TickEngine:
    """A run in memory: its configuration, feed and optimizer, and its present world.

    `advance` computes the next tick; `keep` makes it the present.
    """

    config: RunConfig
    feed: Feed
    optimizer: Optimizer
    horizon_hours: int
    world: World
    counterfactuals: CounterfactualRuns | None = None
    notes: tuple[str, ...] = ()
    """Remarks on the input files, shown when the run starts."""
    day_start: DayStart | None = None
    """Start of the day of the last kept tick, and the cash before it."""
    meters: Meters | None = None
    """Adds what meters tell to an observation; None where every site is simulated."""
    notice: str = ""
    """Remark on lost ticks, which becomes an event of the next tick; empty for none."""
    _kept: ResumeState | None = None

    def read_feed(self) -> FeedReading:
        """Read the feed for the present tick.

        Raises:
            FeedError: the feed has nothing for this tick.
        """
        return read_feed(self.feed, self.world.tick, self.horizon_hours)

    def metered(self, observation: Observation, world: World) -> Observation:
        """Add what meters tell of the tick before the one that follows a world."""
        return observation if self.meters is None else self.meters(observation, world)

    def problem(self, reading: FeedReading) -> Problem:
        """Build the problem of the present tick."""
        seen = observed(reading.observation, self.world, self.config.fleet)
        return problem_of(self.config, self.world, seen, reading.forecast)

    def advance(self, reading: FeedReading, plan: Plan, commands: tuple[Command, ...] = ()) -> TickResult:
        """Compute the next tick under a plan; nothing is remembered yet."""
        problem = self.problem(reading)
        targets = with_orders(plan.step_at(self.world.tick), problem, self.optimizer)
        step = advance(self.world, reading.observation, targets, self.config, commands)
        terms = self.config.fleet.power
        bills_peaks = terms is not None and bool(terms.peaks)
        told = events_of(step, self.config, peak_price_now(problem) if bills_peaks else None)
        if self.notice:
            lost = Event(tick=step.tick, severity="critical", site=FLEET_WIDE, kind="storage", text=f"{self.notice}.")
            told = (lost, *told)
        risk = risk_of_next_day(problem) if bills_peaks else None
        return TickResult(step=step, plan=plan, events=told, peak_risk_share=risk)

    def with_counterfactuals(
        self,
        result: TickResult,
        reading: FeedReading,
        plans: Mapping[str, Plan] | None = None,
        *,
        is_stored: bool = True,
    ) -> TickResult:
        """Advance the counterfactual worlds too, and add what a resumed run needs.

        `plans` are plans made elsewhere, by name of the world; a run that is not stored is never resumed. It may run in
        another thread while no other method is called.
        """
        parts: dict[str, bytes] = {}
        memory = memory_of(self.optimizer)
        memory = None if memory is self._kept else memory
        if is_stored and memory is not None:
            parts[PLAN] = bytes_of(memory)
        if self.counterfactuals is None:
            return replace(result, parts=parts, memory=memory)
        is_planned = all(plan.status != "fallback" for plan in (result.plan, *(plans or {}).values()))
        ahead = self.counterfactuals.ahead(
            result.step.world, reading, result.step.commands, plans, is_planned=is_planned, is_stored=is_stored
        )
        return replace(result, ahead=ahead, parts={**parts, **ahead.parts}, memory=memory)

    @property
    def shadow_gains(self) -> ShadowGains | None:
        """Gains over the counterfactual worlds; None where none are computed."""
        return self.counterfactuals.gains() if self.counterfactuals is not None else None

    def shown(self, result: TickResult, events: tuple[Event, ...], run_id: str) -> Snapshot:
        """Make the snapshot of a kept tick, with events to show."""
        day_start = self.day_start.cash_micro_usd if self.day_start is not None else None
        return snapshot_of(
            result.step,
            result.plan,
            events,
            self.config,
            run_id,
            self.shadow_gains,
            dawn_micro_usd=day_start,
            peak_risk_share=result.peak_risk_share,
            feed=self.feed.name,
        )

    def keep(self, result: TickResult) -> None:
        """Make a stored tick the present one."""
        self.world = result.step.world
        self.day_start = day_start_after(self.day_start, result.step, self.config.grid)
        self._kept = result.memory or self._kept
        self.notice = ""
        if self.counterfactuals is not None and result.ahead is not None:
            self.counterfactuals.keep(result.ahead)


def simulate(
    engine: TickEngine, store: Store | None, ticks: int, on_tick: Callable[[int], None] | None = None
) -> RunTotals:
    """Advance a run by `ticks`, planning before each, the same bit for bit each time.

    Orders that wait in the store are obeyed by the first tick. Totals are those of the ledger, which posts a credit
    that falls due with the last tick only with the next one.

    Raises:
        FeedError, PlanError, StoreError: the run stays at the last stored tick. StoreBlocked means that the disk is
            nearly full.
    """
    totals, daily_log = RunTotals(dt_h=engine.config.grid.dt_h), DailyLog(engine.config.grid)
    waiting = store.orders.waiting() if store is not None else ()
    for _ in range(ticks):
        if store is not None:
            store.refuse_little_room(engine.world.tick)
        reading = engine.read_feed()
        good, refused = possible(waiting, engine.world, engine.config)
        plan = engine.optimizer.plan(engine.problem(reading))
        result = engine.advance(reading, plan, tuple(order.command for order in good))
        result = engine.with_counterfactuals(result, reading, is_stored=store is not None)
        if store is not None:
            outcomes = refused + outcomes_of(result.step, good)
            store.append(result.step, result.plan, result.events, result.parts, outcomes, result.closed_day)
        waiting = ()
        engine.keep(result)
        daily_log.note(result.step, result.events, is_ahead=True)
        totals.add(result.step)
        if on_tick is not None:
            on_tick(result.step.tick)
    return totals
