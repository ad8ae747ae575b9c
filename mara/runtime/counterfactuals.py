"""Counterfactual worlds: the live run's inputs under other optimizers.

Each counterfactual world gets the live run's weather, prices, requests and orders, so that the gains of the optimizer
and of the error budgets are measured differences of profit, not estimates.

There are five: under the rules, under the two static baselines, and under the live optimizer and the rules without
error budgets to spend. Worlds are compared by cash less the SLA credits owed so far, with open windows valued as if
they closed now. Each begins as a copy of the live world and is stored in the same transaction as the live tick, so
that a resumed run continues it bit for bit. A world whose planner equals the live one is not computed: the live world
stands for it. Until the run's first plan is in force all worlds follow the live one, because ticks without a plan say
nothing about planning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mara.core.commands import Command
from mara.core.day_gains import DayGains
from mara.core.plan import Plan, Problem, problem_of
from mara.core.sla import owed_micro_usd
from mara.core.snapshot import ShadowGains
from mara.core.step import advance, observed, simulated
from mara.core.timegrid import TimeGrid
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_DAY
from mara.core.world import RunConfig, World
from mara.feeds.base import FeedReading
from mara.optimizer_names import RULES, STATIC, STATIC_BREAKEVEN
from mara.optimizers.base import Optimizer, Resumable, ResumeState, memory_of
from mara.optimizers.day_ahead import with_orders
from mara.store.encoding.codec import bytes_of, record_of

NO_BUDGETS: Final = "no-budgets"
RULES_NO_BUDGETS: Final = "rules-no-budgets"
MARKS: Final = "shadow marks"
MAX_SITES: Final = 100
"""Largest fleet with counterfactuals.

Beyond it the baselines alone would take ten times as long as the run.
"""
BOOK: Final = frozenset({"book"})
"""Parts shared with the live world: admission does not depend on planning."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparisonStart:
    """The start of the comparison, and the value of each world at the day's start.

    A world's value is its cash less the SLA credits owed [micro-USD].
    """

    since_tick: int
    day: int
    live_micro_usd: int
    names: tuple[str, ...]
    cash_micro_usd: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CounterfactualStep:
    """The counterfactual worlds after a tick that is not stored yet.

    Attributes:
        worlds: the worlds that the live one does not stand for, by name.
        is_compared: False before the comparison begins, when every world is the live one.
        parts: bytes to store with the tick, by name; none for a run without a store.
        memories: states of optimizers that changed, by name of the world.
        closed_day: gains of the UTC day that ended before the tick; None for none.
    """

    live: World
    worlds: Mapping[str, World]
    start: ComparisonStart
    is_compared: bool
    parts: Mapping[str, bytes]
    memories: Mapping[str, ResumeState]
    closed_day: DayGains | None = None


class CounterfactualRuns:
    """The counterfactual worlds of a run.

    `ahead` computes their next tick; `keep` makes it the present.

    Args:
        optimizers: by name of the world; None where the live optimizer makes the same plans.
        parts: bytes stored with the live world, from which the worlds are restored.
    """

    def __init__(
        self, config: RunConfig, live: World, optimizers: Mapping[str, Optimizer | None], parts: Mapping[str, bytes]
    ) -> None:
        self._config = config
        self._live = live
        self._optimizers = {name: optimizer for name, optimizer in optimizers.items() if optimizer is not None}
        self._names = tuple(optimizers)
        kept = record_of(ComparisonStart, parts[MARKS]) if MARKS in parts else None
        if kept is not None and kept.names != self._names:
            parts, kept = {}, None  # the stored comparison is of other worlds: all begin anew
        self._worlds = {name: _world_in(parts, name, live) for name in self._optimizers}
        for name, optimizer in self._optimizers.items():
            if isinstance(optimizer, Resumable) and self._worlds[name] is not live and _plan_part(name) in parts:
                optimizer.recall(record_of(ResumeState, parts[_plan_part(name)]))
        self._is_waiting = kept is None
        self._start = kept if kept is not None else self._start_now(live.tick)
        self._stored_start: ComparisonStart | None = kept
        self._stored_memories: dict[str, ResumeState] = {}

    def optimizer(self, name: str) -> Optimizer | None:
        """Return a world's optimizer; None where the live world stands for it."""
        return self._optimizers.get(name)

    def problems(self, reading: FeedReading) -> dict[str, Problem]:
        """Build the planning problem of each world that the live one does not stand for."""
        return {name: self._problem(world, reading) for name, world in self._worlds.items()}

    def ahead(
        self,
        live: World,
        reading: FeedReading,
        commands: tuple[Command, ...],
        plans: Mapping[str, Plan] | None = None,
        *,
        is_planned: bool = True,
        is_stored: bool = True,
    ) -> CounterfactualStep:
        """Advance every world by a tick beside the live one; nothing is kept yet.

        Args:
            plans: plans made elsewhere, by name of the world; a world without one is planned here.
            is_planned: False before the first plan of a solver; until then nothing is compared.
            is_stored: whether to write the parts, a tenth of a tick.
        """
        if self._is_waiting and not is_planned:
            return self._not_yet(live)
        is_new_day = self._is_new_day(live.tick - 1)
        start = self._start_now(self._start.since_tick) if is_new_day else self._start
        worlds: dict[str, World] = {}
        parts: dict[str, bytes] = {}
        memories: dict[str, ResumeState] = {}
        for name, optimizer in self._optimizers.items():
            problem = self._problem(self._worlds[name], reading)
            plan = plans[name] if plans is not None and name in plans else optimizer.plan(problem)
            targets = with_orders(plan.step_at(problem.tick), problem, optimizer)
            world = problem.world if problem.world.unread is None else replace(problem.world, unread=None)
            step = advance(world, simulated(reading.observation), targets, self._config, commands)
            worlds[name] = replace(step.world, book=live.book)
            if is_stored:
                parts[_world_part(name)] = bytes_of(worlds[name], without=BOOK)
            memory = memory_of(optimizer)
            if memory is not None and memory is not self._stored_memories.get(name):
                memories[name] = memory
                if is_stored:
                    parts[_plan_part(name)] = bytes_of(memory)
        if is_stored and start is not self._stored_start:
            parts[MARKS] = bytes_of(start)
        return CounterfactualStep(
            live=live,
            worlds=worlds,
            start=start,
            is_compared=True,
            parts=parts,
            memories=memories,
            closed_day=self._closed_day() if is_new_day else None,
        )

    def keep(self, ahead: CounterfactualStep) -> None:
        """Make a stored step the present one."""
        self._live, self._start = ahead.live, ahead.start
        if ahead.is_compared:
            self._is_waiting, self._stored_start = False, ahead.start
        self._worlds |= ahead.worlds
        self._stored_memories |= ahead.memories

    def gains(self) -> ShadowGains:
        """Compute the live run's gain over each world [USD]."""
        start = self._start
        since, since_midnight = self._since_start_micro_usd(), self._today_micro_usd()
        total, today = (
            {name: gain / MICRO_USD_PER_USD for name, gain in gains.items()} for gains in (since, since_midnight)
        )
        by_planning, by_planning_today = (gain[RULES_NO_BUDGETS] - gain[NO_BUDGETS] for gain in (total, today))
        return ShadowGains(
            since_tick=start.since_tick,
            optimizer_vs_rules_same_budgets_usd=by_planning,
            optimizer_vs_rules_by_resting_usd=total[RULES] - by_planning,
            optimizer_vs_rules_same_budgets_today_usd=by_planning_today,
            optimizer_vs_rules_by_resting_today_usd=today[RULES] - by_planning_today,
            optimizer_vs_rules_usd=total[RULES],
            optimizer_vs_static_breakeven_usd=total[STATIC_BREAKEVEN],
            optimizer_vs_static_usd=total[STATIC],
            sla_flexibility_usd=total[NO_BUDGETS],
            optimizer_vs_rules_today_usd=today[RULES],
            optimizer_vs_static_breakeven_today_usd=today[STATIC_BREAKEVEN],
            optimizer_vs_static_today_usd=today[STATIC],
            sla_flexibility_today_usd=today[NO_BUDGETS],
        )

    def _since_start_micro_usd(self) -> dict[str, int]:
        """Compute the gain over each world since the comparison began."""
        live_micro_usd = _net_micro_usd(self._live)
        return {name: live_micro_usd - self._net(name) for name in self._names}

    def _today_micro_usd(self) -> dict[str, int]:
        """Compute the gain over each world since the day's start."""
        start = self._start
        before = {
            name: start.live_micro_usd - value for name, value in zip(start.names, start.cash_micro_usd, strict=True)
        }
        return {name: gain - before[name] for name, gain in self._since_start_micro_usd().items()}

    def _closed_day(self) -> DayGains:
        """Sum up the day that ended with the last kept tick."""
        gain, end_tick = self._today_micro_usd(), self._live.tick
        from_tick = max(self._start.since_tick, self._config.grid.first_tick_of_day(end_tick - 1))
        return DayGains(
            day=datetime.fromtimestamp(self._start.day * SECONDS_PER_DAY, UTC),
            from_tick=from_tick,
            ticks_count=end_tick - from_tick,
            is_over=True,
            vs_rules_micro_usd=gain[RULES],
            vs_rules_same_budgets_micro_usd=gain[RULES_NO_BUDGETS] - gain[NO_BUDGETS],
            vs_static_breakeven_micro_usd=gain[STATIC_BREAKEVEN],
            vs_static_micro_usd=gain[STATIC],
            sla_flexibility_micro_usd=gain[NO_BUDGETS],
        )

    def _not_yet(self, live: World) -> CounterfactualStep:
        """Begin every world anew as a copy of the live world.

        A resumed run does the same, so nothing has to be stored.
        """
        worth_micro_usd = _net_micro_usd(live)
        start = replace(
            self._start,
            since_tick=live.tick,
            day=self._day(live.tick),
            live_micro_usd=worth_micro_usd,
            cash_micro_usd=(worth_micro_usd,) * len(self._names),
        )
        return CounterfactualStep(
            live=live,
            worlds=dict.fromkeys(self._worlds, live),
            start=start,
            is_compared=False,
            parts={},
            memories={},
        )

    def _problem(self, world: World, reading: FeedReading) -> Problem:
        seen = observed(reading.observation, world, self._config.fleet)
        return problem_of(self._config, world, seen, reading.forecast)

    def _net(self, name: str) -> int:
        return _net_micro_usd(self._worlds.get(name, self._live))

    def _start_now(self, since_tick: int) -> ComparisonStart:
        return ComparisonStart(
            since_tick=since_tick,
            day=self._day(self._live.tick),
            live_micro_usd=_net_micro_usd(self._live),
            names=self._names,
            cash_micro_usd=tuple(self._net(name) for name in self._names),
        )

    def _is_new_day(self, tick: int) -> bool:
        return self._day(tick) != self._start.day

    def _day(self, tick: int) -> int:
        return self._config.grid.epoch_s(tick) // (SECONDS_PER_DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGain:
    """Gain over the rules as stored beside the live world; see `ShadowGains`.

    `today_usd` is None where the stored day is not that of the last tick.
    """

    since_tick: int
    total_usd: float
    today_usd: float | None


def stored_gain(parts: Mapping[str, bytes], live: World, grid: TimeGrid) -> StoredGain | None:
    """Compute the gain over the rules from stored parts; None where none is kept.

    Args:
        live: the world before the next tick.

    Raises:
        StoreRefused: a part cannot be read, or is of a newer Mara.
    """
    if MARKS not in parts or live.tick == 0:
        return None
    start: ComparisonStart = record_of(ComparisonStart, parts[MARKS])
    if RULES not in start.names:
        return None
    gain = _net_micro_usd(live) - _net_micro_usd(_world_in(parts, RULES, live))
    before = start.live_micro_usd - start.cash_micro_usd[start.names.index(RULES)]
    is_today = start.day == grid.epoch_s(live.tick - 1) // (SECONDS_PER_DAY)
    return StoredGain(
        since_tick=start.since_tick,
        total_usd=gain / MICRO_USD_PER_USD,
        today_usd=(gain - before) / MICRO_USD_PER_USD if is_today else None,
    )


def _net_micro_usd(world: World) -> int:
    return world.cash_micro_usd - owed_micro_usd(world)


def _world_in(parts: Mapping[str, bytes], name: str, live: World) -> World:
    """Restore a counterfactual world at the live world's tick.

    Return the live world itself where nothing is stored for that tick.
    """
    content = parts.get(_world_part(name))
    if content is None:
        return live
    world: World = record_of(World, content, book=live.book)
    return world if world.tick == live.tick else live


def _world_part(name: str) -> str:
    return f"shadow world {name}"


def _plan_part(name: str) -> str:
    return f"shadow plan {name}"
