"""What one more contract costs the rest of the fleet: by a plan's shadow prices, and as the difference of two solves.

The marginal cost of a request is what the best plan earns without it, less what the best plan with it earns, the rate
of its tier added back: the power it takes, the tokens and the contracts that give way, and the credits where nothing
gives way. The request brings no error budget of its own into it: the price is that of a promise that is kept.
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
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.solve import Basis, solve

EXACT_SITES: Final = 100
"""Up to this many sites two solves are waited for; a larger fleet is quoted by its shadow prices."""
MAX_EXTRA_BREACH_SHARE: Final = 1e-6
"""Of a request's energy: more that nobody would deliver, and the fleet cannot keep the promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDemand:
    """A request as plans see it: power of a tier in ticks ``[starts_tick, ends_tick)``."""

    tier: Tier
    power_mw: float
    starts_tick: int
    ends_tick: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricedSolution:
    """The best plan for a demand: what it earns, what it breaks, and what everything is worth in it.

    Attributes:
        breached_mwh: promised and not delivered beyond budgets, by step and tier (H, 3).
        shed_share: of a tier's demand over the horizon, shed inside budgets (3,).
        served_share: of a tier's demand over the horizon, delivered; 1 where nothing is asked for (G,).
        reserve_mw, premium_mw: by step and site (H, S).
        basis: None where blocks were solved.
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


def outlay_of(
    problem: Problem, waiting: tuple[ContractDemand, ...] = (), *, basis: Basis | None = None, deadline_s: float = 600.0
) -> PricedSolution:
    """The best plan for a problem and the bookings that wait to become part of it.

    Raises:
        PlanError: the problem cannot be solved, or not in time.
    """
    lengths = step_lengths(problem)
    case = case_of(problem, lengths)
    for wish in waiting:
        case = _with(case, lengths, problem.tick, wish)
    return _solved(case, lengths, problem.tick, basis, deadline_s)


def outlay_in_force(problem: Problem, plan: Plan | None) -> PricedSolution | None:
    """What a plan in force says of the present, without solving anything: for fleets that are too large to wait for.

    None where it knows no prices or has run out. Bookings that wait are not in it.
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
    )


def _from_step(values: Floats, at: int) -> Floats:
    """Prices by step from one on; budgets have one for all."""
    return values[at:] if values.ndim > 1 else values


def outlay_with(before: PricedSolution, wish: ContractDemand, *, deadline_s: float = 600.0) -> PricedSolution:
    """The best plan with one request more, from where the best plan without it stands.

    Raises:
        PlanError: it cannot be solved, or not in time.
    """
    case = _with(before.case, before.lengths, before.made_tick, wish)
    return _solved(case, before.lengths, before.made_tick, before.basis, deadline_s)


def exact_cost_usd_per_mwh(before: PricedSolution, after: PricedSolution, wish: ContractDemand) -> float:
    """Marginal cost over the hours that both plans see: ``(without - with) / MWh + rate`` [USD/MWh]."""
    mwh = _mwh(before, wish)
    rate = float(before.case.rate_usd_per_mwh[wish.tier])
    return (before.objective_usd - after.objective_usd) / mwh + rate


def step_costs_usd_per_mwh(shadow: DualPrices, rate_usd_per_mwh: float, tier: Tier) -> Floats:
    """Marginal cost in each step, the first megawatt's: the demand's dual with the rate added back (H,) [USD/MWh]."""
    return np.asarray(shadow.demand_usd_per_mwh[:, tier] + rate_usd_per_mwh)


def dual_cost_usd_per_mwh(plan: Plan, wish: ContractDemand, rate_usd_per_mwh: float, ticks_per_hour: int) -> float:
    """What a plan in force says that a request costs over its whole life, at once [USD/MWh].

    Raises:
        PlanRejected: the plan knows no prices.
    """
    if plan.shadow is None:
        raise PlanRejected(f"a plan by {plan.optimizer} knows no prices: ask the linear program")
    costs = step_costs_usd_per_mwh(plan.shadow, rate_usd_per_mwh, wish.tier)
    return life_mean(costs, plan.step_ticks, plan.made_tick, wish, ticks_per_hour)


def life_mean(
    values: Floats, lengths: tuple[int, ...], made_tick: int, wish: ContractDemand, ticks_per_hour: int
) -> float:
    """The mean over a request's life of something given by step (H,); past the last step the day before repeats.

    Where the steps cover less than a day, the hours that they cover repeat.
    """
    horizon = sum(lengths)
    day = HOURS_PER_DAY * ticks_per_hour
    period = min(horizon, day)
    of_tick = np.repeat(values, lengths)
    begin, end = max(wish.starts_tick - made_tick, 0), wish.ends_tick - made_tick
    seen = of_tick[begin : min(end, horizon)]
    sums, count = float(seen.sum()), len(seen)
    past = end - max(begin, horizon)
    if past > 0:
        whole, rest = divmod(past, period)
        last = of_tick[horizon - period :]
        sums += whole * float(last.sum()) + float(last[:rest].sum())
        count += past
    return sums / count


def covered_shares(lengths: tuple[int, ...], made_tick: int, wish: ContractDemand) -> Floats:
    """Of each step, the share in which a request lives (H,)."""
    edges = np.cumsum([0, *lengths]) + made_tick
    inside = np.minimum(edges[1:], wish.ends_tick) - np.maximum(edges[:-1], wish.starts_tick)
    return np.asarray(np.maximum(inside, 0) / np.array(lengths))


def is_breach(before: PricedSolution, after: PricedSolution, wish: ContractDemand) -> bool:
    """Whether a request makes the best plan break promises, its own or others'."""
    return bool(extra_breach_mwh(before, after).sum() > MAX_EXTRA_BREACH_SHARE * _mwh(before, wish))


def extra_breach_mwh(before: PricedSolution, after: PricedSolution) -> Floats:
    """Energy that is promised and not delivered any more, by step (H,) [MWh]."""
    return np.asarray((after.breached_mwh - before.breached_mwh).sum(axis=1))


def _mwh(outlay: PricedSolution, wish: ContractDemand) -> float:
    covered = covered_shares(outlay.lengths, outlay.made_tick, wish)
    return wish.power_mw * float(covered @ outlay.case.dt_h)


def _with(case: LpCase, lengths: tuple[int, ...], made_tick: int, wish: ContractDemand) -> LpCase:
    demand = case.demand_mw.copy()
    demand[:, wish.tier] += wish.power_mw * covered_shares(lengths, made_tick, wish)
    return replace(case, demand_mw=demand)


def _solved(
    case: LpCase, lengths: tuple[int, ...], made_tick: int, basis: Basis | None, deadline_s: float
) -> PricedSolution:
    check(case)
    given: Basis | None = None
    if case.sites > EXACT_SITES:
        optimum = solve_split(case, deadline_s=deadline_s)
        primal, objective, shadow = optimum.primal, optimum.certificate.objective_usd, optimum.shadow
    else:
        model = model_of(case)
        fits = basis is not None and len(basis.columns) == len(model.cost) and len(basis.rows) == len(model.row_lower)
        solution = solve(model, basis=basis if fits else None, by_dual=True, deadline_s=deadline_s)
        primal, objective, given = solution.primal, solution.certificate.objective_usd, solution.basis
        shadow = shadow_of(solution.row_duals, model, case)
    columns = columns_of(case)
    table = primal[: case.steps * columns.width].reshape(case.steps, columns.width)
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
    )
