"""A plan that stays in force for an hour, or until something happens that matters; each tick takes of it what it can.

A solved plan is made of megawatts and of what was known when it was made. Between two plans every tick rounds the step
in force to whole contracts again and sells tokens into the racks that are really free: that takes half a millisecond,
a solution fifty times as long, and over a month an hourly plan earns what a plan at every tick does (decision 0062).
"""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.plan import Plan, PlanStatus, PlanStep, Problem, Shadow
from mara.core.world import conditions_of
from mara.errors import PlanError
from mara.optimizers.base import Optimizer
from mara.optimizers.guarded import check
from mara.optimizers.lp import Lp
from mara.optimizers.lp_rounding import rounded
from mara.optimizers.lp_solve import Basis
from mara.optimizers.worth import worth_usd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """A plan in force, and what it was made from as far as a change of it would matter.

    Attributes:
        price_usd_per_mwh, availability_share: of each site (S,).
        promised_mw: the book's load by tier (G,).
    """

    plan: Plan
    price_usd_per_mwh: Floats
    availability_share: Floats
    promised_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """What a resumed run must know to go on as if it had never stopped: the plan in force and the solver's last basis.

    Plain fields, so that a store can keep it: `shadows` holds one or none, the basis is empty before the first plan.
    """

    optimizer: str
    made_tick: int
    steps: tuple[PlanStep, ...]
    step_ticks: tuple[int, ...]
    status: str
    objective_usd: float | None
    bound_usd: float | None
    note: str
    shadows: tuple[Shadow, ...]
    price_usd_per_mwh: Floats
    availability_share: Floats
    promised_mw: Floats
    basis_tick: int
    basis_columns: Ints
    basis_rows: Ints


@dataclass(slots=True)
class Steady:
    """The linear program, solved when a new plan is due and not before.

    Args:
        lp: its last basis belongs to the memory.
        fallback: plans when the solver has nothing to offer and the plan in force is worse; must not fail.
    """

    lp: Lp
    fallback: Optimizer
    _standing: Standing | None = None
    _memory: Memory | None = None

    @property
    def name(self) -> str:
        return self.lp.name

    def plan(self, problem: Problem) -> Plan:
        """The plan in force, fitted to this tick, or a new one; where that fails, the best there is instead."""
        standing, spends_budgets = self._standing, self.lp.spends_budgets
        if standing is not None and not is_due(standing, problem):
            return followed(standing, problem, spends_budgets=spends_budgets)
        try:
            plan = self.lp.plan(problem)
            check(plan, problem)
        except PlanError as error:
            reason = f"{self.name}: {error}"
            return fallback_of(standing, self.fallback.plan(problem), problem, reason, spends_budgets=spends_budgets)
        self._standing, self._memory = standing_of(plan, problem), None
        return plan

    def memory(self) -> Memory | None:
        """What to keep for a resumed run; the same object while nothing changed, None before the first plan."""
        if self._memory is None and self._standing is not None:
            self._memory = _memory_of(self._standing, self.lp)
        return self._memory

    def recall(self, memory: Memory) -> None:
        """Go on from what was kept."""
        self._memory, self._standing = memory, _standing_in(memory)
        basis = Basis(columns=memory.basis_columns, rows=memory.basis_rows)
        self.lp.go_on_from(basis, memory.basis_tick)


def standing_of(plan: Plan, problem: Problem) -> Standing:
    """The plan as one in force."""
    seen = problem.observation
    return Standing(
        plan=plan,
        price_usd_per_mwh=seen.energy_price_usd_per_mwh,
        availability_share=seen.availability_share,
        promised_mw=problem.world.book.promised_mw,
    )


def is_due(standing: Standing, problem: Problem) -> bool:
    """Whether a new plan is due: the hour is over, contracts came or went, machines failed or came back, or a price
    moved so far that a tick of it pays for a restart. A plan of one step is never more than that.
    """
    plan, seen, charter = standing.plan, problem.observation, problem.charter
    per_hour = charter.grid.ticks_per_hour
    if len(plan.steps) == 1 or problem.tick // per_hour != plan.made_tick // per_hour:
        return True
    if problem.world.book_changes_count != plan.steps[0].book_changes_count:
        return True
    if np.count_nonzero(seen.availability_share != standing.availability_share):
        return True
    moved = np.abs(seen.energy_price_usd_per_mwh - standing.price_usd_per_mwh)
    return float(moved.max()) * charter.grid.dt_h > charter.terms.restart_usd_per_mw


def followed(standing: Standing, problem: Problem, *, spends_budgets: bool = True) -> Plan:
    """The same plan, its step of this tick in whole contracts and fitted to what the tick brings."""
    plan = standing.plan
    if len(plan.steps) == 1 or problem.tick == plan.made_tick:
        return plan
    at = plan.index_at(problem.tick)
    step = rounded(_with_newcomers(plan.steps[at], standing, problem), problem, spends_budgets=spends_budgets)
    return replace(plan, steps=(*plan.steps[:at], step, *plan.steps[at + 1 :]))


def fallback_of(
    standing: Standing | None, rules: Plan, problem: Problem, reason: str, *, spends_budgets: bool = True
) -> Plan:
    """What to do in a tick for which there is no new plan: the plan in force gone on with, or the rules'.

    Whichever earns more in the program's own accounting of the tick; the last bound stays with it, and the note says
    why and what.
    """
    if standing is None or has_run_out(standing.plan, problem.tick):
        return replace(rules, status="fallback", note=reason)
    kept = followed(standing, problem, spends_budgets=spends_budgets)
    bound_usd = standing.plan.bound_usd
    if worth_usd(kept.step_at(problem.tick), problem) >= worth_usd(rules.step_at(problem.tick), problem):
        return replace(kept, status="fallback", note=f"{reason}; the plan of tick {kept.made_tick} is gone on with")
    note = f"{reason}; rules plan, which beats going on with the plan of tick {kept.made_tick}"
    return replace(rules, status="fallback", bound_usd=bound_usd, note=note)


def has_run_out(plan: Plan, tick: int) -> bool:
    """Whether a plan of several steps is past its horizon; that of one step says what to keep doing."""
    return len(plan.steps) > 1 and tick - plan.made_tick >= sum(plan.step_ticks)


def _with_newcomers(step: PlanStep, standing: Standing, problem: Problem) -> PlanStep:
    """The step with what the book promises since the plan was made, where most racks are free: not to be left out."""
    more = problem.world.book.promised_mw - standing.promised_mw
    more[PROMISED_TIER_COUNT:] = 0.0
    if not np.count_nonzero(more > 0.0):
        return step
    free = conditions_of(problem.observation, problem.charter).contract_room_mw - step.contracts_mw.sum(axis=1)
    contracts = step.contracts_mw.copy()
    contracts[int(free.argmax())] += np.maximum(more, 0.0)
    return replace(step, contracts_mw=sealed(contracts))


def _memory_of(standing: Standing, lp: Lp) -> Memory:
    plan = standing.plan
    basis, tick = lp.last_basis
    return Memory(
        optimizer=plan.optimizer,
        made_tick=plan.made_tick,
        steps=plan.steps,
        step_ticks=plan.step_ticks,
        status=plan.status,
        objective_usd=plan.objective_usd,
        bound_usd=plan.bound_usd,
        note=plan.note,
        shadows=() if plan.shadow is None else (plan.shadow,),
        price_usd_per_mwh=standing.price_usd_per_mwh,
        availability_share=standing.availability_share,
        promised_mw=standing.promised_mw,
        basis_tick=tick,
        basis_columns=basis.columns,
        basis_rows=basis.rows,
    )


def _standing_in(memory: Memory) -> Standing:
    plan = Plan(
        optimizer=memory.optimizer,
        made_tick=memory.made_tick,
        steps=memory.steps,
        step_ticks=memory.step_ticks,
        status=cast(PlanStatus, memory.status),
        objective_usd=memory.objective_usd,
        bound_usd=memory.bound_usd,
        note=memory.note,
        shadow=memory.shadows[0] if memory.shadows else None,
    )
    return Standing(
        plan=plan,
        price_usd_per_mwh=memory.price_usd_per_mwh,
        availability_share=memory.availability_share,
        promised_mw=memory.promised_mw,
    )
