"""Economic breach: promises that cost more to keep than to break.

SLA credits rise in steps: after one, further bad ticks cost nothing until the next. So each contract is examined by
itself, with its own window and charge: how many of its dearest hours are best left out? The linear program is given
the power that it may leave unserved, hour by hour, and its cost; the rules leave that power out. Premium is never
broken, nor is any tier that `Terms.break_promises` does not name.

Model: docs/model.md#4-promises (breaking); decision 0109
"""

from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, row_sums, sealed
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import CREDIT_STEPS_PPM, TIER_COUNT, UNPLACED, ContractBook, Tier, budgets_of, spendable_ticks
from mara.core.outlook import row_ticks
from mara.core.placement import held_mw
from mara.core.plan import Problem
from mara.core.units import MICRO_USD_PER_USD, PPM
from mara.core.world import Conditions, RunConfig

GOODWILL_RATIO: Final = 2.0
"""Goodwill lost by each MWh left out past a budget, over the rate. Chosen."""
MOST_CREDIT_SHARE: Final = 0.5
"""Largest credit of the tiers that may be broken, as a share of a window's charge."""
_NONE: Final = sealed(np.zeros(0, dtype=np.int64))
BREAKABLE: Final[dict[str, tuple[Tier, ...]]] = {
    "never": (),
    "flexible": (Tier.FLEXIBLE,),
    "standard": (Tier.STANDARD, Tier.FLEXIBLE),
}


def broken_now(problem: Problem) -> Ints:
    """Find contracts without budget that it pays to leave unserved now (N,).

    They are columns of the contract book. The part of their budgets kept for outages is spent first, because a broken
    promise needs none.
    """
    book, accounts = problem.world.book, problem.world.accounts
    cost = problem.present_rack_cost_usd_per_mwh
    dear = _dear_now(book, BREAKABLE[problem.config.terms.break_promises], accounts.site.tobytes(), cost.tobytes())
    if not len(dear):
        return _NONE  # moving only lowers the cost of the present hour, so it is none that is left out
    spent = spendable_ticks(book, accounts, problem.tick) <= 0
    if not np.count_nonzero(spent[dear]):
        return _NONE
    hours = breaking_hours(problem)
    return _NONE if hours is None else np.flatnonzero(hours[0] & spent)


@lru_cache(maxsize=8)
def _dear_now(book: ContractBook, tiers: tuple[Tier, ...], site: bytes, cost_usd_per_mwh: bytes) -> Ints:
    """Find contracts of some tiers whose site is now dearer than they pay, or that have none (N,).

    The site of each contract (C,) and the cost of each site (S,) come as bytes, keys of the cache.
    """
    asked, rates = _asked(book, tiers)
    at, cost = np.frombuffer(site, dtype=np.int64)[asked], np.frombuffer(cost_usd_per_mwh)
    return sealed(asked[(cost[at] > rates) | (at == UNPLACED)])


def breaking_hours(problem: Problem) -> Bools | None:
    """Find the hours in which it pays to break contracts (H, C).

    In these hours they are left unserved past their budgets. None where it never pays.
    """
    if _is_never_dear(problem):
        return None
    book, accounts, cost = problem.world.book, problem.world.accounts, problem.rack_cost_usd_per_mwh
    asked, rates = _asked(book, BREAKABLE[problem.config.terms.break_promises])
    ticks = row_ticks(problem.forecast, problem.config.grid, problem.tick)
    left = budgets_of(book, accounts) - accounts.bad_ticks
    dear = _may_pay_to_break(cost, ticks, accounts.site[asked], rates, left[asked])
    if not np.count_nonzero(dear):
        return None
    free = problem.conditions.contract_room_mw - row_sums(held_mw(problem.world)[:, : Tier.SPOT])
    hours = np.zeros((len(cost), len(book.contracts)), dtype=np.bool_)
    for i, rate in zip(asked[dear].tolist(), rates[dear].tolist(), strict=True):
        lives = np.clip(min(accounts.window_end_tick[i], book.ends_tick[i]) - problem.tick - _begins(ticks), 0, ticks)
        excess = np.where(lives > 0, _cost_of(i, problem, cost, free) - rate, -np.inf)
        if int(lives[excess > 0.0].sum()) > max(int(left[i]), 0):
            hours[:, i] = _best_hours(i, problem, excess, lives)
    return hours if hours.any() else None


def _is_never_dear(problem: Problem) -> bool:
    """Return whether power is never forecast beyond the goodwill of a contract."""
    rates = problem.world.book.least_rates_usd_per_mwh
    tiers = BREAKABLE[problem.config.terms.break_promises]
    least_usd_per_mwh = min((rates[tier] for tier in tiers), default=np.inf) * (1.0 + GOODWILL_RATIO)
    if problem.most_rack_cost_usd_per_mwh <= least_usd_per_mwh:
        return True
    return problem.outlook is None and float(problem.rack_cost_usd_per_mwh.max()) <= least_usd_per_mwh


@lru_cache(maxsize=4)
def _asked(book: ContractBook, tiers: tuple[Tier, ...]) -> tuple[Ints, Floats]:
    """Find the contracts of some tiers in a book, and their rates (A,)."""
    asked = np.flatnonzero(np.isin(book.tier, tiers))
    return sealed(asked), sealed(np.array(book.rates_usd_per_mwh)[asked])


def _may_pay_to_break(
    cost_usd_per_mwh: Floats, ticks: Ints, site: Ints, rate_usd_per_mwh: Floats, left_ticks: Ints
) -> Bools:
    """Find contracts whose site is too dear for longer than their budget lasts (A,).

    Other contracts cannot pay to break, because moving only lowers cost. A contract without a site is always included.
    """
    dear_ticks = ticks @ (cost_usd_per_mwh[:, site] > rate_usd_per_mwh)
    return np.asarray((site == UNPLACED) | (dear_ticks > np.maximum(left_ticks, 0)))


def breakable_mw(problem: Problem, hour_of_step: Ints) -> Floats:
    """Power that may be unserved past budgets, by step and tier (H, G) [MW]."""
    book, hours = problem.world.book, breaking_hours(problem)
    if hours is None:
        return np.zeros((len(hour_of_step), TIER_COUNT))
    return np.asarray((hours[hour_of_step] * book.power_mw) @ np.eye(TIER_COUNT)[book.tier])


def scarce_mw(conditions: Conditions, config: RunConfig) -> Floats:
    """Bound the power that may be left out past budgets in a tick (G,) [MW].

    It is the rack power of sites where power is that dear.
    """
    cost, most = conditions.rack_cost_usd_per_mwh, np.zeros(TIER_COUNT)
    for tier in BREAKABLE[config.terms.break_promises]:
        # A window's credit shrinks with its charge, so that breaking may pay at a price slightly below goodwill.
        least = list_rate_usd_per_mwh(tier, config) * (1.0 + GOODWILL_RATIO - MOST_CREDIT_SHARE)
        most[tier] = conditions.contract_room_mw[cost > least].sum()
    return most


def _begins(ticks: Ints) -> Ints:
    return np.asarray(np.cumsum(ticks) - ticks)


def _cost_of(i: int, problem: Problem, cost_usd_per_mwh: Floats, free_mw: Floats) -> Floats:
    """Cost of a contract's rack megawatt-hour by hour (H,) [USD/MWh].

    It is the least cost of its own site and of the sites to which it could move at once.
    """
    power, home = problem.world.book.power_mw[i], int(problem.world.accounts.site[i])
    possible = free_mw >= power
    if home != UNPLACED:
        possible[home] = True
    return (
        np.asarray(cost_usd_per_mwh[:, possible].min(axis=1))
        if possible.any()
        else np.full(len(cost_usd_per_mwh), -np.inf)
    )


def _best_hours(i: int, problem: Problem, excess_usd_per_mwh: Floats, lives: Ints) -> Bools:
    """Choose the dearest hours in which it pays to leave a contract out (H,).

    All are false where breaking past the budget does not pay.
    """
    book, accounts = problem.world.book, problem.world.accounts
    contract, mwh = book.contracts[i], book.power_mw[i] * problem.config.grid.dt_h
    order = np.argsort(-excess_usd_per_mwh, kind="stable")
    order = order[excess_usd_per_mwh[order] > 0.0]
    out = np.concatenate([[0], np.cumsum(lives[order])])
    saved = np.concatenate([[0.0], np.cumsum(lives[order] * excess_usd_per_mwh[order])]) * mwh
    budget = int(budgets_of(book, accounts)[i] - accounts.bad_ticks[i])
    past = np.maximum(out - max(budget, 0), 0)
    left = int(accounts.window_end_tick[i]) - problem.tick
    credit = _credit_usd(
        contract.tier,
        good=accounts.good_ticks[i] + left - out,
        bad=accounts.bad_ticks[i] + out,
        charge_usd=(accounts.charge_micro_usd[i] + (left - out) * book.tick_charge_micro_usd[i]) / MICRO_USD_PER_USD,
    )
    worth = saved - credit - past * mwh * GOODWILL_RATIO * contract.rate_usd_per_mwh
    best = int(worth.argmax())
    chosen = np.zeros(len(lives), dtype=np.bool_)
    if past[best] > 0:
        chosen[order[:best]] = True
    return chosen


def _credit_usd(tier: Tier, good: Ints, bad: Ints, charge_usd: Floats) -> Floats:
    """Credits [USD] of many outcomes of one window, as by `credit_micro_usd`."""
    share = np.zeros(len(good))
    for below_ppm, percent in reversed(CREDIT_STEPS_PPM[tier]):
        share[good * PPM < below_ppm * (good + bad)] = percent / 100.0
    return share * charge_usd
