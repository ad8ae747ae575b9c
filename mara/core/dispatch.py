"""Dispatch: fits a plan to the limits of a tick, and sheds load beyond them.

Order of shedding: Spot first, then own account (miners, merchant inference) by value per site megawatt-hour, then
flexible, standard and premium by whole contracts, the one with the most budget left first (`placement`).
Model: docs/model.md#10-dispatch
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, row_sums, sealed
from mara.core.contract import Tier
from mara.core.fleet import MINERS, RACKS
from mara.core.placement import Placement, place, without_spot
from mara.core.plan import PlanStep
from mara.core.units import TOLERANCE_MW
from mara.core.world import Conditions, Observation, RunConfig, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A change that dispatch made to a plan: site, cause, and how much less runs [MW]."""

    site: int
    cause: str
    power_mw: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allocation:
    """Loads that really run in a tick [MW].

    Attributes:
        miners_mw (S, 3), merchant_mw (R, S, 2), contracts_mw (S, G), reserve_mw (S,): as in `PlanStep`, within limits.
        site_mining_it_mw, site_merchant_it_mw, site_contracts_it_mw: their sums over kinds, regions and tiers (S,).
        site, served, scheduled: state of each contract (C,); see `Placement`.
        pue (S, K), available_mw (S, K): the tick's conditions.
        site_power_mw: power drawn from the grid (S,).
        bought_mw, sold_mw: power bought beyond the hedge, and hedged power sold back (S,).
        moved_mw: contract load that came from another site, by tier (S, 3).
        ramp_mw: increase of mining load since the last tick (S,).
        deviations: changes that dispatch made to the plan.
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    reserve_mw: Floats
    site_mining_it_mw: Floats
    site_merchant_it_mw: Floats
    site_contracts_it_mw: Floats
    site: Ints
    served: Bools
    scheduled: Bools
    pue: Floats
    available_mw: Floats
    site_power_mw: Floats
    bought_mw: Floats
    sold_mw: Floats
    moved_mw: Floats
    ramp_mw: Floats
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Loads:
    """Own-account load that fits a site, and the load that it left out."""

    miners_mw: Floats
    merchant_mw: Floats
    mining_mw: Floats
    racks_used_mw: Floats
    site_power_mw: Floats
    rack_short_mw: Floats | None
    grid_short_mw: Floats | None


def dispatch(
    plan: PlanStep, world: World, observation: Observation, conditions: Conditions, config: RunConfig
) -> Allocation:
    """Fit a plan to the limits of a tick; whatever it says, none is exceeded."""
    fleet = config.fleet
    placed = place(plan, world, conditions.contract_room_mw, observation.availability_share < world.availability_share)
    contracts_mw = row_sums(placed.contracts_mw)
    loads = _fit(plan, contracts_mw, world, conditions, observation, config)
    gave_way = _spot_that_gave_way(plan, placed)
    if (loads.rack_short_mw is not None or loads.grid_short_mw is not None) and placed.contracts_mw[:, Tier.SPOT].any():
        wanted_mw = contracts_mw
        placed = without_spot(placed, world.book, _short_it_mw(loads, conditions))
        contracts_mw = row_sums(placed.contracts_mw)
        gave_way += _less("spot gave way", wanted_mw - contracts_mw, placed.rescued_mw)
        loads = _fit(plan, contracts_mw, world, conditions, observation, config)
    power = loads.site_power_mw
    ramp = loads.mining_mw - row_sums(world.miners_mw)
    bought, sold = (power, np.zeros(len(power))) if fleet.is_unhedged else traded(power, fleet.hedge_mw)
    return Allocation(
        miners_mw=sealed(loads.miners_mw),
        merchant_mw=sealed(loads.merchant_mw),
        contracts_mw=placed.contracts_mw,
        reserve_mw=sealed(reserve_within(plan.reserve_mw, placed.contracts_mw, conditions.contract_room_mw)),
        site_mining_it_mw=sealed(loads.mining_mw),
        site_merchant_it_mw=sealed(loads.racks_used_mw),
        site_contracts_it_mw=sealed(contracts_mw),
        site=placed.site,
        served=placed.served,
        scheduled=placed.scheduled,
        pue=conditions.pue,
        available_mw=conditions.available_mw,
        site_power_mw=sealed(power),
        bought_mw=sealed(bought),
        sold_mw=sealed(sold),
        moved_mw=placed.moved_mw,
        ramp_mw=sealed(np.maximum(ramp, 0.0, out=ramp)),
        deviations=(*gave_way, *_deviations(plan, placed, loads)),
    )


def reserve_within(reserve_mw: Floats, contracts_mw: Floats, room_mw: Floats) -> Floats:
    """Planned reserve within the racks and power that firm tiers leave (..., S)."""
    binding_mw = contracts_mw[..., Tier.PREMIUM] + contracts_mw[..., Tier.STANDARD]
    room = np.maximum(room_mw - binding_mw, 0.0)
    return np.asarray(np.minimum(reserve_mw, room, out=room))


def traded(power_mw: Floats, hedge_mw: Floats) -> tuple[Floats, Floats]:
    """Power bought beyond the hedge, and hedged power sold back (..., S)."""
    return np.maximum(power_mw - hedge_mw, 0.0), np.maximum(hedge_mw - power_mw, 0.0)


def _fit(
    plan: PlanStep,
    contracts_mw: Floats,
    world: World,
    conditions: Conditions,
    observation: Observation,
    config: RunConfig,
) -> _Loads:
    merchant, racks_by_kind, rack_short = _fit_merchant(plan.merchant_mw, contracts_mw, conditions, observation, config)
    miners = fit_miners(plan.miners_mw, world, conditions, config)
    power = site_power_mw(miners, racks_by_kind, contracts_mw, conditions)
    over = power - config.fleet.grid_limit_mw
    crowded = np.count_nonzero(over > TOLERANCE_MW) > 0
    if crowded:
        miners, merchant = miners.copy(), merchant.copy()
        _shed_to_grid(miners, merchant, over, conditions)
        racks_by_kind = merchant.sum(axis=0)
        power = site_power_mw(miners, racks_by_kind, contracts_mw, conditions)
    return _Loads(
        miners_mw=miners,
        merchant_mw=merchant,
        mining_mw=row_sums(miners),
        racks_used_mw=row_sums(racks_by_kind),
        # Any excess over the limit that remains here is rounding.
        site_power_mw=np.minimum(power, config.fleet.grid_limit_mw, out=power),
        rack_short_mw=rack_short,
        grid_short_mw=over if crowded else None,
    )


def _fit_merchant(
    wanted_mw: Floats, contracts_mw: Floats, conditions: Conditions, observation: Observation, config: RunConfig
) -> tuple[Floats, Floats, Floats | None]:
    """Fit merchant inference to demand, machines and the racks that contracts leave.

    Returns the load (R, S, 2), its sum over regions (S, 2), and the load that lacked racks (S,).
    """
    tokens = (wanted_mw @ config.fleet.tokens_per_mwh).sum(axis=1)
    demand = observation.demand_tokens_per_h
    if np.count_nonzero(tokens > demand * ROUNDED_UP):
        fit = np.minimum(1.0, demand / np.maximum(tokens, 1e-9))
        wanted_mw = wanted_mw * fit[:, None, None]
    by_kind = wanted_mw.sum(axis=0)
    kinds = conditions.available_mw[:, RACKS]
    if np.count_nonzero(by_kind > kinds):
        wanted_mw = wanted_mw * np.where(by_kind > kinds, kinds / np.maximum(by_kind, TOLERANCE_MW), 1.0)
        by_kind = np.minimum(by_kind, kinds)
    total = row_sums(by_kind)
    short = total + contracts_mw - conditions.racks_mw
    if not np.count_nonzero(short > 0.0):
        return wanted_mw, by_kind, None
    fit = crowded_share(total, contracts_mw, conditions.racks_mw)[:, None]
    return wanted_mw * fit, by_kind * fit, short if np.count_nonzero(short > TOLERANCE_MW) else None


def crowded_share(merchant_mw: Floats, contracts_mw: Floats, racks_mw: Floats) -> Floats:
    """Share of a site's merchant inference for which contracts leave racks (..., S)."""
    room = np.maximum(racks_mw - contracts_mw, 0.0)
    return np.where(merchant_mw > room, room / np.maximum(merchant_mw, TOLERANCE_MW), 1.0)


def fit_miners(wanted_mw: Floats, world: World, conditions: Conditions, config: RunConfig) -> Floats:
    """Fit miners to availability and to their minimum time off (S, 3)."""
    available = conditions.available_mw[:, MINERS]
    fitted = np.minimum(wanted_mw, available) if np.count_nonzero(wanted_mw > available) else wanted_mw
    least = config.miner_min_off_ticks
    if least > 1:
        off = world.miner_off_ticks
        held_back = (off > 0) & (off < least)
        if np.count_nonzero(held_back):
            fitted = np.where(held_back, 0.0, fitted)
    return fitted


def _short_it_mw(loads: _Loads, conditions: Conditions) -> Floats:
    """IT load that lacked racks or grid power, whichever is more (S,)."""
    short = np.zeros(len(conditions.racks_mw))
    if loads.rack_short_mw is not None:
        short = np.maximum(short, loads.rack_short_mw)
    if loads.grid_short_mw is not None:
        short = np.maximum(short, loads.grid_short_mw / conditions.rack_pue)
    return short


def _shed_to_grid(
    miners_mw: Floats,
    merchant_mw: Floats,
    over_mw: Floats,
    conditions: Conditions,
) -> None:
    """Cut the loads of least value in place, where power exceeds the grid limit."""
    mining: list[float] = conditions.mining_value_usd_per_mwh.tolist()
    value = conditions.merchant_value_usd_per_mwh
    for s in np.nonzero(over_mw > TOLERANCE_MW)[0].tolist():
        pue = conditions.pue[s].tolist()
        loads = [(mining[k] / pue[k], miners_mw[s], k, pue[k]) for k in range(len(mining))]
        for r in range(len(merchant_mw)):
            loads += [(value[r, s, j] / pue[3 + j], merchant_mw[r, s], j, pue[3 + j]) for j in range(2)]
        left = float(over_mw[s])
        for _, row, k, factor in sorted(loads, key=lambda load: load[0]):
            cut = min(float(row[k]), left / factor)
            row[k] -= cut
            left -= cut * factor
            if left <= 0.0:
                break


def site_power_mw(miners_mw: Floats, racks_by_kind_mw: Floats, contracts_mw: Floats, conditions: Conditions) -> Floats:
    """Power that loads and their cooling draw from the grid (S,) [MW]."""
    own = row_sums(miners_mw * conditions.pue[:, MINERS]) + row_sums(racks_by_kind_mw * conditions.pue[:, RACKS])
    return np.asarray(own + contracts_mw * conditions.rack_pue)


def _deviations(plan: PlanStep, placed: Placement, loads: _Loads) -> tuple[Deviation, ...]:
    changes: list[Deviation] = []
    stranded, rescued = placed.stranded_mw, placed.rescued_mw
    if stranded is not None:
        if placed.gave_way_mw is not None:
            changes += _less(TO_PREMIUM, placed.gave_way_mw)
            stranded = stranded - placed.gave_way_mw
        changes += _less("promised load found no place", stranded)
    if loads.grid_short_mw is not None:
        changes += _less("grid limit reached", loads.grid_short_mw)
    if loads.miners_mw is not plan.miners_mw:
        changes += _less("miners held back", (plan.miners_mw - loads.miners_mw).sum(axis=1))
    if loads.merchant_mw is not plan.merchant_mw:
        less_mw = (plan.merchant_mw - loads.merchant_mw).sum(axis=(0, 2))
        changes += _less("merchant inference held back", less_mw, rescued)
    return tuple(changes)


def _spot_that_gave_way(plan: PlanStep, placed: Placement) -> list[Deviation]:
    """Planned Spot that does not run because Premium of a failed site came."""
    if placed.rescued_mw is None:
        return []
    less_mw = plan.contracts_mw[:, Tier.SPOT] - placed.contracts_mw[:, Tier.SPOT]
    return _less(TO_PREMIUM, less_mw * (placed.rescued_mw > 0.0))


def _less(cause: str, less_mw: Floats, rescued_mw: Floats | None = None) -> list[Deviation]:
    """List a deviation for each site that runs less than planned.

    Where Premium of a failed site came (S,), that is the cause.
    """
    sites = np.nonzero(less_mw > TOLERANCE_MW)[0].tolist()
    return [
        Deviation(
            site=s,
            cause=TO_PREMIUM if rescued_mw is not None and rescued_mw[s] > 0.0 else cause,
            power_mw=float(less_mw[s]),
        )
        for s in sites
    ]


TO_PREMIUM: Final = "gave way to Premium"
"""Cause of a deviation where Premium of a failed site came."""
ROUNDED_UP: Final = 1.0 + 1e-12
"""Factor by which sums of floats may exceed the demand that a plan serves exactly."""
