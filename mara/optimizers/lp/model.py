"""The linear program of a case as a sparse matrix, costs and bounds.

Columns and rows come period by period, and each period is laid out alike, so that a basis can be shifted along the
horizon. Every column has a finite upper bound, which makes the dual bound of any multipliers finite. A site without a
hedge, battery or demand charge buys exactly what it draws, so its energy cost is part of the cost of each load; only
the others, metered, have columns for buying.

Model: docs/model.md#5-the-linear-program
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.fleet import MINERS, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.instruments.costs import (
    add_hourly_costs,
    add_limits,
    add_peak_cost,
    add_upper,
    fixed_cost_usd,
)
from mara.optimizers.lp.instruments.families import contract_families_of
from mara.optimizers.lp.rows import Rows, demand_rows, families_of, flattened, rack_room_mw

RESERVE_ROWS: Final = ("reserve", "reserve_sum", "any_one_site", "sold_racks", "sold_power")
"""Families that say where the N+1 reserve may stand, and how much of it there is."""
MOST_ENTRIES_KEPT: Final = 1_000_000
"""Most entries of a matrix whose layout is kept for the next one: 16 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LpModel:
    """A linear program: minimize cost x + offset, with limits on A x and on x.

    It has N columns and M rows.

    Attributes:
        cost_usd_per_mw, lower_mw, upper_mw: cost and bounds of each column (N,); all columns are powers, but for the
            energy in batteries, in MWh.
        row_lower, row_upper: limits of each row (M,).
        matrix: A (M, N), a `scipy.sparse.csr_array`.
        offset_usd: cost that no decision changes: carbon and adder of hedged power, less the peak paid already.
        families: position of each family's rows within a period; the budget rows follow after the last period.
    """

    cost_usd_per_mw: Floats
    lower_mw: Floats
    upper_mw: Floats
    row_lower: Floats
    row_upper: Floats
    matrix: Any
    offset_usd: float
    columns: Columns
    families: dict[str, slice]
    period_rows: int
    steps: int


def model_of(case: LpCase) -> LpModel:
    """Build the program of a case; maximizing profit is minimizing its negative."""
    columns = columns_of(case)
    families = (*families_of(case, columns), *contract_families_of(case, columns))
    cost, upper = _cost(case, columns), _upper(case, columns)
    lower = np.zeros(upper.shape)
    # what is bought ahead and may not be drawn has to be sold
    lower[:, columns.sold] = np.maximum(case.hedge_mw - case.drawn_limit_mw, 0.0)[:, columns.hedged]
    if case.power_contract is not None:
        add_limits(lower, upper, case.power_contract, columns)
    no_bound = np.full(PROMISED_TIER_COUNT, -np.inf)
    slices: dict[str, slice] = {}
    first = 0
    for family in families:
        slices[family.name] = slice(first, first + family.count)
        first += family.count
    offset_usd = float(case.dt_h @ (case.carbon_price_usd_per_t * (case.carbon_t_per_mwh @ case.hedge_mw)))
    if case.power_contract is not None:
        offset_usd += fixed_cost_usd(case, case.power_contract, columns)
    return LpModel(
        cost_usd_per_mw=cost.ravel(),
        lower_mw=lower.ravel(),
        upper_mw=upper.ravel(),
        row_lower=np.concatenate([np.hstack([f.lower for f in families]).ravel(), no_bound]),
        row_upper=np.concatenate([np.hstack([f.upper for f in families]).ravel(), case.budget_mwh]),
        matrix=_matrix(case, columns, families),
        offset_usd=offset_usd,
        columns=columns,
        families=slices,
        period_rows=first,
        steps=case.steps,
    )


def with_new_demand(model: LpModel, case: LpCase) -> LpModel:
    """Rebuild the program for a case that differs in its contracts' demand alone.

    The matrix, which is most of the work, holds nothing of it.
    """
    columns, rows = model.columns, model.families["demand"]
    demand = demand_rows(case, columns)
    upper = model.upper_mw.reshape(model.steps, columns.width).copy()
    _bound_contracts(upper, case, columns)
    ends = model.steps * model.period_rows
    row_lower, row_upper = model.row_lower.copy(), model.row_upper.copy()
    row_lower[:ends].reshape(model.steps, -1)[:, rows] = demand.lower
    row_upper[:ends].reshape(model.steps, -1)[:, rows] = demand.upper
    return replace(model, upper_mw=upper.ravel(), row_lower=row_lower, row_upper=row_upper)


def without_rows(model: LpModel, families: Sequence[str], *, with_budgets: bool = True) -> LpModel:
    """Relax the program: leave out families of rows, or the budget rows.

    Families that it does not have are left out already.
    """
    return with_rows(model, ~rows_of(model, families), with_budgets=with_budgets)


def rows_of(model: LpModel, families: Sequence[str]) -> Bools:
    """Find the rows of some families within a period (R,), as far as it has them."""
    found = np.zeros(model.period_rows, dtype=np.bool_)
    for family in model.families.keys() & set(families):
        found[model.families[family]] = True
    return found


def with_rows(model: LpModel, stays: Bools, *, with_budgets: bool = True) -> LpModel:
    """Relax the program to some rows of each period (R,), and the budget rows."""
    budgets = np.full(PROMISED_TIER_COUNT, with_budgets, dtype=np.bool_)
    kept = np.concatenate([np.tile(stays, model.steps), budgets])
    return replace(
        model,
        row_lower=model.row_lower[kept],
        row_upper=model.row_upper[kept],
        matrix=model.matrix[kept],
        families={},
        period_rows=int(stays.sum()),
    )


def merged(model: LpModel, group: Ints) -> LpModel:
    """Shrink the program to one in which groups of periods do the same.

    Rows and costs of a group are summed, so energy, budgets and changes between groups are counted as before.

    Args:
        group: group of each period, in their order (H,).
    """
    from scipy.sparse import coo_array, csr_array  # importing takes 0.1 s, and many commands plan nothing

    steps, width, rows = int(group[-1]) + 1, model.columns.width, model.period_rows
    begins = np.searchsorted(group, np.arange(steps))
    column_of = (group[:, None] * width + np.arange(width)).ravel()
    budgets = np.arange(len(model.row_lower) - model.steps * rows)
    row_of = np.concatenate([(group[:, None] * rows + np.arange(rows)).ravel(), steps * rows + budgets])

    def limits(each: Floats) -> Floats:
        of_periods, of_budgets = np.split(each, [model.steps * rows])
        return np.concatenate([np.add.reduceat(of_periods.reshape(-1, rows), begins).ravel(), of_budgets])

    entries = model.matrix.tocoo()
    matrix = csr_array(
        coo_array(
            (entries.data, (row_of[entries.row], column_of[entries.col])),
            shape=(steps * rows + len(budgets), steps * width),
        )
    )
    matrix.eliminate_zeros()
    return replace(
        model,
        cost_usd_per_mw=np.add.reduceat(model.cost_usd_per_mw.reshape(-1, width), begins).ravel(),
        # The peak has bounds in the last period alone, and so has what batteries hold at the end.
        lower_mw=np.maximum.reduceat(model.lower_mw.reshape(-1, width), begins).ravel(),
        upper_mw=np.maximum.reduceat(model.upper_mw.reshape(-1, width), begins).ravel(),
        row_lower=limits(model.row_lower),
        row_upper=limits(model.row_upper),
        matrix=matrix,
        steps=steps,
    )


def with_choices(model: LpModel, pairs: Ints) -> LpModel:
    """Add a column for each pair of columns (N, 2).

    At 1 the first of the pair may be above zero, at 0 the second.
    """
    from scipy.sparse import (
        coo_array,
        csr_array,
        hstack,
        vstack,
    )  # importing takes 0.1 s, and few programs have choices

    count, columns = len(pairs), len(model.cost_usd_per_mw)
    row = np.arange(2 * count)
    most = model.upper_mw[pairs.T.ravel()]
    of_columns = coo_array((np.ones(2 * count), (row, pairs.T.ravel())), shape=(2 * count, columns))
    of_choices = coo_array(
        (np.concatenate([-most[:count], most[count:]]), (row, np.tile(np.arange(count), 2))), shape=(2 * count, count)
    )
    wide = hstack([model.matrix, csr_array((len(model.row_lower), count))])
    return replace(
        model,
        cost_usd_per_mw=np.concatenate([model.cost_usd_per_mw, np.zeros(count)]),
        lower_mw=np.concatenate([model.lower_mw, np.zeros(count)]),
        upper_mw=np.concatenate([model.upper_mw, np.ones(count)]),
        row_lower=np.concatenate([model.row_lower, np.full(2 * count, -np.inf)]),
        row_upper=np.concatenate([model.row_upper, np.zeros(count), most[count:]]),
        matrix=csr_array(vstack([wide, hstack([of_columns, of_choices])])),
    )


def _cost(case: LpCase, columns: Columns) -> Floats:
    """Give each column its negative profit (H, width) [USD per MW]."""
    economics, grid = case.economics, case.grid_usd_per_mwh
    # A metered site's energy is paid where it is bought.
    drawn = grid.copy()
    drawn[:, columns.metered] = 0.0
    cost = np.zeros((case.steps, columns.width))
    pue = case.pue
    cost[:, columns.miners.ravel()] = flattened(
        pue[:, :, MINERS] * drawn[:, :, None] - economics.mining_usd_per_mwh[:, None, :]
    )
    token = (pue[:, :, RACKS] * drawn[:, :, None])[:, None] - economics.merchant_usd_per_mwh
    cost[:, columns.merchant.ravel()] = flattened(token)
    rack_cost = (pue[:, :, Workload.GPU] * drawn)[:, :, None]
    cost[:, columns.contracts.ravel()] = flattened(rack_cost - case.rate_usd_per_mwh)
    cost[:, columns.shed] = case.goodwill_usd_per_mwh
    cost[:, columns.breached] = case.credit_usd_per_mwh
    cost[:, columns.broken] = case.breaking_usd_per_mwh[: len(columns.broken)]
    if len(columns.metered):
        carbon = grid - economics.price_usd_per_mwh
        cost[:, columns.bought] = (economics.price_usd_per_mwh + carbon)[:, columns.metered]
        cost[:, columns.sold] = (-economics.sellback_usd_per_mwh - carbon)[:, columns.hedged]
    if case.power_contract is not None:
        add_hourly_costs(cost, case, case.power_contract, columns)
    cost *= case.dt_h[:, None]
    # Moves and restarts are paid per change, not per hour.
    cost[:, columns.moved.ravel()] = np.tile(economics.migration_usd_per_mw, case.sites)
    cost[:, columns.ramp] = economics.restart_usd_per_mw
    if case.power_contract is not None:
        add_peak_cost(cost, case.power_contract, columns)
    return cost


def _upper(case: LpCase, columns: Columns) -> Floats:
    """Bound every column from above (H, width), all finite.

    Bounds that belong to the model are exact; those that rows imply already are loose. A tight implied bound would take
    over part of its row's dual, and the dual price of demand or racks would be wrong.
    """
    upper = np.zeros((case.steps, columns.width))
    upper[:, columns.merchant.ravel()] = np.tile(flattened(case.available_mw[:, :, RACKS]), case.regions)
    upper[:, columns.reserve] = rack_room_mw(case)
    upper[:, columns.reserve_sum] = rack_room_mw(case).sum(axis=1, keepdims=True)
    upper[:, columns.ramp] = case.available_mw[:, :, MINERS].sum(axis=2)
    upper *= 2.0
    upper += 1.0
    _bound_contracts(upper, case, columns)
    upper[:, columns.miners.ravel()] = flattened(case.available_mw[:, :, MINERS])
    upper[:, columns.shed] = case.shed_limit_mw
    upper[:, columns.broken] = case.breakable_mw[:, : len(columns.broken)]
    upper[:, columns.bought] = np.maximum(case.drawn_limit_mw - case.hedge_mw, 0.0)[:, columns.metered]
    upper[:, columns.sold] = case.hedge_mw[columns.hedged]
    if case.power_contract is not None:
        add_upper(upper, case, case.power_contract, columns)
    return upper


def _bound_contracts(upper_mw: Floats, case: LpCase, columns: Columns) -> None:
    """Write loose bounds of what follows the contracts' demand (H, width)."""
    racks = case.available_mw[:, :, RACKS].sum(axis=2)
    tiers = 2.0 * np.minimum(racks[:, :, None], case.demand_mw[:, None, :]) + 1.0
    upper_mw[:, columns.contracts.ravel()] = flattened(tiers)
    upper_mw[:, columns.moved.ravel()] = flattened(tiers[:, :, :PROMISED_TIER_COUNT])
    upper_mw[:, columns.breached] = 2.0 * case.demand_mw[:, :PROMISED_TIER_COUNT] + 1.0
    upper_mw[:, columns.rested.ravel()] = np.tile(2.0 * case.demand_mw[:, columns.resting] + 1.0, case.sites)


def _matrix(case: LpCase, columns: Columns, families: tuple[Rows, ...]) -> Any:
    """Assemble all rows: period by period, then one budget row for each promised tier."""
    from scipy.sparse import csr_array  # importing takes 0.1 s, and many commands plan nothing

    row, column, values, of_last = _period(case.steps, columns.width, families)
    period_rows = sum(family.count for family in families)
    laid_out = _layout_of if case.steps * len(row) <= MOST_ENTRIES_KEPT else _layout_of.__wrapped__
    layout = laid_out(
        row.tobytes(),
        column.tobytes(),
        of_last.tobytes(),
        columns.shed.tobytes(),
        steps=case.steps,
        width=columns.width,
        period_rows=period_rows,
    )
    # Copies, because stages of a solve sort a matrix's entries in place.
    return csr_array(
        (
            np.concatenate([values.ravel()[layout.taken], np.tile(case.dt_h, PROMISED_TIER_COUNT)]),
            layout.column.copy(),
            layout.starts.copy(),
        ),
        shape=(len(layout.starts) - 1, case.steps * columns.width),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """Places of a matrix's entries, which programs of one shape have in common.

    Attributes:
        taken: each entry's place among the coefficients of all periods, family by family; without those of budgets.
        column: column of each entry (E,).
        starts: first entry of each row, and the end (M + 1,).
    """

    taken: Ints
    column: Ints
    starts: Ints


@lru_cache(maxsize=4)
def _layout_of(
    row: bytes, column: bytes, of_last: bytes, shed: bytes, *, steps: int, width: int, period_rows: int
) -> _Layout:
    """Lay out the entries of all periods from those of one.

    One period is put in the order of its rows, and every other is laid out like it. The places in one come as bytes,
    keys of the cache.
    """
    rows, columns = np.frombuffer(row, dtype=np.int64), np.frombuffer(column, dtype=np.int64)
    order = np.argsort(rows, kind="stable")
    rows, columns, is_last = rows[order], columns[order], np.frombuffer(of_last, dtype=np.bool_)[order]
    step = np.arange(steps)[:, None] * width
    # The first period has none before it: its changes are from the present loads, on the right-hand side.
    inside = np.ones((steps, len(rows)), dtype=np.bool_)
    inside[0] = columns >= 0
    counts = np.tile(np.bincount(rows, minlength=period_rows), (steps, 1))
    counts[0] = np.bincount(rows[columns >= 0], minlength=period_rows)
    starts = np.concatenate([[0], counts.ravel(), np.full(PROMISED_TIER_COUNT, steps)]).cumsum()
    of_periods = (columns + np.where(is_last, step[-1], step))[inside]
    of_budgets = (np.frombuffer(shed, dtype=np.int64)[:, None] + step.T).ravel()
    return _Layout(
        taken=sealed((np.arange(steps)[:, None] * len(rows) + order)[inside]),
        column=sealed(np.concatenate([of_periods, of_budgets])),
        starts=sealed(starts),
    )


def _period(steps: int, width: int, families: tuple[Rows, ...]) -> tuple[Ints, Ints, Floats, Bools]:
    """List a period's coefficients and their places.

    Rows (N,), columns (N,), values (H, N), and flags of columns of the last period (N,).

    Columns of the period before are negative, counted back from this one.
    """
    rows, columns, of_last = [], [], []
    values = np.empty((steps, sum(len(entry.row) for family in families for entry in family.entries)))
    first = at = 0
    for family in families:
        for entry in family.entries:
            rows.append(entry.row + first)
            columns.append(entry.column - width if entry.of_previous else entry.column)
            values[:, at : at + len(entry.row)] = entry.factor
            of_last.append(np.full(len(entry.row), entry.of_last))
            at += len(entry.row)
        first += family.count
    return np.concatenate(rows), np.concatenate(columns), values, np.concatenate(of_last)
