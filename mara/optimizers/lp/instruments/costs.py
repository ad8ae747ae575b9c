"""Costs and bounds of the columns that a power contract adds.

Model: docs/model.md#the-power-contract
"""

from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import Tier
from mara.core.fleet import MINERS, RACKS, Workload
from mara.optimizers.flexibility.contracted_supply import SupplyVolumes
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns
from mara.optimizers.lp.power_contract import Batteries, GridProduct, PowerContract

TOO_SLOW_USD_PER_MW_H: Final = -1.0
"""Earnings of load that is too slow for a product, so that none is pledged."""


def add_hourly_costs(cost_usd_per_mw: Floats, case: LpCase, contract: PowerContract, columns: Columns) -> None:
    """Write the costs per hour into the table of costs (H, width).

    The steps are not weighed by their length yet.
    """
    paid = case.price_usd_per_mwh - contract.export_fee_usd_per_mwh
    cost_usd_per_mw[:, columns.exported] = -paid[:, columns.feeding]
    if contract.supply is not None:
        cost_usd_per_mw[:, columns.unused] = contract.supply.unused_usd_per_mwh
    if contract.products:
        miners, merchant, spot = (earned.max(axis=0) for earned in pledges_usd_per_mw_h(contract, case))
        cost_usd_per_mw[:, columns.pledged_miners.ravel()] = -miners.reshape(case.steps, -1)
        cost_usd_per_mw[:, columns.pledged_merchant.ravel()] = -merchant.reshape(case.steps, -1)
        cost_usd_per_mw[:, columns.pledged_spot] = -spot
    if contract.battery is not None:
        cost_usd_per_mw[:, columns.discharged] = contract.battery.wear_usd_per_mwh[columns.batteries]
        for product, column in zip(contract.products, columns.pledged_battery, strict=True):
            from_battery = battery_pledge_usd_per_mw_h(product, contract.battery, case)
            cost_usd_per_mw[:, column] = -from_battery[:, columns.batteries]


def add_peak_cost(cost_usd_per_mw: Floats, contract: PowerContract, columns: Columns) -> None:
    """Write the cost of the peak into the table of costs (H, width).

    It is charged once, in the last step, and not per hour.
    """
    if contract.demand_charge is not None:
        cost_usd_per_mw[-1, columns.peak] = contract.demand_charge.usd_per_mw[columns.billed]


def fixed_cost_usd(case: LpCase, contract: PowerContract, columns: Columns) -> float:
    """Sum the adder on hedged power, less the peak paid for already [USD]."""
    adder = float(case.dt_h @ (contract.adder_usd_per_mwh @ case.hedge_mw))
    charge = contract.demand_charge
    if charge is None:
        return adder
    return adder - float(charge.usd_per_mw[columns.billed] @ charge.peak_so_far_mw[columns.billed])


def add_upper(upper_mw: Floats, case: LpCase, contract: PowerContract, columns: Columns) -> None:
    """Bound the columns of the contract from above (H, width).

    Bounds that rows imply already are loose, as in the model.
    """
    if contract.battery is not None:
        power = contract.battery.power_mw[columns.batteries]
        upper_mw[:, columns.charged] = upper_mw[:, columns.discharged] = power
        upper_mw[:, columns.stored] = contract.battery.energy_mwh[columns.batteries]
        upper_mw[:, columns.pledged_battery] = 2.0 * power + 1.0
        if (cycles := contract.battery.cycles) is not None:
            own = np.searchsorted(cycles.site, columns.cycled)
            upper_mw[:, columns.delivered] = np.maximum(cycles.limit_mwh, cycles.delivered_mwh)[own]
    upper_mw[:, columns.exported] = contract.export_limit_mw[columns.feeding]
    if contract.demand_charge is not None:
        # The horizon has one peak, a column of its last step.
        owed = contract.demand_charge.peak_so_far_mw[columns.billed]
        most = np.maximum(owed, case.grid_limit_mw[columns.billed_site])
        upper_mw[-1, columns.peak] = 2.0 * most + 1.0
    if contract.supply is not None:
        upper_mw[:, columns.unused] = 2.0 * contract.supply.volume_mw + 1.0
    loads = 2.0 * case.available_mw + 1.0
    racks = loads[:, :, RACKS]
    if contract.products:
        upper_mw[:, columns.pledged_miners.ravel()] = loads[:, :, MINERS].reshape(case.steps, -1)
        upper_mw[:, columns.pledged_merchant.ravel()] = racks.reshape(case.steps, -1)
        upper_mw[:, columns.pledged_spot] = racks.sum(axis=2)


def add_limits(lower_mw: Floats, upper_mw: Floats, contract: PowerContract, columns: Columns) -> None:
    """Write least peaks and final charges of batteries into both bounds (H, width).

    A peak is at least the one paid for already. The final charge is fixed where the contract asks for it.
    """
    if contract.demand_charge is not None:
        lower_mw[-1, columns.peak] = contract.demand_charge.peak_so_far_mw[columns.billed]
    if contract.battery is not None and contract.battery.end_mwh is not None:
        lower_mw[-1, columns.stored] = upper_mw[-1, columns.stored] = contract.battery.end_mwh[columns.batteries]


def pledge_usd_per_mw_h(product: GridProduct, case: LpCase) -> tuple[Floats, Floats, Floats]:
    """Compute expected earnings of an IT megawatt pledged to a product.

    The product pays for the power at the meter. When it is called the load's margin is lost. Miners (H, S, 3), merchant
    inference (H, S, 2) and Spot (H, S).
    """
    called = product.expected_deployment_share
    per_site_mw = product.price_usd_per_mw_h + called * product.deployment_usd_per_mwh
    miners, merchant, spot = margins_usd_per_mwh(case)
    pledged = (
        (product.takes_miners, case.pue[:, :, MINERS] * per_site_mw[:, :, None] - called * miners),
        (product.takes_merchant, case.pue[:, :, RACKS] * per_site_mw[:, :, None] - called * merchant),
        (product.takes_spot, case.pue[:, :, Workload.GPU] * per_site_mw - called * spot),
    )
    of_miners, of_merchant, of_spot = (
        e if is_able else np.full_like(e, TOO_SLOW_USD_PER_MW_H) for is_able, e in pledged
    )
    return of_miners, of_merchant, of_spot


def pledges_usd_per_mw_h(contract: PowerContract, case: LpCase) -> tuple[Floats, Floats, Floats]:
    """Stack the earnings of pledged load by product.

    Miners (P, H, S, 3), merchant inference (P, H, S, 2) and Spot (P, H, S).

    No product has a limit of its own, so load is pledged to the one that pays most for it.
    """
    by_product = [pledge_usd_per_mw_h(product, case) for product in contract.products]
    miners, merchant, spot = zip(*by_product, strict=True)
    return np.stack(miners), np.stack(merchant), np.stack(spot)


def margins_usd_per_mwh(case: LpCase) -> tuple[Floats, Floats, Floats]:
    """Compute the margin of an IT megawatt-hour of load, lost when it stops.

    Miners (H, S, 3), merchant inference (H, S, 2) and Spot (H, S). Of inference it is the most that any region pays.
    """
    cost = case.grid_usd_per_mwh[:, :, None] * case.pue
    miners = case.mining_value_usd_per_mwh[:, None, :] - cost[:, :, MINERS]
    merchant = case.token_value_usd_per_mwh.max(axis=1) - cost[:, :, RACKS]
    return miners, merchant, case.rate_usd_per_mwh[Tier.SPOT] - cost[:, :, Workload.GPU]


def battery_pledge_usd_per_mw_h(product: GridProduct, battery: Batteries, case: LpCase) -> Floats:
    """Compute expected earnings of a battery megawatt pledged to a product (H, S).

    When it is called the battery wears, and what it delivered is charged again, losses included, at the step's cost.
    """
    called = product.expected_deployment_share
    there_and_back = battery.efficiency_in_share * battery.efficiency_out_share
    losses = np.maximum(case.grid_usd_per_mwh, 0.0) * (1.0 / there_and_back - 1.0)
    paid = product.price_usd_per_mw_h + called * product.deployment_usd_per_mwh
    if not product.takes_batteries:
        return np.full_like(paid, TOO_SLOW_USD_PER_MW_H)
    return paid - called * (battery.wear_usd_per_mwh + losses)


def unused_usd(net_mw: Floats, supply: SupplyVolumes, dt_h: Floats) -> float:
    """Price contracted power that is not drawn [USD].

    Args:
        net_mw: each site's power beyond its hedge (H, S).
    """
    unused_mw = np.maximum(supply.volume_mw - np.maximum(net_mw[:, supply.site], 0.0), 0.0)
    return float(dt_h @ (unused_mw * supply.unused_usd_per_mwh).sum(axis=1))


def peak_charge_usd(peak_mw: Floats, charge: DemandCharges) -> float:
    """Price the peaks of demand charges (D,) beyond those so far [USD]."""
    return float(charge.usd_per_mw @ np.maximum(peak_mw - charge.peak_so_far_mw, 0.0))
