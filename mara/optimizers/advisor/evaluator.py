"""The linear program as a yardstick for other people's plans: the nearest feasible allocation, and what it costs.

An allocation says what some cells (site, load) should draw for the coming hour; what it does not name is left to the
program. It is measured on the horizon of MODEL section 5 in hourly steps, the first of which holds the allocation, so
that its later consequences count: moves back, budgets spent, miners started again.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.contract import TIER_KEYS
from mara.core.fleet import MINERS, RACKS, WORKLOAD_COUNT, WORKLOAD_KEYS
from mara.core.plan import Plan, PlanStep, Problem
from mara.errors import PlanRejected
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.horizon import case_of, plan_steps
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import Basis, Solution, solve

LOADS: Final = (*WORKLOAD_KEYS, *TIER_KEYS)
"""Columns of an allocation (S, 9): own-account load by machine (`gpu` and `asic` are merchant inference), then
contracts by tier."""
CONTRACTS: Final = slice(WORKLOAD_COUNT, len(LOADS))
MAX_SITES: Final = 40
"""Larger fleets do not fit into an advisor's head, nor their program between two ticks."""
ASKED_USD_PER_MW: Final = 1e5
"""Price of running a named cell otherwise than asked: above anything that a megawatt-hour can earn or cost."""
KEPT_USD_PER_MW: Final = 2e4
"""And of running contracts otherwise than the plan in force does, where nobody asked for it."""
EXACT_MW: Final = 1e-6
"""What is this near to what was asked is what was asked."""
SOLVE_DEADLINE_S: Final = 5.0
BASIC: Final = 1
AT_LOWER: Final = 0
"""HiGHS's numbers for the states of a column or row."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanEvaluator:
    """A tick's problem, the plan in force, and the optimum that proposals are measured against.

    Attributes:
        in_force_mw: what the plan in force runs (S, 9).
        budgets: what plans may do with error budgets.
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
        """What the plan in force wants in this tick."""
        return self.plan.step_at(self.problem.tick)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """The feasible allocation nearest to what was asked, and its worth.

    Attributes:
        loads_mw: what it runs (S, 9).
        moved_mw, moved_share: how far that is from what was asked, summed over cells, and as a share of the IT load.
        profit_usd: of its hour, with all that follows from it within the horizon.
        regret_usd, regret_share: what the optimum earns more, over what the optimum earns in that hour.
        objective_usd, bound_usd: over the whole horizon, and what no plan can exceed.
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


def bench_of(problem: Problem, plan: Plan, *, budgets: BudgetPolicy = SPENDS) -> PlanEvaluator:
    """The yardstick of a tick.

    Raises:
        PlanError: the fleet is too large, or the program has no answer in time.
    """
    sites = problem.config.fleet.site_count
    if sites > MAX_SITES:
        raise PlanRejected(f"an advised fleet has at most {MAX_SITES} sites, got {sites}: plan it with lp")
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
        optimum=solve(model, deadline_s=SOLVE_DEADLINE_S),
        in_force_mw=loads_of(plan.step_at(problem.tick)),
        budgets=budgets,
    )


def loads_of(step: PlanStep) -> Floats:
    """A step as an allocation (S, 9) [MW]."""
    loads = np.empty((len(step.contracts_mw), len(LOADS)))
    loads[:, MINERS] = step.miners_mw
    loads[:, RACKS] = step.merchant_mw.sum(axis=0)
    loads[:, CONTRACTS] = step.contracts_mw
    return sealed(loads)


def nothing_asked(bench: PlanEvaluator) -> Floats:
    """An allocation that names no cell: NaN everywhere (S, 9)."""
    return np.full(bench.in_force_mw.shape, np.nan)


def project(bench: PlanEvaluator, asked_mw: Floats) -> Projection:
    """The feasible allocation nearest to `asked_mw` (S, 9, NaN where nothing is asked), best for the rest.

    Contracts of tiers that the allocation does not name stay where the plan in force has them, whole.

    Raises:
        PlanError: the program has no answer in time.
    """
    asked = np.isfinite(asked_mw)
    kept = np.zeros_like(asked)
    kept[:, CONTRACTS] = ~asked[:, CONTRACTS].any(axis=0)
    target = np.where(asked, asked_mw, bench.in_force_mw)
    model, basis = _drawn_to(bench, asked, kept, target)
    solution = solve(model, basis=basis, by_dual=True, deadline_s=SOLVE_DEADLINE_S)
    primal = solution.primal[: len(bench.model.cost)]
    objective = -(float(bench.model.cost @ primal) + bench.model.offset_usd)
    found = plan_steps(primal, bench.columns, bench.case.steps)[0]
    moved = float(np.abs(loads_of(found) - target)[asked].sum())
    # What was asked for and is possible runs to the last digit, not to the solver's tolerance.
    exact = np.where(asked if moved <= EXACT_MW else False, target, loads_of(found))
    exact = np.where(kept & (np.abs(exact - target) <= EXACT_MW), target, exact)
    step = _step_of(exact, found, bench)
    first = slice(0, bench.columns.width)
    best = -float(bench.model.cost[first] @ bench.optimum.primal[first])
    regret = bench.optimum.certificate.objective_usd - objective
    return Projection(
        step=step,
        loads_mw=sealed(exact),
        moved_mw=moved if moved > EXACT_MW else 0.0,
        moved_share=moved / max(float(exact.sum()), 1.0) if moved > EXACT_MW else 0.0,
        profit_usd=best - regret,
        regret_usd=regret,
        regret_share=regret / max(abs(best), 1.0),
        objective_usd=objective,
        bound_usd=bench.optimum.certificate.bound_usd,
    )


def _step_of(loads_mw: Floats, found: PlanStep, bench: PlanEvaluator) -> PlanStep:
    """The allocation as a plan's step: inference by region as found, contracts with their sites where none moved."""
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
    own = bench.step
    if np.abs(contracts - own.contracts_mw).max(initial=0.0) > EXACT_MW:
        return step
    return replace(step, contract_site=own.contract_site, book_changes_count=own.book_changes_count)


def _drawn_to(bench: PlanEvaluator, asked: Bools, kept: Bools, target_mw: Floats) -> tuple[LpModel, Basis]:
    """The program with a price on every megawatt by which a cell of the first hour differs from its target.

    Two columns, more and less, and one row for each such cell; the optimum's basis goes on with them idle.
    """
    from scipy.sparse import block_array, csr_array, hstack, identity  # a tenth of a second, for advised runs alone

    model = bench.model
    sites, loads = np.nonzero(asked | kept)
    count = len(sites)
    cells = zip(sites.tolist(), loads.tolist(), strict=True)
    of_cells = [_columns_of_cell(bench.columns, s, load) for s, load in cells]
    ends = np.cumsum([0, *map(len, of_cells)])
    sums = csr_array((np.ones(ends[-1]), np.concatenate(of_cells), ends), shape=(count, len(model.cost)))
    less = identity(count, format="csr")
    price = np.where(asked[sites, loads], ASKED_USD_PER_MW, KEPT_USD_PER_MW)
    goal = target_mw[sites, loads]
    basis = bench.optimum.basis
    extended = replace(
        model,
        cost=np.concatenate([model.cost, price, price]),
        lower=np.concatenate([model.lower, np.zeros(2 * count)]),
        upper=np.concatenate([model.upper, np.full(2 * count, _MOST_MW)]),
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
    """The first hour's columns whose sum a cell is."""
    if load < MINERS.stop:
        return columns.miners[site, [load]]
    if load < WORKLOAD_COUNT:
        return np.asarray(columns.merchant[:, site, load - MINERS.stop])
    return columns.contracts[site, [load - WORKLOAD_COUNT]]


_MOST_MW: Final = 1e6
"""A finite bound on what is too much or too little, so that any multipliers give a finite bound on profit."""
