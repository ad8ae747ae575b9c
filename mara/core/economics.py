"""Coefficients of a tick: earnings and costs per unit of everything that runs.

The ledger applies them to what ran, a program to what it decides step by step, and its accounts to a schedule: formulas
with the same coefficients cannot disagree about what pays. Model: docs/model.md#3-money
"""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats
from mara.core.fleet import MINERS
from mara.core.market import sellback_usd_per_mwh
from mara.core.world import Conditions, Observation, RunConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Economics:
    """Earnings and costs per unit; leading axes (...), such as H steps, are kept.

    Attributes:
        mining_usd_per_mwh: earned by an IT megawatt-hour of each miner kind (..., 3).
        merchant_usd_per_mwh: earned by one of merchant inference, net of remote serving, by origin (..., R, S, 2).
        price_usd_per_mwh: cost of a site megawatt-hour bought (..., S).
        sellback_spread_share: part of the price that power sold back does not earn.
        carbon_usd_per_mwh: cost of the emissions of a site megawatt-hour drawn (..., S).
        migration_usd_per_mw: cost of a megawatt of contracts moved, by promised tier (3,).
        restart_usd_per_mw: cost of a megawatt of miners ramped up.
    """

    mining_usd_per_mwh: Floats
    merchant_usd_per_mwh: Floats
    price_usd_per_mwh: Floats
    sellback_spread_share: float
    carbon_usd_per_mwh: Floats
    migration_usd_per_mw: Floats
    restart_usd_per_mw: float

    @property
    def sellback_usd_per_mwh(self) -> Floats:
        """Earnings of a hedged site megawatt-hour sold back (..., S)."""
        return sellback_usd_per_mwh(self.price_usd_per_mwh, self.sellback_spread_share)

    @property
    def grid_usd_per_mwh(self) -> Floats:
        """Cost of a site megawatt-hour bought and drawn: price plus carbon (..., S)."""
        return self.price_usd_per_mwh + self.carbon_usd_per_mwh


def economics_of(observation: Observation, conditions: Conditions, config: RunConfig) -> Economics:
    """Collect the coefficients of an observed tick."""
    terms = config.terms
    return Economics(
        mining_usd_per_mwh=conditions.mining_value_usd_per_mwh,
        merchant_usd_per_mwh=conditions.merchant_value_usd_per_mwh,
        price_usd_per_mwh=observation.energy_price_usd_per_mwh,
        sellback_spread_share=terms.sellback_spread_share,
        carbon_usd_per_mwh=conditions.carbon_cost_usd_per_mwh,
        migration_usd_per_mw=terms.migration_rates_usd_per_mw,
        restart_usd_per_mw=terms.restart_usd_per_mw,
    )


def off_for_peak_mw(miners_mw: Floats, conditions: Conditions, peak_usd_per_mwh: Floats) -> Floats:
    """Find idle miners that pay but for the expected peak (S, 3), at the meter.

    Args:
        miners_mw: miners that run (S, 3).
        peak_usd_per_mwh: expected cost of a coincident peak of a megawatt-hour drawn (S,).
    """
    margin, pue = conditions.miner_margin_usd_per_mwh, conditions.pue[:, MINERS]
    is_out = (margin > 0.0) & (margin <= pue * peak_usd_per_mwh[:, None])
    return np.asarray(is_out * np.maximum(conditions.available_mw[:, MINERS] - miners_mw, 0.0) * pue)
