"""Optimizer that follows an advisor's plan while it is feasible and near optimal.

Advice is an allocation for the coming hour. In every tick of that hour it is projected onto what is feasible then and
measured against the linear program. It runs only while both distances are within the acceptance limits; otherwise the
optimizer's own plan does. Claude is asked in the background by `mara.runtime.advisor`; this module never waits for an
answer.
"""

from dataclasses import dataclass, fields, replace
from typing import Final, Literal, Protocol

from mara.core.arrays import Floats, sealed
from mara.core.plan import DualPrices, Plan, Problem, Provenance
from mara.errors import AdviceError, PlanError
from mara.optimizers.advisor.evaluator import Projection, evaluator_of, project
from mara.optimizers.base import SPENDS, BudgetPolicy, Optimizer
from mara.optimizers.fallback import check

MAX_ADVICE_TICKS: Final = 12
"""Age at which advice is dropped [ticks]."""
TOO_OLD: Final = "AI plan too old"
Label = Literal["claude", "claude-adjusted"]
LABEL: Final[Label] = "claude"
ADJUSTED: Final[Label] = "claude-adjusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceLimits:
    """Limits within which advice is followed.

    Attributes:
        moved_share: most power that the projection may move, as a share of the IT load.
        regret_share: most profit that may be lost against the optimum, as a share of the optimum's.
        budgets: policy on scheduling contracts off inside their error budgets.
    """

    moved_share: float
    regret_share: float
    budgets: BudgetPolicy = SPENDS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Advice:
    """A grounded recommendation, made for the snapshot of `made_tick`.

    Attributes:
        asked_mw: allocation (S, 9), NaN where the choice is left to the linear program.
        provenance: model, prompt and explanation; regret and moved power are filled in when the advice is measured.
        climate_saving_usd_per_h, time_zone_gain_usd_per_h: gains of its next tick, as the engine would settle it.
    """

    made_tick: int
    asked_mw: Floats
    headline: str
    provenance: Provenance
    climate_saving_usd_per_h: float
    time_zone_gain_usd_per_h: float


class AdviceSource(Protocol):
    """Source of advice for the planner.

    It is called from the planner's thread, and every call returns at once.
    """

    def advice(self) -> Advice | None:
        """Return the newest advice that has not been dropped."""
        ...

    def judged(self, advice: Advice, plan: Plan | None, refusal: AdviceError | None) -> None:
        """Report the outcome of advice: the plan that follows it, or the refusal.

        Refused advice is dropped.
        """
        ...

    def failure(self) -> Provenance | None:
        """Return the reason why there is no advice, to be stored with a plan.

        Each failure is returned once; None where there is none that is new.
        """
        ...

    def planned(self, problem: Problem, plan: Plan) -> None:
        """Report the plan in force now, and the problem that it was made from."""
        ...


@dataclass(frozen=True, slots=True)
class Advised:
    """The optimizer `inner` with advice from `source`, followed within `limits`."""

    inner: Optimizer
    source: AdviceSource
    limits: AcceptanceLimits

    @property
    def name(self) -> str:
        """Name of the inner optimizer, whose plan runs when there is no advice."""
        return self.inner.name

    def plan(self, problem: Problem) -> Plan:
        """Return the plan that follows the advice, or else the optimizer's own.

        Raises:
            PlanError: the optimizer has no plan.
        """
        plan = self.inner.plan(problem)
        self.source.planned(problem, plan)
        advice = self.source.advice()
        if advice is not None:
            try:
                advised = reviewed(advice, problem, plan, self.limits)
            except AdviceError as refusal:
                self.source.judged(advice, None, refusal)
            else:
                self.source.judged(advice, advised, None)
                return advised
        failure = self.source.failure()
        return plan if failure is None else replace(plan, provenance=failure)


def reviewed(advice: Advice, problem: Problem, plan: Plan, limits: AcceptanceLimits) -> Plan:
    """Make the plan that follows the advice as far as it is possible now.

    Raises:
        AdviceError: the advice is too old, too far from feasible, or too far from the optimum.
    """
    if not 0 <= problem.tick - advice.made_tick <= MAX_ADVICE_TICKS:
        raise AdviceError(TOO_OLD)
    try:
        evaluator = evaluator_of(problem, plan, budgets=limits.budgets)
        projection = project(evaluator, advice.asked_mw)
        advised = _plan_of(advice, projection, problem, plan)
        check(advised, problem)
    except PlanError as error:
        raise AdviceError("AI plan could not be checked", detail=str(error)) from error
    if projection.moved_share > limits.moved_share:
        raise AdviceError("AI plan infeasible", detail=f"{projection.moved_mw:.1f} MW of it are not possible")
    if projection.regret_share > limits.regret_share:
        raise AdviceError("AI plan not better", detail=f"it earns {projection.regret_share:.1%} less than the optimum")
    return advised


def _plan_of(advice: Advice, projection: Projection, problem: Problem, plan: Plan) -> Plan:
    moved = projection.moved_mw
    provenance = replace(advice.provenance, regret_share=projection.regret_share, moved_mw=moved)
    return Plan(
        optimizer=LABEL if moved == 0.0 else ADJUSTED,
        made_tick=advice.made_tick,
        steps=(projection.step,),
        status="feasible",
        objective_usd=projection.objective_usd,
        bound_usd=projection.bound_usd,
        shadow=None if plan.shadow is None else _row_of(plan.shadow, plan.index_at(problem.tick)),
        baseline_usd=plan.baseline_usd,
        solve_wall_s=plan.solve_wall_s,
        provenance=provenance,
    )


def _row_of(shadow: DualPrices, row: int) -> DualPrices:
    """Cut dual prices to one step; the prices of budgets hold for all steps."""
    taken = {f.name: getattr(shadow, f.name) for f in fields(shadow)}
    return DualPrices(
        **{name: value if value.ndim == 1 else sealed(value[row : row + 1]) for name, value in taken.items()}
    )
