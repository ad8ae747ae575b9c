"""Row multipliers of the linear program as shadow prices.

Model: docs/model.md#shadow-prices
"""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.contract import Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.core.plan import DualPrices
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.model import LpModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContractPrices:
    """Shadow prices of a power contract: what one more unit would be worth.

    Attributes:
        peak_usd_per_mw: of a peak that may be drawn without paying for it (S,), at most the demand charges together.
        stored_usd_per_mwh: of energy in a battery after a step (H, S), zero without one.
        pledge_usd_per_mw_h: of load at the meter that products could be sold from (H, S).
    """

    peak_usd_per_mw: Floats
    stored_usd_per_mwh: Floats
    pledge_usd_per_mw_h: Floats


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
    energy = case.grid_usd_per_mwh
    power = -hourly[:, model.families["power"]]
    # Elsewhere the energy's own cost sits in the loads, and the row knows scarcity alone.
    value = energy + power
    value[:, model.columns.metered] = power[:, model.columns.metered]
    racks = -hourly[:, model.families["racks"]]
    reserve = -hourly[:, model.families["reserve"]]
    of_racks = case.available_mw[:, :, RACKS].sum(axis=2) < case.drawn_limit_mw / case.pue[:, :, Workload.GPU]
    return DualPrices(
        site_power_usd_per_mwh=sealed(value + 0.0),
        grid_usd_per_mwh=sealed(np.maximum(value - energy, 0.0)),
        capacity_usd_per_mwh=sealed(np.maximum(racks + np.where(of_racks, reserve, 0.0), 0.0)),
        demand_usd_per_mwh=sealed(hourly[:, model.families["demand"]] + 0.0),
        budget_usd_per_mwh=sealed(np.maximum(-row_duals_usd_per_unit[model.steps * model.period_rows :], 0.0)),
    )


def contract_prices_of(row_duals_usd_per_unit: Floats, model: LpModel, case: LpCase) -> ContractPrices | None:
    """Price what a power contract limits; None without one.

    Args:
        row_duals_usd_per_unit: multipliers of the minimization (M,), as in `shadow_of`.
    """
    contract, columns = case.power_contract, model.columns
    if contract is None:
        return None
    periods = row_duals_usd_per_unit[: model.steps * model.period_rows].reshape(model.steps, model.period_rows)
    peak, stored = np.zeros(case.sites), np.zeros((case.steps, case.sites))
    pledge = np.zeros((case.steps, case.sites))
    if len(columns.billed):
        np.add.at(peak, columns.billed_site, -periods[:, model.families["site_peak"]].sum(axis=0))
    if len(columns.batteries):
        stored[:, columns.batteries] = -periods[:, model.families["stored"]]
    if contract.products:
        loads = -periods[:, model.families["pledged"]] / case.dt_h[:, None]
        pledge = _pledge_usd_per_mw_h(loads, case)
    return ContractPrices(
        peak_usd_per_mw=sealed(peak + 0.0),
        stored_usd_per_mwh=sealed(stored + 0.0),
        pledge_usd_per_mw_h=sealed(pledge + 0.0),
    )


def _pledge_usd_per_mw_h(loads_usd_per_mw_h: Floats, case: LpCase) -> Floats:
    """Value one more site megawatt of load that could be pledged (H, S).

    Only loads that a site has machines or demand for are looked at.

    Args:
        loads_usd_per_mw_h: value of an IT megawatt by the rows of `pledged` (H, S x 6).
    """
    sizes = np.array([MINER_COUNT, RACK_KIND_COUNT]).cumsum() * case.sites
    miners, merchant, spot = (
        part.reshape(case.steps, case.sites, -1) for part in np.split(loads_usd_per_mw_h, sizes, 1)
    )
    has_spot = (case.available_mw[:, :, RACKS].sum(axis=2) > 0.0) & (case.demand_mw[:, Tier.SPOT, None] > 0.0)
    by_site = (
        np.where(case.available_mw[:, :, MINERS] > 0.0, miners / case.pue[:, :, MINERS], 0.0),
        np.where(case.available_mw[:, :, RACKS] > 0.0, merchant / case.pue[:, :, RACKS], 0.0),
        np.where(has_spot[:, :, None], spot / case.pue[:, :, [Workload.GPU]], 0.0),
    )
    return np.asarray(np.concatenate(by_site, axis=2).max(axis=2))
