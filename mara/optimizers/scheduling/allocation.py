"""Pieces that several optimizers share: miners into the power that is left, merchant inference into the racks that
are left.
"""

from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums
from mara.core.contract import Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACKS
from mara.core.plan import Problem
from mara.core.world import Conditions

RESTART_PAYS_BACK_H: Final = 1.0
"""A stopped miner starts when an hour of its margin covers the restart, and a running one stops likewise."""


def fill_miners(wanted_mw: Floats, pue: Floats, value_usd_per_mwh: Floats, headroom_site_mw: Floats) -> Floats:
    """Miners (S, 3) within the site power that is left (S,): where it is short, the best value per site megawatt-hour
    first.
    """
    draw = wanted_mw * pue
    if not np.count_nonzero(row_sums(draw) > headroom_site_mw):
        return wanted_mw
    order = np.argsort(-(value_usd_per_mwh / pue), axis=1, kind="stable")
    rows = np.arange(len(draw))
    left = np.maximum(headroom_site_mw, 0.0)
    filled = np.zeros_like(draw)
    for rank in range(MINER_COUNT):
        column = order[:, rank]
        taken = np.minimum(draw[rows, column], left)
        filled[rows, column] = taken
        left = left - taken
    return np.asarray(filled / pue)


def miners_that_pay(problem: Problem, conditions: Conditions, headroom_site_mw: Floats) -> Floats:
    """Stopped kinds start when the margin covers the restart, running ones stop when the loss would (S, 3) [MW].

    In between they go on as they are: a price that trembles around break-even does not blink them on and off.
    """
    value = conditions.mining_value_usd_per_mwh
    pue = conditions.pue[:, MINERS]
    margin = conditions.miner_margin_usd_per_mwh
    start_margin = problem.config.terms.restart_usd_per_mw / RESTART_PAYS_BACK_H
    worth = margin >= np.where(problem.world.miners_mw > 0.0, -start_margin, start_margin)
    return fill_miners(miners_allowed(problem, conditions) * worth, pue, value, headroom_site_mw)


def spread_merchant(problem: Problem, conditions: Conditions, contracts_mw: Floats) -> Floats:
    """Merchant inference spread over free racks in proportion to what they can make (R, S, 2) [MW]."""
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
    """Site power that contracts (S,) and merchant inference (R, S, 2) draw (S,)."""
    merchant = row_sums(merchant_mw.sum(axis=0) * conditions.pue[:, RACKS])
    return np.asarray(contracts_mw * conditions.rack_pue + merchant)


def reserve_for_premium(contracts_mw: Floats, conditions: Conditions) -> Floats:
    """Racks (S,) that must take the Premium of whichever one site fails: N+1 and no more, where power is dearest [MW].

    Racks at dear sites are the least useful for anything else; Flexible, Spot and merchant inference may run on them
    meanwhile. Sized in megawatts, so that a large contract may still
    find no single site to go to, and a second failure finds nothing.
    """
    premium: list[float] = contracts_mw[:, Tier.PREMIUM].tolist()
    standard: list[float] = contracts_mw[:, Tier.STANDARD].tolist()
    room: list[float] = conditions.contract_room_mw.tolist()
    cost: list[float] = conditions.rack_cost_usd_per_mwh.tolist()
    reserve = [0.0] * len(room)
    held, most = 0.0, max(premium)
    for site in sorted(range(len(room)), key=cost.__getitem__, reverse=True):
        if held >= most:
            break
        reserve[site] = max(room[site] - premium[site] - standard[site], 0.0)
        held += reserve[site]
        # The site itself does not help its own Premium.
        most = max(most, reserve[site] + premium[site])
        if held > most:
            spare = min(held - most, reserve[site])
            reserve[site] -= spare
            held -= spare
    return np.array(reserve)


def miners_allowed(problem: Problem, conditions: Conditions) -> Floats:
    """Available miners, less those that must stay off a little longer (S, 3) [MW]."""
    available = conditions.available_mw[:, MINERS]
    least = problem.config.miner_min_off_ticks
    if least <= 1:
        return available
    off = problem.world.miner_off_ticks
    return np.where((off > 0) & (off < least), 0.0, available)
