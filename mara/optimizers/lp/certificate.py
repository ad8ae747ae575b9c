"""Certificate of a solution: residual, and a bound from any multipliers.

The solver's status is not trusted: it says "unknown" of solutions whose gap is 1e-6, and "optimal" of rows that are
violated. The bound needs no feasible multipliers because every column has finite bounds.

Source: Neumaier and Shcherbina 2004, doi:10.1007/s10107-003-0433-3. Unlike there, sums are ordinary floats without
directed rounding: safe against wrong multipliers, not against the last digits.
Model: docs/model.md#7-certificate-and-bounds
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.plan import gap_share
from mara.optimizers.lp.model import LpModel

ROUNDING_SHARE: Final = 1e-9
DOT_NUMBERS: Final = 10_000
"""Most products that BLAS sums without threads.

Beyond, its threads wait for more work, busily: a seventh of the CPU time of a warm solve. And the last digits of a sum
would depend on the number of processors.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Proven figures of a solution.

    Attributes:
        objective_usd: profit of the plan, feasible but for the residual.
        bound_usd: no plan earns more.
        residual_mw: worst violation of a row or a bound.
    """

    objective_usd: float
    bound_usd: float
    residual_mw: float

    @property
    def gap_share(self) -> float:
        """Relative optimality gap: (bound - objective) / |bound|.

        The denominator is at least one dollar. Model: docs/model.md#7-certificate-and-bounds
        """
        return gap_share(self.objective_usd, self.bound_usd, least_usd=1.0)


def certificate_of(model: LpModel, primal_mw: Floats, row_duals_usd_per_unit: Floats) -> Certificate:
    """Check a primal point (N,) and row multipliers (M,) against the model."""
    activity = row_activity(model, primal_mw)
    residual = max(
        float(np.max(model.row_lower - activity, initial=0.0)),
        float(np.max(activity - model.row_upper, initial=0.0)),
        float(np.max(model.lower_mw - primal_mw, initial=0.0)),
        float(np.max(primal_mw - model.upper_mw, initial=0.0)),
    )
    objective = -cost_usd(model, primal_mw)
    bound = bound_usd(model, row_duals_usd_per_unit)
    if 0.0 < objective - bound <= ROUNDING_SHARE * abs(objective):
        bound = objective  # a higher bound is a bound too, and two sums of one value differ in their last digits
    return Certificate(objective_usd=objective, bound_usd=bound, residual_mw=residual)


def cost_usd(model: LpModel, primal_mw: Floats) -> float:
    """Sum the cost of a primal point (N,), to the same digits on every machine [USD]."""
    parts = -(-len(primal_mw) // DOT_NUMBERS)
    pairs = zip(np.array_split(model.cost_usd_per_mw, parts), np.array_split(primal_mw, parts), strict=True)
    return sum(float(cost @ power) for cost, power in pairs) + model.offset_usd


def bound_usd(model: LpModel, row_duals_usd_per_unit: Floats) -> float:
    """Bound the profit of any plan from above by weak duality [USD].

    Multipliers (M,) are first projected to the signs that their rows allow. For ``min c x, L <= A x <= U, l <= x <= u``
    and any y: ``sum y+ L + y- U + sum d+ l + d- u`` with ``d = c - A'y``.
    """
    given = np.where(np.isfinite(row_duals_usd_per_unit), row_duals_usd_per_unit, 0.0)
    y = np.where(np.isfinite(model.row_lower), given, np.minimum(given, 0.0))
    y = np.where(np.isfinite(model.row_upper), y, np.maximum(y, 0.0))
    reduced = model.cost_usd_per_mw - transposed(model, y)
    at_rows = np.where(y > 0.0, model.row_lower, model.row_upper)
    from_rows = float((y * np.where(y == 0.0, 0.0, at_rows)).sum())
    from_bounds = float((reduced * np.where(reduced > 0.0, model.lower_mw, model.upper_mw)).sum())
    return -(from_rows + from_bounds + model.offset_usd)


def row_activity(model: LpModel, primal_mw: Floats) -> Floats:
    """Compute A x (M,)."""
    return np.asarray(model.matrix @ primal_mw)


def transposed(model: LpModel, row_duals_usd_per_unit: Floats) -> Floats:
    """Compute A' y (N,) of row multipliers y (M,)."""
    return np.asarray(model.matrix.T @ row_duals_usd_per_unit)
