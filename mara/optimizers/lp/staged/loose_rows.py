"""Swift solves that begin without the rows which hardly ever bind.

A fifth of all rows say where the N+1 reserve may stand, which costs nothing. In most programs racks enough are free of
Premium and Standard, and the plan without these rows is the plan with them. The same holds of load that no product pays
for: none of it is pledged, so no row has to say that the pledged load runs.

Model: docs/model.md#6-horizon-and-warm-starts
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.units import TOLERANCE_MW
from mara.errors import PlanInfeasible
from mara.optimizers.lp.certificate import certificate_of, row_activity
from mara.optimizers.lp.model import RESERVE_ROWS, LpModel, rows_of, with_rows
from mara.optimizers.lp.solve import AT_LOWER, AT_UPPER, BASIC, Basis, Solution, solve
from mara.optimizers.lp.staged.near_basis import Pledges, UnprovenPoint, solve_near

FIRST_SHARE: Final = 0.75
"""Part of the deadline for the program with fewer rows; then come all rows."""
MAX_OFF_SHARE: Final = 1e-9
"""Largest gap of a solution with fewer rows.

A larger one comes from a pledge that is worth giving up.
"""
ROOM_ROWS: Final = ("reserve", "sold_racks", "sold_power")
"""Families that limit the reserve of each site."""

SUDDEN_ROWS: Final = ("ramps", "site_peak", "pledged_energy")
"""Families that come to bind far from where they did.

That is so in one warm solve out of three.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LeftOut:
    """Rows and columns of each period that a solve does without.

    Attributes:
        rows: rows that are left out (R,).
        reserve: reserve and its sum, if their rows are left out (W,).
    """

    rows: Bools
    reserve: Bools


def solve_swiftly(
    model: LpModel,
    *,
    basis: Basis | None = None,
    by_dual: bool = False,
    has_contract: bool = False,
    deadline_s: float = 600.0,
    is_cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """Solve a program swiftly to its optimum, with fewer rows where that can be.

    Arguments and exceptions are those of `solve`. What a basis stands at is kept, for it would stand there again.
    """
    left_out = _left_out(model, basis)
    is_near = has_contract and by_dual and basis is not None
    swiftly = partial(solve, swift=True, has_contract=has_contract, is_cancelled=is_cancelled)
    if not (is_near or left_out.rows.any()):
        return swiftly(model, basis=basis, by_dual=by_dual, deadline_s=deadline_s)
    limit_s = FIRST_SHARE * deadline_s
    fewer = with_rows(model, ~left_out.rows)
    begin = None if basis is None else _restricted(basis, model, left_out)
    if is_near and begin is not None:
        pledges, stays = _pledges(model, left_out), rows_of(model, SUDDEN_ROWS)[~left_out.rows]
        try:
            first = solve_near(fewer, begin, pledges, stays, deadline_s=limit_s, is_cancelled=is_cancelled)
        except PlanInfeasible:  # the part may lack a row without which it has no end
            return swiftly(model, basis=basis, by_dual=True, deadline_s=deadline_s - limit_s)
    else:
        found = swiftly(fewer, basis=begin, by_dual=by_dual, deadline_s=limit_s)
        first = UnprovenPoint(
            primal_mw=found.primal_mw, row_duals_usd_per_unit=found.row_duals_usd_per_unit, basis=found.basis
        )
    whole = _completed(first, model, left_out)
    if whole.certificate.residual_mw <= TOLERANCE_MW and whole.certificate.gap_share <= MAX_OFF_SHARE:
        return whole
    return swiftly(model, basis=whole.basis, by_dual=True, is_near=is_near, deadline_s=deadline_s - limit_s)


def _pledges(model: LpModel, left_out: _LeftOut) -> Pledges:
    """Find pledges of loads whose rows stay."""
    if "pledged" not in model.families:
        none = np.zeros(0, dtype=np.int64)
        return Pledges(rows=none, columns=none)
    rows = np.arange(model.period_rows)[model.families["pledged"]]
    stays = ~left_out.rows[rows]
    return Pledges(rows=(np.cumsum(~left_out.rows) - 1)[rows[stays]], columns=_pledged_columns(model)[stays])


def _pledged_columns(model: LpModel) -> Ints:
    pledged = (model.columns.pledged_miners, model.columns.pledged_merchant, model.columns.pledged_spot)
    return np.concatenate([p.ravel() for p in pledged])


def _left_out(model: LpModel, basis: Basis | None) -> _LeftOut:
    """Choose rows to leave out: those that may be, and that a basis is not tied to."""
    about_reserve, unpaid = rows_of(model, RESERVE_ROWS), np.zeros(model.period_rows, dtype=np.bool_)
    reserve = np.zeros(model.columns.width, dtype=np.bool_)
    reserve[model.columns.reserve] = reserve[model.columns.reserve_sum] = True
    if "pledged" in model.families:
        cost = model.cost_usd_per_mw.reshape(model.steps, -1)[:, _pledged_columns(model)]
        unpaid[model.families["pledged"]] = (cost >= 0.0).all(axis=0)
    if basis is not None:
        columns, (rows, _) = basis.columns.reshape(model.steps, -1), _by_period(basis.rows, model)
        unpaid &= (rows == BASIC).all(axis=0)
        basic = (columns[:, reserve] == BASIC).sum(axis=1) + (rows[:, about_reserve] == BASIC).sum(axis=1)
        if (basic != about_reserve.sum()).any():
            about_reserve[:] = reserve[:] = False
    return _LeftOut(rows=about_reserve | unpaid, reserve=reserve)


def _restricted(basis: Basis, model: LpModel, left_out: _LeftOut) -> Basis:
    """Take out of a basis what is left out."""
    rows, budgets = _by_period(basis.rows, model)
    return Basis(
        columns=np.where(left_out.reserve, AT_LOWER, basis.columns.reshape(model.steps, -1)).ravel(),
        rows=np.concatenate([rows[:, ~left_out.rows].ravel(), budgets]),
    )


def _completed(found: UnprovenPoint, model: LpModel, left_out: _LeftOut) -> Solution:
    """Put back all rows, and give each site the reserve that it has room for.

    Where the room is too small, the solution is off by what is missing.
    """
    primal_mw = found.primal_mw.reshape(model.steps, -1).copy()
    columns = found.basis.columns.reshape(model.steps, -1).copy()
    rows, duals = np.full((model.steps, model.period_rows), BASIC), np.zeros((model.steps, model.period_rows))
    rows[:, ~left_out.rows], budgets = _by_period(found.basis.rows, model)
    duals[:, ~left_out.rows], budget_duals = _by_period(found.row_duals_usd_per_unit, model)
    if left_out.reserve.any():
        primal_mw[:, left_out.reserve], columns[:, left_out.reserve] = 0.0, BASIC
        room_mw, limits = _room_mw(primal_mw, model)
        primal_mw[:, model.columns.reserve] = np.maximum(room_mw.min(axis=1), 0.0)
        primal_mw[:, model.columns.reserve_sum] = primal_mw[:, model.columns.reserve].sum(axis=1, keepdims=True)
        tightest = np.take_along_axis(limits[None], room_mw.argmin(axis=1)[:, None], axis=1)[:, 0]
        np.put_along_axis(rows, tightest, AT_UPPER, axis=1)
        rows[:, model.families["reserve_sum"]] = AT_LOWER
    row_duals = np.concatenate([duals.ravel(), budget_duals])
    return Solution(
        primal_mw=primal_mw.ravel(),
        row_duals_usd_per_unit=row_duals,
        basis=Basis(columns=columns.ravel(), rows=np.concatenate([rows.ravel(), budgets])),
        certificate=certificate_of(model, primal_mw.ravel(), row_duals),
    )


def _room_mw(primal_mw: Floats, model: LpModel) -> tuple[Floats, Ints]:
    """Compute the reserve that each limit leaves to each site [MW].

    It is (H, K, S); with it come the rows of the limits (K, S).

    Args:
        primal_mw: a solution without reserve (H, W).
    """
    limits = np.stack([np.arange(model.period_rows)[model.families[f]] for f in ROOM_ROWS if f in model.families])
    reserve_alone = np.zeros_like(primal_mw)
    reserve_alone[:, model.columns.reserve] = 1.0
    taken_mw, factor = (
        _by_period(row_activity(model, each.ravel()), model)[0][:, limits] for each in (primal_mw, reserve_alone)
    )
    return (_by_period(model.row_upper, model)[0][:, limits] - taken_mw) / factor, limits


def _by_period(of_rows: np.ndarray, model: LpModel) -> tuple[np.ndarray, np.ndarray]:
    """Split an array over rows into a table by period (H, R), and the budgets (3,)."""
    periods, budgets = np.split(of_rows, [len(of_rows) - PROMISED_TIER_COUNT])
    return periods.reshape(model.steps, -1), budgets
