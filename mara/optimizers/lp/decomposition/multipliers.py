"""Lagrangian decomposition of a large fleet into blocks of sites, and its bound.

Sites share only a few things: contract demand, tokens asked for, error budgets and reserve. Each block is a small
replica of the fleet that gets a share of them, so that the blocks' optima together are a feasible plan of the whole.
At the average of the blocks' prices for what is shared, the program falls apart into sites, and its optimum there is,
by weak duality, at least what any plan of the whole fleet earns. What a block takes at those prices says where the
shares belong. No solver is imported, and nothing is held that has more numbers than steps x sites x variables.

N+1 is kept inside each block, which is stricter than the whole asks for: where it binds, the gap is wider.

Source: Lagrangian relaxation, Geoffrion 1974, doi:10.1007/BFb0120690. Model: docs/model.md#8-decomposition
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.fleet import RACKS, Workload
from mara.core.plan import DualPrices
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.certificate import transposed
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.duals import ContractPrices
from mara.optimizers.lp.model import LpModel, without_rows
from mara.optimizers.lp.power_contract import at_sites
from mara.optimizers.lp.rows import rack_room_mw

SHARED_ROWS: Final = ("reserve_sum", "any_one_site", "demand", "merchant", "places")
"""Families of rows that tie sites together; the budget rows do too.

Those of a power contract tie none.
"""
LEAST_SHARE: Final = 1e-12
SHIFT_SHARE: Final = 0.5
"""Part of the way that shares move to usage. Chosen: all the way overshoots."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResourceAllocation:
    """Each block's part of what is shared, adding up to 1 over the B blocks.

    Attributes:
        contracts_share (B, H, G), tokens_share (B, H, R), budget_share (B,).
    """

    contracts_share: Floats
    tokens_share: Floats
    budget_share: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Multipliers:
    """Lagrange multipliers of the shared rows, with the signs of the minimization.

    Attributes:
        demand_usd_per_mw (H, G), budget_usd_per_mwh (3,).
        merchant: multipliers of each region's limit on tokens per hour (H, R) [USD per token/h].
        places_usd_per_mw: multipliers of unserved load that keeps its place (H, 3), zero where none does.
        one_site_usd_per_mw: multipliers of the N+1 rows of a block's own sites (H, S).
        reserve_usd_per_mw: multiplier of the fleet's total reserve (H,): the sum over all N+1 rows, so that the column
            of the total has no cost of its own.
    """

    demand_usd_per_mw: Floats
    merchant: Floats
    budget_usd_per_mwh: Floats
    places_usd_per_mw: Floats
    one_site_usd_per_mw: Floats
    reserve_usd_per_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usage:
    """Shared resources that a block uses.

    Contracts served (H, G) [MW], tokens per hour (H, R).
    """

    contracts_mw: Floats
    tokens_per_h: Floats


def blocks_of(case: LpCase, block_sites: int) -> tuple[Ints, ...]:
    """Deal sites to blocks by mean cost of power, so that blocks resemble each other.

    Returns the indices of the sites of each block, ascending, in an array of its own length.
    """
    power_cost = (case.price_usd_per_mwh * case.pue[:, :, Workload.GPU]).mean(axis=0)
    order = np.argsort(power_cost, kind="stable")
    count = -(-case.sites // block_sites)
    return tuple(np.sort(order[b::count]) for b in range(count))


def shares_of(case: LpCase, blocks: Sequence[Ints]) -> ResourceAllocation:
    """Divide the shared resources among blocks in proportion to their capacity.

    Contracts and budgets follow what racks and grid can carry, merchant inference follows token capacity.

    Args:
        blocks: indices of the sites of each block, an array of its own length.
    """
    room = rack_room_mw(case)
    tokens = np.minimum(case.available_mw[:, :, RACKS], room[:, :, None]) @ case.tokens_per_mwh
    by_room, by_tokens = _part_of(room, blocks), _part_of(tokens, blocks)
    return ResourceAllocation(
        contracts_share=np.repeat(by_room[:, :, None], TIER_COUNT, axis=2),
        tokens_share=np.repeat(by_tokens[:, :, None], case.regions, axis=2),
        budget_share=by_room.mean(axis=1),
    )


def _part_of(weight_factor: Floats, blocks: Sequence[Ints]) -> Floats:
    """Return each block's part (B, H) of the sites' weights (H, S).

    Parts are equal where all weights are zero.
    """
    parts = np.array([weight_factor[:, sites].sum(axis=1) for sites in blocks])
    whole = parts.sum(axis=0)
    return np.where(whole > 0.0, parts / np.where(whole > 0.0, whole, 1.0), 1.0 / len(blocks))


def shifted_shares(shares: ResourceAllocation, case: LpCase, usage: Sequence[Usage]) -> ResourceAllocation:
    """Move shares towards what blocks use at common prices.

    A resource that no block uses keeps its shares.
    """
    contracts = np.array([block.contracts_mw for block in usage])
    tokens = np.array([block.tokens_per_h for block in usage])
    return ResourceAllocation(
        contracts_share=_towards(shares.contracts_share, contracts, case.demand_mw),
        tokens_share=_towards(shares.tokens_share, tokens, case.demand_tokens_per_h),
        budget_share=shares.budget_share,
    )


def _towards(share: Floats, used: Floats, demand: Floats) -> Floats:
    """Move shares (B, H, N) half the way to usage; `used` and `demand` have one unit."""
    total = used.sum(axis=0)
    whole = np.maximum(total, demand)
    wanted = (used + share * np.maximum(demand - total, 0.0)) / np.where(whole > 0.0, whole, 1.0)
    return np.where(whole > 0.0, share + SHIFT_SHARE * (wanted - share), share)


def sites_of(case: LpCase, sites: Ints) -> LpCase:
    """Restrict a case to some sites, by their indices (s,), with all that is shared."""
    return replace(
        case,
        price_usd_per_mwh=case.price_usd_per_mwh[:, sites],
        carbon_t_per_mwh=case.carbon_t_per_mwh[:, sites],
        pue=case.pue[:, sites],
        grid_limit_mw=case.grid_limit_mw[sites],
        import_limit_mw=None if case.import_limit_mw is None else case.import_limit_mw[:, sites],
        hedge_mw=case.hedge_mw[sites],
        available_mw=case.available_mw[:, sites],
        token_value_usd_per_mwh=case.token_value_usd_per_mwh[:, :, sites],
        served_now_mw=case.served_now_mw[sites],
        miners_now_mw=case.miners_now_mw[sites],
        power_contract=None if case.power_contract is None else at_sites(case.power_contract, sites),
    )


def with_share(case: LpCase, shares: ResourceAllocation, block: int) -> LpCase:
    """Scale the demand, tokens and error budgets of a case to one block's share."""
    contracts = shares.contracts_share[block]
    return replace(
        case,
        demand_tokens_per_h=case.demand_tokens_per_h * shares.tokens_share[block],
        demand_mw=case.demand_mw * contracts,
        budget_mwh=case.budget_mwh * shares.budget_share[block],
        shed_limit_mw=case.shed_limit_mw * contracts[:, :PROMISED_TIER_COUNT],
        # A block without racks has the same columns as the others.
        breakable_mw=case.breakable_mw * np.maximum(contracts[:, :PROMISED_TIER_COUNT], LEAST_SHARE),
    )


def prices_of(model: LpModel, row_duals_usd_per_unit: Floats) -> Multipliers:
    """Read the multipliers of the shared rows from a block's row duals (M,).

    Each is clipped to the sign that weak duality asks of its row.
    """
    rows = row_duals_usd_per_unit[: model.steps * model.period_rows].reshape(model.steps, model.period_rows)
    demand = rows[:, model.families["demand"]].copy()
    demand[:, Tier.SPOT] = np.minimum(demand[:, Tier.SPOT], 0.0)
    one_site = np.minimum(rows[:, model.families["any_one_site"]], 0.0)
    places = np.zeros((model.steps, PROMISED_TIER_COUNT))
    places[:, model.columns.resting] = np.minimum(rows[:, model.families["places"]], 0.0)
    return Multipliers(
        demand_usd_per_mw=demand,
        merchant=np.minimum(rows[:, model.families["merchant"]], 0.0),
        budget_usd_per_mwh=np.minimum(row_duals_usd_per_unit[model.steps * model.period_rows :], 0.0),
        places_usd_per_mw=places,
        one_site_usd_per_mw=one_site,
        reserve_usd_per_mw=-one_site.sum(axis=1),
    )


def common_prices(prices: Sequence[Multipliers]) -> list[Multipliers]:
    """Average the blocks' multipliers, and give every block the mean.

    The N+1 multipliers are a block's own; together they price the one common reserve.
    """
    demand = np.mean([block.demand_usd_per_mw for block in prices], axis=0)
    merchant = np.mean([block.merchant for block in prices], axis=0)
    budget = np.mean([block.budget_usd_per_mwh for block in prices], axis=0)
    places = np.mean([block.places_usd_per_mw for block in prices], axis=0)
    reserve = np.mean([block.reserve_usd_per_mw for block in prices], axis=0)
    return [
        Multipliers(
            demand_usd_per_mw=demand,
            merchant=merchant,
            budget_usd_per_mwh=budget,
            places_usd_per_mw=places,
            one_site_usd_per_mw=block.one_site_usd_per_mw / len(prices),
            reserve_usd_per_mw=reserve,
        )
        for block in prices
    ]


def priced(model: LpModel, prices: Multipliers) -> LpModel:
    """Relax the shared rows of a model: their multipliers go into the cost instead.

    Shedding, breaking and breaches are shared as well and left to `shared_bound_usd`.
    """
    period = np.zeros((model.steps, model.period_rows))
    period[:, model.families["any_one_site"]] = prices.one_site_usd_per_mw
    period[:, model.families["reserve_sum"]] = prices.reserve_usd_per_mw[:, None]
    period[:, model.families["demand"]] = prices.demand_usd_per_mw
    period[:, model.families["merchant"]] = prices.merchant
    period[:, model.families["places"]] = prices.places_usd_per_mw[:, model.columns.resting]
    columns = model.columns
    upper = model.upper_mw.reshape(model.steps, columns.width).copy()
    upper[:, np.concatenate([columns.shed, columns.breached, columns.broken, columns.reserve_sum])] = 0.0
    return replace(
        without_rows(model, SHARED_ROWS, with_budgets=False),
        cost_usd_per_mw=model.cost_usd_per_mw
        - transposed(model, np.concatenate([period.ravel(), prices.budget_usd_per_mwh])),
        upper_mw=upper.ravel(),
    )


def shared_bound_usd(case: LpCase, prices: Multipliers) -> float:
    """Compute the shared rows' part of the fleet's profit bound [USD].

    Shedding, breaking and breaches take their best values at these prices.

    With the optima of all `priced` blocks added it bounds the profit of any plan of the whole fleet (weak duality).
    """
    dt_h, demand = case.dt_h[:, None], case.demand_mw[:, :PROMISED_TIER_COUNT]
    gained = prices.demand_usd_per_mw[:, :PROMISED_TIER_COUNT] - prices.places_usd_per_mw
    shed = case.goodwill_usd_per_mwh * dt_h - gained - prices.budget_usd_per_mwh * dt_h
    breached = case.credit_usd_per_mwh * dt_h - gained
    broken = case.breaking_usd_per_mwh * dt_h - gained
    least_cost = (
        (prices.demand_usd_per_mw * case.demand_mw).sum()
        + (prices.merchant * case.demand_tokens_per_h).sum()
        + prices.budget_usd_per_mwh @ case.budget_mwh
        - prices.reserve_usd_per_mw @ case.unbacked_mw
        + (np.minimum(shed, 0.0) * case.shed_limit_mw).sum()
        + (np.minimum(breached, 0.0) * demand).sum()
        + (np.minimum(broken, 0.0) * case.breakable_mw).sum()
    )
    return -float(least_cost)


def usage_of(case: LpCase, columns: Columns, primal_mw: Floats) -> Usage:
    """Return what a block's solution (N,) uses of contracts and tokens."""
    table = primal_mw.reshape(case.steps, columns.width)
    return Usage(
        contracts_mw=table[:, columns.contracts].sum(axis=1),
        tokens_per_h=np.asarray((table[:, columns.merchant] @ case.tokens_per_mwh).sum(axis=2)),
    )


def combined(case: LpCase, blocks: Sequence[Ints], primals: Sequence[Floats]) -> Floats:
    """Join the blocks' solutions (N,) in the layout of `columns_of(case)`."""
    whole = columns_of(case)
    table = np.zeros((case.steps, whole.width))
    for sites, primal_mw in zip(blocks, primals, strict=True):
        hedged, metered = _among(whole.hedged, sites), _among(whole.metered, sites)
        batteries, feeding = _among(whole.batteries, sites), _among(whole.feeding, sites)
        own = [
            whole.miners[sites].ravel(),
            whole.merchant[:, sites].ravel(),
            whole.contracts[sites].ravel(),
            whole.moved[sites].ravel(),
            whole.reserve[sites],
            whole.reserve_sum,
            whole.ramp[sites],
            whole.shed,
            whole.breached,
            whole.bought[metered],
            whole.sold[hedged],
            whole.rested[sites].ravel(),
            whole.broken,
            whole.charged[batteries],
            whole.discharged[batteries],
            whole.stored[batteries],
            whole.delivered[_among(whole.cycled, sites)],
            whole.exported[feeding],
            whole.peak[_among(whole.billed_site, sites)],
            whole.unused[_among(whole.supplied, sites)],
            *([whole.pledged_miners[sites].ravel()] if len(whole.pledged_spot) else []),
            *([whole.pledged_merchant[sites].ravel()] if len(whole.pledged_spot) else []),
            *([whole.pledged_spot[sites]] if len(whole.pledged_spot) else []),
            whole.pledged_battery[:, batteries].ravel(),
        ]
        # Adding is right for all: a site is in one block only, and what is shared adds up.
        table[:, np.concatenate(own)] += primal_mw.reshape(case.steps, -1)
    return table.ravel()


def _among(places: Ints, sites: Ints) -> Ints:
    """Find the places of a block's sites in a list of some of the fleet's."""
    return np.flatnonzero(np.isin(places, sites))


def joined_contract_prices(blocks: Sequence[Ints], prices: Sequence[ContractPrices | None]) -> ContractPrices | None:
    """Join the blocks' prices of the limits of a power contract, all of single sites.

    Args:
        blocks: indices of the sites of each block, an array of its own length.
        prices: of each block; None without a power contract.
    """
    order, own = np.argsort(np.concatenate(blocks)), [block for block in prices if block is not None]
    if not own:
        return None

    def of_sites(name: str) -> Floats:
        return sealed(np.concatenate([getattr(block, name) for block in own], axis=-1)[..., order])

    return ContractPrices(
        peak_usd_per_mw=of_sites("peak_usd_per_mw"),
        stored_usd_per_mwh=of_sites("stored_usd_per_mwh"),
        pledge_usd_per_mw_h=of_sites("pledge_usd_per_mw_h"),
    )


def joined_shadow(blocks: Sequence[Ints], shadows: Sequence[DualPrices]) -> DualPrices:
    """Join the blocks' dual prices; those of shared rows are the mean of the blocks.

    Args:
        blocks: indices of the sites of each block, an array of its own length.
        shadows: dual prices of each block.
    """
    order = np.argsort(np.concatenate(blocks))

    def of_sites(name: str) -> Floats:
        return sealed(np.concatenate([getattr(shadow, name) for shadow in shadows], axis=1)[:, order])

    return DualPrices(
        site_power_usd_per_mwh=of_sites("site_power_usd_per_mwh"),
        grid_usd_per_mwh=of_sites("grid_usd_per_mwh"),
        capacity_usd_per_mwh=of_sites("capacity_usd_per_mwh"),
        demand_usd_per_mwh=sealed(np.mean([shadow.demand_usd_per_mwh for shadow in shadows], axis=0)),
        budget_usd_per_mwh=sealed(np.mean([shadow.budget_usd_per_mwh for shadow in shadows], axis=0)),
    )


def shared_residual_mw(case: LpCase, primal_mw: Floats) -> float:
    """Find the worst violation of a row or bound that ties sites together [MW].

    Args:
        primal_mw: solution in the layout of `columns_of(case)` (N,).
    """
    columns = columns_of(case)
    table = primal_mw.reshape(case.steps, columns.width)
    used = usage_of(case, columns, primal_mw)
    shed, breached = table[:, columns.shed], table[:, columns.breached]
    unserved = shed + breached
    if len(columns.broken):
        unserved = unserved + table[:, columns.broken]
    promised = used.contracts_mw[:, :PROMISED_TIER_COUNT] + unserved
    reserve, reserve_sum = table[:, columns.reserve], table[:, columns.reserve_sum]
    one_site = table[:, columns.contracts[:, Tier.PREMIUM]] + reserve - reserve_sum
    violations = (
        np.abs(promised - case.demand_mw[:, :PROMISED_TIER_COUNT]),
        used.contracts_mw[:, Tier.SPOT] - case.demand_mw[:, Tier.SPOT],
        used.tokens_per_h - case.demand_tokens_per_h,
        case.dt_h @ shed - case.budget_mwh,
        shed - case.shed_limit_mw,
        np.abs(reserve.sum(axis=1, keepdims=True) - reserve_sum),
        one_site - case.unbacked_mw[:, None],
        table[:, columns.rested].sum(axis=1) - unserved[:, columns.resting],
    )
    return max(float(np.max(violation, initial=0.0)) for violation in violations)
