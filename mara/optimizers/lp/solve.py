"""Solver of linear programs: HiGHS, with a certificate of each solution.

No other module imports highspy. Source: HiGHS, https://highs.dev; Huangfu and Hall 2018, doi:10.1007/s12532-017-0130-5
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import highspy
import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.plan import PlanStatus
from mara.errors import PlanInfeasible, PlanTimeout
from mara.optimizers.lp.certificate import Certificate, certificate_of, cost_usd
from mara.optimizers.lp.model import LpModel, merged, with_choices

SIMPLEX_COLUMNS: Final = 16_000
"""Most columns for the simplex method without a start.

Chosen by measurement: above, interior point with crossover is quicker.
"""
SWIFT_COLUMNS: Final = 70_000
"""Most columns for a swift start.

Chosen by measurement: up to here it takes half the time of interior point, and at 130,000 many times as much.
"""
MERGED_PERIODS: Final = 4
"""Periods that a swift start takes for one.

Chosen by measurement: with 2 there are more programs to solve, with all at once the last one takes twice the steps.
"""
START_SHARE: Final = 1.0 / MERGED_PERIODS
"""Part of the deadline for the start of a swift solve."""
DUAL_SIMPLEX: Final = 1
PRIMAL_SIMPLEX: Final = 4
"""HiGHS's numbers for the two methods."""
UNSCALED: Final = 0
"""HiGHS's number for no scaling of rows and columns."""
DEVEX_WEIGHTS: Final = 1
"""HiGHS's number for weights that cost nothing to begin with."""
BEYOND: Final = 1.0
"""Distance of a limit that no solution reaches, in a row's unit."""
MAX_RESIDUAL_MW: Final = 1e-5
MAX_GAP_SHARE: Final = 1e-6
"""Largest gap of a solution that is called optimal, by our own bound."""

CHOICE_GAP_SHARE: Final = 1e-10
CHOICE_GAP_USD: Final = 1e-7
"""Largest gaps at which a search for choices ends."""
MAX_NODES: Final = 5_000
"""Most nodes of a search for choices, which ends alike on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """Basis of a solution, enough to start the next solve near its end.

    Attributes:
        columns, rows: status of each, by HiGHS's numbers (N,), (M,).
    """

    columns: Ints
    rows: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """A certified primal point (N,), its row duals (M,) and the basis.

    Duals are of the minimization.
    """

    primal_mw: Floats
    row_duals_usd_per_unit: Floats
    basis: Basis
    certificate: Certificate

    @property
    def status(self) -> PlanStatus:
        """Status by our own certificate, whatever the solver says."""
        return "optimal" if self.certificate.gap_share <= MAX_GAP_SHARE else "feasible"


def solve(
    model: LpModel,
    *,
    basis: Basis | None = None,
    by_dual: bool = False,
    swift: bool = False,
    has_contract: bool = False,
    is_near: bool = False,
    deadline_s: float = 600.0,
    is_cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """Solve a program to its optimum; a simplex stopped early raises.

    Args:
        basis: basis to start from; None for a cold start.
        by_dual: use the dual simplex method, which is quicker where limits changed and prices hardly did.
        swift: begin a cold solve with merged periods, and leave costs unperturbed from a basis: twice as fast, but of
            plans that are equally good it may find another.
        has_contract: the program has a power contract: rows and columns are not scaled, and for a swift solve from a
            basis by the dual method rows are bounded on both sides.
        is_near: the basis is a few steps from its optimum, too few for exact weights of its rows to pay.
        deadline_s: time limit in real seconds.
        is_cancelled: called every few iterations, from this thread; True ends the solve.

    Raises:
        PlanTimeout: the deadline came first, or the solve was cancelled.
        PlanInfeasible: HiGHS found no solution, or our certificate refused it. The model has slacks, so it is a fault.
    """
    is_cold, limit_s = basis is None, deadline_s
    if is_cold and swift and model.steps > 1 and len(model.cost_usd_per_mw) <= SWIFT_COLUMNS:
        basis, by_dual = _basis_of_merged(model, has_contract, START_SHARE * deadline_s, is_cancelled), True
        limit_s = (1.0 - START_SHARE) * deadline_s
    solver = _solver(limit_s)
    solver.setOptionValue(
        "solver", "simplex" if len(model.cost_usd_per_mw) <= SIMPLEX_COLUMNS or basis is not None else "ipm"
    )
    if has_contract:
        # Energy in batteries, pledges and peaks are of one size with the loads: scaled, they take more steps.
        solver.setOptionValue("simplex_scale_strategy", UNSCALED)
    if basis is not None:
        solver.setOptionValue("presolve", "off")
        # New prices leave a shifted basis feasible, not optimal: the primal method goes on from there, twice as fast.
        solver.setOptionValue("simplex_strategy", DUAL_SIMPLEX if by_dual else PRIMAL_SIMPLEX)
        if swift and not is_cold:
            # Near the end, steps that take perturbations away again are half of all.
            solver.setOptionValue("dual_simplex_cost_perturbation_multiplier", 0.0)
        if is_near:
            solver.setOptionValue("simplex_dual_edge_weight_strategy", DEVEX_WEIGHTS)
    _pass(_bounded(model) if has_contract and swift and by_dual and not is_cold else model, solver)
    if basis is not None:
        solver.setBasis(_highs_basis(basis))
    if is_cancelled is not None:
        _heed(is_cancelled, solver)
    solver.run()
    return _solution_of(solver, model, deadline_s)


def _solution_of(solver: highspy.Highs, model: LpModel, deadline_s: float) -> Solution:
    """Read the solution of a program that was run, and certify it."""
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInterrupt:
        raise PlanTimeout("the solve was given up: the program ends")
    if status == highspy.HighsModelStatus.kTimeLimit:
        raise PlanTimeout(
            f"HiGHS had no optimum within {deadline_s:g} s: allow more (MARA_PLAN_DEADLINE_S), or look less far ahead"
        )
    found = solver.getSolution()
    primal_mw, duals = np.array(found.col_value), np.array(found.row_dual)
    if len(primal_mw) != len(model.cost_usd_per_mw) or not found.value_valid:
        raise PlanInfeasible(f"HiGHS found no solution ({solver.modelStatusToString(status)})")
    certificate = certificate_of(model, primal_mw, duals)
    if certificate.residual_mw > MAX_RESIDUAL_MW:
        raise PlanInfeasible(f"HiGHS's solution is off by {certificate.residual_mw:.3g} MW: not used")
    return Solution(
        primal_mw=primal_mw,
        row_duals_usd_per_unit=duals,
        basis=basis_of(solver, model, primal_mw, duals),
        certificate=certificate,
    )


def _basis_of_merged(
    model: LpModel, has_contract: bool, deadline_s: float, is_cancelled: Callable[[], bool] | None
) -> Basis | None:
    """Solve the program with merged periods, and give each period its group's basis.

    None if the merged program has no plan, or none in time: the whole one may have.
    """
    group = np.arange(model.steps) // MERGED_PERIODS
    coarse = merged(model, group)
    try:
        basis = solve(
            coarse, swift=True, has_contract=has_contract, deadline_s=deadline_s, is_cancelled=is_cancelled
        ).basis
    except (PlanInfeasible, PlanTimeout):
        return None
    return Basis(
        columns=_spread(basis.columns, model.columns.width, group), rows=_spread(basis.rows, model.period_rows, group)
    )


def _spread(status: Ints, size: int, group: Ints) -> Ints:
    """Repeat the statuses of groups for their periods; those after the last stay."""
    end = size * (int(group[-1]) + 1)
    return np.concatenate([status[:end].reshape(-1, size)[group].ravel(), status[end:]])


def interior_point(model: LpModel, *, deadline_s: float) -> tuple[float, Floats]:
    """Approximate the best profit [USD] and the row duals (M,).

    Interior point without crossover is enough for a bound, and many times quicker than a vertex where a program has
    tens of thousands of rows; it is not a plan.

    Raises:
        PlanTimeout: the deadline came first.
    """
    solver = _solver(deadline_s)
    solver.setOptionValue("solver", "ipm")
    solver.setOptionValue("run_crossover", "off")
    _pass(model, solver)
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kTimeLimit:
        raise PlanTimeout(f"HiGHS had no bound within {deadline_s:g} s: ask for a shorter stretch")
    found = solver.getSolution()
    primal_mw = np.array(found.col_value)
    return -cost_usd(model, primal_mw), np.array(found.row_dual)


def solve_choices(
    model: LpModel, pairs: Ints, *, deadline_s: float, is_cancelled: Callable[[], bool] | None = None
) -> Bools:
    """Choose which column of each pair stays at zero, at the optimum over all choices.

    Args:
        pairs: two columns each, of which one must be zero (N, 2).

    Returns:
        True where the first of a pair may be above zero (N,).

    Raises:
        PlanTimeout: the deadline came first, the search was cancelled, or it found nothing within its limit of nodes.
        PlanInfeasible: no choice is possible.
    """
    count, columns = len(pairs), len(model.cost_usd_per_mw)
    solver = _solver(deadline_s)
    solver.setOptionValue("mip_rel_gap", CHOICE_GAP_SHARE)
    solver.setOptionValue("mip_abs_gap", CHOICE_GAP_USD)
    solver.setOptionValue("mip_max_nodes", MAX_NODES)
    _pass(with_choices(model, pairs), solver, integers=count)
    if is_cancelled is not None:
        _heed(is_cancelled, solver, in_search=True)
    solver.run()
    found, status = solver.getSolution(), solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInterrupt:
        raise PlanTimeout("the search for directions was given up: the program ends")
    if status == highspy.HighsModelStatus.kInfeasible:
        raise PlanInfeasible("no battery that charges or discharges alone keeps all limits: is end_mwh within reach?")
    # A search that is cut off by seconds would end differently on another machine.
    if status == highspy.HighsModelStatus.kTimeLimit or not found.value_valid:
        raise PlanTimeout(
            f"HiGHS had no directions for {count} steps of batteries within {deadline_s:g} s and {MAX_NODES:,} nodes: "
            "allow more, or look less far ahead"
        )
    return np.asarray(np.array(found.col_value)[columns:] > 0.5)


def _bounded(model: LpModel) -> LpModel:
    """Bound every row on both sides, by limits beyond what its columns can reach.

    A price of the wrong sign then takes a row from one limit to the other. Rows with a single limit, of which the first
    basis has dozens at wrong prices, would be put right before all else: a quarter of all steps.
    """
    middle = model.matrix @ (0.5 * (model.lower_mw + model.upper_mw))
    reach = abs(model.matrix) @ (0.5 * (model.upper_mw - model.lower_mw))
    least, most = middle - reach, middle + reach
    return replace(
        model,
        row_lower=np.where(np.isfinite(model.row_lower), model.row_lower, np.minimum(least, model.row_upper) - BEYOND),
        row_upper=np.where(np.isfinite(model.row_upper), model.row_upper, np.maximum(most, model.row_lower) + BEYOND),
    )


def _solver(deadline_s: float) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", deadline_s)):
        solver.setOptionValue(option, value)
    return solver


def _heed(is_cancelled: Callable[[], bool], solver: highspy.Highs, *, in_search: bool = False) -> None:
    """Ask at every step whether to give up.

    Through `Highs.cbSimplexInterrupt` each question takes twice as long, and a solve has a thousand.
    """

    def look(*told: Any) -> None:
        if is_cancelled():
            told[_ANSWER].user_interrupt = True

    solver.setCallback(look, None)
    solver.startCallback(highspy.cb.HighsCallbackType.kCallbackSimplexInterrupt)
    solver.startCallback(highspy.cb.HighsCallbackType.kCallbackIpmInterrupt)
    if in_search:
        solver.startCallback(highspy.cb.HighsCallbackType.kCallbackMipInterrupt)


def _pass(model: LpModel, solver: highspy.Highs, integers: int = 0) -> None:
    """Pass the program as arrays; its last columns may be whole numbers.

    An `HighsLp` built field by field takes ten times as long.
    """
    columns = len(model.cost_usd_per_mw)
    integrality = np.zeros(columns, dtype=np.int32)
    integrality[columns - integers :] = 1
    solver.passModel(
        columns,
        len(model.row_lower),
        model.matrix.nnz,
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMinimize),
        model.offset_usd,
        model.cost_usd_per_mw,
        model.lower_mw,
        model.upper_mw,
        model.row_lower,
        model.row_upper,
        model.matrix.indptr[:-1].astype(np.int32),
        model.matrix.indices.astype(np.int32),
        model.matrix.data,
        integrality,
    )


def basis_of(solver: highspy.Highs, model: LpModel, primal_mw: Floats, row_duals_usd_per_unit: Floats) -> Basis:
    """Return the basis that HiGHS would list, in a third of the time.

    What is not basic stands at a bound; where both are one, HiGHS names it by the sign of the dual.

    Args:
        primal_mw (N,), row_duals_usd_per_unit (M,): the solution found.
    """
    given, basic = solver.getBasicVariables()  # type: ignore[attr-defined]  # highspy's stub leaves it out
    if given != highspy.HighsStatus.kOk:
        return listed_basis_of(solver)
    basic, found = np.asarray(basic), solver.getSolution()
    columns = _at_bounds(
        model.lower_mw, model.upper_mw, lambda at: primal_mw[at], lambda at: _taken(found.col_dual, at)
    )
    rows = _at_bounds(
        model.row_lower, model.row_upper, lambda at: _taken(found.row_value, at), lambda at: -row_duals_usd_per_unit[at]
    )
    columns[basic[basic >= 0]] = BASIC
    rows[-1 - basic[basic < 0]] = BASIC
    return Basis(columns=columns, rows=rows)


def _at_bounds(
    lower_mw: Floats, upper_mw: Floats, at_mw: Callable[[Ints], Floats], dual_usd_per_mw: Callable[[Ints], Floats]
) -> Ints:
    """Return the status of each column or row (N,) as if none were basic.

    Values and duals are asked for where they decide alone: HiGHS makes an object of each.
    """
    has_lower, has_upper = np.isfinite(lower_mw), np.isfinite(upper_mw)
    at_upper = has_upper & ~has_lower
    is_fixed = lower_mw == upper_mw
    if len(between := np.flatnonzero(has_lower & has_upper & ~is_fixed)):
        at = at_mw(between)
        at_upper[between] = at - lower_mw[between] > upper_mw[between] - at
    if len(fixed := np.flatnonzero(is_fixed)):
        at_upper[fixed] = dual_usd_per_mw(fixed) < 0.0
    return np.where(at_upper, AT_UPPER, np.where(has_lower, AT_LOWER, _FREE))


def _taken(values: Sequence[float], at: Ints) -> Floats:
    """Take the values at some places (N,)."""
    return np.array([values[i] for i in at.tolist()])


def slack_basis(model: LpModel) -> Basis:
    """Make the basis of a cold start: rows slack, columns at their lower bounds."""
    return Basis(columns=np.full(len(model.cost_usd_per_mw), AT_LOWER), rows=np.full(len(model.row_lower), BASIC))


def listed_basis_of(solver: highspy.Highs) -> Basis:
    """Return the basis as HiGHS lists it."""
    given = solver.getBasis()
    return Basis(
        columns=np.array([v.value for v in given.col_status], dtype=np.int64),
        rows=np.array([v.value for v in given.row_status], dtype=np.int64),
    )


def _highs_basis(basis: Basis) -> highspy.HighsBasis:
    given = highspy.HighsBasis()
    given.col_status = _STATUSES[basis.columns].tolist()
    given.row_status = _STATUSES[basis.rows].tolist()
    given.valid = True
    return given


_ANSWER: Final = 3
"""Place, among what HiGHS hands over when it asks, of the answer."""
_STATUSES: Final = np.array([highspy.HighsBasisStatus(v) for v in range(5)], dtype=np.object_)
AT_LOWER, BASIC, AT_UPPER, _FREE = (
    status.value
    for status in (
        highspy.HighsBasisStatus.kLower,
        highspy.HighsBasisStatus.kBasic,
        highspy.HighsBasisStatus.kUpper,
        highspy.HighsBasisStatus.kZero,
    )
)
