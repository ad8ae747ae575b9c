"""The exact optimizer: a rolling-horizon linear program with a certified bound."""

from dataclasses import dataclass, field, replace
from threading import Event
from typing import Final

import numpy as np

from mara.core.arrays import sealed
from mara.core.plan import Plan, Problem
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.decomposition.master import DIRECT_SITES, Optimum, dismiss_crews, optimum_from, solve_split
from mara.optimizers.lp.horizon import case_of, plan_steps, step_lengths
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.rounding import rounded
from mara.optimizers.lp.solve import Basis, solve

NEVER_MULTIPLE: Final = 100.0
"""Without budgets a breach costs this many times its usual penalty: only what is impossible is left unserved."""
_NO_BASIS: Final = Basis(columns=sealed(np.zeros(0, dtype=np.int64)), rows=sealed(np.zeros(0, dtype=np.int64)))


@dataclass(slots=True)
class Lp:
    """Optimal for its model and its forecast, and says so with a bound; near it, with a bound, for large fleets.

    With `warm` each solve starts from the basis of the last one: several times faster, but then a plan depends on the
    plans before it, whose last basis a resumed run must be given (`go_on_from`).
    """

    warm: bool = False
    deadline_s: float = 600.0
    workers: int | None = None
    """Processes for a large fleet; as many as there are processors. The plan does not depend on it."""
    spends_budgets: bool = True
    """Whether contracts may rest inside their error budgets."""
    name: str = "lp"
    _basis: Basis = field(default=_NO_BASIS, init=False)
    _basis_tick: int = field(default=-1, init=False)
    _cancelled: Event = field(default_factory=Event, init=False)

    def plan(self, problem: Problem) -> Plan:
        """The optimal plan.

        Raises:
            PlanRejected: the problem has NaN, infinity or negative powers.
            PlanTimeout, PlanInfeasible: the solver gave nothing that may be used.
        """
        lengths = step_lengths(problem)
        case = case_of(problem, lengths)
        if not self.spends_budgets:
            case = without_budgets(case)
        check(case)
        optimum = self._optimum(case, problem)
        now, *later = plan_steps(optimum.primal, columns_of(case), case.steps)
        return Plan(
            optimizer=self.name,
            made_tick=problem.tick,
            steps=(rounded(now, problem, spends_budgets=self.spends_budgets), *later),
            step_ticks=lengths,
            status=optimum.status,
            objective_usd=optimum.certificate.objective_usd,
            bound_usd=optimum.certificate.bound_usd,
            shadow=optimum.shadow,
        )

    @property
    def last_basis(self) -> tuple[Basis, int]:
        """Where the last solve ended, empty before the first, and the tick it planned."""
        return self._basis, self._basis_tick

    def go_on_from(self, basis: Basis, tick: int) -> None:
        """Start the next solve from a basis that was kept."""
        self._basis, self._basis_tick = basis, tick

    def cancel(self) -> None:
        """Give up the solve under way, soon, and any later one: for the end of a program."""
        self._cancelled.set()
        dismiss_crews()

    def _optimum(self, case: LpCase, problem: Problem) -> Optimum:
        if case.sites > DIRECT_SITES:
            return solve_split(case, workers=self.workers, deadline_s=self.deadline_s)
        model = model_of(case)
        ticks = problem.config.grid.ticks_per_hour
        basis = self._start(model, problem.tick, ticks) if self.warm else None
        solution = solve(
            model, basis=basis, by_dual=ticks > 1, deadline_s=self.deadline_s, is_cancelled=self._cancelled.is_set
        )
        if self.warm:
            self._basis, self._basis_tick = solution.basis, problem.tick
        return optimum_from(solution, model, case)

    def _start(self, model: LpModel, tick: int, per_hour: int) -> Basis | None:
        """The last basis, its hours gone on by those that passed; the ticks of the first hour keep their places.

        Where ticks are hours, prices of every step are those of the next: the primal method is quicker from there, else
        the dual one.
        """
        basis = self._basis
        if (len(basis.columns), len(basis.rows)) != (len(model.cost), len(model.row_lower)):
            return None
        hours = max(tick // per_hour - self._basis_tick // per_hour, 0)
        return shifted(basis, model, first=per_hour if per_hour > 1 else 0, by=hours)


def shifted(basis: Basis, model: LpModel, *, first: int = 0, by: int = 1) -> Basis:
    """The basis `by` periods on: from period `first` every one takes that of a later one, the last ones keep theirs."""
    order = np.arange(model.steps)
    order[first:] = np.minimum(order[first:] + by, model.steps - 1)
    return Basis(
        columns=_reordered(basis.columns, model.columns.width, order),
        rows=_reordered(basis.rows, model.period_rows, order),
    )


def _reordered(status: np.ndarray, width: int, order: np.ndarray) -> np.ndarray:
    end = width * len(order)
    return np.concatenate([status[:end].reshape(len(order), width)[order].ravel(), status[end:]])


def without_budgets(case: LpCase) -> LpCase:
    """The case of a run in which nothing that can be served is left unserved."""
    return replace(
        case,
        budget_mwh=np.zeros_like(case.budget_mwh),
        shed_limit_mw=np.zeros_like(case.shed_limit_mw),
        breakable_mw=np.zeros_like(case.breakable_mw),
        credit_usd_per_mwh=case.credit_usd_per_mwh * NEVER_MULTIPLE,
    )
