"""Allocation of miners and tokens in the power and racks that contracts leave."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, row_sums_of_all, stacked
from mara.core.fleet import MINER_COUNT, MINERS, RACKS
from mara.core.outlook import Outlook, known_conditions_of
from mara.core.own_load import held_back
from mara.core.plan import DraftStep, PowerStep, Problem
from mara.core.step import off_ticks_of_all
from mara.core.world import Conditions, RunConfig, World

RESTART_PAYS_BACK_H: Final = 1.0
"""Time in which a margin covers a restart, or a loss stops a miner.

Chosen; hysteresis keeps loads from switching on and off around break-even.
"""


def fill_miners(wanted_mw: Floats, conditions: Conditions, headroom_site_mw: Floats) -> Floats:
    """Fit miners into the site power that is left (..., S, 3) [MW].

    The axis of several ticks comes before that of sites. The best value per site megawatt-hour comes first.

    Args:
        wanted_mw: miners that should run (..., S, 3).
        headroom_site_mw: site power left (..., S).
    """
    pue = conditions.pue[..., MINERS]
    draw = wanted_mw * pue
    is_over: Bools = np.any(row_sums_of_all(draw) > headroom_site_mw, axis=-1, keepdims=True)[..., None]
    if not np.count_nonzero(is_over):
        return wanted_mw
    order = (-(conditions.mining_value_usd_per_mwh[..., None, :] / pue)).argsort(axis=-1, kind="stable")
    left = np.maximum(headroom_site_mw, 0.0)
    best_first = order + np.arange(0, draw.size, MINER_COUNT).reshape(*draw.shape[:-1], 1)
    used = draw.ravel()[best_first]
    for rank in range(MINER_COUNT):
        used[..., rank] = np.minimum(used[..., rank], left)
        left = left - used[..., rank]
    filled = np.empty(draw.size)
    filled[best_first] = used
    return np.where(is_over, filled.reshape(draw.shape) / pue, wanted_mw)


def miners_that_pay(problem: Problem, headroom_site_mw: Floats) -> Floats:
    """Choose miners to run by break-even, unchanged in a band around it (S, 3) [MW].

    Stopped kinds start when the margin covers the restart, running ones stop when the loss would.
    """
    conditions = problem.conditions
    starts, stays = _worth_running(conditions, problem.config)
    wanted = miners_allowed(problem, conditions) * np.where(problem.world.miners_mw > 0.0, stays, starts)
    return fill_miners(wanted, conditions, headroom_site_mw)


def _worth_running(conditions: Conditions, config: RunConfig) -> tuple[Bools, Bools]:
    """Find miners whose margin covers a restart, and whose loss does not (..., S, 3)."""
    start_margin = config.terms.restart_usd_per_mw / RESTART_PAYS_BACK_H
    margin = conditions.miner_margin_usd_per_mwh
    return margin >= start_margin, margin >= -start_margin


def miners_that_pay_in_all(
    world: World, config: RunConfig, drafts: Sequence[DraftStep], outlooks: Sequence[Outlook]
) -> Floats:
    """Choose miners of successive ticks, as `miners_that_pay` does (T, S, 3) [MW].

    Miners of one tick depend on those of the tick before: they are guessed as if all had power, and chosen again from
    what ran until nothing changes. Each time at least one more tick is right.

    Args:
        world: the world before the first tick.
    """
    conditions = known_conditions_of(outlooks)
    starts, stays = _worth_running(conditions, config)
    contracts = row_sums_of_all(stacked([draft.contracts_mw for draft in drafts]))
    drawn = inference_power_mw(conditions, contracts, stacked([draft.merchant_mw for draft in drafts]))
    headroom = conditions.grid_limit_mw - drawn
    ran = _guess(world.miners_mw > 0.0, starts, stays)
    while True:
        wanted = conditions.available_mw[..., MINERS] * np.where(ran, stays, starts)
        off = off_ticks_of_all(ran[1:], world.miner_off_ticks)
        waits = held_back(np.concatenate([world.miner_off_ticks[None], off]), config)
        if waits is not None:
            wanted[waits] = 0.0
        miners = fill_miners(wanted, conditions, headroom)
        runs = miners[:-1] > 0.0
        if np.array_equal(runs, ran[1:]):
            return miners
        ran[1:] = runs


def _guess(ran: Bools, starts: Bools, stays: Bools) -> Bools:
    """Guess which miners ran before each tick, as if all had power (T, S, 3)."""
    decides = starts | ~stays
    decides[0] = True
    runs = starts.copy()
    runs[0] = np.where(ran, stays[0], starts[0])
    last = np.maximum.accumulate(np.where(decides, np.arange(len(runs))[:, None, None], 0), axis=0)
    return np.concatenate([ran[None], np.take_along_axis(runs, last, axis=0)[:-1]])


def miners_allowed(problem: Problem, conditions: Conditions) -> Floats:
    """Return available miners, less those that must stay off (S, 3) [MW]."""
    available = conditions.available_mw[:, MINERS]
    waits = held_back(problem.world.miner_off_ticks, problem.config)
    return available if waits is None else np.where(waits, 0.0, available)


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

    Contracts are given by site (S,), merchant inference by region and kind (R, S, 2); the axis of several ticks comes
    before.
    """
    merchant = row_sums_of_all(merchant_mw.sum(axis=-3) * conditions.pue[..., RACKS])
    return np.asarray(contracts_mw * conditions.rack_pue + merchant)
