"""A schedule over a horizon, decided by a solver, by rules or by a run."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats
from mara.core.fleet import MINERS, RACKS, Workload
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.lp.case import LpCase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerSchedule:
    """Decisions about what a power contract adds, over H steps and P products [MW].

    Attributes:
        charge_mw, discharge_mw: of the batteries, at the meter (H, S).
        energy_mwh: stored after each step (H, S).
        pledged_miners_mw (P, H, S, 3), pledged_merchant_mw (P, H, S, 2), pledged_spot_mw (P, H, S): IT load that is
            ready to go. pledged_battery_mw (P, H, S): at the meter.
    """

    charge_mw: Floats
    discharge_mw: Floats
    energy_mwh: Floats
    pledged_miners_mw: Floats
    pledged_merchant_mw: Floats
    pledged_spot_mw: Floats
    pledged_battery_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """Decisions over H steps [MW].

    Purchases, moves, starts and breaches follow from them.

    Attributes:
        miners_mw (H, S, 3), merchant_mw (H, R, S, 2), contracts_mw (H, S, G).
        shed_mw: contracts scheduled off inside their budgets (H, 3).
        rested_mw: unserved contracts by the site that they keep their place at (H, S, 3).
        power: what batteries do and what is pledged; None without a power contract.
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    shed_mw: Floats
    rested_mw: Floats
    power: PowerSchedule | None = None

    @property
    def it_power_mw(self) -> Floats:
        """Own-account load by workload, all origins together (H, S, K)."""
        return np.concatenate([self.miners_mw, self.merchant_mw.sum(axis=1)], axis=2)


def net_site_mw(schedule: Schedule, case: LpCase) -> Floats:
    """Return each site's power beyond its hedge (H, S) [MW].

    Bought where positive, sold back where negative, and fed into the grid beyond the hedge.
    """
    own = (schedule.it_power_mw * case.pue).sum(axis=2)
    contracts = schedule.contracts_mw.sum(axis=2) * case.pue[:, :, Workload.GPU]
    net = own + contracts - case.hedge_mw
    return np.asarray(net if schedule.power is None else net + schedule.power.charge_mw - schedule.power.discharge_mw)


def exported_mw(net_mw: Floats, case: LpCase) -> Floats:
    """Return the power fed into the grid (H, S) [MW].

    Args:
        net_mw: each site's power beyond its hedge (H, S).
    """
    if case.power_contract is None:
        return np.zeros_like(net_mw)
    return np.asarray(np.maximum(-net_mw - case.hedge_mw, 0.0))


def peaks_mw(net_mw: Floats, case: LpCase, charge: DemandCharges) -> Floats:
    """Return the highest power drawn that each demand charge counts (D,) [MW].

    It is at least what was paid for before.
    """
    drawn = np.maximum(net_mw + case.hedge_mw, 0.0)[:, charge.site]
    return np.asarray(np.maximum(np.where(charge.counts, drawn, 0.0).max(axis=0), charge.peak_so_far_mw))


def awards_mw(power: PowerSchedule, case: LpCase) -> Floats:
    """Return the power that is ready to go at each meter, by product (P, H, S) [MW]."""
    load = (power.pledged_miners_mw * case.pue[:, :, MINERS]).sum(axis=3)
    load = load + (power.pledged_merchant_mw * case.pue[:, :, RACKS]).sum(axis=3)
    return np.asarray(load + power.pledged_spot_mw * case.pue[:, :, Workload.GPU] + power.pledged_battery_mw)
