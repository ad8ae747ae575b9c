"""Dispatch of batteries, awards and calls of grid products in a tick.

A call is obeyed within the tick: charging stops, then Spot gives way, then batteries deliver, then own-account load
goes by value. No megawatt is sold twice: awards together never exceed what runs and may stop, and batteries whose
power and energy are free. Model: docs/model.md#power-terms-in-a-run
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.contract import Tier
from mara.core.fleet import MINERS, RACKS
from mara.core.plan import PlanStep
from mara.core.power_calendar import power_of
from mara.core.power_signals import PowerObservation
from mara.core.power_state import PowerAllocation, PowerState
from mara.core.power_terms import (
    BATTERY_RESPONSE_S,
    MERCHANT_RESPONSE_S,
    MINER_RESPONSE_S,
    SPOT_RESPONSE_S,
)
from mara.core.world import Conditions, RunConfig

_ROUNDED: Final = 1e-9
"""Part of a block that is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlexibleLoad:
    """Load of a tick that may stop, at the meter, and load that may not (S,) [MW]."""

    miners_mw: Floats
    merchant_mw: Floats
    spot_mw: Floats
    firm_mw: Floats

    @property
    def flexible_mw(self) -> Floats:
        return np.asarray(self.miners_mw + self.merchant_mw + self.spot_mw)


def flexible_load(miners_mw: Floats, merchant_mw: Floats, contracts_mw: Floats, conditions: Conditions) -> FlexibleLoad:
    """Split load into what may stop and what may not.

    Args:
        miners_mw (S, 3), merchant_mw (R, S, 2), contracts_mw (S, G): IT power.
    """
    spot = contracts_mw[:, Tier.SPOT] * conditions.rack_pue
    return FlexibleLoad(
        miners_mw=row_sums(miners_mw * conditions.pue[:, MINERS]),
        merchant_mw=row_sums(merchant_mw.sum(axis=0) * conditions.pue[:, RACKS]),
        spot_mw=spot,
        firm_mw=row_sums(contracts_mw) * conditions.rack_pue - spot,
    )


def battery_flow(plan: PlanStep, state: PowerState, config: RunConfig) -> tuple[Floats, Floats]:
    """Fit planned charging and discharging to power, energy and cycles (S,) [MW].

    Never both at a site: the difference of the two is taken.
    """
    terms, dt_h = power_of(config.fleet), config.grid.dt_h
    none = np.zeros(terms.site_count)
    if plan.power is None:
        return none, none
    net = plan.power.charge_mw - plan.power.discharge_mw
    room_mw = (terms.battery_energy_mwh - state.stored_mwh) / (terms.efficiency_in_share * dt_h)
    charge = np.minimum(np.minimum(np.maximum(net, 0.0), terms.battery_power_mw), np.maximum(room_mw, 0.0))
    return charge, np.minimum(np.maximum(-net, 0.0), deliverable_mw(state, config))


def deliverable_mw(state: PowerState, config: RunConfig) -> Floats:
    """Most that batteries can deliver throughout a tick (S,)."""
    terms, dt_h = power_of(config.fleet), config.grid.dt_h
    left_mwh = np.minimum(state.stored_mwh * terms.efficiency_out_share, terms.daily_limit_mwh - state.delivered_mwh)
    return np.minimum(terms.battery_power_mw, np.maximum(left_mwh, 0.0) / dt_h)


def called_mw(state: PowerState, signals: PowerObservation | None) -> Floats:
    """Part of the last awards that products call (P, S) [MW]."""
    if signals is None or not signals.is_calling:
        return np.zeros_like(state.award_mw)
    return np.asarray(state.award_mw * signals.called_share)


def power_allocation(
    plan: PlanStep,
    load: FlexibleLoad,
    flow: tuple[Floats, Floats],
    *,
    contracts_mw: Floats,
    reserve_mw: Floats,
    state: PowerState,
    signals: PowerObservation | None,
    conditions: Conditions,
    config: RunConfig,
) -> PowerAllocation:
    """Fit batteries to the connection, and awards to the load that could go.

    Args:
        flow: charging and discharging of batteries (S,) [MW].
        contracts_mw (S, G), reserve_mw (S,): IT power of contracts, and racks held free for Premium.
    """
    terms = power_of(config.fleet)
    charge, discharge = flow
    site_mw = load.flexible_mw + load.firm_mw
    charge = np.minimum(charge, np.maximum(conditions.grid_limit_mw - site_mw, 0.0))
    discharge = np.minimum(discharge, site_mw + terms.export_limit_mw)
    net = site_mw + charge - discharge
    flexible = load.flexible_mw + charge - discharge
    called = called_mw(state, signals)
    held = np.where(called > 0.0, state.award_mw, 0.0)
    wanted = held if plan.power is None else np.where(called > 0.0, state.award_mw, plan.power.award_mw)
    room = _RoomLeft(
        load=load,
        charge_mw=charge,
        discharge_mw=discharge,
        net_mw=net,
        contracts_mw=contracts_mw,
        reserve_mw=reserve_mw,
        state=state,
        conditions=conditions,
        config=config,
    )
    award = room.fitted(np.where(called > 0.0, 0.0, wanted), signals) + held
    asked = called.sum(axis=0)
    less = np.clip(state.called_base_mw - flexible, 0.0, asked)
    share = np.divide(less, asked, out=np.zeros_like(less), where=asked > 0.0)
    return PowerAllocation(
        charge_mw=sealed(charge),
        discharge_mw=sealed(discharge),
        drawn_mw=sealed(np.maximum(net, 0.0)),
        exported_mw=sealed(np.maximum(-net, 0.0)),
        award_mw=sealed(award),
        called_mw=sealed(called),
        delivered_mw=sealed(called * share),
        flexible_mw=sealed(flexible),
        headroom_mw=sealed(room.left_mw()),
    )


class _RoomLeft:
    """Room that is left at each site while products are served in turn (S,) [MW]."""

    def __init__(
        self,
        *,
        load: FlexibleLoad,
        charge_mw: Floats,
        discharge_mw: Floats,
        net_mw: Floats,
        contracts_mw: Floats,
        reserve_mw: Floats,
        state: PowerState,
        conditions: Conditions,
        config: RunConfig,
    ) -> None:
        terms, dt_h = power_of(config.fleet), config.grid.dt_h
        self._terms = terms
        kept = contracts_mw[:, Tier.PREMIUM] + contracts_mw[:, Tier.STANDARD] + reserve_mw
        # A sold rack must be there to stop also when the Premium of a failed site has come.
        racks = np.maximum(conditions.racks_mw - kept, 0.0) * conditions.rack_pue
        self._miners = load.miners_mw + charge_mw
        self._merchant = np.minimum(load.merchant_mw, racks)
        self._spot = np.minimum(load.spot_mw, np.maximum(racks - self._merchant, 0.0))
        self._power = np.maximum(terms.battery_power_mw - discharge_mw, 0.0) * (terms.battery_energy_mwh > 0.0)
        after = state.stored_mwh + dt_h * (
            charge_mw * terms.efficiency_in_share - discharge_mw / terms.efficiency_out_share
        )
        self._energy_mwh = np.maximum(np.minimum(state.stored_mwh, after), 0.0) * terms.efficiency_out_share
        feed_in = np.maximum(net_mw + terms.export_limit_mw, 0.0)
        self._site = np.minimum(
            feed_in, np.maximum(conditions.grid_limit_mw - kept * conditions.rack_pue, 0.0) + self._power
        )

    def fitted(self, wanted_mw: Floats, signals: PowerObservation | None) -> Floats:
        """Fit awards, the product that must go quickest first (P, S)."""
        award = np.zeros_like(wanted_mw)
        if signals is None:
            return award
        for p in sorted(range(len(wanted_mw)), key=lambda p: self._terms.products[p].response_s):
            product = self._terms.products[p]
            able = (
                self._miners * (product.response_s >= MINER_RESPONSE_S),
                self._merchant * (product.response_s >= MERCHANT_RESPONSE_S),
                self._spot * (product.response_s >= SPOT_RESPONSE_S),
                np.minimum(self._power, self._energy_mwh / product.duration_h)
                * (product.response_s >= BATTERY_RESPONSE_S),
            )
            most = np.minimum(np.minimum(wanted_mw[p], sum(able)), self._site) * self._terms.sold_at[p]
            award[p] = in_blocks(most, product.block_mw, product.minimum_bid_mw)
            self._use(award[p], able, product.duration_h)
        return award

    def left_mw(self) -> Floats:
        """Power that could still be sold to a slow product of an hour (S,)."""
        battery = np.minimum(self._power, self._energy_mwh)
        load = self._miners + self._merchant + self._spot
        return np.asarray(np.minimum(load + battery, np.maximum(self._site, 0.0)))

    def _use(self, award_mw: Floats, able: tuple[Floats, ...], duration_h: float) -> None:
        left = award_mw
        used = []
        for part in able:
            taken = np.minimum(left, part)
            left = left - taken
            used.append(taken)
        self._miners, self._merchant, self._spot = (
            self._miners - used[0],
            self._merchant - used[1],
            self._spot - used[2],
        )
        self._power, self._energy_mwh = self._power - used[3], self._energy_mwh - used[3] * duration_h
        self._site = self._site - award_mw


def in_blocks(award_mw: Floats, block_mw: float, least_mw: float) -> Floats:
    """Round awards down to whole blocks; none below the least bid (S,) [MW]."""
    whole = np.floor(award_mw / block_mw + _ROUNDED) * block_mw if block_mw > 0.0 else award_mw
    return np.where(whole + _ROUNDED >= least_mw, whole, 0.0)
