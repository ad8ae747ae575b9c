"""Constraints of the linear program, family by family, for one period.

`lp.model` lays the periods end to end. Model: docs/model.md#5-the-linear-program (rows)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entries:
    """Nonzero coefficients of a family of rows, as a sparse matrix of one period.

    Attributes:
        row, column: position of each of the N entries; columns are those of the period, of the period before, or, for
            what belongs to the whole horizon, of the last.
        factor: coefficients (N,), or (H, N) where they differ by period.
    """

    row: Ints
    column: Ints
    factor: Floats
    of_previous: bool = False
    of_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """A family of constraints: lower <= entries <= upper.

    Attributes:
        lower, upper: limits (H, count).
    """

    name: str
    lower: Floats
    upper: Floats
    entries: tuple[Entries, ...]

    @property
    def count(self) -> int:
        """Number of rows in a period."""
        return int(self.lower.shape[1])


def families_of(case: LpCase, columns: Columns) -> Iterator[Rows]:
    """Yield all families of constraints but the budgets, which span the whole horizon."""
    yield _power(case, columns)
    yield _racks(case, columns)
    yield _kinds(case, columns)
    yield _reserve(case, columns)
    yield _reserve_sum(case, columns)
    yield _any_one_site(case, columns)
    yield demand_rows(case, columns)
    yield _merchant(case, columns)
    yield _moves(case, columns)
    yield _places(case, columns)
    yield _ramps(case, columns)


def _power(case: LpCase, columns: Columns) -> Rows:
    """Limit each site's power to what it may draw.

    A metered site draws hedge + bought - sold, for its load, what its battery takes, and what is fed in.
    """
    s = np.arange(case.sites)
    racks_pue = case.pue[:, :, Workload.GPU]
    kinds = case.pue[:, :, RACKS]
    entries = [
        Entries(row=np.repeat(s, 3), column=columns.miners.ravel(), factor=flattened(case.pue[:, :, MINERS])),
        Entries(row=np.repeat(s, 4), column=columns.contracts.ravel(), factor=np.repeat(racks_pue, TIER_COUNT, axis=1)),
    ]
    entries += [
        Entries(row=np.repeat(s, 2), column=columns.merchant[r].ravel(), factor=flattened(kinds))
        for r in range(case.regions)
    ]
    lower = np.full((case.steps, case.sites), -np.inf)
    upper = case.drawn_limit_mw
    if len(columns.metered):
        entries += [minus(columns.metered, columns.bought), ones(columns.hedged, columns.sold)]
        lower[:, columns.metered] = upper[:, columns.metered] = case.hedge_mw[columns.metered]
    if len(columns.batteries):
        entries += [ones(columns.batteries, columns.charged), minus(columns.batteries, columns.discharged)]
        entries += [ones(columns.feeding, columns.exported)]
    return Rows(name="power", lower=lower, upper=upper, entries=tuple(entries))


def _racks(case: LpCase, columns: Columns) -> Rows:
    """Limit contracts and merchant inference, together, to the racks of a site."""
    s = np.arange(case.sites)
    entries = [ones(np.repeat(s, 4), columns.contracts)]
    entries += [ones(np.repeat(s, 2), columns.merchant[r]) for r in range(case.regions)]
    return at_most("racks", case.available_mw[:, :, RACKS].sum(axis=2), entries)


def _kinds(case: LpCase, columns: Columns) -> Rows:
    """Limit merchant inference of all regions to the GPU and to the ASIC racks."""
    pair = np.arange(case.sites * RACK_KIND_COUNT)
    entries = [ones(pair, columns.merchant[r]) for r in range(case.regions)]
    return at_most("kinds", flattened(case.available_mw[:, :, RACKS]), entries)


def _reserve(case: LpCase, columns: Columns) -> Rows:
    """Limit reserve to racks that run neither Premium nor Standard."""
    s = np.arange(case.sites)
    entries = [
        ones(s, columns.contracts[:, Tier.PREMIUM]),
        ones(s, columns.contracts[:, Tier.STANDARD]),
        ones(s, columns.reserve),
    ]
    return at_most("reserve", rack_room_mw(case), entries)


def _reserve_sum(case: LpCase, columns: Columns) -> Rows:
    """Sum the fleet's reserve in one column.

    Without this column the N+1 rows would have a number of entries that grows with the square of the sites.
    """
    zero = np.zeros(case.sites, dtype=np.int64)
    entries = (
        ones(zero, columns.reserve),
        Entries(row=np.zeros(1, dtype=np.int64), column=columns.reserve_sum, factor=np.array([-1.0])),
    )
    none = np.zeros((case.steps, 1))
    return Rows(name="reserve_sum", lower=none, upper=none, entries=entries)


def _any_one_site(case: LpCase, columns: Columns) -> Rows:
    """Back each site's Premium by reserve at the other sites (N+1).

    Premium for which no placement has enough reserve (`unbacked_mw`) is exempt.
    """
    s = np.arange(case.sites)
    minus = Entries(row=s, column=np.repeat(columns.reserve_sum, case.sites), factor=-np.ones(case.sites))
    entries = [ones(s, columns.contracts[:, Tier.PREMIUM]), ones(s, columns.reserve), minus]
    return at_most("any_one_site", np.repeat(case.unbacked_mw[:, None], case.sites, axis=1), entries)


def demand_rows(case: LpCase, columns: Columns) -> Rows:
    """Balance contracts: served, scheduled off, broken and breached add up to demand.

    Spot may go unserved.
    """
    tiers = np.tile(np.arange(TIER_COUNT), case.sites)
    promised = np.arange(PROMISED_TIER_COUNT)
    lower = case.demand_mw.copy()
    lower[:, Tier.SPOT] = -np.inf
    entries = [ones(tiers, columns.contracts), ones(promised, columns.shed), ones(promised, columns.breached)]
    entries.append(ones(promised[: len(columns.broken)], columns.broken))
    return Rows(name="demand", lower=lower, upper=case.demand_mw, entries=tuple(entries))


def _merchant(case: LpCase, columns: Columns) -> Rows:
    """Limit tokens of each region of origin to what is asked for, per hour."""
    rows = np.repeat(np.arange(case.regions), case.sites * RACK_KIND_COUNT)
    values = np.tile(case.tokens_per_mwh, case.regions * case.sites)
    entries = [Entries(row=rows, column=columns.merchant.ravel(), factor=values)]
    return at_most("merchant", case.demand_tokens_per_h, entries)


def _moves(case: LpCase, columns: Columns) -> Rows:
    """Count as moved the load that takes a place at a site, running or not."""
    row = np.arange(case.sites * PROMISED_TIER_COUNT)
    resting = _change(row.reshape(case.sites, -1)[:, columns.resting].ravel(), columns.rested)
    promised = columns.contracts[:, :PROMISED_TIER_COUNT]
    upper = np.zeros((case.steps, len(row)))
    upper[0] = case.served_now_mw.ravel()
    return at_most("moves", upper, [*_change(row, promised), *resting, minus(row, columns.moved)])


def _places(case: LpCase, columns: Columns) -> Rows:
    """Limit load that keeps a place without running to what is unserved."""
    n = np.arange(len(columns.resting))
    entries = [ones(np.tile(n, case.sites), columns.rested)]
    unserved = [columns.shed, columns.breached, *([columns.broken] if len(columns.broken) else [])]
    entries += [minus(n, column[columns.resting]) for column in unserved]
    return at_most("places", np.zeros((case.steps, len(n))), entries)


def _ramps(case: LpCase, columns: Columns) -> Rows:
    """Count as started the increase of a site's mining over the step before."""
    s = np.arange(case.sites)
    upper = np.zeros((case.steps, case.sites))
    upper[0] = case.miners_now_mw
    return at_most("ramps", upper, [*_change(np.repeat(s, MINER_COUNT), columns.miners), minus(s, columns.ramp)])


def rack_room_mw(case: LpCase) -> Floats:
    """Compute the contract load that a site's racks and grid can carry (H, S) [MW]."""
    racks = case.available_mw[:, :, RACKS].sum(axis=2)
    return np.asarray(np.minimum(racks, case.drawn_limit_mw / case.pue[:, :, Workload.GPU]))


def at_most(name: str, upper: Floats, entries: list[Entries]) -> Rows:
    """Make a family of rows with upper limits alone (H, count)."""
    return Rows(name=name, lower=np.full_like(upper, -np.inf), upper=upper, entries=tuple(entries))


def ones(row: Ints, column: Ints) -> Entries:
    """Make entries of 1, in whatever shape their columns stand."""
    return Entries(row=row, column=column.ravel(), factor=np.ones(column.size))


def minus(row: Ints, column: Ints) -> Entries:
    """Make entries of -1, in whatever shape their columns stand."""
    return Entries(row=row, column=column.ravel(), factor=-np.ones(column.size))


def _change(row: Ints, column: Ints) -> list[Entries]:
    before = Entries(row=row, column=column.ravel(), factor=-np.ones(column.size), of_previous=True)
    return [ones(row, column), before]


def flattened(array: Floats) -> Floats:
    """Flatten all axes of an array but the first, the steps (H, N)."""
    return np.asarray(array.reshape(len(array), -1))
