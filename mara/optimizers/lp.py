"""The exact optimizer: a rolling-horizon linear program with a certified bound."""

from dataclasses import dataclass, field

import numpy as np

from mara.core.plan import Plan, Problem
from mara.optimizers.lp_case import LpCase, check
from mara.optimizers.lp_horizon import case_of, plan_steps, step_lengths
from mara.optimizers.lp_model import LpModel, columns_of, model_of
from mara.optimizers.lp_rounding import rounded
from mara.optimizers.lp_solve import Basis, solve
from mara.optimizers.split_solve import DIRECT_SITES, Optimum, optimum_from, solve_split


@dataclass(slots=True)
class Lp:
    """Optimal for its model and its forecast, and says so with a bound; near it, with a bound, for large fleets.

    With `warm` each solve starts from the basis of the last one, shifted by a period: several times faster, but then a
    plan depends on the plans before it, which a resumed run has not seen.
    """

    warm: bool = False
    deadline_s: float = 600.0
    workers: int | None = None
    """Processes for a large fleet; as many as there are processors. The plan does not depend on it."""
    name: str = "lp"
    _basis: Basis | None = field(default=None, init=False)
    _shape: tuple[int, int, int] = field(default=(0, 0, 0), init=False)

    def plan(self, problem: Problem) -> Plan:
        """The optimal plan.

        Raises:
            PlanRejected: the problem has NaN, infinity or negative powers.
            PlanTimeout, PlanInfeasible: the solver gave nothing that may be used.
        """
        lengths = step_lengths(problem)
        case = case_of(problem, lengths)
        check(case)
        optimum = self._optimum(case)
        now, *later = plan_steps(optimum.primal, columns_of(case), case.steps)
        return Plan(
            optimizer=self.name,
            made_tick=problem.tick,
            steps=(rounded(now, problem), *later),
            step_ticks=lengths,
            status=optimum.status,
            objective_usd=optimum.certificate.objective_usd,
            bound_usd=optimum.certificate.bound_usd,
            shadow=optimum.shadow,
        )

    def _optimum(self, case: LpCase) -> Optimum:
        if case.sites > DIRECT_SITES:
            return solve_split(case, workers=self.workers, deadline_s=self.deadline_s)
        model = model_of(case)
        # Hour after hour the program is the one before, a period on, at new prices: the primal method goes on from the
        # shifted basis. From a tick to the next within the hour it is nearly the same: the dual method, from the same.
        hourly = bool((case.dt_h == case.dt_h[0]).all())
        basis = self._start(model, hourly)
        solution = solve(model, basis=basis, by_dual=not hourly, deadline_s=self.deadline_s)
        if self.warm:
            self._basis, self._shape = solution.basis, _shape(model)
        return optimum_from(solution, model, case)

    def _start(self, model: LpModel, hourly: bool) -> Basis | None:
        if self._basis is None or self._shape != _shape(model):
            return None
        return shifted(self._basis, model) if hourly else self._basis


def shifted(basis: Basis, model: LpModel) -> Basis:
    """The basis one period on: every period takes that of its successor, the last one keeps its own."""
    return Basis(
        columns=_shift(basis.columns, model.columns.width, model.steps),
        rows=_shift(basis.rows, model.period_rows, model.steps),
    )


def _shift(status: np.ndarray, width: int, steps: int) -> np.ndarray:
    end = width * steps
    return np.concatenate([status[width:end], status[end - width : end], status[end:]])


def _shape(model: LpModel) -> tuple[int, int, int]:
    return model.steps, model.columns.width, model.period_rows
