"""Evaluation of proposed plans: the nearest feasible allocation, and its cost.

An allocation gives the power of some cells (site, load) in the coming hour; other cells are left to the linear
program. It is projected onto the program's feasible set in the L1 norm, by elastic columns. The program has hourly
steps, the first of which holds the allocation, so that its later consequences count: moves back, budgets spent,
miners started again. Model: docs/model.md#5-the-linear-program
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.contract import TIER_KEYS
from mara.core.fleet import MINERS, RACKS, WORKLOAD_COUNT, WORKLOAD_KEYS
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.power_signals import PowerForecast
from mara.core.units import MINUTES_PER_HOUR
from mara.core.world import Forecast
from mara.errors import PlanRejected
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.certificate import cost_usd
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.horizon import case_of, plan_steps
from mara.optimizers.lp.instruments.reading import with_power
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import Basis, Solution, solve
from mara.optimizers.lp.staged.one_way import solve_one_way

LOADS: Final = (*WORKLOAD_KEYS, *TIER_KEYS)
"""Columns of an allocation (S, 9).

Own-account load by machine (`gpu` and `asic` are merchant inference), then contracts by tier.
"""
CONTRACTS: Final = slice(WORKLOAD_COUNT, len(LOADS))
MAX_SITES: Final = 40
"""Most sites of a fleet that is advised.

The facts of a larger one are too many for a conversation, and its program is too slow to solve between two ticks.
"""
ASKED_USD_PER_MW: Final = 1e5
"""Price of each megawatt by which a named cell differs from what is asked.

It is above anything that a megawatt-hour can earn or cost. Chosen.
"""
KEPT_USD_PER_MW: Final = 2e4
"""Price of each megawatt by which unnamed contracts differ from the plan in force.

It is below the price of named cells, which therefore come first. Chosen.
"""
EXACT_MW: Final = 1e-6
"""Largest difference that counts as none, above the solver's tolerance."""
SOLVE_DEADLINE_S: Final = 5.0
BASIC: Final = 1
"""Number by which HiGHS knows a basic column or row (HighsBasisStatus)."""
AT_LOWER: Final = 0
"""Number by which HiGHS knows a column or row at its lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanEvaluator:
    """Evaluator of proposals against a tick's problem, plan in force and optimum.

    Attributes:
        plan: the plan in force.
        case, model, columns: the linear program of the problem, in hourly steps.
        optimum: its solution, which proposals are measured against.
        in_force_mw: allocation of the plan in force in this tick (S, 9).
        budgets: may plans leave contracts unserved inside their error budgets?
    """

    problem: Problem
    plan: Plan
    case: LpCase
    model: LpModel
    columns: Columns
    optimum: Solution
    in_force_mw: Floats
    budgets: BudgetPolicy

    @property
    def step(self) -> PlanStep:
        """Step of the plan in force that this tick belongs to."""
        return self.plan.step_at(self.problem.tick)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """The feasible allocation nearest to what was asked, and its profit.

    Attributes:
        step: the allocation as a step of a plan.
        loads_mw: the allocation (S, 9).
        moved_mw, moved_share: its distance from what was asked, summed over cells, and as a share of the IT load.
        profit_usd: the optimum's profit in the first hour, less the regret.
        regret_usd: profit over the whole horizon that the optimum earns in addition.
        regret_share: the regret over the optimum's profit in the first hour.
        objective_usd: profit over the whole horizon.
        bound_usd: upper bound on the profit of any plan over the horizon.
    """

    step: PlanStep
    loads_mw: Floats
    moved_mw: float
    moved_share: float
    profit_usd: float
    regret_usd: float
    regret_share: float
    objective_usd: float
    bound_usd: float


def evaluator_of(problem: Problem, plan: Plan, *, budgets: BudgetPolicy = SPENDS) -> PlanEvaluator:
    """Solve a tick's problem, so that proposals can be measured against it.

    Raises:
        PlanError: the fleet is too large, or the program is not solved in time.
    """
    sites = problem.config.fleet.site_count
    if sites > MAX_SITES:
        raise PlanRejected(f"an advised fleet has at most {MAX_SITES} sites, got {sites}: plan it with lp")
    problem = replace(problem, forecast=in_hours(problem.forecast))
    hours = len(problem.forecast.hashprice_usd_per_ph_day)
    case = case_of(problem, (problem.config.grid.ticks_per_hour,) * hours, budgets)
    check(case)
    model = model_of(case)
    return PlanEvaluator(
        problem=problem,
        plan=plan,
        case=case,
        model=model,
        columns=columns_of(case),
        optimum=solve_one_way(model, case, deadline_s=SOLVE_DEADLINE_S),
        in_force_mw=loads_of(plan.step_at(problem.tick)),
        budgets=budgets,
    )


def in_hours(forecast: Forecast) -> Forecast:
    """Average the rows of a forecast by the hour; clock hours stay as they are."""
    minutes = forecast.row_minutes
    if not minutes or minutes[0] == MINUTES_PER_HOUR:
        return forecast
    near = minutes.index(MINUTES_PER_HOUR) if MINUTES_PER_HOUR in minutes else len(minutes)
    per_hour = MINUTES_PER_HOUR // minutes[0]

    def mean(rows: Floats) -> Floats:
        first = rows[:near].reshape(-1, per_hour, *rows.shape[1:]).mean(axis=1)
        return sealed(np.concatenate([first, rows[near:]]))

    def least(rows: Floats) -> Floats:
        first = rows[:near].reshape(-1, per_hour, rows.shape[1]).min(axis=1)
        return sealed(np.concatenate([first, rows[near:]]))

    return Forecast(
        tick=forecast.tick,
        energy_price_usd_per_mwh=mean(forecast.energy_price_usd_per_mwh),
        carbon_intensity_g_per_kwh=mean(forecast.carbon_intensity_g_per_kwh),
        dry_bulb_c=mean(forecast.dry_bulb_c),
        wet_bulb_c=mean(forecast.wet_bulb_c),
        hashprice_usd_per_ph_day=mean(forecast.hashprice_usd_per_ph_day),
        demand_multiplier_share=mean(forecast.demand_multiplier_share),
        demand_tokens_per_h=mean(forecast.demand_tokens_per_h),
        row_minutes=(MINUTES_PER_HOUR,) * (near // per_hour + len(minutes) - near),
        expects_present_price=forecast.expects_present_price,
        auction=forecast.auction,
        import_limit_mw=None if forecast.import_limit_mw is None else least(forecast.import_limit_mw),
        power=forecast.power
        and PowerForecast(
            system_demand_mw=mean(forecast.power.system_demand_mw),
            reserve_price_usd_per_mw_h=mean(forecast.power.reserve_price_usd_per_mw_h),
        ),
    )


def loads_of(step: PlanStep) -> Floats:
    """Read a step of a plan as an allocation (S, 9) [MW]."""
    loads = np.empty((len(step.contracts_mw), len(LOADS)))
    loads[:, MINERS] = step.miners_mw
    loads[:, RACKS] = step.merchant_mw.sum(axis=0)
    loads[:, CONTRACTS] = step.contracts_mw
    return sealed(loads)


def nothing_asked(evaluator: PlanEvaluator) -> Floats:
    """Make an allocation [MW] that names no cell: NaN everywhere (S, 9)."""
    return np.full(evaluator.in_force_mw.shape, np.nan)


def project(evaluator: PlanEvaluator, asked_mw: Floats) -> Projection:
    """Find the feasible allocation nearest to what is asked, and its profit.

    Cells that are not named are chosen for the most profit. Contracts of tiers of which no cell is named stay at the
    sites where the plan in force has them, whole.

    Args:
        evaluator: of the tick.
        asked_mw: allocation (S, 9), NaN where nothing is asked.

    Raises:
        PlanError: the program is not solved in time.
    """
    asked = np.isfinite(asked_mw)
    kept = np.zeros_like(asked)
    kept[:, CONTRACTS] = ~asked[:, CONTRACTS].any(axis=0)
    target = np.where(asked, asked_mw, evaluator.in_force_mw)
    model, basis = _elastic_program(evaluator, asked, kept, target)
    solution = solve(model, basis=basis, by_dual=True, deadline_s=SOLVE_DEADLINE_S)
    primal_mw = solution.primal_mw[: len(evaluator.model.cost_usd_per_mw)]
    objective = -cost_usd(evaluator.model, primal_mw)
    steps = plan_steps(primal_mw, evaluator.columns, evaluator.case.steps)
    found = with_power(steps, primal_mw, evaluator.columns, evaluator.case)[0]
    moved = float(np.abs(loads_of(found) - target)[asked].sum())
    # What was asked for and is possible runs to the last digit, not to the solver's tolerance.
    exact = np.where(asked if moved <= EXACT_MW else False, target, loads_of(found))
    exact = np.where(kept & (np.abs(exact - target) <= EXACT_MW), target, exact)
    step = _step_of(exact, found, evaluator)
    first = slice(0, evaluator.columns.width)
    best = -float(evaluator.model.cost_usd_per_mw[first] @ evaluator.optimum.primal_mw[first])
    regret = evaluator.optimum.certificate.objective_usd - objective
    return Projection(
        step=step,
        loads_mw=sealed(exact),
        moved_mw=moved if moved > EXACT_MW else 0.0,
        moved_share=moved / max(float(exact.sum()), 1.0) if moved > EXACT_MW else 0.0,
        profit_usd=best - regret,
        regret_usd=regret,
        regret_share=regret / max(abs(best), 1.0),
        objective_usd=objective,
        bound_usd=evaluator.optimum.certificate.bound_usd,
    )


def _step_of(loads_mw: Floats, found: PlanStep, evaluator: PlanEvaluator) -> PlanStep:
    """Make a plan's step of an allocation (S, 9).

    Inference is split by region as in the step found; contracts keep their sites where none moved.
    """
    by_kind = found.merchant_mw.sum(axis=0)
    wanted = loads_mw[:, RACKS]
    scale = np.where(by_kind > 0.0, wanted / np.where(by_kind > 0.0, by_kind, 1.0), 0.0)
    contracts = loads_mw[:, CONTRACTS]
    step = replace(
        found,
        miners_mw=sealed(loads_mw[:, MINERS].copy()),
        merchant_mw=sealed(found.merchant_mw * scale),
        contracts_mw=sealed(contracts.copy()),
    )
    own = evaluator.step
    if np.abs(contracts - own.contracts_mw).max(initial=0.0) > EXACT_MW:
        return step
    return replace(step, contract_site=own.contract_site, book_changes_count=own.book_changes_count)


def _elastic_program(evaluator: PlanEvaluator, asked: Bools, kept: Bools, target_mw: Floats) -> tuple[LpModel, Basis]:
    """Extend the program by a price on every megawatt off a target (S, 9).

    Each asked or kept cell of the first hour gets a row and two columns, for too much and too little. Returns the
    program and the optimum's basis extended by these columns at zero, from which the solver starts.
    """
    from scipy.sparse import block_array, csr_array, hstack, identity  # a tenth of a second, for advised runs alone

    model = evaluator.model
    sites, loads = np.nonzero(asked | kept)
    count = len(sites)
    cells = zip(sites.tolist(), loads.tolist(), strict=True)
    of_cells = [_columns_of_cell(evaluator.columns, s, load) for s, load in cells]
    ends = np.cumsum([0, *map(len, of_cells)])
    sums = csr_array((np.ones(ends[-1]), np.concatenate(of_cells), ends), shape=(count, len(model.cost_usd_per_mw)))
    less = identity(count, format="csr")
    price = np.where(asked[sites, loads], ASKED_USD_PER_MW, KEPT_USD_PER_MW)
    goal = target_mw[sites, loads]
    basis = evaluator.optimum.basis
    extended = replace(
        model,
        cost_usd_per_mw=np.concatenate([model.cost_usd_per_mw, price, price]),
        lower_mw=np.concatenate([model.lower_mw, np.zeros(2 * count)]),
        upper_mw=np.concatenate([model.upper_mw, np.full(2 * count, _MOST_MW)]),
        row_lower=np.concatenate([model.row_lower, goal]),
        row_upper=np.concatenate([model.row_upper, goal]),
        matrix=block_array([[model.matrix, None], [sums, hstack([-less, less])]], format="csr"),
    )
    idle = Basis(
        columns=np.concatenate([basis.columns, np.full(2 * count, AT_LOWER)]),
        rows=np.concatenate([basis.rows, np.full(count, BASIC)]),
    )
    return extended, idle


def _columns_of_cell(columns: Columns, site: int, load: int) -> Ints:
    """Find the columns of the first hour that add up to a cell."""
    if load < MINERS.stop:
        return columns.miners[site, [load]]
    if load < WORKLOAD_COUNT:
        return np.asarray(columns.merchant[:, site, load - MINERS.stop])
    return columns.contracts[site, [load - WORKLOAD_COUNT]]


_MOST_MW: Final = 1e6
"""Upper bound on the columns for too much and too little.

It is finite, so that any multipliers give a finite bound on profit (weak duality).
"""
