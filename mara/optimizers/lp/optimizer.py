"""The exact optimizer: a linear program over the horizon with a certified bound.

Model: docs/model.md#5-the-linear-program, docs/model.md#6-horizon-and-warm-starts
"""

from dataclasses import dataclass, field
from threading import Event
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.plan import Plan, Problem
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.flexibility.simple_rules import with_peak_price
from mara.optimizers.lp.accounting import products_usd
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.decomposition.master import DIRECT_SITES, Optimum, optimum_from, solve_split
from mara.optimizers.lp.decomposition.pool import end_pools
from mara.optimizers.lp.horizon import case_of, plan_steps, step_lengths
from mara.optimizers.lp.instruments.reading import in_whole_blocks, power_schedule, with_power
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import Basis
from mara.optimizers.lp.staged.one_way import solve_one_way
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler

_NO_BASIS: Final = Basis(columns=sealed(np.zeros(0, dtype=np.int64)), rows=sealed(np.zeros(0, dtype=np.int64)))


@dataclass(slots=True)
class Lp:
    """The linear program as an optimizer, with a bound on every plan.

    Optimal for its forecast, or near it for large fleets.

    Args:
        warm: start each solve from the basis of the last one: several times faster, but then a plan depends on the
            plans before it, whose last basis a resumed run must be given (`go_on_from`).
        workers: processes for a large fleet; as many as there are processors. The plan does not depend on it.
    """

    warm: bool = False
    deadline_s: float = 600.0
    workers: int | None = None
    budgets: BudgetPolicy = SPENDS
    name: str = "lp"
    _basis: Basis = field(default=_NO_BASIS, init=False)
    _basis_tick: int = field(default=-1, init=False)
    _cancelled: Event = field(default_factory=Event, init=False)

    def plan(self, problem: Problem) -> Plan:
        """Make the optimal plan.

        Raises:
            PlanRejected: the problem has NaN, infinity or negative powers.
            PlanTimeout, PlanInfeasible: the solver gave nothing that may be used.
        """
        lengths = step_lengths(problem)
        case = case_of(problem, lengths, self.budgets)
        check(case)
        optimum = self._optimum(case, problem)
        columns = columns_of(case)
        steps = plan_steps(optimum.primal_mw, columns, case.steps)
        now, *later = with_power(steps, optimum.primal_mw, columns, case)
        return Plan(
            optimizer=self.name,
            made_tick=problem.tick,
            steps=(ContractScheduler(with_peak_price(problem), self.budgets).from_megawatts(now), *later),
            step_ticks=lengths,
            status=optimum.status,
            objective_usd=optimum.certificate.objective_usd - rounded_usd(optimum.primal_mw, columns, case),
            bound_usd=optimum.certificate.bound_usd,
            shadow=optimum.shadow,
        )

    @property
    def last_basis(self) -> tuple[Basis, int]:
        """Basis that the last solve ended with, and the tick it planned.

        Empty before the first.
        """
        return self._basis, self._basis_tick

    def go_on_from(self, basis: Basis, tick: int) -> None:
        """Start the next solve from a basis that was kept."""
        self._basis, self._basis_tick = basis, tick

    def cancel(self) -> None:
        """Give up the solve under way, soon, and any later one: for the end of a program."""
        self._cancelled.set()
        end_pools()

    def _optimum(self, case: LpCase, problem: Problem) -> Optimum:
        if case.sites > DIRECT_SITES:
            return solve_split(case, workers=self.workers, deadline_s=self.deadline_s)
        model = model_of(case)
        # Where ticks are hours, prices of every step are those of the next: the primal method is quicker from there.
        ticks = problem.config.grid.ticks_per_hour
        basis = self._start(model, problem, ticks) if self.warm else None
        solution = solve_one_way(
            model,
            case,
            basis=basis,
            by_dual=ticks > 1,
            # Plans of clock hours stay those that runs had before.
            swift=bool(problem.forecast.row_minutes),
            deadline_s=self.deadline_s,
            is_cancelled=self._cancelled.is_set,
        )
        if self.warm:
            self._basis, self._basis_tick = solution.basis, problem.tick
        return optimum_from(solution, model, case)

    def _start(self, model: LpModel, problem: Problem, per_hour: int) -> Basis | None:
        """Shift the last basis by the hours that have passed.

        Steps of a single tick keep their places.

        None where the program has another size.
        """
        basis = self._basis
        if (len(basis.columns), len(basis.rows)) != (len(model.cost_usd_per_mw), len(model.row_lower)):
            return None
        hours = max(problem.tick // per_hour - self._basis_tick // per_hour, 0)
        return shifted(basis, model, first=step_lengths(problem).count(1) if per_hour > 1 else 0, by=hours)


def rounded_usd(primal_mw: Floats, columns: Columns, case: LpCase) -> float:
    """Price the loss by rounding awards down to whole blocks [USD].

    The bound is of the program without rounding.

    Args:
        primal_mw: solution of the program (N,).
    """
    contract = case.power_contract
    if contract is None or not contract.products:
        return 0.0
    power = power_schedule(np.maximum(primal_mw, 0.0).reshape(case.steps, columns.width), columns, case, contract)
    sold = in_whole_blocks(power, case, contract)
    return 0.0 if sold is power else products_usd(power, case, contract) - products_usd(sold, case, contract)


def shifted(basis: Basis, model: LpModel, *, first: int = 0, by: int = 1) -> Basis:
    """Move a basis along the horizon by some periods.

    From period `first` on; the last periods keep theirs. Model: docs/model.md#6-horizon-and-warm-starts
    """
    order = np.arange(model.steps)
    order[first:] = np.minimum(order[first:] + by, model.steps - 1)
    return Basis(
        columns=_reordered(basis.columns, model.columns.width, order),
        rows=_reordered(basis.rows, model.period_rows, order),
    )


def _reordered(status: np.ndarray, width: int, order: np.ndarray) -> np.ndarray:
    end = width * len(order)
    return np.concatenate([status[:end].reshape(len(order), width)[order].ravel(), status[end:]])
