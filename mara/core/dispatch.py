"""Dispatch: fits a plan to the limits of a tick, and sheds load beyond them.

Order of shedding: Spot first, then own account (miners, merchant inference) by value per site megawatt-hour, then
flexible, standard and premium by whole contracts, the one with the most budget left first (`placement`).
Model: docs/model.md#10-dispatch
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, has_any, row_sums, sealed
from mara.core.contract import Tier
from mara.core.fleet import MINERS, RACKS, Workload
from mara.core.own_load import OwnLoad, fit_own_load, held_back, shed_to_grid, site_power_mw
from mara.core.placement import Placement, place, without_spot
from mara.core.plan import PlanStep
from mara.core.power_dispatch import (
    battery_flow,
    called_mw,
    deliverable_mw,
    flexible_load,
    power_allocation,
)
from mara.core.power_state import PowerAllocation
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
        site_power_mw: power of all load, cooling included (S,).
        bought_mw, sold_mw: power bought beyond the hedge, and hedged power sold back (S,).
        moved_mw: contract load that came from another site, by tier (S, 3).
        ramp_mw: increase of mining load since the last tick (S,).
        deviations: changes that dispatch made to the plan.
        power: batteries and grid products; None where the fleet has no power terms.
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
    power: PowerAllocation | None = None

    @property
    def drawn_mw(self) -> Floats:
        """Power taken from the grid connection: that of all load, but for batteries (S,)."""
        return self.site_power_mw if self.power is None else self.power.drawn_mw

    @property
    def own_mw(self) -> Floats:
        """Own-account load by workload (S, K)."""
        own = np.empty_like(self.available_mw)
        own[:, MINERS] = self.miners_mw
        own[:, RACKS] = self.merchant_mw.sum(axis=0)
        return own

    @property
    def running_mw(self) -> Floats:
        """All IT load by workload (S, K).

        Contracts take the racks that merchant inference leaves, GPU first.
        """
        running = self.own_mw
        free_mw = np.maximum(self.available_mw[:, Workload.GPU] - running[:, Workload.GPU], 0.0)
        gpu = np.minimum(self.site_contracts_it_mw, free_mw)
        running[:, Workload.GPU] += gpu
        running[:, Workload.ASIC] += self.site_contracts_it_mw - gpu
        return running


def dispatch(
    plan: PlanStep, world: World, observation: Observation, conditions: Conditions, config: RunConfig
) -> Allocation:
    """Fit a plan to the limits of a tick; whatever it says, none is exceeded."""
    placed = place(plan, world, conditions.contract_room_mw, observation.availability_share < world.availability_share)
    if world.power is not None or not config.fleet.is_small:
        return _allocation(plan, placed, world, observation, conditions, config)
    return _repeated(_Repeatable(plan, placed, world, observation, conditions, config))


class _Repeatable:
    """A tick without power terms, equal to another that has the same allocation.

    Mostly that is the last one: prices change in every tick, but plans and weather for the hour.
    """

    __slots__ = ("content", "inputs")

    def __init__(
        self,
        plan: PlanStep,
        placed: Placement,
        world: World,
        observation: Observation,
        conditions: Conditions,
        config: RunConfig,
    ) -> None:
        self.inputs = plan, placed, world, observation, conditions, config
        waits = held_back(world.miner_off_ticks, config)
        self.content = (
            config,
            placed,
            plan.miners_mw.tobytes(),
            plan.merchant_mw.tobytes(),
            plan.reserve_mw.tobytes(),
            world.miners_mw.tobytes(),
            None if waits is None else waits.tobytes(),
            conditions.pue.tobytes(),
            conditions.available_mw.tobytes(),
            conditions.grid_limit_mw.tobytes(),
            conditions.mining_value_usd_per_mwh.tobytes(),
            conditions.merchant_value_usd_per_mwh.tobytes(),
            observation.demand_tokens_per_h.tobytes(),
        )

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Repeatable) and self.content == other.content


@lru_cache(maxsize=8)  # a live run and the worlds beside it
def _repeated(tick: _Repeatable) -> Allocation:
    return _allocation(*tick.inputs)


def _allocation(
    plan: PlanStep,
    placed: Placement,
    world: World,
    observation: Observation,
    conditions: Conditions,
    config: RunConfig,
) -> Allocation:
    """Fit load beside placed contracts, and what of Spot has to give way."""
    fleet = config.fleet
    flow = None if world.power is None else battery_flow(plan, world.power, config)
    limit_mw = conditions.grid_limit_mw if flow is None else conditions.grid_limit_mw + flow[1]
    loads = fit_own_load(plan, placed.site_mw, world, conditions, observation, config, limit_mw=limit_mw)
    gave_way = _spot_that_gave_way(plan, placed)
    if (loads.rack_short_mw is not None or loads.grid_short_mw is not None) and placed.contracts_mw[:, Tier.SPOT].any():
        wanted_mw = placed.site_mw
        placed = without_spot(placed, world.book, _short_it_mw(loads, conditions))
        gave_way += _less("spot gave way", wanted_mw - placed.site_mw, placed.rescued_mw)
        loads = fit_own_load(plan, placed.site_mw, world, conditions, observation, config, limit_mw=limit_mw)
    changes = (*gave_way, *_deviations(plan, placed, loads))
    flexibility = None
    if flow is not None and world.power is not None:
        wanted_mw = loads.mining_mw + loads.racks_used_mw + placed.site_mw
        placed, loads, flexibility = _with_flexibility(
            plan, placed, loads, flow, world=world, observation=observation, conditions=conditions, config=config
        )
        changes += tuple(_less(CALLED, wanted_mw - loads.mining_mw - loads.racks_used_mw - placed.site_mw))
    power = loads.site_power_mw
    drawn = power if flexibility is None else flexibility.drawn_mw
    bought, sold = (drawn, np.zeros(len(power))) if fleet.is_unhedged else traded(drawn, fleet.hedge_mw)
    return Allocation(
        miners_mw=sealed(loads.miners_mw),
        merchant_mw=sealed(loads.merchant_mw),
        contracts_mw=placed.contracts_mw,
        reserve_mw=sealed(reserve_within(plan.reserve_mw, placed.contracts_mw, conditions.contract_room_mw)),
        site_mining_it_mw=sealed(loads.mining_mw),
        site_merchant_it_mw=sealed(loads.racks_used_mw),
        site_contracts_it_mw=placed.site_mw,
        site=placed.site,
        served=placed.served,
        scheduled=placed.scheduled,
        pue=conditions.pue,
        available_mw=conditions.available_mw,
        site_power_mw=sealed(power),
        bought_mw=sealed(bought),
        sold_mw=sealed(sold),
        moved_mw=placed.moved_mw,
        ramp_mw=sealed(_ramp_mw(loads, world)),
        deviations=changes,
        power=flexibility,
    )


def _with_flexibility(
    plan: PlanStep,
    placed: Placement,
    loads: OwnLoad,
    flow: tuple[Floats, Floats],
    *,
    world: World,
    observation: Observation,
    conditions: Conditions,
    config: RunConfig,
) -> tuple[Placement, OwnLoad, PowerAllocation]:
    """Obey calls of grid products, then fit batteries and awards to what runs."""
    assert world.power is not None
    if observation.power is not None and observation.power.is_calling:
        placed, loads, flow = _obeying_calls(
            placed, loads, flow, world=world, observation=observation, conditions=conditions, config=config
        )
    done = power_allocation(
        plan,
        flexible_load(loads.miners_mw, loads.merchant_mw, placed.contracts_mw, conditions),
        flow,
        contracts_mw=placed.contracts_mw,
        reserve_mw=reserve_within(plan.reserve_mw, placed.contracts_mw, conditions.contract_room_mw),
        state=world.power,
        signals=observation.power,
        conditions=conditions,
        config=config,
    )
    return placed, loads, done


def _obeying_calls(
    placed: Placement,
    loads: OwnLoad,
    flow: tuple[Floats, Floats],
    *,
    world: World,
    observation: Observation,
    conditions: Conditions,
    config: RunConfig,
) -> tuple[Placement, OwnLoad, tuple[Floats, Floats]]:
    """Obey calls of grid products: charging stops, then Spot, batteries, own load."""
    state, (charge, discharge) = world.power, flow
    assert state is not None
    assert config.fleet.power is not None
    called = called_mw(state, observation.power).sum(axis=0)
    load = flexible_load(loads.miners_mw, loads.merchant_mw, placed.contracts_mw, conditions)
    over = np.where(called > 0.0, load.flexible_mw + charge - discharge - (state.called_base_mw - called), 0.0)
    less = np.clip(over, 0.0, charge)
    charge, over = charge - less, over - less
    spot_mw = load.spot_mw
    if (np.minimum(over, spot_mw) > TOLERANCE_MW).any():
        placed = without_spot(placed, world.book, np.maximum(over, 0.0) / conditions.rack_pue)
        left_mw = placed.contracts_mw[:, Tier.SPOT] * conditions.rack_pue
        over = over - (spot_mw - left_mw)
    spare = np.minimum(
        deliverable_mw(state, config), load.flexible_mw + load.firm_mw + config.fleet.power.export_limit_mw
    )
    more = np.clip(over, 0.0, np.maximum(spare - discharge, 0.0)) * (charge <= 0.0)
    discharge, over = discharge + more, over - more
    miners, merchant = loads.miners_mw.copy(), loads.merchant_mw.copy()
    shed_to_grid(miners, merchant, over, conditions)
    racks_by_kind = merchant.sum(axis=0)
    kept = replace(
        loads,
        miners_mw=miners,
        merchant_mw=merchant,
        mining_mw=row_sums(miners),
        racks_used_mw=row_sums(racks_by_kind),
        site_power_mw=site_power_mw(miners, racks_by_kind, placed.site_mw, conditions),
    )
    return placed, kept, (charge, discharge)


def reserve_within(reserve_mw: Floats, contracts_mw: Floats, room_mw: Floats) -> Floats:
    """Planned reserve within the racks and power that firm tiers leave (..., S) [MW]."""
    binding_mw = contracts_mw[..., Tier.PREMIUM] + contracts_mw[..., Tier.STANDARD]
    room = np.maximum(room_mw - binding_mw, 0.0)
    return np.asarray(np.minimum(reserve_mw, room, out=room))


def traded(power_mw: Floats, hedge_mw: Floats) -> tuple[Floats, Floats]:
    """Power bought beyond the hedge, and hedged power sold back (..., S)."""
    return np.maximum(power_mw - hedge_mw, 0.0), np.maximum(hedge_mw - power_mw, 0.0)


def _ramp_mw(loads: OwnLoad, world: World) -> Floats:
    """Compute the increase of mining load since the last tick, mostly none (S,)."""
    if loads.miners_mw.tobytes() == world.miners_mw.tobytes():
        return np.zeros(len(loads.mining_mw))
    ramp = loads.mining_mw - row_sums(world.miners_mw)
    return np.asarray(np.maximum(ramp, 0.0, out=ramp))


def _short_it_mw(loads: OwnLoad, conditions: Conditions) -> Floats:
    """IT load that lacked racks or grid power, whichever is more (S,)."""
    short = np.zeros(len(conditions.racks_mw))
    if loads.rack_short_mw is not None:
        short = np.maximum(short, loads.rack_short_mw)
    if loads.grid_short_mw is not None:
        short = np.maximum(short, loads.grid_short_mw / conditions.rack_pue)
    return short


def _deviations(plan: PlanStep, placed: Placement, loads: OwnLoad) -> tuple[Deviation, ...]:
    changes: list[Deviation] = []
    stranded, rescued = placed.stranded_mw, placed.rescued_mw
    if stranded is not None:
        if placed.gave_way_mw is not None:
            changes += _less(TO_PREMIUM, placed.gave_way_mw)
            stranded = stranded - placed.gave_way_mw
        changes += _less("promised load found no place", stranded)
    if loads.grid_short_mw is not None:
        changes += _less("grid limit reached", loads.grid_short_mw)
    if loads.miners_mw is not plan.miners_mw and _may_be_less(plan.miners_mw, loads.miners_mw):
        changes += _less("miners held back", (plan.miners_mw - loads.miners_mw).sum(axis=1))
    if loads.merchant_mw is not plan.merchant_mw and _may_be_less(plan.merchant_mw, loads.merchant_mw):
        less_mw = (plan.merchant_mw - loads.merchant_mw).sum(axis=(0, 2))
        changes += _less("merchant inference held back", less_mw, rescued)
    return tuple(changes)


def _may_be_less(planned_mw: Floats, fitted_mw: Floats) -> bool:
    """Say whether the sum of a site, of six at most, may fall by more than rounding."""
    return has_any(planned_mw - fitted_mw > TOLERANCE_MW / 8)


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


CALLED: Final = "called by the grid"
"""Cause of a deviation where a grid product has called what it bought."""
TO_PREMIUM: Final = "gave way to Premium"
"""Cause of a deviation where Premium of a failed site came."""
