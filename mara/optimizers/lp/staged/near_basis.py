"""Warm solves of the part of a program that is near its basis.

Of all rows four in ten bind neither at the basis that a solve starts from nor at its optimum, and those that come to
bind do so in periods next to others in which they bind already. What is pledged of a load is all of it, hour after
hour, and can be counted with the load. The solver's work for each row is thus saved; if the choice was wrong, the
certificate of the whole program shows it.

Model: docs/model.md#6-horizon-and-warm-starts
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT
from mara.optimizers.lp.model import LpModel
from mara.optimizers.lp.solve import AT_UPPER, BASIC, Basis, solve

REACH: Final = 8
"""Most periods between a row that may come to bind and one of its kind that does.

Chosen by measurement: with 4 a third of all solves lack a row, with 8 a fifth, and 5 % more rows stay.
"""
FIRST_PERIODS: Final = 4
"""Periods of which every row stays.

The world's state changes what binds in them.
"""
CALM_PERIODS: Final = 4
"""Least periods before and after in which a pledge must be all of its load.

Else it is not counted with the load.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pledges:
    """Rows and columns of a period that say of a load: no more is pledged than runs.

    Attributes:
        rows, columns: the row of each load, and the column of what is pledged of it, with a factor of one (P,).
    """

    rows: Ints
    columns: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnprovenPoint:
    """A primal point (N,), row duals (M,) and the basis; nothing is proven."""

    primal_mw: Floats
    row_duals_usd_per_unit: Floats
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _NearPart:
    """Part of a program.

    Attributes:
        rows, columns: those that it has (M,), (N,).
        tied_rows, tied_columns: pledges that are all of their loads, in order of their columns (P,).
        loads, pledged: entries of its columns in tied rows (P, n), and of tied columns in its rows (m, P).
    """

    rows: Bools
    columns: Bools
    tied_rows: Ints
    tied_columns: Ints
    loads: Any
    pledged: Any
    model: LpModel


def solve_near(
    model: LpModel,
    basis: Basis,
    pledges: Pledges,
    stays: Bools,
    *,
    deadline_s: float,
    is_cancelled: Callable[[], bool] | None,
) -> UnprovenPoint:
    """Solve the part of a program near a basis, and complete it to all of it.

    Rows that were left out may be broken, and pledges may be worth giving up: it is for the caller to check.

    Args:
        stays: rows that are left out in no period (R,).

    Raises:
        PlanError: there is no solution, or none in time.
    """
    part = _part_of(model, basis, pledges, stays)
    found = solve(
        part.model,
        basis=Basis(columns=basis.columns[part.columns], rows=basis.rows[part.rows]),
        by_dual=True,
        swift=True,
        has_contract=True,
        deadline_s=deadline_s,
        is_cancelled=is_cancelled,
    )
    primal_mw, duals = np.zeros(len(part.columns)), np.zeros(len(part.rows))
    primal_mw[part.columns], duals[part.rows] = found.primal_mw, found.row_duals_usd_per_unit
    primal_mw[part.tied_columns] = model.row_upper[part.tied_rows] - part.loads @ found.primal_mw
    gain = model.cost_usd_per_mw[part.tied_columns] - part.pledged.T @ found.row_duals_usd_per_unit
    duals[part.tied_rows] = np.minimum(gain, 0.0)
    columns, rows = np.full(len(part.columns), BASIC), np.full(len(part.rows), BASIC)
    columns[part.columns], rows[part.rows], rows[part.tied_rows] = found.basis.columns, found.basis.rows, AT_UPPER
    return UnprovenPoint(primal_mw=primal_mw, row_duals_usd_per_unit=duals, basis=Basis(columns=columns, rows=rows))


def _part_of(model: LpModel, basis: Basis, pledges: Pledges, stays: Bools) -> _NearPart:
    from scipy.sparse import csr_array  # importing takes 0.1 s, and many commands plan nothing

    binds = (basis.rows != BASIC)[: model.steps * model.period_rows].reshape(model.steps, -1)
    is_near = _spread_over(binds, REACH) | stays
    is_near[:FIRST_PERIODS] = True
    rows = np.concatenate([is_near.ravel(), np.ones(PROMISED_TIER_COUNT, dtype=np.bool_)])
    rows |= model.row_lower == model.row_upper
    # A pledge is all of its load where its row binds and it is what the row determines.
    basic = (basis.columns == BASIC).reshape(model.steps, -1)[:, pledges.columns]
    is_all = ~_spread_over(~(basic & binds[:, pledges.rows]), CALM_PERIODS)
    # No pledge that costs something is worth making, whatever the rows that limit it are worth.
    step, load = np.nonzero(is_all & (model.cost_usd_per_mw.reshape(model.steps, -1)[:, pledges.columns] <= 0.0))
    tied_columns = step * model.columns.width + pledges.columns[load]
    order = np.argsort(tied_columns)
    tied_columns, tied_rows = tied_columns[order], (step * model.period_rows + pledges.rows[load])[order]
    rows[tied_rows] = False
    columns = np.ones(len(basis.columns), dtype=np.bool_)
    columns[tied_columns] = False

    row = np.repeat(np.arange(len(rows)), np.diff(model.matrix.indptr))
    column, values = model.matrix.indices, model.matrix.data
    new_row, new_column = np.cumsum(rows) - 1, np.where(columns, np.cumsum(columns), np.cumsum(~columns)) - 1
    new_row[tied_rows] = np.arange(len(tied_rows))
    is_tied = np.zeros(len(rows), dtype=np.bool_)
    is_tied[tied_rows] = True

    def entries(of_rows: Bools, of_columns: Bools) -> Any:
        found = of_rows[row] & of_columns[column]
        places = (new_row[row[found]], new_column[column[found]])
        return csr_array((values[found], places), shape=(int(of_rows.sum()), int(of_columns.sum())))

    matrix, loads, pledged = entries(rows, columns), entries(is_tied, columns), entries(rows, ~columns)
    room_mw, gain = model.row_upper[tied_rows], model.cost_usd_per_mw[tied_columns]
    taken = pledged @ room_mw
    part = replace(
        model,
        cost_usd_per_mw=model.cost_usd_per_mw[columns] - loads.T @ gain,
        lower_mw=model.lower_mw[columns],
        upper_mw=model.upper_mw[columns],
        row_lower=model.row_lower[rows] - taken,
        row_upper=model.row_upper[rows] - taken,
        matrix=csr_array(matrix - pledged @ loads),
        offset_usd=model.offset_usd + float((gain * room_mw).sum()),
        families={},
    )
    return _NearPart(
        rows=rows,
        columns=columns,
        tied_rows=tied_rows,
        tied_columns=tied_columns,
        loads=loads,
        pledged=pledged,
        model=part,
    )


def _spread_over(flags: Bools, reach: int) -> Bools:
    """Set flags (H, N) in all periods that are near one in which they are set."""
    found = flags.copy()
    for later in range(1, min(reach, len(flags) - 1) + 1):
        found[later:] |= flags[:-later]
        found[:-later] |= flags[later:]
    return found
