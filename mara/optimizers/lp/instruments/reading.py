"""Batteries and pledges read from a solution of the linear program."""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.core.plan import PlanStep, PowerStep
from mara.core.power_dispatch import in_blocks
from mara.core.units import TOLERANCE_MW
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns
from mara.optimizers.lp.instruments.costs import pledges_usd_per_mw_h
from mara.optimizers.lp.power_contract import PowerContract
from mara.optimizers.lp.schedule import PowerSchedule, awards_mw

SAME_MW: Final = 1e-4
"""Difference at which a plan draws just what is contracted."""


def with_power(steps: tuple[PlanStep, ...], primal_mw: Floats, columns: Columns, case: LpCase) -> tuple[PlanStep, ...]:
    """Add batteries, awards and limits of the power drawn to a plan's steps.

    Args:
        primal_mw: solution of the program (N,).
    """
    contract = case.power_contract
    if contract is None:
        return steps
    table = np.maximum(primal_mw, 0.0).reshape(case.steps, columns.width)
    power = in_whole_blocks(power_schedule(table, columns, case, contract), case, contract)
    awards = awards_mw(power, case)
    limit = draw_limit_mw(table, columns, case, contract)
    return tuple(
        replace(
            step,
            power=PowerStep(
                charge_mw=_clean(power.charge_mw[t]),
                discharge_mw=_clean(power.discharge_mw[t]),
                award_mw=_clean(awards[:, t]),
                draw_limit_mw=sealed(limit[t].copy()),
            ),
        )
        for t, step in enumerate(steps)
    )


def draw_limit_mw(table_mw: Floats, columns: Columns, case: LpCase, contract: PowerContract) -> Floats:
    """Limit what sites draw where more would cost more than planned (H, S).

    In steps that count for a demand charge that is the peak that the plan pays for; where just what is contracted is
    drawn, it is that.
    """
    limit = case.drawn_limit_mw
    if contract.demand_charge is not None:
        for place, d in zip(columns.peak.tolist(), columns.billed.tolist(), strict=True):
            own = limit[:, contract.demand_charge.site[d]]
            peak = np.where(contract.demand_charge.counts[:, d], table_mw[-1, place] + TOLERANCE_MW, np.inf)
            np.minimum(own, peak, out=own)
    if contract.supply is not None:
        for n, s in enumerate(columns.supplied.tolist()):
            volume = contract.supply.volume_mw[:, n]
            bought = table_mw[:, columns.bought[np.searchsorted(columns.metered, s)]]
            is_just = (np.abs(bought - volume) <= SAME_MW) & (volume > 0.0)
            limit[is_just, s] = np.minimum(limit[is_just, s], (case.hedge_mw[s] + volume + TOLERANCE_MW)[is_just])
    return limit


def _clean(power_mw: Floats) -> Floats:
    return sealed(np.where(power_mw < TOLERANCE_MW, 0.0, power_mw))


def power_schedule(table_mw: Floats, columns: Columns, case: LpCase, contract: PowerContract) -> PowerSchedule:
    """Read batteries and pledges from the table of a solution (H, width)."""
    charge, discharge = np.zeros((case.steps, case.sites)), np.zeros((case.steps, case.sites))
    stored = np.zeros(case.sites) if contract.battery is None else contract.battery.start_mwh
    energy = np.tile(stored, (case.steps, 1))
    from_battery = np.zeros((len(contract.products), case.steps, case.sites))
    charge[:, columns.batteries], discharge[:, columns.batteries] = (
        table_mw[:, columns.charged],
        table_mw[:, columns.discharged],
    )
    energy[:, columns.batteries] = table_mw[:, columns.stored]
    miners, merchant, spot = _by_product(table_mw, columns, case, contract)
    from_battery[:, :, columns.batteries] = table_mw[:, columns.pledged_battery].swapaxes(0, 1)
    return PowerSchedule(
        charge_mw=charge,
        discharge_mw=discharge,
        energy_mwh=energy,
        pledged_miners_mw=miners,
        pledged_merchant_mw=merchant,
        pledged_spot_mw=spot,
        pledged_battery_mw=from_battery,
    )


def in_whole_blocks(power: PowerSchedule, case: LpCase, contract: PowerContract) -> PowerSchedule:
    """Round awards down to whole blocks, and to none below the least bid."""
    if not any(product.block_mw or product.minimum_bid_mw for product in contract.products):
        return power
    awards = awards_mw(power, case)
    sold = np.stack([in_blocks(awards[p], q.block_mw, q.minimum_bid_mw) for p, q in enumerate(contract.products)])
    share = np.divide(sold, awards, out=np.ones_like(awards), where=awards > TOLERANCE_MW)
    return replace(
        power,
        pledged_miners_mw=power.pledged_miners_mw * share[..., None],
        pledged_merchant_mw=power.pledged_merchant_mw * share[..., None],
        pledged_spot_mw=power.pledged_spot_mw * share,
        pledged_battery_mw=power.pledged_battery_mw * share,
    )


def _by_product(
    table_mw: Floats, columns: Columns, case: LpCase, contract: PowerContract
) -> tuple[Floats, Floats, Floats]:
    """Give pledged load to the product that pays most for it.

    Miners (P, H, S, 3), merchant inference (P, H, S, 2) and Spot (P, H, S).
    """
    places = (columns.pledged_miners, columns.pledged_merchant, columns.pledged_spot)
    if not contract.products:
        shape = (0, case.steps, case.sites)
        return np.zeros((*shape, MINER_COUNT)), np.zeros((*shape, RACK_KIND_COUNT)), np.zeros(shape)
    product = np.arange(len(contract.products))
    miners, merchant, spot = (
        np.where(product.reshape(-1, *[1] * (earned.ndim - 1)) == earned.argmax(axis=0), table_mw[:, place], 0.0)
        for place, earned in zip(places, pledges_usd_per_mw_h(contract, case), strict=True)
    )
    return miners, merchant, spot
