"""The linear program of MODEL section 5 as sparse rows; no solver is imported.

Columns and rows come period by period, each period alike, so that a basis can be shifted along the horizon. Every
column has a finite upper bound, so that a dual bound computed from any multipliers is finite. Sites without a hedge buy
exactly what they draw: their energy cost sits in the cost of each load, and only hedged sites have columns to buy and
sell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.fleet import MINERS, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.rows import Rows, families_of, flattened, rack_room_mw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LpModel:
    """minimize cost x + offset subject to row_lower <= A x <= row_upper, lower <= x <= upper; A by rows."""

    cost: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    starts: Ints
    indices: Ints
    values: Floats
    offset_usd: float
    columns: Columns
    families: dict[str, slice]
    """Where each family's rows stand within a period; the budget rows follow after the last period."""
    period_rows: int
    steps: int


def model_of(case: LpCase) -> LpModel:
    """The program of a case; maximizing profit is minimizing its negative."""
    columns = columns_of(case)
    families = tuple(families_of(case, columns))
    starts, indices, values = _matrix(case, columns, families)
    cost, upper = _cost(case, columns), _upper(case, columns)
    budget = case.budget_mwh
    no_bound = np.full(PROMISED_TIER_COUNT, -np.inf)
    slices: dict[str, slice] = {}
    first = 0
    for family in families:
        slices[family.name] = slice(first, first + family.count)
        first += family.count
    carbon_usd_per_h = case.carbon_price_usd_per_t * (case.carbon_t_per_mwh @ case.hedge_mw)
    return LpModel(
        cost=cost.ravel(),
        lower=np.zeros(cost.size),
        upper=upper.ravel(),
        row_lower=np.concatenate([np.hstack([f.lower for f in families]).ravel(), no_bound]),
        row_upper=np.concatenate([np.hstack([f.upper for f in families]).ravel(), budget]),
        starts=starts,
        indices=indices,
        values=values,
        offset_usd=float(case.dt_h @ carbon_usd_per_h),
        columns=columns,
        families=slices,
        period_rows=first,
        steps=case.steps,
    )


def without_rows(model: LpModel, families: Sequence[str], *, with_budgets: bool = True) -> LpModel:
    """The same program with less to obey: without these families of rows, and without the budgets where they are not
    wanted.
    """
    stays = np.ones(model.period_rows, dtype=np.bool_)
    for family in families:
        stays[model.families[family]] = False
    budgets = np.full(PROMISED_TIER_COUNT, with_budgets, dtype=np.bool_)
    kept = np.concatenate([np.tile(stays, model.steps), budgets])
    counts = np.diff(model.starts)
    entries = np.repeat(kept, counts)
    return replace(
        model,
        row_lower=model.row_lower[kept],
        row_upper=model.row_upper[kept],
        starts=np.concatenate([[0], counts[kept].cumsum()]),
        indices=model.indices[entries],
        values=model.values[entries],
        families={},
        period_rows=int(stays.sum()),
    )


def _cost(case: LpCase, columns: Columns) -> Floats:
    """Negative profit of each column (H, width) [USD per MW]."""
    grid = case.price_usd_per_mwh + case.carbon_price_usd_per_t * case.carbon_t_per_mwh
    # A hedged site's energy is paid where it is bought.
    drawn = np.where(case.hedge_mw > 0.0, 0.0, grid)
    cost = np.zeros((case.steps, columns.width))
    pue = case.pue
    cost[:, columns.miners.ravel()] = flattened(
        pue[:, :, MINERS] * drawn[:, :, None] - case.mining_value_usd_per_mwh[:, None, :]
    )
    token = (pue[:, :, RACKS] * drawn[:, :, None])[:, None] - case.token_value_usd_per_mwh
    cost[:, columns.merchant.ravel()] = flattened(token)
    rack_cost = (pue[:, :, Workload.GPU] * drawn)[:, :, None]
    cost[:, columns.contracts.ravel()] = flattened(rack_cost - case.rate_usd_per_mwh)
    cost[:, columns.shed] = case.goodwill_usd_per_mwh
    cost[:, columns.breached] = case.credit_usd_per_mwh
    cost[:, columns.broken] = case.breaking_usd_per_mwh[: len(columns.broken)]
    if len(columns.hedged):
        price = case.price_usd_per_mwh[:, columns.hedged]
        carbon = grid[:, columns.hedged] - price
        cost[:, columns.bought] = price + carbon
        cost[:, columns.sold] = -(price - case.sellback_spread_share * np.abs(price)) - carbon
    cost *= case.dt_h[:, None]
    # Moves and restarts are per change, not per hour.
    cost[:, columns.moved.ravel()] = np.tile(case.migration_usd_per_mw, case.sites)
    cost[:, columns.ramp] = case.restart_usd_per_mw
    return cost


def _upper(case: LpCase, columns: Columns) -> Floats:
    """Upper bounds (H, width), all finite: those that the model states, and loose ones where the rows imply a bound.

    An implied bound that could be tight would take over a part of its row's dual: what a demand or a rack is worth
    would then be told wrongly.
    """
    racks = case.available_mw[:, :, RACKS].sum(axis=2)
    upper = np.zeros((case.steps, columns.width))
    upper[:, columns.merchant.ravel()] = np.tile(flattened(case.available_mw[:, :, RACKS]), case.regions)
    tiers = np.minimum(racks[:, :, None], case.demand_mw[:, None, :])
    upper[:, columns.contracts.ravel()] = flattened(tiers)
    upper[:, columns.moved.ravel()] = flattened(tiers[:, :, :PROMISED_TIER_COUNT])
    upper[:, columns.reserve] = rack_room_mw(case)
    upper[:, columns.reserve_sum] = rack_room_mw(case).sum(axis=1, keepdims=True)
    upper[:, columns.ramp] = case.available_mw[:, :, MINERS].sum(axis=2)
    upper[:, columns.breached] = case.demand_mw[:, :PROMISED_TIER_COUNT]
    upper[:, columns.rested.ravel()] = np.tile(case.demand_mw[:, columns.resting], case.sites)
    upper *= 2.0
    upper += 1.0
    upper[:, columns.miners.ravel()] = flattened(case.available_mw[:, :, MINERS])
    upper[:, columns.shed] = case.shed_limit_mw
    upper[:, columns.broken] = case.breakable_mw[:, : len(columns.broken)]
    upper[:, columns.bought] = (case.grid_limit_mw - case.hedge_mw)[columns.hedged]
    upper[:, columns.sold] = case.hedge_mw[columns.hedged]
    return upper


def _matrix(case: LpCase, columns: Columns, families: tuple[Rows, ...]) -> tuple[Ints, Ints, Floats]:
    """All rows, period by period, then the three budget rows: starts, column indices, values."""
    row, column, previous, values = _period(case.steps, families)
    order = np.argsort(row, kind="stable")
    row, column, previous, values = row[order], column[order], previous[order], values[:, order]
    period_rows = sum(family.count for family in families)
    shift = np.arange(case.steps)[:, None] * columns.width
    indices = column[None, :] + shift - previous * columns.width
    counts = np.tile(np.bincount(row, minlength=period_rows), (case.steps, 1))
    # Before the first period there is none: its changes are against what runs now, on the right-hand side.
    counts[0] = np.bincount(row[~previous], minlength=period_rows)
    kept = np.ones(indices.shape, dtype=np.bool_)
    kept[0] = ~previous
    budget_columns = (columns.shed[:, None] + shift.T).ravel()
    starts = np.concatenate([[0], counts.ravel(), np.full(PROMISED_TIER_COUNT, case.steps)]).cumsum()
    return (
        starts,
        np.concatenate([indices[kept], budget_columns]),
        np.concatenate([values[kept], np.tile(case.dt_h, PROMISED_TIER_COUNT)]),
    )


def _period(steps: int, families: tuple[Rows, ...]) -> tuple[Ints, Ints, np.ndarray, Floats]:
    rows, columns, previous, values = [], [], [], []
    first = 0
    for family in families:
        for entry in family.entries:
            rows.append(entry.row + first)
            columns.append(entry.column)
            previous.append(np.full(len(entry.row), entry.of_previous))
            values.append(np.broadcast_to(entry.values, (steps, len(entry.row))))
        first += family.count
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(previous), np.hstack(values)
