"""Solver for large fleets, which are split into blocks and solved in parallel.

Each block is solved alone, then all are priced at common prices, then solved again with better shares.

The result depends on the case and on the size of the blocks, never on the number of processes or which of them is
first. Only a block's numbers pass between processes; of the whole program only the solution is ever assembled.

Shares of what is common are handed out and moved towards where it is worth more: Kornai and Liptak 1965, Two-Level
Planning, Econometrica 33(1), 141-169, doi:10.2307/1911892. The bound prices the common rows into the costs: Lagrangian
relaxation, Geoffrion 1974, doi:10.1007/BFb0120690. It is not the method of Dantzig and Wolfe (1960,
doi:10.1287/opre.8.1.101): no master program is solved; prices are the blocks' mean, used once a round.
Model: docs/model.md#8-decomposition
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mara.core.arrays import Floats, Ints
from mara.core.plan import DualPrices, PlanStatus
from mara.errors import PlanInfeasible
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.certificate import Certificate
from mara.optimizers.lp.decomposition.multipliers import (
    Multipliers,
    Usage,
    blocks_of,
    combined,
    common_prices,
    joined_contract_prices,
    joined_shadow,
    priced,
    prices_of,
    shared_bound_usd,
    shared_residual_mw,
    shares_of,
    shifted_shares,
    sites_of,
    usage_of,
    with_share,
)
from mara.optimizers.lp.decomposition.pool import BlockPool, block_pool
from mara.optimizers.lp.duals import ContractPrices, contract_prices_of, shadow_of
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import MAX_GAP_SHARE, MAX_RESIDUAL_MW, Basis, Solution, slack_basis, solve
from mara.optimizers.lp.staged.one_way import solve_one_way

DIRECT_SITES: Final = 150
"""Most sites of a fleet that one program plans.

Chosen: up to here it is exact and quick enough (decision 0108).
"""
BLOCK_SITES: Final = 20
"""Sites of a block.

Chosen by measurement: larger ones cost twice the time and gain hundredths of a percent.
"""
ROUNDS: Final = 2
"""Rounds of solving.

With shares by capacity, then with shares moved to where demand costs least.
"""
SOLVE_SHARE: Final = 0.5
RESOLVE_SHARE: Final = 0.26
PRICE_SHARE: Final = 0.12
"""Shares of the deadline: blocks solved cold, from a basis, and each pricing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """A feasible point of the whole program with its certificate and prices.

    Attributes:
        primal_mw: in the layout of `columns_of` (N,).
    """

    primal_mw: Floats
    certificate: Certificate
    shadow: DualPrices
    contract_prices: ContractPrices | None

    @property
    def status(self) -> PlanStatus:
        """Status by our own certificate."""
        return "optimal" if self.certificate.gap_share <= MAX_GAP_SHARE else "feasible"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    primal_mw: Floats
    prices: Multipliers
    shadow: DualPrices
    contract_prices: ContractPrices | None
    basis: Basis
    certificate: Certificate


def optimum_from(solution: Solution, model: LpModel, case: LpCase) -> Optimum:
    """Convert a solution to an optimum, without the parts that only a solver needs."""
    return Optimum(
        primal_mw=solution.primal_mw,
        certificate=solution.certificate,
        shadow=shadow_of(solution.row_duals_usd_per_unit, model, case),
        contract_prices=contract_prices_of(solution.row_duals_usd_per_unit, model, case),
    )


def solve_split(
    case: LpCase, *, block_sites: int = BLOCK_SITES, workers: int | None = None, deadline_s: float = 600.0
) -> Optimum:
    """Find a near-optimal point of a large fleet's program, with a bound on its gap.

    `workers` is the number of worker processes, by default that of processors; with one, everything runs in this
    process.

    Raises:
        PlanTimeout: a stage took longer than its part of the deadline.
        PlanInfeasible: a solver or a worker gave no usable solution.
    """
    blocks = blocks_of(case, block_sites)
    with block_pool(len(blocks), workers=workers, deadline_s=deadline_s) as pool:
        return _solved(case, blocks, pool)


def _solved(case: LpCase, blocks: Sequence[Ints], pool: BlockPool) -> Optimum:
    own = [sites_of(case, sites) for sites in blocks]
    shares = shares_of(case, blocks)
    bases: list[Basis | None] = [None] * len(blocks)
    bounds_usd: list[float] = []
    rounds: list[list[_Solved]] = []
    while True:
        parts = [with_share(sites, shares, b) for b, sites in enumerate(own)]
        solved = pool.of_all(RESOLVE_SHARE if rounds else SOLVE_SHARE, solve_block, parts, bases)
        rounds.append(solved)
        prices = common_prices([block.prices for block in solved])
        answers = pool.of_all(PRICE_SHARE, price_block, own, prices)
        bounds_usd.append(shared_bound_usd(case, prices[0]) + sum(bound for bound, _ in answers))
        if len(rounds) == ROUNDS:
            break
        bases = [block.basis for block in solved]
        shares = shifted_shares(shares, case, [usage for _, usage in answers])
    return _whole_of(case, blocks, max(rounds, key=_objective_usd), min(bounds_usd))


def _objective_usd(solved: Sequence[_Solved]) -> float:
    return sum(block.certificate.objective_usd for block in solved)


def _whole_of(case: LpCase, blocks: Sequence[Ints], solved: Sequence[_Solved], bound_usd: float) -> Optimum:
    primal_mw = combined(case, blocks, [block.primal_mw for block in solved])
    residual_mw = max(shared_residual_mw(case, primal_mw), *(block.certificate.residual_mw for block in solved))
    if residual_mw > MAX_RESIDUAL_MW:
        raise PlanInfeasible(f"the blocks' solutions together are off by {residual_mw:.3g} MW: not used")
    return Optimum(
        primal_mw=primal_mw,
        certificate=Certificate(objective_usd=_objective_usd(solved), bound_usd=bound_usd, residual_mw=residual_mw),
        shadow=joined_shadow(blocks, [block.shadow for block in solved]),
        contract_prices=joined_contract_prices(blocks, [block.contract_prices for block in solved]),
    )


def solve_block(case: LpCase, basis: Basis | None, deadline_s: float) -> _Solved:
    """Solve a block with its share of everything to the optimum.

    Raises:
        PlanError: there is no solution, or none in time.
    """
    model = model_of(case)
    # Shares moved and prices stayed, so the basis of before is dual feasible.
    solution = solve_one_way(model, case, basis=basis, by_dual=True, swift=True, deadline_s=deadline_s)
    return _Solved(
        primal_mw=solution.primal_mw,
        prices=prices_of(model, solution.row_duals_usd_per_unit),
        shadow=shadow_of(solution.row_duals_usd_per_unit, model, case),
        contract_prices=contract_prices_of(solution.row_duals_usd_per_unit, model, case),
        basis=solution.basis,
        certificate=solution.certificate,
    )


def price_block(case: LpCase, prices: Multipliers, deadline_s: float) -> tuple[float, Usage]:
    """Bound a block's profit at common prices [USD]; also what it then uses.

    Raises:
        PlanError: there is no solution, or none in time.
    """
    model = model_of(case)
    alone = priced(model, prices)
    # Sites are alone in it: presolve finds little, and takes as long as the rest.
    solution = solve(alone, basis=slack_basis(alone), by_dual=True, deadline_s=deadline_s)
    return solution.certificate.bound_usd, usage_of(case, model.columns, solution.primal_mw)
