"""What decisions earn in the accounts of MODEL section 5, whoever made them: a solver, rules, or a run tick by tick.

Nothing here knows how the program is written down for a solver: only its formulas, applied to what runs.
"""

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.schedule import Schedule, net_site_mw


def profit_usd(schedule: Schedule, case: LpCase) -> float:
    """Revenue less energy, carbon, breaches, goodwill, moves and restarts; what was paid for hedges is sunk [USD]."""
    promised = slice(0, PROMISED_TIER_COUNT)
    mining = (schedule.miners_mw.sum(axis=1) * case.mining_value_usd_per_mwh).sum(axis=1)
    tokens = (schedule.merchant_mw * case.token_value_usd_per_mwh).sum(axis=(1, 2, 3))
    contracts = schedule.contracts_mw.sum(axis=1) @ case.rate_usd_per_mwh
    net, price = net_site_mw(schedule, case), case.price_usd_per_mwh
    paid = np.where(net > 0.0, price, price - case.sellback_spread_share * np.abs(price)) * net
    carbon = case.carbon_price_usd_per_t * case.carbon_t_per_mwh * (case.hedge_mw + net)
    short_mw = unserved_mw(schedule, case)
    broken_mw = np.minimum(short_mw, case.breakable_mw)
    short = broken_mw @ case.breaking_usd_per_mwh + (short_mw - broken_mw) @ case.credit_usd_per_mwh
    short = short + schedule.shed_mw @ case.goodwill_usd_per_mwh
    hourly = mining + tokens + contracts - (paid + carbon).sum(axis=1) - short
    moved = _increases(schedule.contracts_mw[:, :, promised] + schedule.rested_mw, case.served_now_mw)
    started = _increases(schedule.miners_mw.sum(axis=2), case.miners_now_mw)
    changes = moved.sum(axis=(0, 1)) @ case.migration_usd_per_mw + started.sum() * case.restart_usd_per_mw
    return float(case.dt_h @ hourly - changes)


def unserved_mw(schedule: Schedule, case: LpCase) -> Floats:
    """Promised load that neither runs nor rests inside its budget (H, 3) [MW]."""
    promised = slice(0, PROMISED_TIER_COUNT)
    served = schedule.contracts_mw.sum(axis=1)[:, promised]
    return np.asarray(np.maximum(case.demand_mw[:, promised] - served - schedule.shed_mw, 0.0))


def _increases(level: Floats, before: Floats) -> Floats:
    return np.maximum(np.diff(level, axis=0, prepend=before[None]), 0.0)
