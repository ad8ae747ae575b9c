"""What runs when, for a whole horizon, and what that earns: bookkeeping of MODEL section 5 that knows no solver."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.fleet import Workload
from mara.optimizers.lp_case import LpCase
from mara.optimizers.lp_model import Columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """Decisions over H steps [MW]; what is bought, sold, moved, started and breached follows from them.

    Attributes:
        miners_mw (H, S, 3), merchant_mw (H, R, S, 2), contracts_mw (H, S, G).
        shed_mw: contracts resting inside their budgets (H, 3).
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    shed_mw: Floats

    @property
    def it_power_mw(self) -> Floats:
        """Own-account load by workload, all origins together (H, S, K)."""
        return np.concatenate([self.miners_mw, self.merchant_mw.sum(axis=1)], axis=2)


def schedule_of(primal: Floats, columns: Columns, case: LpCase) -> Schedule:
    """A solution's columns as a schedule; what the solver leaves below zero is rounding and becomes zero."""
    table = np.maximum(primal, 0.0).reshape(case.steps, columns.width)
    return Schedule(
        miners_mw=table[:, columns.miners],
        merchant_mw=table[:, columns.merchant],
        contracts_mw=table[:, columns.contracts],
        shed_mw=table[:, columns.shed],
    )


def net_site_mw(schedule: Schedule, case: LpCase) -> Floats:
    """What each site draws beyond its hedged block: bought where positive, sold back where negative (H, S) [MW]."""
    own = (schedule.it_power_mw * case.pue).sum(axis=2)
    contracts = schedule.contracts_mw.sum(axis=2) * case.pue[:, :, Workload.GPU]
    return np.asarray(own + contracts - case.hedge_mw)


def breached_mw(schedule: Schedule, case: LpCase) -> Floats:
    """Promised load that neither runs nor rests inside its budget (H, 3) [MW]."""
    promised = slice(0, PROMISED_TIER_COUNT)
    served = schedule.contracts_mw.sum(axis=1)[:, promised]
    return np.asarray(np.maximum(case.demand_mw[:, promised] - served - schedule.shed_mw, 0.0))


def profit_usd(schedule: Schedule, case: LpCase) -> float:
    """Revenue less energy, carbon, breaches, goodwill, moves and restarts; what was paid for hedges is sunk [USD]."""
    promised = slice(0, PROMISED_TIER_COUNT)
    mining = (schedule.miners_mw.sum(axis=1) * case.mining_value_usd_per_mwh).sum(axis=1)
    tokens = (schedule.merchant_mw * case.token_value_usd_per_mwh).sum(axis=(1, 2, 3))
    contracts = schedule.contracts_mw.sum(axis=1) @ case.rate_usd_per_mwh
    net, price = net_site_mw(schedule, case), case.price_usd_per_mwh
    paid = np.where(net > 0.0, price, price - case.sellback_spread_share * np.abs(price)) * net
    carbon = case.carbon_price_usd_per_t * case.carbon_t_per_mwh * (case.hedge_mw + net)
    short = breached_mw(schedule, case) @ case.credit_usd_per_mwh
    short = short + schedule.shed_mw @ case.goodwill_usd_per_mwh
    hourly = mining + tokens + contracts - (paid + carbon).sum(axis=1) - short
    moved = _increases(schedule.contracts_mw[:, :, promised], case.served_now_mw)
    started = _increases(schedule.miners_mw.sum(axis=2), case.miners_now_mw)
    changes = moved.sum(axis=(0, 1)) @ case.migration_usd_per_mw + started.sum() * case.restart_usd_per_mw
    return float(case.dt_h @ hourly - changes)


def energy_cost_usd_per_mwh(case: LpCase) -> Floats:
    """Price of bought power with its carbon (H, S) [USD per site MWh]."""
    return case.price_usd_per_mwh + case.carbon_price_usd_per_t * case.carbon_t_per_mwh


def _increases(level: Floats, before: Floats) -> Floats:
    return np.maximum(np.diff(level, axis=0, prepend=before[None]), 0.0)
