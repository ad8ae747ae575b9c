"""Draft of a tick by its prices alone, without looking ahead.

Running contracts stay, waiting ones go where power is cheapest, and error budgets are spent in the dearest hours. Most
of it follows from what the tick is told and from how contracts ran before: ticks in which both are the same share it.

Model: docs/model.md#9-from-megawatts-to-whole-contracts. Constants are chosen; bands around break-even keep loads from
switching on and off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.contract import TIER_COUNT, UNPLACED, Tier
from mara.core.plan import DraftStep, Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig, World
from mara.optimizers.base import BudgetPolicy
from mara.optimizers.scheduling.economic_breach import broken_now
from mara.optimizers.scheduling.relocation import evict_for
from mara.optimizers.scheduling.reserve import reserve_for_premium
from mara.optimizers.scheduling.scheduled_off import (
    OffCandidates,
    break_promises,
    dear_to_be_off,
    off_candidates,
    spend_budgets,
    stays_off,
)
from mara.optimizers.scheduling.site_load import LastTick, SiteLoad, fits, last_tick_of
from mara.optimizers.scheduling.tick_tables import TickTables, tables_of
from mara.optimizers.scheduling.token_sales import TokenSales

MOVE_PAYS_BACK_H: Final = 2.0
"""A contract moves when the cost gap earns its fee back within this time."""
SPOT_MARGIN_USD_PER_MWH: Final = 3.0
"""Margin at which Spot starts, and loss at which it stops."""
_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))


def draft_by_prices(problem: Problem, budgets: BudgetPolicy) -> DraftStep:
    """Schedule all but miners, which do not matter to it, by the prices of the tick."""
    count, begun = problem.world.book_changes_count, _begun_in(problem, budgets)
    candidates = begun.off_candidates if budgets.spends else None
    if candidates is not None and begun.tokens_wait:
        load = begun.load.copied()
        tokens = begun.tokens.copied(load)
        spend_budgets(candidates, load, tokens, problem)
        return _finished(load, tokens.merchant_mw(), [], broken_now(problem).tolist(), count)
    off = dear_to_be_off(candidates, begun.load, problem) if candidates is not None else []
    asked = broken_now(problem).tolist() if budgets.spends else []
    if problem.is_repeated:
        return _finished_alike(begun, tuple(off), tuple(asked), count)
    return _finished(begun.load, begun.merchant_mw, off, asked, count)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Begun:
    """A tick before any budget is spent.

    It is changed only where no other tick may be like it.

    Attributes:
        load: promised contracts at their sites, and the racks that tokens leave as well.
        tokens, merchant_mw: tokens sold, and their power (R, S, 2).
        tokens_wait: tokens find no racks in the dearest hours of the day.
        off_candidates: contracts that it may pay to schedule off.
    """

    load: SiteLoad
    tokens: TokenSales
    merchant_mw: Floats
    tokens_wait: bool
    off_candidates: OffCandidates | None


def _begun_in(problem: Problem, budgets: BudgetPolicy) -> _Begun:
    """Place promised contracts and sell tokens.

    Where budgets may be spent, contracts that were just scheduled off stay off.
    """
    config, world, last, tables = problem.config, problem.world, last_tick_of(problem), tables_of(problem)
    rests = budgets.spends and last.waiting and np.count_nonzero(world.accounts.rest_ticks)
    off = frozenset(stays_off(problem)) if rests else frozenset[int]()
    # Keys of the cache and copies of what it keeps are for ticks that may find something there.
    begun = (_begun_alike if problem.is_repeated else _begun)(config, last, tables, off)
    if begun is not None:
        return begun
    load = SiteLoad(config, last, tables)
    _place_promised(load, off, world)
    return _sold(load)


def _begun(config: RunConfig, last: LastTick, tables: TickTables, off: frozenset[int]) -> _Begun | None:
    """Place promised contracts and sell tokens.

    None where contracts have to be evicted, which depends on their budgets.
    """
    load = SiteLoad(config, last, tables)
    return _sold(load) if _place_promised(load, off, None) else None


_begun_alike = lru_cache(maxsize=4)(_begun)
"""The same, once for all ticks that are alike."""


def _sold(load: SiteLoad) -> _Begun:
    tokens = TokenSales(load)
    tokens.sell()
    tokens_wait = tokens.is_unmet_at_peak()
    return _Begun(
        load=load,
        tokens=tokens,
        merchant_mw=sealed(tokens.merchant_mw()),
        tokens_wait=tokens_wait,
        off_candidates=off_candidates(load, tokens_wait),
    )


def _place_promised(load: SiteLoad, off: frozenset[int], world: World | None) -> bool:
    """Place promised contracts that are not to stay off, the most binding tier first.

    Each stays where it ran, or else goes where power is cheapest, or else evicts others. Return False where others
    would have to be evicted, without a world that knows their budgets.
    """
    for i in sorted([i for i in _keep_promised(load) if i not in off], key=load.tier.__getitem__):
        home = load.was[i]
        if home != UNPLACED and load.fits(i, home):
            load.put(i, home)
        elif not load.put_cheapest(i):
            if world is None:
                return False
            evict_for(load, i, world)
    return True


def _keep_promised(load: SiteLoad) -> list[int]:
    """Leave promised contracts where they run; return those that wait.

    Waiting contracts did not run, or lost their racks; where a site lost racks, the most binding tiers stay.
    """
    if load.begin_as_promised():
        return load.last.waiting
    by_tier = sorted(range(len(load.tier)), key=load.tier.__getitem__)
    return load.keep(i for i in by_tier if load.tier[i] != Tier.SPOT)


@lru_cache(maxsize=4)
def _finished_alike(begun: _Begun, off: tuple[int, ...], asked: tuple[int, ...], book_changes_count: int) -> DraftStep:
    """Finish a draft once for all ticks that are alike."""
    return _finished(begun.load.copied(), begun.merchant_mw, off, list(asked), book_changes_count)


def _finished(
    load: SiteLoad, merchant_mw: Floats, off: Sequence[int], asked: list[int], book_changes_count: int
) -> DraftStep:
    """Schedule contracts off, break promises, move load where it pays, add Spot."""
    for i in off:
        load.take(i)
    broken = break_promises(load, asked, [np.inf] * TIER_COUNT)
    _move_where_it_pays(load)
    place_spot(load)
    return draft_of(load, merchant_mw, broken, book_changes_count)


def _move_where_it_pays(load: SiteLoad) -> None:
    """Move contracts to cheaper free racks where the gap earns the fee back."""
    if max(load.free) < load.book.least_power_mw:
        return
    fees = [fee / MOVE_PAYS_BACK_H for fee in load.config.terms.migration_usd_per_mw]
    open_sites = [s for s in load.cheapest if load.free[s] > TOLERANCE_MW]
    if not open_sites or not load.holds_dear([load.cost[open_sites[0]] + fee for fee in fees]):
        return
    floor = load.cost[open_sites[0]] + min(fees)
    dear_sites = {s for s, cost in enumerate(load.cost) if cost > floor}
    movable = [i for i, s in enumerate(load.at) if s in dear_sites]
    movable.sort(key=lambda i: -load.cost[load.at[i]])
    for i in movable:
        limit = load.cost[load.at[i]] - fees[load.tier[i]]
        for site in open_sites:
            if load.cost[site] >= limit:
                break
            if load.power[i] <= load.free[site]:
                load.take(i)
                load.put(i, site)
                break


def place_spot(load: SiteLoad) -> None:
    """Run Spot where it earns its power, on racks that nothing better needs.

    It stays at its site if possible. Between the two margins it neither starts nor stops.
    """
    book, cost, free = load.book, load.cost, load.free
    most_free = max(free)
    if most_free <= TOLERANCE_MW or not fits(book.least_spot_mw, most_free):
        return
    dearest = book.most_spot_rate_usd_per_mwh + SPOT_MARGIN_USD_PER_MWH
    open_sites = [s for s in load.cheapest if free[s] > TOLERANCE_MW and cost[s] < dearest]
    if not open_sites:
        return
    rates, pue, spare = book.rates_usd_per_mwh, load.tables.rack_pue, _spare_site_mw(load)
    for i in book.columns[Tier.SPOT].tolist():
        home, power, rate = load.was[i], load.power[i], rates[i]
        margin = -SPOT_MARGIN_USD_PER_MWH if load.served[i] else SPOT_MARGIN_USD_PER_MWH
        if (
            home in open_sites
            and rate >= cost[home] + margin
            and power <= free[home] + TOLERANCE_MW
            and power * pue[home] <= spare[home]
        ):
            load.put(i, home)
            spare[home] -= power * pue[home]
            continue
        for site in open_sites:
            if rate < cost[site] + SPOT_MARGIN_USD_PER_MWH:
                break  # as it is for the sites that follow, which are dearer
            if power <= free[site] + TOLERANCE_MW and power * pue[site] <= spare[site]:
                load.put(i, site)
                spare[site] -= power * pue[site]
                break


def _spare_site_mw(load: SiteLoad) -> list[float]:
    """Return site power left by contracts, tokens and profitable miners (S,) [MW]."""
    tables = load.tables
    each = zip(tables.grid_limit_mw, tables.mining_mw, tables.room_mw, load.free, tables.rack_pue, strict=True)
    return [limit - mining - (room - free) * pue for limit, mining, room, free, pue in each]


def draft_of(load: SiteLoad, merchant_mw: Floats, broken: list[int], book_changes_count: int) -> DraftStep:
    """Return a schedule as a step of a plan without miners.

    Args:
        merchant_mw: merchant inference by region, site and kind of rack (R, S, 2).
        broken: indices of contracts that are given up.
    """
    return DraftStep(
        miners_mw=None,
        merchant_mw=sealed(merchant_mw),
        contracts_mw=sealed(load.contracts_mw()),
        reserve_mw=sealed(reserve_for_premium(load.load, load.tables)),
        contract_site=sealed(load.sites()),
        book_changes_count=book_changes_count,
        broken_contract=sealed(np.array(broken, dtype=np.int64)) if broken else _NOT_CHOSEN,
    )
