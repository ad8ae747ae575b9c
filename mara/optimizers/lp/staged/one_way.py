"""Solutions in which no battery charges and discharges at the same time.

A linear program burns energy in a battery's losses wherever energy is worth less than nothing. There, and only there,
charging or discharging is chosen by whole numbers; the rest of the program is solved again with the choice fixed. The
plan comes from that restriction and the bound from the relaxation without it, so the gap that is shown covers both.

Model: docs/model.md#the-power-contract
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools
from mara.core.units import TOLERANCE_MW
from mara.errors import PlanInfeasible
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.certificate import Certificate
from mara.optimizers.lp.columns import Columns
from mara.optimizers.lp.model import LpModel
from mara.optimizers.lp.solve import SIMPLEX_COLUMNS, SWIFT_COLUMNS, Basis, Solution, solve, solve_choices
from mara.optimizers.lp.staged.loose_rows import solve_swiftly

RELAXED_SHARE: Final = 2.0 / 3.0
"""Part of the deadline for the relaxation, which is nearly all the work."""
STAGE_SHARE: Final = 1.0 / 6.0
"""Part of the deadline for the choice, and for the program with directions fixed."""
MAX_ROUNDS: Final = 20
"""Most rounds of choosing; each adds steps, and two have always been enough."""


def solve_one_way(
    model: LpModel,
    case: LpCase,
    *,
    basis: Basis | None = None,
    by_dual: bool = False,
    swift: bool = False,
    deadline_s: float = 600.0,
    is_cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """Solve a case's program so that each battery goes one way at a time.

    Arguments and exceptions are those of `solve`; without batteries it is that. Large programs, and those with a power
    contract, are always solved swiftly, large ones by the dual method.
    """
    limit_s = STAGE_SHARE * deadline_s
    has_contract = case.power_contract is not None
    is_large = SIMPLEX_COLUMNS < len(model.cost_usd_per_mw) <= SWIFT_COLUMNS
    relaxed = (solve_swiftly if swift or has_contract or is_large else solve)(
        model,
        basis=basis,
        by_dual=by_dual or is_large,
        has_contract=has_contract,
        deadline_s=RELAXED_SHARE * deadline_s if len(model.columns.batteries) else deadline_s,
        is_cancelled=is_cancelled,
    )
    found, chosen = relaxed, np.zeros((case.steps, len(model.columns.batteries)), dtype=np.bool_)
    for _ in range(MAX_ROUNDS):
        both = _goes_both_ways(found, model)
        if not both.any():
            return found
        chosen |= both | _worth_burning(case, model.columns)
        pairs = _pairs(chosen, model)
        charges = solve_choices(model, pairs, deadline_s=limit_s, is_cancelled=is_cancelled)
        upper = model.upper_mw.copy()
        upper[np.where(charges, pairs[:, 1], pairs[:, 0])] = 0.0
        found = solve(
            replace(model, upper_mw=upper),
            basis=relaxed.basis,
            by_dual=True,
            deadline_s=limit_s,
            is_cancelled=is_cancelled,
        )
        found = replace(found, certificate=_bounded_by(relaxed.certificate, found.certificate))
    raise PlanInfeasible(f"batteries still go both ways after {MAX_ROUNDS} rounds of choosing: a fault of the model")


def _goes_both_ways(solution: Solution, model: LpModel) -> Bools:
    """Find steps and batteries that charge and discharge at once (H, B)."""
    columns = model.columns
    table = solution.primal_mw[: model.steps * columns.width].reshape(model.steps, columns.width)
    return np.asarray(np.minimum(table[:, columns.charged], table[:, columns.discharged]) > TOLERANCE_MW)


def _worth_burning(case: LpCase, columns: Columns) -> Bools:
    """Find steps and batteries with energy that may cost less than nothing (H, B)."""
    least = np.minimum(case.grid_usd_per_mwh, case.economics.sellback_usd_per_mwh + case.drawing_usd_per_mwh)
    if case.power_contract is not None:
        least = np.minimum(least, case.price_usd_per_mwh - case.power_contract.export_fee_usd_per_mwh)
        if case.power_contract.supply is not None:
            least = least - case.power_contract.supply.lost_usd_per_mwh(case.sites)
    return np.asarray(least[:, columns.batteries] <= 0.0)


def _pairs(chosen: Bools, model: LpModel) -> np.ndarray:
    """List the columns of charging and discharging where a choice is made (N, 2)."""
    step, battery = np.nonzero(chosen)
    first = step * model.columns.width
    return np.stack([first + model.columns.charged[battery], first + model.columns.discharged[battery]], axis=1)


def _bounded_by(relaxed: Certificate, restricted: Certificate) -> Certificate:
    return replace(restricted, bound_usd=max(relaxed.bound_usd, restricted.objective_usd))
