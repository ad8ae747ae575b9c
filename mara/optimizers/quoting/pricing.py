"""Marginal cost of one more contract to the rest of the fleet.

It is computed from a plan's dual prices, and as the difference of two solves. Model: docs/model.md#11-quotes

The marginal cost of a request is the profit of the best plan without it, less that of the best plan with it, with the
revenue at its tier's rate added back. It consists of the power that the request takes, the profit of tokens and
contracts that give way, and credits where nothing gives way. No error budget is counted for the request: it is the
cost of a promise that is always kept.
"""

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.plan import DualPrices, Plan, Problem
from mara.core.units import HOURS_PER_DAY
from mara.errors import PlanRejected
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.decomposition.master import solve_split
from mara.optimizers.lp.duals import shadow_of
from mara.optimizers.lp.horizon import case_of, step_lengths
from mara.optimizers.lp.model import LpModel, model_of, with_new_demand
from mara.optimizers.lp.solve import Basis
from mara.optimizers.lp.staged.one_way import solve_one_way

EXACT_SITES: Final = 100
"""Most sites of a fleet for which the plan with a request is solved. Chosen.

A larger fleet is quoted by its dual prices.
"""
MAX_EXTRA_BREACH_SHARE: Final = 1e-6
"""Largest breach that a request may add, as a share of its energy.

It allows for rounding: with more, the fleet cannot keep the promise. Chosen.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDemand:
    """A request as plans see it: power in ticks ``[starts_tick, ends_tick)``."""

    tier: Tier
    power_mw: float
    starts_tick: int
    ends_tick: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricedSolution:
    """The best plan for a demand, its breaches, and its prices.

    Attributes:
        case: the linear program's inputs, the demand included.
        lengths: ticks of each step (H,).
        breached_mwh: energy promised and not delivered beyond budgets, by step and tier (H, 3).
        shed_share: part of a tier's demand over the horizon that is scheduled off inside budgets (3,).
        served_share: part of a tier's demand over the horizon that is delivered; 1 where nothing is asked for (G,).
        reserve_mw, premium_mw: reserve and Premium load by step and site (H, S).
        basis: basis from which the next solve starts; None where the fleet was solved in blocks.
        model: the linear program that was solved; None without a basis.
    """

    case: LpCase
    lengths: tuple[int, ...]
    made_tick: int
    objective_usd: float
    shadow: DualPrices
    breached_mwh: Floats
    shed_share: Floats
    served_share: Floats
    reserve_mw: Floats
    premium_mw: Floats
    basis: Basis | None
    model: LpModel | None


def solution_of(
    problem: Problem, waiting: tuple[ContractDemand, ...] = (), *, basis: Basis | None = None, deadline_s: float = 600.0
) -> PricedSolution:
    """Solve the best plan for a problem and the bookings that wait for it.

    Raises:
        PlanError: the problem cannot be solved, or not in time.
    """
    lengths = step_lengths(problem)
    case = case_of(problem, lengths)
    for demand in waiting:
        case = with_demand(case, lengths, problem.tick, demand)
    return _solved(case, lengths, problem.tick, basis, deadline_s)


def solution_in_force(problem: Problem, plan: Plan | None) -> PricedSolution | None:
    """Read the solution from the plan in force, without a solve.

    It is for fleets that are too large to wait for a solve. None where the plan has no dual prices or has ended.
    Bookings that wait are not in it.
    """
    if plan is None or plan.shadow is None or len(plan.shadow.demand_usd_per_mwh) != len(plan.step_ticks):
        return None
    passed = problem.tick - plan.made_tick
    if not 0 <= passed < sum(plan.step_ticks) or len(plan.steps) != len(plan.step_ticks):
        return None
    at = plan.index_at(problem.tick)
    lengths = (sum(plan.step_ticks[: at + 1]) - passed, *plan.step_ticks[at + 1 :])
    steps = plan.steps[at:]
    return PricedSolution(
        case=case_of(problem, lengths),
        lengths=lengths,
        made_tick=problem.tick,
        objective_usd=plan.objective_usd or 0.0,
        shadow=DualPrices(
            **{field.name: _from_step(getattr(plan.shadow, field.name), at) for field in fields(DualPrices)}
        ),
        breached_mwh=np.zeros((len(lengths), PROMISED_TIER_COUNT)),
        shed_share=np.zeros(PROMISED_TIER_COUNT),
        served_share=np.ones(TIER_COUNT),
        reserve_mw=np.array([step.reserve_mw for step in steps]),
        premium_mw=np.array([step.contracts_mw[:, Tier.PREMIUM] for step in steps]),
        basis=None,
        model=None,
    )


def _from_step(prices_usd_per_mwh: Floats, at: int) -> Floats:
    """Leave out prices of the steps before `at`; budgets have one for all steps."""
    return prices_usd_per_mwh[at:] if prices_usd_per_mwh.ndim > 1 else prices_usd_per_mwh


def solution_with(
    before: PricedSolution,
    demand: ContractDemand,
    *,
    near: PricedSolution | None = None,
    deadline_s: float = 600.0,
) -> PricedSolution:
    """Solve the best plan with one more request, from the basis of the one without.

    Args:
        near: a plan with nearly this request, from whose basis fewer steps lead to the optimum. Where several plans
            are the best, it may lead to another of them.

    Raises:
        PlanError: the program cannot be solved, or not in time.
    """
    case = with_demand(before.case, before.lengths, before.made_tick, demand)
    return _solved(case, before.lengths, before.made_tick, (near or before).basis, deadline_s, before.model)


def with_demand(case: LpCase, lengths: tuple[int, ...], made_tick: int, demand: ContractDemand) -> LpCase:
    """Add a request's power to the demand of its tier in a case."""
    demand_mw = case.demand_mw.copy()
    demand_mw[:, demand.tier] += demand.power_mw * covered_shares(lengths, made_tick, demand)
    return replace(case, demand_mw=demand_mw)


def exact_cost_usd_per_mwh(before: PricedSolution, after: PricedSolution, demand: ContractDemand) -> float:
    """Compute the marginal cost over the plans' horizon by two solves [USD/MWh].

    ``(profit without - profit with) / MWh + rate``.
    """
    mwh = _mwh(before, demand)
    rate = float(before.case.rate_usd_per_mwh[demand.tier])
    return (before.objective_usd - after.objective_usd) / mwh + rate


def step_costs_usd_per_mwh(shadow: DualPrices, rate_usd_per_mwh: float, tier: Tier) -> Floats:
    """Compute the marginal cost of the first megawatt by step (H,) [USD/MWh].

    It is the dual price of the demand with the rate added back.
    """
    return np.asarray(shadow.demand_usd_per_mwh[:, tier] + rate_usd_per_mwh)


def dual_cost_usd_per_mwh(plan: Plan, demand: ContractDemand, rate_usd_per_mwh: float, ticks_per_hour: int) -> float:
    """Compute a request's marginal cost by the dual prices of a plan [USD/MWh].

    It is the mean over the request's whole life.

    Raises:
        PlanRejected: the plan has no dual prices.
    """
    if plan.shadow is None:
        raise PlanRejected(f"a plan by {plan.optimizer} knows no prices: ask the linear program")
    costs = step_costs_usd_per_mwh(plan.shadow, rate_usd_per_mwh, demand.tier)
    return life_mean(costs, plan.step_ticks, plan.made_tick, demand, ticks_per_hour)


def life_mean(
    values: Floats, lengths: tuple[int, ...], made_tick: int, demand: ContractDemand, ticks_per_hour: int
) -> float:
    """Average values given by step (H,) over the ticks of a request's life.

    Past the last step the values of the last day repeat; where the steps cover less than a day, all of them do.
    """
    horizon = sum(lengths)
    day = HOURS_PER_DAY * ticks_per_hour
    period = min(horizon, day)
    of_tick = np.repeat(values, lengths)
    begin, end = max(demand.starts_tick - made_tick, 0), demand.ends_tick - made_tick
    seen = of_tick[begin : min(end, horizon)]
    sums, count = float(seen.sum()), len(seen)
    past = end - max(begin, horizon)
    if past > 0:
        whole, rest = divmod(past, period)
        last = of_tick[horizon - period :]
        sums += whole * float(last.sum()) + float(last[:rest].sum())
        count += past
    return sums / count


def covered_shares(lengths: tuple[int, ...], made_tick: int, demand: ContractDemand) -> Floats:
    """Return the share of each step in which a request lives (H,)."""
    edges = np.cumsum([0, *lengths]) + made_tick
    inside = np.minimum(edges[1:], demand.ends_tick) - np.maximum(edges[:-1], demand.starts_tick)
    return np.asarray(np.maximum(inside, 0) / np.array(lengths))


def is_breach(before: PricedSolution, after: PricedSolution, demand: ContractDemand) -> bool:
    """Return whether a request makes the best plan break a promise.

    The promise may be the request's own or another contract's.
    """
    return bool(extra_breach_mwh(before, after).sum() > MAX_EXTRA_BREACH_SHARE * _mwh(before, demand))


def extra_breach_mwh(before: PricedSolution, after: PricedSolution) -> Floats:
    """Compute the breach that a request adds, by step (H,) [MWh]."""
    return np.asarray((after.breached_mwh - before.breached_mwh).sum(axis=1))


def _mwh(solution: PricedSolution, demand: ContractDemand) -> float:
    covered = covered_shares(solution.lengths, solution.made_tick, demand)
    return demand.power_mw * float(covered @ solution.case.dt_h)


def fitting(basis: Basis | None, model: LpModel) -> Basis | None:
    """Return a basis if it is one of a program of this size; else None."""
    if basis is None or (len(basis.columns), len(basis.rows)) != (len(model.cost_usd_per_mw), len(model.row_lower)):
        return None
    return basis


def _solved(
    case: LpCase,
    lengths: tuple[int, ...],
    made_tick: int,
    basis: Basis | None,
    deadline_s: float,
    model: LpModel | None = None,
) -> PricedSolution:
    """Solve a case.

    Args:
        model: the program of a case that differs in its contracts' demand alone.
    """
    check(case)
    given: Basis | None = None
    if case.sites > EXACT_SITES:
        model, optimum = None, solve_split(case, deadline_s=deadline_s)
        primal_mw, objective, shadow = optimum.primal_mw, optimum.certificate.objective_usd, optimum.shadow
    else:
        model = model_of(case) if model is None else with_new_demand(model, case)
        # Stages of a solve sort a matrix's entries in place, and from another order HiGHS goes another way.
        own = replace(model, matrix=model.matrix.copy())
        solution = solve_one_way(own, case, basis=fitting(basis, model), by_dual=True, deadline_s=deadline_s)
        primal_mw, objective, given = solution.primal_mw, solution.certificate.objective_usd, solution.basis
        shadow = shadow_of(solution.row_duals_usd_per_unit, model, case)
    columns = columns_of(case) if model is None else model.columns
    table = primal_mw[: case.steps * columns.width].reshape(case.steps, columns.width)
    demand_mwh = case.dt_h @ case.demand_mw
    promised_mwh, shed_mwh = demand_mwh[:PROMISED_TIER_COUNT], case.dt_h @ table[:, columns.shed]
    served_mwh = (case.dt_h @ table)[columns.contracts].sum(axis=0)
    return PricedSolution(
        case=case,
        lengths=lengths,
        made_tick=made_tick,
        objective_usd=objective,
        shadow=shadow,
        breached_mwh=table[:, columns.breached] * case.dt_h[:, None],
        shed_share=np.divide(shed_mwh, promised_mwh, out=np.zeros(PROMISED_TIER_COUNT), where=promised_mwh > 0.0),
        served_share=np.divide(served_mwh, demand_mwh, out=np.ones(TIER_COUNT), where=demand_mwh > 0.0),
        reserve_mw=table[:, columns.reserve],
        premium_mw=table[:, columns.contracts[:, Tier.PREMIUM]],
        basis=given,
        model=model,
    )
