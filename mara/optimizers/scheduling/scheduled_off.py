"""Contracts left without power on purpose: scheduled off, or broken.

Contracts are scheduled off inside their error budgets, and broken past them.

Model: docs/model.md#9-from-megawatts-to-whole-contracts. Constants are chosen by measurement: decisions 0062 and 0104.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.contract import CHOSEN_SHARE, UNPLACED, ContractBook, Tier, budgets_of, spendable_ticks
from mara.core.plan import Problem
from mara.optimizers.base import least_off_ticks
from mara.optimizers.scheduling.site_load import SiteLoad
from mara.optimizers.scheduling.token_sales import TokenSales

BURST_H: Final = 0.5
"""Paced budget [h] that has to be saved before a contract is scheduled off.

It keeps contracts from being off for a single tick.
"""
SPIKE_RATIO: Final = 2.0
"""Cost of power over a contract's rate from which on it counts as a spike.

In a spike the whole budget may be spent, not only the paced part.
"""

_MAY_BE_OFF: Final = frozenset({Tier.STANDARD, Tier.FLEXIBLE})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OffCandidates:
    """Placed Standard and Flexible that it may pay to schedule off in a tick.

    They are those whose power costs more than they pay; where tokens find no racks, all of them.

    Attributes:
        contract: their positions in the book (N,).
        is_dear, is_spike: power costs more than they pay, clearly more (N,).
        least_ticks: paced budget that has to be saved before one is scheduled off (N,).
    """

    contract: Ints
    is_dear: Bools
    is_spike: Bools
    least_ticks: Floats

    def ready(self, problem: Problem) -> tuple[list[int], list[int]]:
        """List contracts whose budget may be spent now: with dear power, and others."""
        is_ready = _paced_ticks(problem, self.contract) >= self.least_ticks
        goes_off = self.is_spike | (is_ready & self.is_dear)
        return self.contract[goes_off].tolist(), self.contract[is_ready & ~goes_off].tolist()


def off_candidates(load: SiteLoad, tokens_wait: bool) -> OffCandidates | None:
    """Find the contracts that it may pay to schedule off; None for none.

    It pays on two occasions: when power costs more than the contract pays, and when tokens find no racks in the
    dearest hours of the day.
    """
    book = load.book
    if not tokens_wait and (
        max(load.cost) <= book.least_rate_usd_per_mwh or not load.holds_dear(book.least_rates_usd_per_mwh)
    ):
        return None
    of_tiers, rates = _standard_and_flexible(book)
    at = load.sites()[of_tiers]
    cost = np.array(load.cost)[at]
    may = at != UNPLACED
    if not tokens_wait:
        may &= cost > rates
    if not np.count_nonzero(may):
        return None
    asked, cost, rates = of_tiers[may], cost[may], rates[may]
    burst_ticks = load.config.grid.ticks_per_hour * BURST_H
    return OffCandidates(
        contract=sealed(asked),
        is_dear=sealed(cost > rates),
        is_spike=sealed(cost > SPIKE_RATIO * rates),
        least_ticks=sealed(np.array([burst_ticks if load.served[i] else 1.0 for i in asked.tolist()])),
    )


def dear_to_be_off(candidates: OffCandidates, load: SiteLoad, problem: Problem) -> list[int]:
    """List the contracts that go off for dear power, in their order."""
    return _most_budget_first(load, candidates.ready(problem)[0], problem)


def spend_budgets(candidates: OffCandidates, load: SiteLoad, tokens: TokenSales, problem: Problem) -> None:
    """Schedule contracts off inside their budgets while tokens find no racks.

    They go where that saves or earns clearly more.
    """
    rates, tokens_wait = load.book.rates_usd_per_mwh, True
    dear, others = candidates.ready(problem)
    for i in _most_budget_first(load, dear + others, problem):
        if i in dear:
            load.take(i)
        elif tokens_wait and tokens.outbids(i, rates[i]):
            tokens.resell(load.take(i))
            tokens_wait = tokens.is_unmet_at_peak()


@lru_cache(maxsize=4)
def _standard_and_flexible(book: ContractBook) -> tuple[Ints, Floats]:
    """Find the contracts of a book that may be off, and their rates (A,)."""
    of_tiers = np.flatnonzero(np.isin(book.tier, list(_MAY_BE_OFF)))
    return sealed(of_tiers), sealed(np.array(book.rates_usd_per_mwh)[of_tiers])


def schedule_off(load: SiteLoad, tokens: TokenSales, wanted_mw: list[float], problem: Problem) -> None:
    """Schedule about `wanted_mw` more of each tier (G,) off, in whole contracts.

    They stay inside their budgets; those with the most left go first, and only where dearer power or better paid
    tokens pay for it.
    The power scheduled off is subtracted from `wanted_mw`.
    """
    rates = load.book.rates_usd_per_mwh
    asked = [i for i, site in enumerate(load.at) if site != UNPLACED and wanted_mw[load.tier[i]] > 0.0]
    for i in _most_budget_first(load, asked, problem):
        tier, site = load.tier[i], load.at[i]
        if load.power[i] / 2 > wanted_mw[tier]:
            continue
        is_outbid = tokens.has_unmet() and tokens.outbids(i, rates[i])
        if is_outbid or load.cost[site] > rates[i]:
            load.take(i)
            wanted_mw[tier] -= load.power[i]
        if is_outbid:
            tokens.resell(site)


def break_promises(load: SiteLoad, asked: list[int], wanted_mw: list[float]) -> list[int]:
    """Leave about `wanted_mw` of each tier (G,) unserved where breaking pays.

    Returns those of the contracts `asked` that are left out.
    """
    broken = []
    for i in sorted(asked, key=load.power.__getitem__, reverse=True):
        if load.at[i] != UNPLACED and load.power[i] / 2 <= wanted_mw[load.tier[i]]:
            load.take(i)
            wanted_mw[load.tier[i]] -= load.power[i]
        if load.at[i] == UNPLACED:
            broken.append(i)
    return broken


def stays_off(problem: Problem) -> set[int]:
    """Find contracts that must stay off for the least time, within budget."""
    world, off_ticks = problem.world, problem.world.accounts.rest_ticks
    rests = np.flatnonzero((off_ticks > 0) & (off_ticks < least_off_ticks(problem.config.grid)))
    if not len(rests):
        return set()
    left = spendable_ticks(world.book, world.accounts, world.tick)
    return set(rests[left[rests] > 0].tolist())


def _paced_ticks(problem: Problem, asked: Ints) -> Floats:
    """Count bad ticks that some contracts may still choose at an even pace (A,)."""
    accounts, start = problem.world.accounts, problem.world.accounts.window_start_tick[asked]
    age_share = (problem.tick + 1 - start) / np.maximum(accounts.window_end_tick[asked] - start, 1)
    budget = budgets_of(problem.world.book, accounts)[asked]
    return np.asarray(CHOSEN_SHARE * budget * age_share - accounts.bad_ticks[asked])


def _most_budget_first(load: SiteLoad, asked: list[int], problem: Problem) -> list[int]:
    """Order the contracts that may be off.

    The least binding tier comes first, within it those that are off already, then those with the most budget left.
    """
    if not asked:
        return []
    world, least = problem.world, least_off_ticks(problem.config.grid)
    left: list[int] = spendable_ticks(world.book, world.accounts, world.tick)[asked].tolist()
    off_ticks: list[int] = world.accounts.rest_ticks[asked].tolist()
    found = [
        (-load.tier[i], not off, -ticks, i)
        for i, off, ticks in zip(asked, off_ticks, left, strict=True)
        if ticks >= (1 if off else least)
    ]
    return [i for *_, i in sorted(found)]
