"""A planner with an advisor beside it: the plan is the optimizer's, unless advice holds up against it here and now.

Advice is an allocation for the coming hour. In every tick of that hour it is projected onto what is feasible then and
measured against the linear program; only inside the bands does it run. Asking, and waiting for an answer, happen
elsewhere: this never waits.
"""

from dataclasses import dataclass, fields, replace
from typing import Final, Literal, Protocol

from mara.core.arrays import Floats, sealed
from mara.core.plan import DualPrices, Plan, Problem, Provenance
from mara.errors import AdviceError, PlanError
from mara.optimizers.advisor.evaluator import Projection, bench_of, project
from mara.optimizers.base import SPENDS, BudgetPolicy, Optimizer
from mara.optimizers.fallback import check

MAX_ADVICE_TICKS: Final = 12
"""Advice older than this is dropped."""
TOO_OLD: Final = "AI plan too old"
Label = Literal["claude", "claude-adjusted"]
LABEL: Final[Label] = "claude"
ADJUSTED: Final[Label] = "claude-adjusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceLimits:
    """How far advice may be from feasible, and from the optimum, to be followed; and whether it may leave contracts
    unserved inside their error budgets.
    """

    moved_share: float
    regret_share: float
    budgets: BudgetPolicy = SPENDS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Advice:
    """A grounded recommendation, made for the snapshot of `made_tick`.

    Attributes:
        asked_mw: NaN where the choice is left to the program (S, 9).
        provenance: regret and moved power are filled in when it is measured.
        climate_saving_usd_per_h, time_zone_gain_usd_per_h: what it comes to, by the evidence.
    """

    made_tick: int
    asked_mw: Floats
    headline: str
    provenance: Provenance
    climate_saving_usd_per_h: float
    time_zone_gain_usd_per_h: float


class AdviceSource(Protocol):
    """Who may have advice. Called from a planner's thread; every call returns at once."""

    def advice(self) -> Advice | None:
        """The newest advice that has not been dropped."""
        ...

    def judged(self, advice: Advice, plan: Plan | None, refusal: AdviceError | None) -> None:
        """What became of it: the plan that follows it, or why none does, and then it is dropped."""
        ...

    def failure(self) -> Provenance | None:
        """Why there is no advice, to be kept with a plan; each failure is given once."""
        ...

    def planned(self, problem: Problem, plan: Plan) -> None:
        """The plan in force now, and what it was made from."""
        ...


@dataclass(frozen=True, slots=True)
class Advised:
    """The optimizer `inner`, and an adviser who is listened to."""

    inner: Optimizer
    adviser: AdviceSource
    bands: AcceptanceLimits

    @property
    def name(self) -> str:
        """The one who answers for the plan when there is no advice."""
        return self.inner.name

    def plan(self, problem: Problem) -> Plan:
        """The optimizer's plan, or the advice that holds up against it.

        Raises:
            PlanError: the optimizer has none.
        """
        plan = self.inner.plan(problem)
        self.adviser.planned(problem, plan)
        advice = self.adviser.advice()
        if advice is not None:
            try:
                advised = reviewed(advice, problem, plan, self.bands)
            except AdviceError as refusal:
                self.adviser.judged(advice, None, refusal)
            else:
                self.adviser.judged(advice, advised, None)
                return advised
        failure = self.adviser.failure()
        return plan if failure is None else replace(plan, provenance=failure)


def reviewed(advice: Advice, problem: Problem, plan: Plan, bands: AcceptanceLimits) -> Plan:
    """The plan that follows the advice as far as it is possible now.

    Raises:
        AdviceError: too old, too far from feasible, or too far from the optimum.
    """
    if not 0 <= problem.tick - advice.made_tick <= MAX_ADVICE_TICKS:
        raise AdviceError(TOO_OLD)
    try:
        bench = bench_of(problem, plan, budgets=bands.budgets)
        projection = project(bench, advice.asked_mw)
        advised = _plan_of(advice, projection, problem, plan)
        check(advised, problem)
    except PlanError as error:
        raise AdviceError("AI plan could not be checked", detail=str(error)) from error
    if projection.moved_share > bands.moved_share:
        raise AdviceError("AI plan infeasible", detail=f"{projection.moved_mw:.1f} MW of it are not possible")
    if projection.regret_share > bands.regret_share:
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
    """The prices of one step; those of budgets hold for all."""
    taken = {f.name: getattr(shadow, f.name) for f in fields(shadow)}
    return DualPrices(
        **{name: value if value.ndim == 1 else sealed(value[row : row + 1]) for name, value in taken.items()}
    )
