"""Allocation of miners and tokens in the power and racks that contracts leave."""

import numpy as np

from mara.core.arrays import Floats, Ints, row_sums
from mara.core.fleet import MINERS, RACKS
from mara.core.plan import PowerStep, Problem
from mara.core.world import Conditions
from mara.optimizers.scheduling.tick_tables import TickTables


def fill_miners(wanted_mw: Floats, pue: Floats, places: Ints, headroom_site_mw: Floats) -> Floats:
    """Fit miners into the site power that is left (S, 3) [MW].

    The best value per site megawatt-hour comes first.

    Args:
        wanted_mw: miners that should run (S, 3).
        pue: PUE of each kind (S, 3).
        places: each site's kinds in the order in which they are to run; see `miner_places` (3, S).
        headroom_site_mw: site power left (S,).
    """
    draw = wanted_mw * pue
    if not np.count_nonzero(row_sums(draw) > headroom_site_mw):
        return wanted_mw
    left = np.maximum(headroom_site_mw, 0.0)
    filled = np.zeros(draw.size)
    for place in places:
        used = np.minimum(draw.take(place), left)
        filled[place] = used
        left = left - used
    return np.asarray(filled.reshape(draw.shape) / pue)


def miners_that_pay(problem: Problem, tables: TickTables, headroom_site_mw: Floats) -> Floats:
    """Choose miners to run by break-even, unchanged in a band around it (S, 3) [MW].

    Stopped kinds start when the margin covers the restart, running ones stop when the loss would.
    """
    conditions = problem.conditions
    worth = np.where(problem.world.miners_mw > 0.0, tables.stays, tables.starts)
    wanted = miners_allowed(problem, conditions) * worth
    return fill_miners(wanted, conditions.pue[:, MINERS], tables.miner_places, headroom_site_mw)


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
