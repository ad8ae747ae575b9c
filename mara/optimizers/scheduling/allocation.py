"""Allocation of miners and tokens in the power and racks that contracts leave."""

from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums
from mara.core.fleet import MINER_COUNT, MINERS, RACKS
from mara.core.plan import PowerStep, Problem
from mara.core.world import Conditions

RESTART_PAYS_BACK_H: Final = 1.0
"""Time in which a margin covers a restart, or a loss stops a miner.

Chosen; hysteresis keeps loads from switching on and off around break-even.
"""


def fill_miners(wanted_mw: Floats, pue: Floats, value_usd_per_mwh: Floats, headroom_site_mw: Floats) -> Floats:
    """Fit miners into the site power that is left (S, 3) [MW].

    The best value per site megawatt-hour comes first.

    Args:
        wanted_mw: miners that should run (S, 3).
        pue: PUE of each kind (S, 3).
        value_usd_per_mwh: worth of an IT megawatt-hour by kind (3,) or (S, 3).
        headroom_site_mw: site power left (S,).
    """
    draw = wanted_mw * pue
    if not np.count_nonzero(row_sums(draw) > headroom_site_mw):
        return wanted_mw
    order = (-(value_usd_per_mwh / pue)).argsort(axis=1, kind="stable")
    # Places in the flattened draw by rank and site: the best kind of every site comes first.
    places = order.T + np.arange(0, draw.size, MINER_COUNT)
    left = np.maximum(headroom_site_mw, 0.0)
    filled = np.zeros(draw.size)
    for place in places:
        used = np.minimum(draw.take(place), left)
        filled[place] = used
        left = left - used
    return np.asarray(filled.reshape(draw.shape) / pue)


def miners_that_pay(problem: Problem, conditions: Conditions, headroom_site_mw: Floats) -> Floats:
    """Choose miners to run by break-even, unchanged in a band around it (S, 3) [MW].

    Stopped kinds start when the margin covers the restart, running ones stop when the loss would.
    """
    margin = conditions.miner_margin_usd_per_mwh
    start_margin = problem.config.terms.restart_usd_per_mw / RESTART_PAYS_BACK_H
    worth = margin >= np.where(problem.world.miners_mw > 0.0, -start_margin, start_margin)
    wanted = miners_allowed(problem, conditions) * worth
    return fill_miners(wanted, conditions.pue[:, MINERS], conditions.mining_value_usd_per_mwh, headroom_site_mw)


def miners_allowed(problem: Problem, conditions: Conditions) -> Floats:
    """Return available miners, less those that must stay off (S, 3) [MW]."""
    available = conditions.available_mw[:, MINERS]
    least = problem.config.miner_min_off_ticks
    if least <= 1:
        return available
    off = problem.world.miner_off_ticks
    return np.where((off > 0) & (off < least), 0.0, available)


def site_limit_mw(conditions: Conditions, power: PowerStep | None) -> Floats:
    """Return the most power that load may have at each site (S,) [MW].

    It is the connection, or the peak that a plan pays for, with what a battery delivers less what it takes.
    """
    if power is None:
        return conditions.grid_limit_mw
    return np.asarray(np.minimum(conditions.grid_limit_mw, power.draw_limit_mw) + power.discharge_mw - power.charge_mw)


def spread_merchant(problem: Problem, conditions: Conditions, contracts_mw: Floats) -> Floats:
    """Spread merchant inference over free racks by token capacity (R, S, 2) [MW].

    Args:
        contracts_mw: contract load by site (S,).
    """
    tokens_per_mwh = problem.config.fleet.tokens_per_mwh
    racks = conditions.available_mw[:, RACKS]
    left = np.maximum(conditions.contract_room_mw - contracts_mw, 0.0)
    free_share = left / np.maximum(conditions.racks_mw, 1e-9)
    free = racks * free_share[:, None]
    capacity = float((free * tokens_per_mwh).sum())
    demand = problem.observation.demand_tokens_per_h
    if capacity <= 0.0:
        return np.zeros((len(demand), *free.shape))
    share = demand / max(capacity, float(demand.sum()))
    return np.asarray(share[:, None, None] * free)


def inference_power_mw(conditions: Conditions, contracts_mw: Floats, merchant_mw: Floats) -> Floats:
    """Return the site power that inference draws (S,) [MW].

    Contracts are given by site (S,), merchant inference by region and kind (R, S, 2).
    """
    merchant = row_sums(merchant_mw.sum(axis=0) * conditions.pue[:, RACKS])
    return np.asarray(contracts_mw * conditions.rack_pue + merchant)
