"""Measurement of SLAs: good and bad ticks, windows, and credits owed.

Everything is counted in whole ticks and compared in integers, so that no target is met by rounding.
Model: docs/model.md#4-promises
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, has_any, sealed
from mara.core.contract import (
    TARGET_PPM,
    UNPLACED,
    ClosedWindow,
    ContractBook,
    Exclusion,
    SlaAccounts,
    SlaContract,
    Tier,
    book_of,
    credit_micro_usd,
    rebooked,
    window_of,
)
from mara.core.dispatch import Allocation
from mara.core.placement import Placement
from mara.core.units import PPM
from mara.core.world import RunConfig, World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlaReport:
    """Judgement of one tick.

    Attributes:
        good, excluded: True for each contract whose tick counts so; an excluded tick is neither good nor bad (C,).
        charge_micro_usd: amount billed in this tick (C,).
        missed: True where the site's meter did not show the contract's power; None where every site is simulated (C,).
        accounts: accounts after the tick, in the order of the same book.
    """

    good: Bools
    excluded: Bools
    charge_micro_usd: Ints
    accounts: SlaAccounts
    missed: Bools | None = None


def judge(allocation: Allocation | Placement, world: World, missed: Bools | None = None) -> SlaReport:
    """Count the tick for every contract: good, bad or excluded.

    It is good when the whole promise was delivered. Contracts run whole, so ``delivered >= promised x (1 - 1e-6)`` and
    `served` are the same statement.

    Args:
        missed: contracts whose power their site's meter did not show when the tick began (C,).
    """
    accounts = world.accounts
    good = allocation.served if missed is None else sealed(allocation.served & ~missed)
    excluded, excluded_ticks = _none_of(len(good)), accounts.excluded_ticks
    charge, counted_good, counted_bad = _judged(world.book, good.tobytes())
    if world.exclusions:
        excluded = excluded_at(world.exclusions, world)
        counted_good, counted_bad = counted_good * ~excluded, counted_bad * ~excluded
        excluded_ticks = sealed(accounts.excluded_ticks + excluded)
    after = SlaAccounts(
        window_start_tick=accounts.window_start_tick,
        window_end_tick=accounts.window_end_tick,
        good_ticks=sealed(accounts.good_ticks + counted_good),
        bad_ticks=sealed(accounts.bad_ticks + counted_bad),
        excluded_ticks=excluded_ticks,
        charge_micro_usd=sealed(accounts.charge_micro_usd + charge),
        site=allocation.site,
        served=allocation.served,
        rest_ticks=_rest_ticks(accounts.rest_ticks, allocation.scheduled),
    )
    return SlaReport(good=good, excluded=excluded, charge_micro_usd=charge, accounts=after, missed=missed)


@lru_cache(maxsize=8)
def _judged(book: ContractBook, good: bytes) -> tuple[Ints, Ints, Ints]:
    """Compute what a tick adds to the charge, the good and the bad ticks of each contract (C,).

    The good ones (C,) come as bytes, a key of the cache: most ticks are like the one before.
    """
    is_good = np.frombuffer(good, dtype=np.bool_)
    return sealed(book.tick_charge_micro_usd * is_good), sealed(is_good.astype(np.int64)), sealed(1 - is_good)


def _rest_ticks(before: Ints, scheduled: Bools) -> Ints:
    """Count a tick for contracts scheduled off; the same array while none is."""
    if has_any(scheduled) or np.count_nonzero(before):
        return sealed((before + 1) * scheduled)
    return before


@lru_cache(maxsize=8)
def _none_of(contracts: int) -> Bools:
    return sealed(np.zeros(contracts, dtype=np.bool_))


def excluded_at(exclusions: tuple[Exclusion, ...], world: World) -> Bools:
    """Find the contracts for which the present tick is excluded (C,)."""
    mask = np.zeros(len(world.book.contracts), dtype=np.bool_)
    for exclusion in exclusions:
        if exclusion.from_tick <= world.tick < exclusion.to_tick:
            if exclusion.contract_id == "":
                mask[:] = True
            elif exclusion.contract_id in world.book.index_of:
                mask[world.book.index_of[exclusion.contract_id]] = True
    return sealed(mask)


def burn_rates(world: World) -> Floats:
    """Burn rate of each contract; 1 spends its budget by the window's end (C,).

    (bad so far / counted so far) / (1 - target); 0 before the first tick and for Spot, which has no target.
    Source: Google SRE workbook, ch. 5, https://sre.google/workbook/alerting-on-slos/
    """
    accounts = world.accounts
    counted = accounts.good_ticks + accounts.bad_ticks
    return np.asarray(accounts.bad_ticks / np.maximum(counted, 1) / _ALLOWED_BAD_SHARE[world.book.tier])


def owed_micro_usd(world: World) -> int:
    """Credits owed and not yet posted, of closed windows and of open ones so far.

    Without the open windows, a run that has spent its budgets early would look too profitable until they close.
    """
    accounts, tier = world.accounts, world.book.tier
    closed = sum(window.credit_micro_usd for window in world.closed)
    counted = accounts.good_ticks + accounts.bad_ticks
    below = np.flatnonzero(accounts.good_ticks * PPM < _TARGET_PPM[tier] * counted).tolist()
    good, bad, charge = accounts.good_ticks, accounts.bad_ticks, accounts.charge_micro_usd
    return closed + sum(credit_micro_usd(Tier(tier[i]), int(good[i]), int(bad[i]), int(charge[i])) for i in below)


def roll_over(
    world: World, accounts: SlaAccounts, arrived: tuple[SlaContract, ...], cancelled: frozenset[str], config: RunConfig
) -> tuple[ContractBook, SlaAccounts, tuple[ClosedWindow, ...]]:
    """Close the windows that end with this tick; remove ended contracts, add new ones.

    `accounts` are those after the tick. Returns the book, the accounts and the closed windows, which wait in the world:
    their credits are posted in the next tick.
    """
    tick, book = world.tick + 1, world.book
    due = accounts.window_end_tick <= tick
    if not (arrived or cancelled or has_any(due)):
        return book, accounts, ()
    stays = book.ends_tick > tick
    for contract_id in cancelled:
        if contract_id in book.index_of:
            stays[book.index_of[contract_id]] = False
    rows = np.array([getattr(accounts, name) for name in _COLUMNS], dtype=np.int64)
    closed: list[ClosedWindow] = []
    for i in np.nonzero(due | ~stays)[0].tolist():
        contract = book.contracts[i]
        closed.append(_close(contract, rows[:, i].tolist()))
        rows[:6, i] = (*window_of(contract, tick, config.grid), 0, 0, 0, 0)
    if arrived or not stays.all():
        rows = np.concatenate([rows[:, stays], _opening_rows(arrived, tick, config)], axis=1)
        book = rebooked(book, stays, arrived, config.grid.dt_h)
    return book, _accounts_of(rows), tuple(closed)


def opened(world: World, contracts: tuple[SlaContract, ...], config: RunConfig) -> World:
    """Add contracts that are live from the world's tick on and run nowhere yet."""
    rows = _opening_rows(contracts, world.tick, config)
    return replace(world, book=book_of(contracts, config.grid.dt_h), accounts=_accounts_of(rows))


def _opening_rows(contracts: tuple[SlaContract, ...], tick: int, config: RunConfig) -> Ints:
    """Columns of `SlaAccounts` as rows, for contracts that have not run yet (9, C)."""
    windows = [window_of(contract, max(tick, contract.starts_tick), config.grid) for contract in contracts]
    rows = np.zeros((len(_COLUMNS), len(contracts)), dtype=np.int64)
    rows[:2] = np.array(windows, dtype=np.int64).reshape(-1, 2).T
    rows[_COLUMNS.index("site")] = UNPLACED
    return rows


def _accounts_of(rows: Ints) -> SlaAccounts:
    columns = dict(zip(_COLUMNS, rows, strict=True))
    served = sealed(columns.pop("served").astype(np.bool_))
    return SlaAccounts(**{name: sealed(row.copy()) for name, row in columns.items()}, served=served)


def _close(contract: SlaContract, row: list[int]) -> ClosedWindow:
    start, end, good, bad, excluded, charge, site, *_ = row
    return ClosedWindow(
        contract_id=contract.id,
        tier=contract.tier,
        site=site,
        window_start_tick=start,
        window_end_tick=end,
        good_ticks=good,
        bad_ticks=bad,
        excluded_ticks=excluded,
        charge_micro_usd=charge,
        credit_micro_usd=credit_micro_usd(contract.tier, good, bad, charge),
    )


_TARGET_PPM: Final = sealed(np.array(TARGET_PPM, dtype=np.int64))
_COLUMNS: Final = tuple(SlaAccounts.__dataclass_fields__)
_ALLOWED_BAD_SHARE: Final = sealed(
    np.array([np.inf if tier is Tier.SPOT else (PPM - TARGET_PPM[tier]) / PPM for tier in Tier])
)
