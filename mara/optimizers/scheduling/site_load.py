"""Whole contracts on sites in one tick: fits, put, take, cheapest place.

Every way of assigning contracts in this package works on a `SiteLoad`. Plain lists are used instead of arrays,
because contracts are few and handled one by one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from mara.core.arrays import Floats, Ints, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, UNPLACED, ContractBook
from mara.core.placement import Placement, placed_by_cell
from mara.core.plan import Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig
from mara.optimizers.scheduling.tick_tables import TickTables, tables_of


def fits(power_mw: float, free_mw: float) -> bool:
    """Return whether free racks hold a contract, to within the tolerance."""
    return power_mw <= free_mw + TOLERANCE_MW


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LastTick:
    """Contracts as they ran in the last tick, in lists that are not to be changed.

    Attributes:
        book: the contracts.
        site, served: site of each contract, and whether it ran there (C,).
        promised_at: site of each promised contract that ran, `UNPLACED` for others (C,).
        load: their load by site and tier (S, G) [MW].
        load_mw: their load by site (S,) [MW].
        waiting: promised contracts that did not run.
    """

    book: ContractBook
    site: list[int]
    served: list[bool]
    promised_at: Ints
    load: list[list[float]]
    load_mw: list[float]
    waiting: list[int]


@lru_cache(maxsize=8)
def _last_tick(book: ContractBook, site: bytes, served: bytes, sites: int) -> LastTick:
    """Tell contracts as they ran; ticks that change none of them share the lists.

    The arrays (C,) come as bytes, keys of the cache.
    """
    was, ran = np.frombuffer(site, dtype=np.int64), np.frombuffer(served, dtype=np.bool_)
    at = np.where(ran & book.is_promised, was, UNPLACED)
    load = placed_by_cell(at, book.tier, book.power_mw, sites)
    return LastTick(
        book=book,
        site=was.tolist(),
        served=ran.tolist(),
        promised_at=sealed(at),
        load=load.tolist(),
        load_mw=row_sums(load).tolist(),
        waiting=(book.is_promised > ran).nonzero()[0].tolist(),
    )


def last_tick_of(problem: Problem) -> LastTick:
    """Tell how the contracts of a problem ran in the last tick."""
    world = problem.world
    sites = len(world.availability_share)
    return _last_tick(world.book, world.accounts.site.tobytes(), world.accounts.served.tobytes(), sites)


def site_load_of(problem: Problem) -> "SiteLoad":
    """Begin a problem's tick with empty sites."""
    return SiteLoad(problem.config, last_tick_of(problem), tables_of(problem))


class SiteLoad:
    """Contracts assigned so far in one tick, and the racks that are left.

    Attributes:
        power: IT power of each contract (C,) [MW].
        tier, was, served: its tier, its site in the last tick, whether it ran then (C,); not to be changed.
        at: present site of each contract, or `UNPLACED` (C,).
        changed: contracts that were put or taken since it began.
        load: contract load by site and tier (S, G) [MW].
        free: racks left by site, within what the grid can feed (S,) [MW].
        tables: coefficients of the tick.
        cost: cost of a rack megawatt-hour by site, PUE x (price + carbon) (S,) [USD/MWh]; not to be changed.
        cheapest: sites by rising cost (S,); not to be changed.
        last: contracts in the last tick.
    """

    def __init__(self, config: RunConfig, last: LastTick, tables: TickTables) -> None:
        self.config, self.last, self.tables = config, last, tables
        self.book = last.book
        self.power, self.tier = last.book.powers_mw, last.book.tiers
        self.was, self.served = last.site, last.served
        self.at = [UNPLACED] * len(self.power)
        self._begun_at: Ints | None = None
        self.changed: list[int] = []
        self.free = tables.room_mw.copy()
        self.load = [[0.0] * TIER_COUNT for _ in self.free]
        self.cost, self.cheapest = tables.cost_usd_per_mwh, tables.cheapest

    def copied(self) -> "SiteLoad":
        """Return a copy that can be changed by itself."""
        load = object.__new__(SiteLoad)
        own = [by_tier.copy() for by_tier in self.load]
        vars(load).update(vars(self), at=self.at.copy(), changed=self.changed.copy(), free=self.free.copy(), load=own)
        return load

    def begin_from(self, placed: Placement, room_mw: Floats) -> None:
        """Begin from a placement instead of empty sites, with room for `room_mw` (S,)."""
        self.begin_at(np.where(placed.served, placed.site, UNPLACED))
        self.load = placed.contracts_mw.tolist()
        self.free = np.maximum(room_mw - row_sums(placed.contracts_mw), 0.0).tolist()

    def begin_as_promised(self) -> bool:
        """Begin with promised contracts where they ran.

        Return False, with nothing placed, where racks or grid no longer hold them.
        """
        last = self.last
        free = [room - load for room, load in zip(self.tables.room_mw, last.load_mw, strict=True)]
        if min(free) < -TOLERANCE_MW:
            return False
        self.begin_at(last.promised_at)
        self.load = [by_tier.copy() for by_tier in last.load]
        self.free = free
        return True

    def begin_at(self, sites: Ints) -> None:
        """Set all sites at once (C,), without their load."""
        self._begun_at = sites
        self.changed.clear()
        self.at = sites.tolist()

    def sites(self) -> Ints:
        """Return the site of each contract, `at`, as an array (C,).

        It is a copy of the begun one with the changes, because most contracts are where they began.
        """
        if self._begun_at is None:
            return np.array(self.at, dtype=np.int64)
        sites = self._begun_at.copy()
        for i in self.changed:
            sites[i] = self.at[i]
        return sites

    def contracts_mw(self) -> Floats:
        """Return the load as an array (S, G) [MW]."""
        return array_of(self.load)

    def fits(self, i: int, site: int) -> bool:
        """Return whether a site has room for a contract."""
        return fits(self.power[i], self.free[site])

    def stays(self, i: int) -> bool:
        """Return whether a contract ran in the last tick and still fits where it ran."""
        return self.served[i] and self.fits(i, self.was[i])

    def put(self, i: int, site: int) -> None:
        """Let a contract run at a site."""
        self.at[i] = site
        self.changed.append(i)
        self.load[site][self.tier[i]] += self.power[i]
        self.free[site] -= self.power[i]

    def holds_dear(self, limits_usd_per_mwh: Sequence[float]) -> bool:
        """Return whether a site dearer than its tier's limit holds load of that tier."""
        most = min(limits_usd_per_mwh)
        for site in self.tables.dearest:
            cost = self.cost[site]
            if cost <= most:
                return False
            for limit, mw in zip(limits_usd_per_mwh, self.load[site], strict=False):
                if mw > 0.0 and cost > limit:
                    return True
        return False

    def take(self, i: int) -> int:
        """Take a contract off its site; return that site."""
        site = self.at[i]
        self.at[i] = UNPLACED
        self.changed.append(i)
        self.load[site][self.tier[i]] -= self.power[i]
        self.free[site] += self.power[i]
        return site

    def put_cheapest(self, i: int) -> bool:
        """Put a contract at the cheapest site with room for it, if there is one."""
        site = cheapest_with_room(self.power[i], self.free, self.cheapest)
        if site == UNPLACED:
            return False
        self.put(i, site)
        return True

    def keep(self, contracts: Iterable[int]) -> list[int]:
        """Leave contracts where they run if they fit, in order; return the others."""
        waiting = []
        for i in contracts:
            if self.stays(i):
                self.put(i, self.was[i])
            else:
                waiting.append(i)
        return waiting

    def move_fee_usd(self, i: int) -> float:
        """Return the fee [USD] for moving a contract; Spot has none."""
        fees = self.config.terms.migration_usd_per_mw
        return fees[self.tier[i]] * self.power[i] if self.tier[i] < PROMISED_TIER_COUNT else 0.0


def array_of(rows: Sequence[Sequence[float]]) -> Floats:
    """Make an array (N, width) of N equally long lists.

    `np.array` would look at each list twice.
    """
    return np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * len(rows[0])).reshape(len(rows), -1)


def cheapest_with_room(power_mw: float, free_mw: list[float], cheapest: list[int]) -> int:
    """Return the first of `cheapest` that holds a contract, or `UNPLACED`."""
    for site in cheapest:
        if fits(power_mw, free_mw[site]):
            return site
    return UNPLACED


def all_fit(power_mw: Floats, room_mw: Floats) -> bool:
    """Return whether first fit decreasing finds a site (S,) for every contract (C,).

    Source: Johnson et al. 1974, doi:10.1137/0203025
    """
    if not len(power_mw):
        return True
    if power_mw.sum() <= np.maximum(room_mw - power_mw.max(), 0.0).sum():
        return True  # in any order, a site refuses no contract before it is that full
    free: list[float] = np.sort(room_mw)[::-1].tolist()
    largest_first = range(len(free))
    for power in np.sort(power_mw)[::-1].tolist():
        site = cheapest_with_room(power, free, list(largest_first))
        if site == UNPLACED:
            return False
        free[site] -= power
    return True
