"""HiGHS behind one function: a model in, a certified solution out. The only importer of highspy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import highspy
import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.plan import PlanStatus
from mara.errors import PlanInfeasible, PlanTimeout
from mara.optimizers.lp.certificate import Certificate, certificate_of
from mara.optimizers.lp.model import LpModel

SIMPLEX_COLUMNS: Final = 16_000
"""Up to this many columns dual simplex is quicker, above it interior point with crossover."""
DUAL_SIMPLEX: Final = 1
PRIMAL_SIMPLEX: Final = 4
"""HiGHS's numbers for them."""
MAX_RESIDUAL_MW: Final = 1e-5
MAX_GAP_SHARE: Final = 1e-6
"""A solution is called optimal when our own bound is this close."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """Which columns and rows are basic, by HiGHS's numbers: enough to start the next solve near its end."""

    columns: Ints
    rows: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """A certified primal point, its row duals (of the minimization) and the basis."""

    primal: Floats
    row_duals: Floats
    basis: Basis
    certificate: Certificate

    @property
    def status(self) -> PlanStatus:
        """What our own certificate says, not the solver."""
        return "optimal" if self.certificate.gap_share <= MAX_GAP_SHARE else "feasible"


def solve(
    model: LpModel,
    *,
    basis: Basis | None = None,
    by_dual: bool = False,
    deadline_s: float = 600.0,
    is_cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """The optimum, or an error; never a plan from a simplex that was stopped early.

    With `by_dual` the dual method goes on from the basis: quicker where limits changed and prices hardly did.
    `is_cancelled` is asked every few iterations, from this thread.

    Raises:
        PlanTimeout: the deadline came first, or the solve was cancelled.
        PlanInfeasible: no solution, or none that our own certificate accepts: a fault of the model, for it has slacks.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", deadline_s)
    solver.setOptionValue("solver", "simplex" if len(model.cost) <= SIMPLEX_COLUMNS or basis is not None else "ipm")
    if basis is not None:
        solver.setOptionValue("presolve", "off")
        # New prices leave a shifted basis feasible, not optimal: the primal method goes on from there, twice as fast.
        solver.setOptionValue("simplex_strategy", DUAL_SIMPLEX if by_dual else PRIMAL_SIMPLEX)
    _pass(model, solver)
    if basis is not None:
        solver.setBasis(_highs_basis(basis))
    if is_cancelled is not None:
        _heed(is_cancelled, solver)
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInterrupt:
        raise PlanTimeout("the solve was given up: the program ends")
    if status == highspy.HighsModelStatus.kTimeLimit:
        raise PlanTimeout(f"HiGHS had no optimum within {deadline_s:g} s: allow more, or look less far ahead")
    found = solver.getSolution()
    primal, duals = np.array(found.col_value), np.array(found.row_dual)
    if len(primal) != len(model.cost) or not found.value_valid:
        raise PlanInfeasible(f"HiGHS found no solution ({solver.modelStatusToString(status)})")
    certificate = certificate_of(model, primal, duals)
    if certificate.residual_mw > MAX_RESIDUAL_MW:
        raise PlanInfeasible(f"HiGHS's solution is off by {certificate.residual_mw:.3g} MW: not used")
    given = solver.getBasis()
    return Solution(
        primal=primal,
        row_duals=duals,
        basis=Basis(
            columns=np.array([v.value for v in given.col_status], dtype=np.int64),
            rows=np.array([v.value for v in given.row_status], dtype=np.int64),
        ),
        certificate=certificate,
    )


def interior_point(model: LpModel, *, deadline_s: float) -> tuple[float, Floats]:
    """About the best profit [USD] and row duals (of the minimization) by interior point without crossover.

    Enough for a bound, and many times quicker than a vertex where a program has tens of thousands of rows; not a plan.

    Raises:
        PlanTimeout: the deadline came first.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", deadline_s)
    solver.setOptionValue("solver", "ipm")
    solver.setOptionValue("run_crossover", "off")
    _pass(model, solver)
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kTimeLimit:
        raise PlanTimeout(f"HiGHS had no bound within {deadline_s:g} s: ask for a shorter stretch")
    found = solver.getSolution()
    primal = np.array(found.col_value)
    return -(float(model.cost @ primal) + model.offset_usd), np.array(found.row_dual)


def _heed(is_cancelled: Callable[[], bool], solver: highspy.Highs) -> None:
    def look(event: highspy.HighsCallbackEvent) -> None:
        if is_cancelled():
            event.interrupt()

    solver.cbSimplexInterrupt += look
    solver.cbIpmInterrupt += look


def _pass(model: LpModel, solver: highspy.Highs) -> None:
    """Hand the program over as arrays: an `HighsLp` built field by field takes ten times as long."""
    columns = len(model.cost)
    solver.passModel(
        columns,
        len(model.row_lower),
        len(model.values),
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMinimize),
        model.offset_usd,
        model.cost,
        model.lower,
        model.upper,
        model.row_lower,
        model.row_upper,
        model.starts[:-1].astype(np.int32),
        model.indices.astype(np.int32),
        model.values,
        np.zeros(columns, dtype=np.int32),
    )


def _highs_basis(basis: Basis) -> highspy.HighsBasis:
    given = highspy.HighsBasis()
    given.col_status = [_STATUSES[v] for v in basis.columns.tolist()]
    given.row_status = [_STATUSES[v] for v in basis.rows.tolist()]
    given.valid = True
    return given


_STATUSES: Final = tuple(highspy.HighsBasisStatus(v) for v in range(5))
