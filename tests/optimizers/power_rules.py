"""Rules of the power contract, checked on a schedule alone."""

import numpy as np

from mara.core.contract import Tier
from mara.core.fleet import RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.power_contract import Batteries
from mara.optimizers.lp.schedule import PowerSchedule, Schedule, awards_mw, exported_mw, net_site_mw

DUST = 1e-6


def broken_rules(schedule: Schedule, case: LpCase) -> list[str]:
    """List the rules of the power contract that a schedule breaks.

    Each is computed from the schedule alone.
    """
    power, contract = schedule.power, case.power_contract
    assert power is not None
    assert contract is not None
    net = net_site_mw(schedule, case)
    spot = schedule.contracts_mw[:, :, Tier.SPOT]
    broken = {
        "a connection feeds in more than it may": (exported_mw(net, case) > contract.export_limit_mw + DUST).any(),
        "a connection draws more than it may": (net + case.hedge_mw > case.grid_limit_mw + DUST).any(),
        "a miner is sold twice": (power.pledged_miners_mw.sum(axis=0) > schedule.miners_mw + DUST).any(),
        "a rack of inference is sold twice": (
            power.pledged_merchant_mw.sum(axis=0) > schedule.merchant_mw.sum(axis=1) + DUST
        ).any(),
        "Spot is sold twice": (power.pledged_spot_mw.sum(axis=0) > spot + DUST).any(),
        "Premium has lost its reserve": contract.products and not _premium_keeps_its_reserve(schedule, case),
    }
    if contract.battery is not None:
        broken |= _broken_by_batteries(power, case, contract.battery)
    return [rule for rule, is_broken in broken.items() if is_broken]


def _broken_by_batteries(power: PowerSchedule, case: LpCase, battery: Batteries) -> dict[str, bool]:
    assert case.power_contract is not None
    before = np.concatenate([battery.start_mwh[None], power.energy_mwh[:-1]])
    into = case.dt_h[:, None] * power.charge_mw * battery.efficiency_in_share
    out = case.dt_h[:, None] * power.discharge_mw / battery.efficiency_out_share
    hours = np.array([product.duration_h for product in case.power_contract.products])
    needed = np.tensordot(hours, power.pledged_battery_mw, axes=(0, 0)) / battery.efficiency_out_share
    ready = power.pledged_battery_mw.sum(axis=0) + power.discharge_mw
    end = power.energy_mwh[-1] if battery.end_mwh is None else battery.end_mwh
    held = np.minimum(before, power.energy_mwh)
    return {
        "a battery goes both ways": bool((np.minimum(power.charge_mw, power.discharge_mw) > DUST).any()),
        "energy appears or vanishes": np.abs(power.energy_mwh - before - into + out).max() > DUST,
        "a battery holds too little or too much": bool(
            ((power.energy_mwh < -DUST) | (power.energy_mwh > battery.energy_mwh + DUST)).any()
        ),
        "a battery ends as it must not": np.abs(power.energy_mwh[-1] - end).max() > DUST,
        "a battery has sold energy that it lacks": bool((needed > held + DUST).any()),
        "a battery has sold power that it lacks": bool((ready > battery.power_mw + DUST).any()),
    }


def _premium_keeps_its_reserve(schedule: Schedule, case: LpCase) -> bool:
    """Any one site's Premium fits elsewhere beside Premium, Standard and sold reserve."""
    power = schedule.power
    assert power is not None
    awarded = awards_mw(power, case).sum(axis=0) - power.pledged_battery_mw.sum(axis=0)
    sold_racks = power.pledged_merchant_mw.sum(axis=(0, 3)) + power.pledged_spot_mw.sum(axis=0)
    kept = schedule.contracts_mw[:, :, [Tier.PREMIUM, Tier.STANDARD]].sum(axis=2)
    gpu = case.pue[:, :, Workload.GPU]
    racks_left = case.available_mw[:, :, RACKS].sum(axis=2) - kept - sold_racks
    power_left = (case.grid_limit_mw - awarded) / gpu - kept
    room = np.minimum(racks_left, power_left)
    elsewhere = room.sum(axis=1, keepdims=True) - room
    premium = schedule.contracts_mw[:, :, Tier.PREMIUM]
    return bool((room >= -DUST).all() and (premium <= elsewhere + case.unbacked_mw[:, None] + 10.0 * DUST).all())
