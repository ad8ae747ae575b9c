"""The rolling horizon: the plan in force, when a new one is due, fallback.

One state machine for runs that wait for each plan and for live ones:

- no plan: before the first, and after one has run out. The fallback plans.
- in force: each tick follows the plan, adapted to its conditions, until a new one is due (`is_due`) and adopted.
- missed: a plan was due and none could be made. Ticks follow the old plan or the fallback's, whichever earns more,
  until a plan is adopted.

`plan` runs it step by step, for simulations. A live run asks `is_due` and `is_missed`, has the optimizer work beside
the ticks, reports with `adopt` or `miss`, and follows `in_tick`.

Model: docs/model.md#6-horizon-and-warm-starts; decision 0062.
"""

from dataclasses import dataclass
from typing import cast

from mara.core.plan import Plan, PlanStatus, Problem
from mara.errors import PlanError
from mara.optimizers.base import SPENDS, BudgetPolicy, Optimizer, ResumeState
from mara.optimizers.fallback import check
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.lp.solve import Basis
from mara.optimizers.plan_in_force import (
    PlanInForce,
    fallback_of,
    followed,
    has_run_out,
    is_due,
    is_overtaken,
    plan_in_force_of,
)


@dataclass(slots=True)
class RollingHorizon:
    """State machine of the plan in force.

    Callers that make plans report the outcome (`adopt`, `miss`); each tick gets its plan from `in_tick`.

    Args:
        fallback: optimizer for ticks without a plan in force, and for ticks after a missed plan where it earns more
            than the old one; must not fail.
        budgets: policy on error budgets.
        lp: optimizer of `plan`, whose last basis is stored with its plan; None where plans are made elsewhere and need
            not be stored.
    """

    fallback: Optimizer
    budgets: BudgetPolicy = SPENDS
    lp: Lp | None = None
    _in_force: PlanInForce | None = None
    _reason: str = ""
    _memory: ResumeState | None = None

    @property
    def name(self) -> str:
        return (self.lp or self.fallback).name

    def plan(self, problem: Problem) -> Plan:
        """Return the plan in force for this tick; make a new one first if one is due.

        Where no plan can be made, return the better of the old one and the fallback's.
        """
        if self.lp is not None and self.is_due(problem):
            try:
                plan = self.lp.plan(problem)
                check(plan, problem)
            except PlanError as error:
                self.miss(f"{self.name}: {error}")
            else:
                self.adopt(plan, problem)
        return self.in_tick(problem)

    def is_due(self, problem: Problem) -> bool:
        """Return whether a new plan should be made."""
        in_force = self._in_force
        return in_force is None or bool(self._reason) or is_due(in_force, problem)

    def is_missed(self, problem: Problem) -> bool:
        """Return whether the plan in force is out of date, or there is none.

        It is when events overtook it, such as an outage, or when the last attempt to plan failed.
        """
        in_force = self._in_force
        return in_force is None or bool(self._reason) or is_overtaken(in_force, problem)

    def is_first(self, problem: Problem) -> bool:
        """Return whether no plan is in force yet, or only one without any contract."""
        in_force = self._in_force
        if in_force is None:
            return True
        return not in_force.promised_mw.any() and bool(problem.world.book.promised_mw.any())

    def adopt(self, plan: Plan, problem: Problem, *, remembers: bool = True) -> None:
        """Bring a plan made for `problem` into force.

        With `remembers`, the plan is stored for a restart.
        """
        self._in_force, self._reason = plan_in_force_of(plan, problem), ""
        if remembers and self.lp is not None and plan.optimizer == self.lp.name:  # advice starts anew
            self._memory = _memory_of(self._in_force, self.lp)

    def await_first(self, reason: str) -> None:
        """Record why there is no plan, where none is in force yet."""
        if self._in_force is None:
            self._reason = reason

    def miss(self, reason: str) -> None:
        """Record that no plan could be made; ticks follow a fallback until one is adopted."""
        self._reason = reason

    def in_tick(self, problem: Problem) -> Plan:
        """Return the plan that a tick follows: the one in force, or else a fallback.

        The plan in force is adapted to the conditions of the tick.
        """
        in_force = self._in_force
        if in_force is not None and has_run_out(in_force.plan, problem.tick):
            made = in_force.plan
            self._reason = f"the plan that {made.optimizer} made at tick {made.made_tick} has run out"
            self._in_force = in_force = None
        if in_force is not None and not self._reason:
            return followed(in_force, problem, self.budgets)
        return fallback_of(in_force, self.fallback.plan(problem), problem, self._reason, self.budgets)

    def memory(self) -> ResumeState | None:
        """Return the state to store for a resumed run, None before the first plan.

        It is the same object while nothing changed.
        """
        return self._memory

    def recall(self, memory: ResumeState) -> None:
        """Restore the state that `memory` returned before the restart."""
        self._memory, self._in_force, self._reason = memory, _in_force_in(memory), ""
        if self.lp is not None:
            self.lp.go_on_from(Basis(columns=memory.basis_columns, rows=memory.basis_rows), memory.basis_tick)


def _memory_of(in_force: PlanInForce, lp: Lp) -> ResumeState:
    plan = in_force.plan
    basis, tick = lp.last_basis
    return ResumeState(
        optimizer=plan.optimizer,
        made_tick=plan.made_tick,
        steps=plan.steps,
        step_ticks=plan.step_ticks,
        status=plan.status,
        objective_usd=plan.objective_usd,
        bound_usd=plan.bound_usd,
        note=plan.note,
        shadows=() if plan.shadow is None else (plan.shadow,),
        price_usd_per_mwh=in_force.price_usd_per_mwh,
        availability_share=in_force.availability_share,
        promised_mw=in_force.promised_mw,
        basis_tick=tick,
        basis_columns=basis.columns,
        basis_rows=basis.rows,
        import_limit_mw=in_force.import_limit_mw,
    )


def _in_force_in(memory: ResumeState) -> PlanInForce:
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
    return PlanInForce(
        plan=plan,
        asked_tick=memory.made_tick,
        price_usd_per_mwh=memory.price_usd_per_mwh,
        availability_share=memory.availability_share,
        promised_mw=memory.promised_mw,
        import_limit_mw=memory.import_limit_mw,
    )
