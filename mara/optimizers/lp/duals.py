"""Row multipliers of the linear program as shadow prices.

Model: docs/model.md#shadow-prices
"""

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.fleet import RACKS, Workload
from mara.core.plan import DualPrices
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.model import LpModel


def shadow_of(row_duals_usd_per_unit: Floats, model: LpModel, case: LpCase) -> DualPrices:
    """Price a solution: what one more unit of each limit would be worth.

    A row's dual is the change of cost by its limit, per step: a value is its negative per hour.

    Args:
        row_duals_usd_per_unit: multipliers of the minimization (M,): periods end to end, then one budget
            row for each promised tier.
        model: the program they belong to.
    """
    periods = row_duals_usd_per_unit[: model.steps * model.period_rows].reshape(model.steps, model.period_rows)
    hourly = periods / case.dt_h[:, None]
    energy = case.economics.grid_usd_per_mwh
    power = -hourly[:, model.families["power"]]
    hedged = case.hedge_mw > 0.0
    # Elsewhere the energy's own cost sits in the loads, and the row knows scarcity alone.
    value = np.where(hedged, power, energy + power)
    racks = -hourly[:, model.families["racks"]]
    reserve = -hourly[:, model.families["reserve"]]
    of_racks = case.available_mw[:, :, RACKS].sum(axis=2) < case.grid_limit_mw / case.pue[:, :, Workload.GPU]
    return DualPrices(
        site_power_usd_per_mwh=sealed(value + 0.0),
        grid_usd_per_mwh=sealed(np.maximum(value - energy, 0.0)),
        capacity_usd_per_mwh=sealed(np.maximum(racks + np.where(of_racks, reserve, 0.0), 0.0)),
        demand_usd_per_mwh=sealed(hourly[:, model.families["demand"]] + 0.0),
        budget_usd_per_mwh=sealed(np.maximum(-row_duals_usd_per_unit[model.steps * model.period_rows :], 0.0)),
    )
