"""Our own certificate of a solution: a dual bound that is safe whatever the multipliers, and the primal residual.

The solver's status word is not trusted: it says "unknown" of solutions whose gap is 1e-6, and "optimal" of rows that
are off.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.optimizers.lp.model import LpModel

ROUNDING_SHARE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is proven: profit of a feasible plan and an upper bound on any [USD]; worst violation of a row or bound
    [MW].
    """

    objective_usd: float
    bound_usd: float
    residual_mw: float

    @property
    def gap_share(self) -> float:
        """(bound - objective) / |bound|."""
        return (self.bound_usd - self.objective_usd) / max(abs(self.bound_usd), 1.0)


def certificate_of(model: LpModel, primal: Floats, row_duals: Floats) -> Certificate:
    """Check a primal point and multipliers against the model."""
    activity = row_activity(model, primal)
    residual = max(
        float(np.max(model.row_lower - activity, initial=0.0)),
        float(np.max(activity - model.row_upper, initial=0.0)),
        float(np.max(model.lower - primal, initial=0.0)),
        float(np.max(primal - model.upper, initial=0.0)),
    )
    objective = -(float(model.cost @ primal) + model.offset_usd)
    bound = bound_usd(model, row_duals)
    if 0.0 < objective - bound <= ROUNDING_SHARE * abs(objective):
        bound = objective  # a higher bound is a bound too, and two sums of one value differ in their last digits
    return Certificate(objective_usd=objective, bound_usd=bound, residual_mw=residual)


def bound_usd(model: LpModel, row_duals: Floats) -> float:
    """Most profit that any plan can make, by weak duality: multipliers are first projected to signs that their rows
    allow.

    For ``min c x, L <= A x <= U, l <= x <= u`` and any y: ``sum y+ L + y- U + sum d+ l + d- u`` with ``d = c - A'y``.
    """
    given = np.where(np.isfinite(row_duals), row_duals, 0.0)
    y = np.where(np.isfinite(model.row_lower), given, np.minimum(given, 0.0))
    y = np.where(np.isfinite(model.row_upper), y, np.maximum(y, 0.0))
    reduced = model.cost - transposed(model, y)
    at_rows = np.where(y > 0.0, model.row_lower, model.row_upper)
    from_rows = float((y * np.where(y == 0.0, 0.0, at_rows)).sum())
    from_bounds = float((reduced * np.where(reduced > 0.0, model.lower, model.upper)).sum())
    return -(from_rows + from_bounds + model.offset_usd)


def row_activity(model: LpModel, primal: Floats) -> Floats:
    """A x."""
    products = model.values * primal[model.indices]
    return np.add.reduceat(np.append(products, 0.0), model.starts[:-1]) * (np.diff(model.starts) > 0)


def transposed(model: LpModel, y: Floats) -> Floats:
    """A' y."""
    weights = model.values * np.repeat(y, np.diff(model.starts))
    return np.asarray(np.bincount(model.indices, weights=weights, minlength=len(model.cost)), dtype=np.float64)
