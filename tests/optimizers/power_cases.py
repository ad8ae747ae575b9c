"""Random cases with a power contract, on the random cases of the linear program."""

from dataclasses import replace

import numpy as np

from mara.errors import PlanRejected
from mara.optimizers.flexibility.contracted_supply import SupplyVolumes
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.power_contract import Batteries, GridProduct, PowerContract
from tests.optimizers.lp_cases import random_case


def power_case(seed: int) -> LpCase:
    """A random case with all or some of batteries, demand charge, products and adders.

    A battery's end that is out of reach is left free, and energy fed in brings nothing where it would bring too much.
    """
    case = random_case(seed)
    contract = random_contract(case, seed)
    for _ in range(3):
        try:
            check(replace(case, power_contract=contract))
        except PlanRejected as error:
            if "end_mwh" in str(error) and contract.battery is not None:
                contract = replace(contract, battery=replace(contract.battery, end_mwh=None))
            else:
                contract = replace(contract, export_fee_usd_per_mwh=np.full(case.sites, 2_000.0))
    return replace(case, power_contract=contract)


def random_contract(case: LpCase, seed: int) -> PowerContract:
    """Draw a contract for a case.

    Every third seed lacks the battery, the demand charge or the products.
    """
    draw = np.random.default_rng(10_000 + seed)
    h, s = case.steps, case.sites
    energy = draw.uniform(0.0, 8.0, s)
    start = energy * draw.uniform(0.0, 1.0, s)
    battery = Batteries(
        power_mw=draw.uniform(0.5, 4.0, s) * (np.arange(s) != seed % 3),
        energy_mwh=energy,
        efficiency_in_share=draw.uniform(0.8, 1.0, s),
        efficiency_out_share=draw.uniform(0.8, 1.0, s),
        wear_usd_per_mwh=draw.choice([0.0, 8.0], s),
        start_mwh=start,
        end_mwh=start.copy() if seed % 2 else None,
    )
    charge = DemandCharges(
        site=np.arange(s),
        usd_per_mw=draw.choice([0.0, 300.0, 5_000.0], s),
        peak_so_far_mw=case.grid_limit_mw * draw.uniform(0.0, 0.8, s),
        counts=draw.random((h, s)) < 0.7,
    )
    products = tuple(
        GridProduct(
            id=name,
            price_usd_per_mw_h=draw.gamma(1.0, 20.0, (h, s)),
            duration_h=float(draw.choice([0.5, 1.0, 4.0])),
            expected_deployment_share=float(draw.choice([0.0, 0.02, 0.2])),
            deployment_usd_per_mwh=float(draw.choice([0.0, 500.0])),
        )
        for name in ("fast", "slow")
    )
    more = DemandCharges(
        site=np.append(charge.site, s - 1),
        usd_per_mw=np.append(charge.usd_per_mw, 900.0),
        peak_so_far_mw=np.append(charge.peak_so_far_mw, 0.0),
        counts=np.column_stack([charge.counts, np.arange(h) % 2 == 0]),
    )
    supply = SupplyVolumes(
        site=np.array([0, 0, s - 1]),
        volume_mw=case.grid_limit_mw[[0, 0, s - 1]] * draw.uniform(0.1, 0.8, (h, 3)),
        # No more than selling a hedge back loses, or the two would be played against each other.
        unused_usd_per_mwh=0.3 * case.sellback_spread_share * np.abs(case.price_usd_per_mwh)[:, [0, 0, s - 1]],
    )
    return PowerContract(
        supply=supply if seed % 3 == 1 else None,
        export_limit_mw=draw.choice([0.0, 1.0, 5.0], s),
        export_fee_usd_per_mwh=draw.choice([0.0, 3.0], s),
        adder_usd_per_mwh=draw.choice([0.0, 12.0], (h, s)),
        demand_charge=None if seed % 5 == 1 else more if seed % 2 else charge,
        battery=None if seed % 5 == 2 else battery,
        products=() if seed % 5 == 3 else products,
    )
