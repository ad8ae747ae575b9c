"""Answers to problem files: the schedule, its proven quality, and dual prices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.plan import DualPrices, PlanStatus
from mara.errors import PlanError
from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.decomposition.master import DIRECT_SITES, Optimum, optimum_from, solve_split
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.schedule import Schedule, net_site_mw
from mara.optimizers.lp.solve import solve
from mara.optimizers.rules.greedy import greedy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProblemAnswer:
    """A schedule with its provenance.

    Only the linear program gives a bound and prices.

    Attributes:
        note: reason why another optimizer answered than the one asked for; empty for none.
    """

    optimizer: str
    status: PlanStatus
    objective_usd: float
    bound_usd: float | None
    gap_share: float | None
    schedule: Schedule
    shadow: DualPrices | None
    note: str = ""


def answer_by_lp(case: LpCase, deadline_s: float = 600.0) -> ProblemAnswer:
    """Answer by the linear program, or by rules where the solver fails.

    The answer for a large fleet is near the optimum.
    """
    try:
        optimum = _optimum(case, deadline_s)
    except PlanError as error:
        return answer_by_rules(case, status="fallback", note=f"lp: {error}")
    return ProblemAnswer(
        optimizer="lp",
        status=optimum.status,
        objective_usd=optimum.certificate.objective_usd,
        bound_usd=optimum.certificate.bound_usd,
        gap_share=optimum.certificate.gap_share,
        schedule=schedule_of(optimum.primal_mw, columns_of(case), case),
        shadow=optimum.shadow,
    )


def _optimum(case: LpCase, deadline_s: float) -> Optimum:
    if case.sites > DIRECT_SITES:
        return solve_split(case, deadline_s=deadline_s)
    model = model_of(case)
    return optimum_from(solve(model, deadline_s=deadline_s), model, case)


def answer_by_rules(case: LpCase, status: PlanStatus = "feasible", note: str = "") -> ProblemAnswer:
    """Answer by rules.

    The schedule's profit is computed; its distance from the optimum is unknown.
    """
    schedule = greedy(case)
    return ProblemAnswer(
        optimizer="rules",
        status=status,
        objective_usd=profit_usd(schedule, case),
        bound_usd=None,
        gap_share=None,
        schedule=schedule,
        shadow=None,
        note=note,
    )


def schedule_of(primal_mw: Floats, columns: Columns, case: LpCase) -> Schedule:
    """Read a solution's columns (N,) as a schedule.

    Values below zero are rounding errors and become zero.
    """
    table = np.maximum(primal_mw, 0.0).reshape(case.steps, columns.width)
    rested = np.zeros((case.steps, case.sites, PROMISED_TIER_COUNT))
    rested[:, :, columns.resting] = table[:, columns.rested]
    return Schedule(
        miners_mw=table[:, columns.miners],
        merchant_mw=table[:, columns.merchant],
        contracts_mw=table[:, columns.contracts],
        shed_mw=table[:, columns.shed],
        rested_mw=rested,
    )


def plain_of(answer: ProblemAnswer, case: LpCase, solve_s: float) -> dict[str, Any]:
    """Convert the answer to plain JSON values, with arrays in row-major order.

    Prices: `site_power_usd_per_mwh` is the value of one more megawatt-hour at a site's meter; `demand_usd_per_mwh` is
    what one more megawatt-hour of a tier's contracts would cost *less the rate it pays*, negative where it gains, so
    that its marginal cost is this plus the rate; `budget_usd_per_mwh` is the value of one more megawatt-hour that may
    be scheduled off. In answers by rules the prices are null.
    """
    schedule, shadow = answer.schedule, answer.shadow
    net = net_site_mw(schedule, case)
    return {
        "optimizer": answer.optimizer,
        "status": answer.status,
        "objective_usd": answer.objective_usd,
        "bound_usd": answer.bound_usd,
        "gap_share": answer.gap_share,
        "solve_s": solve_s,
        "it_power_mw": schedule.it_power_mw.tolist(),
        "contracts_mw": schedule.contracts_mw.tolist(),
        "bought_mw": np.maximum(net, 0.0).tolist(),
        "sold_mw": np.maximum(-net, 0.0).tolist(),
        "duals": {
            "site_power_usd_per_mwh": None if shadow is None else shadow.site_power_usd_per_mwh.tolist(),
            "demand_usd_per_mwh": None if shadow is None else shadow.demand_usd_per_mwh.T.tolist(),
            "budget_usd_per_mwh": None if shadow is None else shadow.budget_usd_per_mwh.tolist(),
        },
    }
