"""The linear program of MODEL section 5 as sparse rows; no solver is imported.

Columns and rows come period by period, each period alike, so that a basis can be shifted along the horizon. Every
column has a finite upper bound, so that a dual bound computed from any multipliers is finite. Sites without a hedge buy
exactly what they draw: their energy cost sits in the cost of each load, and only hedged sites have columns to buy and
sell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.optimizers.lp_case import LpCase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Where each variable stands within a period.

    Attributes:
        miners (S, 3), merchant (R, S, 2), contracts (S, G), moved (S, 3), reserve (S,), reserve_sum (1,), ramp (S,),
        shed (3,), breached (3,), and of hedged sites only: bought (N,), sold (N,).
        width: columns in a period.
    """

    miners: Ints
    merchant: Ints
    contracts: Ints
    moved: Ints
    reserve: Ints
    reserve_sum: Ints
    ramp: Ints
    shed: Ints
    breached: Ints
    bought: Ints
    sold: Ints
    hedged: Ints
    width: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entries:
    """Coefficients of a family of rows: `values` (H, N) or (N,) at (row, column) of the period or of the one before."""

    row: Ints
    column: Ints
    values: Floats
    of_previous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """A family of constraints, `count` in each period: lower <= entries <= upper (H, count)."""

    name: str
    lower: Floats
    upper: Floats
    entries: tuple[Entries, ...]

    @property
    def count(self) -> int:
        """Rows in a period."""
        return int(self.lower.shape[1])


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
    families = tuple(_families(case, columns))
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


def columns_of(case: LpCase) -> Columns:
    """The layout of a period."""
    s, r = case.sites, case.regions
    hedged = np.nonzero(case.hedge_mw > 0.0)[0]
    shapes: dict[str, tuple[int, ...]] = {
        "miners": (s, MINER_COUNT),
        "merchant": (r, s, RACK_KIND_COUNT),
        "contracts": (s, TIER_COUNT),
        "moved": (s, PROMISED_TIER_COUNT),
        "reserve": (s,),
        "reserve_sum": (1,),
        "ramp": (s,),
        "shed": (PROMISED_TIER_COUNT,),
        "breached": (PROMISED_TIER_COUNT,),
        "bought": (len(hedged),),
        "sold": (len(hedged),),
    }
    places: dict[str, Ints] = {}
    first = 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        places[name] = np.arange(first, first + size).reshape(shape)
        first += size
    return Columns(**places, hedged=hedged, width=first)


def _families(case: LpCase, columns: Columns) -> Iterator[Rows]:
    yield _power(case, columns)
    yield _racks(case, columns)
    yield _kinds(case, columns)
    yield _reserve(case, columns)
    yield _reserve_sum(case, columns)
    yield _any_one_site(case, columns)
    yield _demand(case, columns)
    yield _merchant(case, columns)
    yield _moves(case, columns)
    yield _ramps(case, columns)


def _power(case: LpCase, columns: Columns) -> Rows:
    """What a site draws fits its grid connection; a hedged site's balance is hedge + bought - sold."""
    s = np.arange(case.sites)
    racks_pue = case.pue[:, :, Workload.GPU]
    kinds = case.pue[:, :, RACKS]
    entries = [
        Entries(row=np.repeat(s, 3), column=columns.miners.ravel(), values=_flat(case.pue[:, :, MINERS])),
        Entries(row=np.repeat(s, 4), column=columns.contracts.ravel(), values=np.repeat(racks_pue, TIER_COUNT, axis=1)),
    ]
    entries += [
        Entries(row=np.repeat(s, 2), column=columns.merchant[r].ravel(), values=_flat(kinds))
        for r in range(case.regions)
    ]
    lower = np.full((case.steps, case.sites), -np.inf)
    upper = np.tile(case.grid_limit_mw, (case.steps, 1))
    if len(columns.hedged):
        one = np.ones(len(columns.hedged))
        entries.append(Entries(row=columns.hedged, column=columns.bought, values=-one))
        entries.append(Entries(row=columns.hedged, column=columns.sold, values=one))
        lower[:, columns.hedged] = upper[:, columns.hedged] = case.hedge_mw[columns.hedged]
    return Rows(name="power", lower=lower, upper=upper, entries=tuple(entries))


def _racks(case: LpCase, columns: Columns) -> Rows:
    """Contracts and merchant inference share the racks of a site."""
    s = np.arange(case.sites)
    entries = [_ones(np.repeat(s, 4), columns.contracts)]
    entries += [_ones(np.repeat(s, 2), columns.merchant[r]) for r in range(case.regions)]
    return _at_most("racks", case.available_mw[:, :, RACKS].sum(axis=2), entries)


def _kinds(case: LpCase, columns: Columns) -> Rows:
    """Merchant inference of all regions fits the GPU and the ASIC racks."""
    pair = np.arange(case.sites * RACK_KIND_COUNT)
    entries = [_ones(pair, columns.merchant[r]) for r in range(case.regions)]
    return _at_most("kinds", _flat(case.available_mw[:, :, RACKS]), entries)


def _reserve(case: LpCase, columns: Columns) -> Rows:
    """Reserve stands where neither Premium nor Standard runs, within what racks and grid could carry."""
    s = np.arange(case.sites)
    entries = [
        _ones(s, columns.contracts[:, Tier.PREMIUM]),
        _ones(s, columns.contracts[:, Tier.STANDARD]),
        _ones(s, columns.reserve),
    ]
    return _at_most("reserve", rack_room_mw(case), entries)


def _reserve_sum(case: LpCase, columns: Columns) -> Rows:
    """The fleet's reserve, as one column: a dense row for each site would be sites squared."""
    zero = np.zeros(case.sites, dtype=np.int64)
    entries = (
        _ones(zero, columns.reserve),
        Entries(row=np.zeros(1, dtype=np.int64), column=columns.reserve_sum, values=np.array([-1.0])),
    )
    none = np.zeros((case.steps, 1))
    return Rows(name="reserve_sum", lower=none, upper=none, entries=entries)


def _any_one_site(case: LpCase, columns: Columns) -> Rows:
    """N+1: any one site's Premium fits into the reserve held elsewhere."""
    s = np.arange(case.sites)
    minus = Entries(row=s, column=np.repeat(columns.reserve_sum, case.sites), values=-np.ones(case.sites))
    entries = [_ones(s, columns.contracts[:, Tier.PREMIUM]), _ones(s, columns.reserve), minus]
    return _at_most("any_one_site", np.zeros((case.steps, case.sites)), entries)


def _demand(case: LpCase, columns: Columns) -> Rows:
    """Contracts run, are shed inside their budget, or breach; Spot simply may run."""
    tiers = np.tile(np.arange(TIER_COUNT), case.sites)
    promised = np.arange(PROMISED_TIER_COUNT)
    lower = case.demand_mw.copy()
    lower[:, Tier.SPOT] = -np.inf
    entries = (_ones(tiers, columns.contracts), _ones(promised, columns.shed), _ones(promised, columns.breached))
    return Rows(name="demand", lower=lower, upper=case.demand_mw, entries=entries)


def _merchant(case: LpCase, columns: Columns) -> Rows:
    """Tokens of each region of origin, per hour."""
    rows = np.repeat(np.arange(case.regions), case.sites * RACK_KIND_COUNT)
    values = np.tile(case.tokens_per_mwh, case.regions * case.sites)
    entries = [Entries(row=rows, column=columns.merchant.ravel(), values=values)]
    return _at_most("merchant", case.demand_tokens_per_h, entries)


def _moves(case: LpCase, columns: Columns) -> Rows:
    """What a site serves more of than in the step before was moved in."""
    row = np.arange(case.sites * PROMISED_TIER_COUNT)
    promised = columns.contracts[:, :PROMISED_TIER_COUNT]
    upper = np.zeros((case.steps, len(row)))
    upper[0] = case.served_now_mw.ravel()
    return _at_most("moves", upper, [*_change(row, promised), _minus(row, columns.moved)])


def _ramps(case: LpCase, columns: Columns) -> Rows:
    """What a site mines more than in the step before was started."""
    s = np.arange(case.sites)
    upper = np.zeros((case.steps, case.sites))
    upper[0] = case.miners_now_mw
    return _at_most("ramps", upper, [*_change(np.repeat(s, MINER_COUNT), columns.miners), _minus(s, columns.ramp)])


def rack_room_mw(case: LpCase) -> Floats:
    """Contract load that racks and grid of a site can carry (H, S)."""
    racks = case.available_mw[:, :, RACKS].sum(axis=2)
    return np.asarray(np.minimum(racks, case.grid_limit_mw / case.pue[:, :, Workload.GPU]))


def _at_most(name: str, upper: Floats, entries: list[Entries]) -> Rows:
    return Rows(name=name, lower=np.full_like(upper, -np.inf), upper=upper, entries=tuple(entries))


def _ones(row: Ints, column: Ints) -> Entries:
    return Entries(row=row, column=column.ravel(), values=np.ones(column.size))


def _minus(row: Ints, column: Ints) -> Entries:
    return Entries(row=row, column=column.ravel(), values=-np.ones(column.size))


def _change(row: Ints, column: Ints) -> list[Entries]:
    before = Entries(row=row, column=column.ravel(), values=-np.ones(column.size), of_previous=True)
    return [_ones(row, column), before]


def _flat(array: Floats) -> Floats:
    return np.asarray(array.reshape(len(array), -1))


def _cost(case: LpCase, columns: Columns) -> Floats:
    """Negative profit of each column (H, width) [USD per MW]."""
    grid = case.price_usd_per_mwh + case.carbon_price_usd_per_t * case.carbon_t_per_mwh
    # A hedged site's energy is paid where it is bought.
    drawn = np.where(case.hedge_mw > 0.0, 0.0, grid)
    cost = np.zeros((case.steps, columns.width))
    pue = case.pue
    cost[:, columns.miners.ravel()] = _flat(
        pue[:, :, MINERS] * drawn[:, :, None] - case.mining_value_usd_per_mwh[:, None, :]
    )
    token = (pue[:, :, RACKS] * drawn[:, :, None])[:, None] - case.token_value_usd_per_mwh
    cost[:, columns.merchant.ravel()] = _flat(token)
    rack_cost = (pue[:, :, Workload.GPU] * drawn)[:, :, None]
    cost[:, columns.contracts.ravel()] = _flat(rack_cost - case.rate_usd_per_mwh)
    cost[:, columns.shed] = case.goodwill_usd_per_mwh
    cost[:, columns.breached] = case.credit_usd_per_mwh
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
    upper[:, columns.merchant.ravel()] = np.tile(_flat(case.available_mw[:, :, RACKS]), case.regions)
    tiers = np.minimum(racks[:, :, None], case.demand_mw[:, None, :])
    upper[:, columns.contracts.ravel()] = _flat(tiers)
    upper[:, columns.moved.ravel()] = _flat(tiers[:, :, :PROMISED_TIER_COUNT])
    upper[:, columns.reserve] = rack_room_mw(case)
    upper[:, columns.reserve_sum] = rack_room_mw(case).sum(axis=1, keepdims=True)
    upper[:, columns.ramp] = case.available_mw[:, :, MINERS].sum(axis=2)
    upper[:, columns.breached] = case.demand_mw[:, :PROMISED_TIER_COUNT]
    upper *= 2.0
    upper += 1.0
    upper[:, columns.miners.ravel()] = _flat(case.available_mw[:, :, MINERS])
    upper[:, columns.shed] = case.shed_limit_mw
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
