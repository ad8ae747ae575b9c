"""Large fleets in blocks, solved side by side: every block alone, then at common prices, then with better shares.

The result depends on the case and on the size of the blocks, never on how many processes there are or which of them is
first. Only a block's numbers travel between processes, and nothing of the whole but its solution is ever assembled.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from mara.core.arrays import Floats, Ints
from mara.core.plan import DualPrices, PlanStatus
from mara.errors import PlanInfeasible, PlanTimeout
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.certificate import Certificate
from mara.optimizers.lp.decomposition.multipliers import (
    Multipliers,
    Usage,
    blocks_of,
    combined,
    common_prices,
    joined_shadow,
    priced,
    prices_of,
    shared_bound_usd,
    shared_residual_mw,
    shares_of,
    shifted_shares,
    sites_of,
    taken_of,
    with_share,
)
from mara.optimizers.lp.duals import shadow_of
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import MAX_GAP_SHARE, MAX_RESIDUAL_MW, Basis, Solution, solve

DIRECT_SITES: Final = 150
"""Up to this many sites one program is exact and cold within half of a plan's deadline (decision 0108)."""
BLOCK_SITES: Final = 20
"""Measured: with shares moved once, larger blocks cost twice the time and gain hundredths of a percent."""
ROUNDS: Final = 2
"""How often blocks are solved: with shares by capacity, then with shares moved to where demand costs least."""
SOLVE_SHARE: Final = 0.6
RESOLVE_SHARE: Final = 0.16
PRICE_SHARE: Final = 0.12
"""Of the deadline: blocks solved cold, then from a basis, and each pricing. A stage is limited, so no clock is read."""
MAX_WORKERS: Final = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """A feasible point of the whole, in the layout of `columns_of`, what is proven of it, and what all is worth."""

    primal: Floats
    certificate: Certificate
    shadow: DualPrices

    @property
    def status(self) -> PlanStatus:
        """What our own certificate says."""
        return "optimal" if self.certificate.gap_share <= MAX_GAP_SHARE else "feasible"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    primal: Floats
    prices: Multipliers
    shadow: DualPrices
    basis: Basis
    certificate: Certificate


def optimum_from(solution: Solution, model: LpModel, case: LpCase) -> Optimum:
    """A solution without what only a solver needs."""
    return Optimum(
        primal=solution.primal,
        certificate=solution.certificate,
        shadow=shadow_of(solution.row_duals, model, case),
    )


def solve_split(
    case: LpCase, *, block_sites: int = BLOCK_SITES, workers: int | None = None, deadline_s: float = 600.0
) -> Optimum:
    """A plan near the optimum, and a bound that says how near.

    `workers` are processes beside this one; with one worker everything runs here. By default as many as there are
    processors.

    Raises:
        PlanTimeout: a stage took longer than its part of the deadline.
        PlanInfeasible: a solver or a worker gave nothing that may be used.
    """
    blocks = blocks_of(case, block_sites)
    crew = _crew_of(min(workers or os.cpu_count() or 1, MAX_WORKERS, len(blocks)))
    _at_work.add(crew)
    try:
        optimum = _solved(case, blocks, _Stages(crew=crew, deadline_s=deadline_s))
        crew.shutdown()
        return optimum
    except BrokenProcessPool as error:
        raise PlanInfeasible(
            "a process that solved a block died: is there memory? A script needs a __main__ guard, or one worker"
        ) from error
    finally:
        # After a failure, blocks that still run stop at their own time limit; nobody waits for them.
        crew.shutdown(wait=False, cancel_futures=True)
        _at_work.discard(crew)


def dismiss_crews() -> None:
    """End the processes of every solve under way in this program, which then fails: for the end of the program."""
    for crew in tuple(_at_work):
        # The pool knows its processes by id, and before Python 3.14 has no public word for ending them.
        for process_id in tuple(getattr(crew, "_processes", None) or {}):
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGTERM)


_at_work: Final[set[Executor]] = set()


def _crew_of(workers: int) -> Executor:
    """A thread where one worker is enough, because only a future keeps a deadline; else fresh processes."""
    if workers == 1:
        return ThreadPoolExecutor(max_workers=1)
    return ProcessPoolExecutor(max_workers=workers, mp_context=multiprocessing.get_context("spawn"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stages:
    """Pieces of work for every block, each stage within its share of the deadline [s]."""

    crew: Executor
    deadline_s: float

    def of_all(self, share: float, work: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
        limit_s = share * self.deadline_s
        limits_s = [limit_s] * len(arguments[0])
        try:
            return list(self.crew.map(work, *arguments, limits_s, timeout=limit_s))
        except FuturesTimeout as error:
            raise PlanTimeout(
                f"{len(limits_s)} blocks took longer than {limit_s:g} s: allow more, or look less far ahead"
            ) from error


def _solved(case: LpCase, blocks: Sequence[Ints], stages: _Stages) -> Optimum:
    own = [sites_of(case, sites) for sites in blocks]
    shares = shares_of(case, blocks)
    bases: list[Basis | None] = [None] * len(blocks)
    bounds_usd: list[float] = []
    rounds: list[list[_Solved]] = []
    while True:
        parts = [with_share(sites, shares, b) for b, sites in enumerate(own)]
        solved = stages.of_all(RESOLVE_SHARE if rounds else SOLVE_SHARE, solve_block, parts, bases)
        rounds.append(solved)
        prices = common_prices([block.prices for block in solved])
        answers = stages.of_all(PRICE_SHARE, price_block, own, prices)
        bounds_usd.append(shared_bound_usd(case, prices[0]) + sum(bound for bound, _ in answers))
        if len(rounds) == ROUNDS:
            break
        bases = [block.basis for block in solved]
        shares = shifted_shares(shares, case, [taken for _, taken in answers])
    return _whole_of(case, blocks, max(rounds, key=_objective_usd), min(bounds_usd))


def _objective_usd(solved: Sequence[_Solved]) -> float:
    return sum(block.certificate.objective_usd for block in solved)


def _whole_of(case: LpCase, blocks: Sequence[Ints], solved: Sequence[_Solved], bound_usd: float) -> Optimum:
    primal = combined(case, blocks, [block.primal for block in solved])
    residual_mw = max(shared_residual_mw(case, primal), *(block.certificate.residual_mw for block in solved))
    if residual_mw > MAX_RESIDUAL_MW:
        raise PlanInfeasible(f"the blocks' solutions together are off by {residual_mw:.3g} MW: not used")
    return Optimum(
        primal=primal,
        certificate=Certificate(objective_usd=_objective_usd(solved), bound_usd=bound_usd, residual_mw=residual_mw),
        shadow=joined_shadow(blocks, [block.shadow for block in solved]),
    )


def solve_block(case: LpCase, basis: Basis | None, deadline_s: float) -> _Solved:
    """A block with its share of everything, to the optimum."""
    model = model_of(case)
    solution = solve(model, basis=basis, deadline_s=deadline_s)
    return _Solved(
        primal=solution.primal,
        prices=prices_of(model, solution.row_duals),
        shadow=shadow_of(solution.row_duals, model, case),
        basis=solution.basis,
        certificate=solution.certificate,
    )


def price_block(case: LpCase, prices: Multipliers, deadline_s: float) -> tuple[float, Usage]:
    """Most that a block's sites earn at common prices [USD], and what they take of what is shared to do so."""
    model = model_of(case)
    solution = solve(priced(model, prices), deadline_s=deadline_s)
    return solution.certificate.bound_usd, taken_of(case, model.columns, solution.primal)
