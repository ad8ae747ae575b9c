"""Keeps the plan in force, for runs that wait for each plan and for live ones: when a new one is due, what a tick
follows, and what a resumed run must know.
"""

from dataclasses import dataclass
from typing import cast

from mara.core.arrays import Floats, Ints
from mara.core.plan import DualPrices, Plan, PlanStatus, PlanStep, Problem
from mara.optimizers.base import Optimizer
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.lp.solve import Basis
from mara.optimizers.plan_in_force import (
    PlanInForce,
    fallback_of,
    followed,
    has_run_out,
    is_due,
    is_overtaken,
    standing_of,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResumeState:
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
    shadows: tuple[DualPrices, ...]
    price_usd_per_mwh: Floats
    availability_share: Floats
    promised_mw: Floats
    basis_tick: int
    basis_columns: Ints
    basis_rows: Ints


@dataclass(slots=True)
class RollingHorizon:
    """The plan in force. Whoever makes plans tells it what came of them; a tick asks it what to follow.

    Args:
        fallback: plans where no plan is in force and, when none could be made, where it beats the old; must not fail.
        spends_budgets: whether plans may leave contracts unserved inside their error budgets.
        lp: whose last basis is remembered with its plan; None where nothing is to be remembered.
    """

    fallback: Optimizer
    spends_budgets: bool = True
    lp: Lp | None = None
    _standing: PlanInForce | None = None
    _reason: str = ""
    _memory: ResumeState | None = None

    def is_due(self, problem: Problem) -> bool:
        """Whether a new plan should be made."""
        standing = self._standing
        return standing is None or bool(self._reason) or is_due(standing, problem)

    def is_missed(self, problem: Problem) -> bool:
        """Whether something happened that the plan in force knows nothing of, or there is none."""
        standing = self._standing
        return standing is None or bool(self._reason) or is_overtaken(standing, problem)

    def is_first(self, problem: Problem) -> bool:
        """Whether no plan is in force yet, or only one that was made before anything was promised."""
        standing = self._standing
        if standing is None:
            return True
        return not standing.promised_mw.any() and bool(problem.world.book.promised_mw.any())

    def adopt(self, plan: Plan, problem: Problem, *, remembers: bool = True) -> None:
        """A plan was made for `problem`: it is in force now; and after a restart, if it `remembers` it."""
        self._standing, self._reason = standing_of(plan, problem), ""
        if remembers and self.lp is not None and plan.optimizer == self.lp.name:  # advice is asked for anew
            self._memory = _memory_of(self._standing, self.lp)

    def await_first(self, reason: str) -> None:
        """Say why there is no plan where none is in force yet."""
        if self._standing is None:
            self._reason = reason

    def miss(self, reason: str) -> None:
        """No plan could be made: the one in force is gone on with as a fallback, for this reason, until one is."""
        self._reason = reason

    def plan(self, problem: Problem) -> Plan:
        """What a tick follows: the plan in force, fitted to the tick, or the best there is instead."""
        standing = self._standing
        if standing is not None and has_run_out(standing.plan, problem.tick):
            made = standing.plan
            self._reason = f"the plan that {made.optimizer} made at tick {made.made_tick} has run out"
            self._standing = standing = None
        if standing is not None and not self._reason:
            return followed(standing, problem, spends_budgets=self.spends_budgets)
        rules = self.fallback.plan(problem)
        return fallback_of(standing, rules, problem, self._reason, spends_budgets=self.spends_budgets)

    def memory(self) -> ResumeState | None:
        """What to keep for a resumed run; the same object while nothing changed, None before the first plan."""
        return self._memory

    def recall(self, memory: ResumeState) -> None:
        """Go on from what was kept."""
        self._memory, self._standing, self._reason = memory, _standing_in(memory), ""
        if self.lp is not None:
            self.lp.go_on_from(Basis(columns=memory.basis_columns, rows=memory.basis_rows), memory.basis_tick)


def _memory_of(standing: PlanInForce, lp: Lp) -> ResumeState:
    plan = standing.plan
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
        price_usd_per_mwh=standing.price_usd_per_mwh,
        availability_share=standing.availability_share,
        promised_mw=standing.promised_mw,
        basis_tick=tick,
        basis_columns=basis.columns,
        basis_rows=basis.rows,
    )


def _standing_in(memory: ResumeState) -> PlanInForce:
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
    )
