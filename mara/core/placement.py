"""Placement of whole contracts, from a plan's megawatts by tier to sites.

A contract stays where it is unless the plan or an outage moves it. A failed site's Premium moves within the tick to
wherever racks less Premium and standing Standard hold it; other tiers of a failed site are bad until they are placed
again, from the next tick on. Model: docs/model.md#9-from-megawatts-to-whole-contracts
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, has_any, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, UNPLACED, ContractBook, Tier
from mara.core.placing import Placing, may_be_off
from mara.core.plan import ContractTargets
from mara.core.units import TOLERANCE_MW
from mara.core.world import World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Sites of all contracts in one tick.

    Attributes:
        site: index of the site where each contract runs or last ran (C,).
        served: True for contracts that run in this tick (C,).
        scheduled: True for contracts unserved on purpose, inside their budget or as a promise that the plan breaks,
            though some site could have held them (C,).
        contracts_mw, site_mw: load delivered by site and tier (S, G), and by site (S,).
        moved_mw: load that came from another site, by tier (S, 3).
        stranded_mw: promised load that found no place, by its last site (S,); None if all did.
        rescued_mw: Premium that came from failed sites (S,); None if none did.
        gave_way_mw: part of `stranded_mw` that such Premium drove out (S,); None if nothing.
    """

    site: Ints
    served: Bools
    scheduled: Bools
    contracts_mw: Floats
    site_mw: Floats
    moved_mw: Floats
    stranded_mw: Floats | None
    rescued_mw: Floats | None = None
    gave_way_mw: Floats | None = None


def place(
    step: ContractTargets, world: World, capacity_mw: Floats, fell: Bools, *, least_rest_ticks: int = 0
) -> Placement:
    """Place the contracts of a tick.

    Args:
        capacity_mw: contract load each site can hold, racks and grid considered (S,).
        fell: sites that lost machines since the last tick; of their contracts only Premium can move in time (S,).
        least_rest_ticks: shortest time for which a contract is scheduled off, as far as its budget allows.
    """
    if step.book_changes_count == world.book_changes_count and not has_any(fell):
        meant = _as_meant(step, world, capacity_mw)
        if meant is not None:
            return meant
    ran_mw = held_mw(world)
    site_mw = row_sums(ran_mw)
    room = capacity_mw - site_mw
    if _differ(ran_mw, step.contracts_mw) or has_any(room < -TOLERANCE_MW):
        return _one_by_one(step, world, capacity_mw, fell, ran_mw, least_rest_ticks)
    accounts = world.accounts
    scheduled = ~accounts.served & (world.book.tier != Tier.SPOT)
    if has_any(scheduled):
        if has_any(scheduled & (world.book.tier == Tier.PREMIUM)):
            return _one_by_one(step, world, capacity_mw, fell, ran_mw, least_rest_ticks)
        scheduled &= may_be_off(step, world)
        scheduled &= world.book.power_mw <= room.max() + TOLERANCE_MW
    return Placement(
        site=accounts.site,
        served=accounts.served,
        scheduled=sealed(scheduled),
        contracts_mw=sealed(ran_mw),
        site_mw=sealed(site_mw),
        moved_mw=_no_moves(len(room)),
        stranded_mw=None,
    )


def _as_meant(step: ContractTargets, world: World, capacity_mw: Floats) -> Placement | None:
    """Place contracts at the sites that the plan names; None if that is not possible.

    It is not where the sites contradict the plan's megawatts by tier, or lack room. Nor is it used where the plan sheds
    Premium, or a contract without budget that could run in free room or in place of one of its tier with budget left:
    placing by megawatts then decides which contract gives way.
    """
    book = world.book
    named = _named_sites(book, step.contract_site.tobytes(), world.accounts.site.tobytes(), len(capacity_mw))
    placed = named.placed
    room = _room_beside_mw(named, step.contracts_mw.tobytes(), capacity_mw.tobytes())
    if room is None:
        return None
    if not len(named.shed):
        return placed
    if named.sheds_premium:
        return None
    fits = named.shed_mw <= room.max() + TOLERANCE_MW
    has_budget = may_be_off(step, world)
    is_meant = fits & has_budget[named.shed]
    if np.count_nonzero(is_meant) == len(is_meant):
        return placed
    stranded = named.shed[~is_meant]
    if np.count_nonzero(fits & ~is_meant) or any(
        _could_give_way(i, step.contract_site, room, has_budget, book) for i in stranded.tolist()
    ):
        return None
    scheduled, is_stranded = placed.scheduled.copy(), np.zeros(len(book.power_mw), dtype=np.bool_)
    scheduled[stranded], is_stranded[stranded] = False, True
    stranded_mw = _stranded_mw(placed.site, is_stranded, book, len(room))
    return replace(placed, scheduled=sealed(scheduled), stranded_mw=stranded_mw)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _NamedSites:
    """Sites that a plan names for all contracts, and what follows from them alone.

    Attributes:
        placed: contracts at these sites, all promised ones that do not run scheduled off.
        shed: promised contracts that do not run, by their position in the book, and their power (N,).
        sheds_premium: Premium is among them.
    """

    placed: Placement
    shed: Ints
    shed_mw: Floats
    sheds_premium: bool


@lru_cache(maxsize=8)
def _named_sites(book: ContractBook, contract_site: bytes, last_site: bytes, sites: int) -> _NamedSites:
    """Place contracts at sites, which mostly are those of the last tick.

    The site of each contract, named now and of the last tick (C,), come as bytes, keys of the cache.
    """
    named, was = np.frombuffer(contract_site, dtype=np.int64), np.frombuffer(last_site, dtype=np.int64)
    served = named != UNPLACED
    shed = book.is_promised > served
    contracts_mw = placed_by_cell(named, book.tier, book.power_mw, sites)
    site, moved = np.where(served, named, was), _no_moves(sites)
    changed = site != was
    if has_any(changed):
        moves_mw = book.power_mw * (changed & (was != UNPLACED))
        moved = sealed(_by_cell(site, book.tier, moves_mw, sites)[:, :PROMISED_TIER_COUNT])
    placed = Placement(
        site=sealed(site),
        served=sealed(served),
        scheduled=sealed(shed),
        contracts_mw=sealed(contracts_mw),
        site_mw=sealed(row_sums(contracts_mw)),
        moved_mw=moved,
        stranded_mw=None,
    )
    positions = np.flatnonzero(shed)
    return _NamedSites(
        placed=placed,
        shed=sealed(positions),
        shed_mw=sealed(book.power_mw[positions]),
        sheds_premium=bool(shed[book.columns[Tier.PREMIUM]].any()),
    )


@lru_cache(maxsize=8)
def _room_beside_mw(named: _NamedSites, contracts_mw: bytes, capacity_mw: bytes) -> Floats | None:
    """Return the racks left beside contracts at the sites named (S,) [MW].

    None where these sites contradict the plan's megawatts by tier, or lack room. The megawatts (S, G) and the room of
    sites (S,) come as bytes, keys of the cache.
    """
    planned, room = np.frombuffer(contracts_mw), np.frombuffer(capacity_mw) - named.placed.site_mw
    differs = np.abs(named.placed.contracts_mw.ravel() - planned) > TOLERANCE_MW
    return None if has_any(differs) or has_any(room < -TOLERANCE_MW) else sealed(room)


def _could_give_way(i: int, at: Ints, room_mw: Floats, has_budget: Bools, book: ContractBook) -> bool:
    """Return whether a contract of the same tier with budget left could make room."""
    others = (at != UNPLACED) & (book.tier == book.tier[i]) & has_budget
    room = room_mw[at[others]] + book.power_mw[others]
    return has_any(book.power_mw[i] <= room + TOLERANCE_MW)


def _stranded_mw(site: Ints, stranded: Bools, book: ContractBook, sites: int) -> Floats | None:
    if not has_any(stranded):
        return None
    return sealed(row_sums(_by_cell(site, book.tier, book.power_mw * stranded, sites)))


def _one_by_one(
    step: ContractTargets, world: World, capacity_mw: Floats, fell: Bools, ran_mw: Floats, least_rest_ticks: int
) -> Placement:
    """Place contracts one by one, tier by tier."""
    done = Placing(step, world, capacity_mw, fell, ran_mw, least_rest_ticks)
    book, was = world.book, world.accounts.site
    sites = len(capacity_mw)
    moves = done.served & (done.site != was) & (was != UNPLACED)
    moved = _by_cell(done.site, book.tier, book.power_mw * moves, sites)
    stranded = ~(done.served | done.scheduled | (book.tier == Tier.SPOT))
    rescued = moves & (book.tier == Tier.PREMIUM) & fell[was]
    delivered_mw = _by_cell(done.site, book.tier, book.power_mw * done.served, sites)
    rescued_mw, gave_way_mw = None, None
    if has_any(rescued):
        rescued_mw = sealed(row_sums(_by_cell(done.site, book.tier, book.power_mw * rescued, sites)))
        gave_way = stranded & world.accounts.served & ~fell[was] & (rescued_mw[was] > 0.0)
        gave_way_mw = _stranded_mw(was, gave_way, book, sites)
    return Placement(
        site=sealed(done.site),
        served=sealed(done.served),
        scheduled=sealed(done.scheduled),
        contracts_mw=sealed(delivered_mw),
        site_mw=sealed(row_sums(delivered_mw)),
        moved_mw=sealed(moved[:, :PROMISED_TIER_COUNT]),
        stranded_mw=_stranded_mw(done.site, stranded, book, sites),
        rescued_mw=rescued_mw,
        gave_way_mw=gave_way_mw,
    )


def without_spot(placed: Placement, book: ContractBook, short_mw: Floats) -> Placement:
    """Shed whole Spot contracts at sites that are `short_mw` of racks or power (S,).

    Spot has no promise.
    """
    served = placed.served.copy()
    short = short_mw.tolist()
    for i in np.nonzero(served & (book.tier == Tier.SPOT))[0].tolist():
        site = int(placed.site[i])
        if short[site] > TOLERANCE_MW:
            short[site] -= float(book.power_mw[i])
            served[i] = False
    delivered = _by_cell(placed.site, book.tier, book.power_mw * served, len(short))
    return replace(placed, served=sealed(served), contracts_mw=sealed(delivered), site_mw=sealed(row_sums(delivered)))


def _differ(powers_mw: Floats, others_mw: Floats) -> bool:
    """Say whether loads differ by more than rounding; mostly they are equal."""
    return powers_mw.tobytes() != others_mw.tobytes() and has_any(np.abs(powers_mw - others_mw) > TOLERANCE_MW)


def held_mw(world: World) -> Floats:
    """Contract load that ran in the last tick (S, G) [MW]."""
    book, accounts = world.book, world.accounts
    sites = len(world.availability_share)
    return _by_cell(accounts.site, book.tier, book.power_mw * accounts.served, sites)


def placed_mw(site: Ints, book: ContractBook, sites: int) -> Floats:
    """Promised load by the site that it runs at or keeps its place at (S, 3) [MW].

    `site` (C,) holds its index. A contract that resumes where it was scheduled off has not moved, and costs no fee.
    """
    return placed_by_cell(site, book.tier, book.power_mw, sites)[:, :PROMISED_TIER_COUNT]


def _by_cell(site: Ints, tier: Ints, power_mw: Floats, sites: int) -> Floats:
    return placed_by_cell(np.maximum(site, 0), tier, power_mw, sites)


def placed_by_cell(site: Ints, tier: Ints, power_mw: Floats, sites: int) -> Floats:
    """Sum the power of contracts by site and tier (S, G) [MW].

    Those at `UNPLACED` are left out.
    """
    # That is -1: they add to a site before the first, which is left out.
    sums: Floats = np.bincount(
        (site - UNPLACED) * TIER_COUNT + tier, weights=power_mw, minlength=(sites + 1) * TIER_COUNT
    ).astype(np.float64, copy=False)
    return sums[TIER_COUNT:].reshape(sites, TIER_COUNT)


@lru_cache(maxsize=8)
def _no_moves(sites: int) -> Floats:
    return sealed(np.zeros((sites, PROMISED_TIER_COUNT)))
