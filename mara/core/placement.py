"""Whole contracts onto sites: from a plan's megawatts by tier to which contract runs where.

A contract stays where it is unless the plan or an outage moves it. A failed site's Premium moves within the tick to
reserve held
elsewhere; other tiers of a failed site are bad until they are placed again, from the next tick on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, UNPLACED, ContractBook, Tier, budgets_of
from mara.core.plan import PlanStep
from mara.core.units import TOLERANCE_MW
from mara.core.world import World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Which contract runs where in one tick.

    Attributes:
        site: where each contract runs or last ran (C,).
        served: whether it runs this tick (C,).
        scheduled: shed on purpose, inside its budget, though some site could have held it (C,).
        contracts_mw: delivered by site and tier (S, G).
        moved_mw: that came from another site, by tier (S, 3).
        stranded_mw: promised load that found no place (S,); None: all did.
    """

    site: Ints
    served: Bools
    scheduled: Bools
    contracts_mw: Floats
    moved_mw: Floats
    stranded_mw: Floats | None


def place(step: PlanStep, world: World, capacity_mw: Floats, fell: Bools) -> Placement:
    """Which contract runs where this tick.

    Args:
        capacity_mw: contract load each site can hold, racks and grid considered (S,).
        fell: sites that lost machines since the last tick: nobody can leave them in time, but Premium into reserve
            (S,).
    """
    held = held_mw(world)
    as_planned = (np.abs(held - step.contracts_mw) <= TOLERANCE_MW).all()
    if not as_planned or (held.sum(axis=1) > capacity_mw + TOLERANCE_MW).any():
        return _Placing(step, world, capacity_mw, fell, held).placement()
    accounts = world.accounts
    scheduled = ~accounts.served & (world.book.tier != Tier.SPOT)
    if scheduled.any():
        scheduled &= budgets_of(world.book, accounts) > accounts.bad_ticks
        scheduled &= world.book.power_mw <= (capacity_mw - held.sum(axis=1)).max() + TOLERANCE_MW
    sites = len(capacity_mw)
    return Placement(
        site=accounts.site,
        served=accounts.served,
        scheduled=sealed(scheduled),
        contracts_mw=sealed(held),
        moved_mw=sealed(np.zeros((sites, PROMISED_TIER_COUNT))),
        stranded_mw=None,
    )


def without_spot(placed: Placement, book: ContractBook, short_mw: Floats) -> Placement:
    """The same placement less whole Spot contracts at sites that are `short_mw` of racks or power (S,): Spot is
    promised nothing.
    """
    served = placed.served.copy()
    short = short_mw.tolist()
    for i in np.nonzero(served & (book.tier == Tier.SPOT))[0].tolist():
        site = int(placed.site[i])
        if short[site] > TOLERANCE_MW:
            short[site] -= float(book.power_mw[i])
            served[i] = False
    delivered = _by_cell(placed.site, book.tier, book.power_mw * served, len(short))
    return replace(placed, served=sealed(served), contracts_mw=sealed(delivered))


def held_mw(world: World) -> Floats:
    """Contract load that ran in the last tick (S, G) [MW]."""
    book, accounts = world.book, world.accounts
    sites = len(world.availability_share)
    return _by_cell(accounts.site, book.tier, book.power_mw * accounts.served, sites)


def _by_cell(site: Ints, tier: Ints, power_mw: Floats, sites: int) -> Floats:
    cell = np.maximum(site, 0) * TIER_COUNT + tier
    sums: Floats = np.bincount(cell, weights=power_mw, minlength=sites * TIER_COUNT).astype(np.float64, copy=False)
    return sums.reshape(sites, TIER_COUNT)


class _Placing:
    """One tick's placing, tier by tier, the most binding first. Plain lists: fifty contracts are few for numpy."""

    def __init__(self, step: PlanStep, world: World, capacity_mw: Floats, fell: Bools, held: Floats) -> None:
        book, accounts = world.book, world.accounts
        self.world = world
        self.power: list[float] = book.power_mw.tolist()
        self.was_site: list[int] = accounts.site.tolist()
        self.was_served: list[bool] = accounts.served.tolist()
        self.budget: list[int] = (budgets_of(book, accounts) - accounts.bad_ticks).tolist()
        self.held: list[list[float]] = held.tolist()
        as_planned = np.abs(held - step.contracts_mw) <= TOLERANCE_MW
        self.as_planned = [bool(column.all()) for column in as_planned.T]
        self.target: list[list[float]] = step.contracts_mw.tolist()
        self.free: list[float] = capacity_mw.tolist()
        self.reserve: list[float] = step.reserve_mw.tolist()
        self.fell: list[bool] = fell.tolist()
        self.later: list[list[float]] = held[:, :PROMISED_TIER_COUNT].tolist()
        """Load of the lower promised tiers that still stands at a site and must not be driven out by accident."""
        self.site = list(self.was_site)
        self.served = [False] * len(self.power)
        self.scheduled = [False] * len(self.power)

    def placement(self) -> Placement:
        for tier in Tier:
            if tier < PROMISED_TIER_COUNT:
                for row in self.later:
                    row[tier] = 0.0
            self._place_tier(tier)
        return self._result()

    def _place_tier(self, tier: Tier) -> None:
        members = self.world.book.members[tier]
        held_fits = all(row[tier] <= free + TOLERANCE_MW for row, free in zip(self.held, self.free, strict=True))
        if self.as_planned[tier] and held_fits:
            self._leave(members, tier)
            return
        if held_fits:
            members = self._leave_unchanged_sites(members, tier)
        # Those nearest to losing their budget come first.
        leftover, failed = self._keep(sorted(members, key=self.budget.__getitem__), tier)
        for i in failed:
            self._fail_over(i, tier)
        if tier is Tier.SPOT:
            self._place_spot(leftover)
            return
        for i in self._place_as_planned(self._shed(leftover, tier), tier):
            self._put(i, self._space_for(i, tier), tier)

    def _leave(self, members: Sequence[int], tier: Tier) -> None:
        """The whole tier stands as planned: who ran runs, who was shed stays shed."""
        for site, row in enumerate(self.held):
            self.free[site] -= row[tier]
            self.target[site][tier] = 0.0
        room = max(self.free)
        for i in members:
            self.served[i] = self.was_served[i]
            self.scheduled[i] = not self.was_served[i] and self._is_spared(i, tier, room)

    def _leave_unchanged_sites(self, members: Sequence[int], tier: Tier) -> list[int]:
        """Whoever runs where the plan takes nothing away stays; returns the others."""
        stays = [row[tier] <= target[tier] + TOLERANCE_MW for row, target in zip(self.held, self.target, strict=True)]
        for site, (row, all_stay) in enumerate(zip(self.held, stays, strict=True)):
            if all_stay:
                self.free[site] -= row[tier]
                self.target[site][tier] -= row[tier]
                row[tier] = 0.0
        others: list[int] = []
        for i in members:
            if self.was_served[i] and stays[self.was_site[i]]:
                self.served[i] = True
            else:
                others.append(i)
        return others

    def _is_spared(self, i: int, tier: Tier, room_mw: float) -> bool:
        """Whether leaving it out is a choice: inside its budget, and not for want of a site that could hold it."""
        return tier is not Tier.SPOT and self.budget[i] > 0 and self.power[i] <= room_mw + TOLERANCE_MW

    def _keep(self, members: list[int], tier: Tier) -> tuple[list[int], list[int]]:
        """Leave in place what the plan and the site allow; the rest is left over, or failed with its site."""
        leftover: list[int] = []
        failed: list[int] = []
        leaving = self._leaving(members, tier)
        for i in members:
            site, power = self.was_site[i], self.power[i]
            if not self.was_served[i]:
                leftover.append(i)
            elif power > self.free[site] + TOLERANCE_MW:
                (failed if self.fell[site] else leftover).append(i)
            elif i in leaving:
                leftover.append(i)
            else:
                self._put(i, site, tier)
        return leftover, failed

    def _leaving(self, members: list[int], tier: Tier) -> set[int]:
        """Whom the plan takes from where they run, most budget first: no more megawatts than it takes from a site."""
        less = [row[tier] - target[tier] for row, target in zip(self.held, self.target, strict=True)]
        leaving: set[int] = set()
        for i in self._most_budget_first(members, lambda i: less[self.was_site[i]]):
            site = self.was_site[i]
            least = self.power[i] / 2 if tier is Tier.SPOT else self.power[i]
            if self.was_served[i] and least <= less[site] + TOLERANCE_MW:
                less[site] -= self.power[i]
                leaving.add(i)
        return leaving

    def _most_budget_first(self, members: list[int], wanted_mw: Callable[[int], float]) -> list[int]:
        """Who goes first. Before all others goes one that is exactly what the plan takes: the plan means that one."""
        return sorted(members, key=lambda i: (abs(wanted_mw(i) - self.power[i]) > TOLERANCE_MW, -self.budget[i]))

    def _fail_over(self, i: int, tier: Tier) -> None:
        if tier is not Tier.PREMIUM:
            return
        rooms = [min(r, f - row[Tier.STANDARD]) for r, f, row in zip(self.reserve, self.free, self.later, strict=True)]
        best = max(range(len(rooms)), key=rooms.__getitem__)
        if self.power[i] <= rooms[best] + TOLERANCE_MW:
            self.reserve[best] -= self.power[i]
            self._put(i, best, tier)

    def _shed(self, leftover: list[int], tier: Tier) -> list[int]:
        """Take out what the plan wants unserved, most budget first; returns the others, least budget first."""
        room = max(self.free)
        # What fits nowhere is not in the plan for want of room: nobody else is to be left out for it.
        fits = sum(self.power[i] for i in leftover if self.power[i] <= room + TOLERANCE_MW)
        wanted = fits - sum(max(row[tier], 0.0) for row in self.target)
        all_wanted = wanted
        for i in self._most_budget_first(leftover, lambda _: all_wanted):
            if self._is_spared(i, tier, room) and self.power[i] <= wanted + TOLERANCE_MW:
                wanted -= self.power[i]
                self.scheduled[i] = True
        return [i for i in leftover if not self.scheduled[i]]

    def _place_as_planned(self, waiting: list[int], tier: Tier) -> list[int]:
        """Put each where the plan has room for it; returns those for whom it has none, in the same order.

        While the plan has room for all, large ones go first: the small ones would take the only places that are large
        enough. Otherwise the order is kept: nearest to losing its budget first.
        """
        planned = sum(max(min(row[tier], free), 0.0) for row, free in zip(self.target, self.free, strict=True))
        fits = sum(self.power[i] for i in waiting) <= planned + TOLERANCE_MW
        for i in sorted(waiting, key=self.power.__getitem__, reverse=True) if fits else waiting:
            self._put(i, self._planned_for(i, tier), tier)
        return [i for i in waiting if not self.served[i]]

    def _planned_for(self, i: int, tier: Tier) -> int:
        """The site whose planned room the contract fills best, where it was among equals; `UNPLACED` if none."""
        power, was = self.power[i], self.was_site[i]
        room = [min(row[tier], free) for row, free in zip(self.target, self.free, strict=True)]
        fitting = (s for s, mw in enumerate(room) if mw >= power - TOLERANCE_MW)
        return min(fitting, key=lambda s: (round(room[s], 6), s != was), default=UNPLACED)

    def _space_for(self, i: int, tier: Tier) -> int:
        """Where it was if there is space; else where the plan wants most and there is; `UNPLACED` if nowhere."""
        power, was = self.power[i], self.was_site[i]
        space = [free - sum(row) for free, row in zip(self.free, self.later, strict=True)]
        if was != UNPLACED and space[was] >= power - TOLERANCE_MW:
            return was
        planned = [min(row[tier], free) for row, free in zip(self.target, self.free, strict=True)]
        best = max(range(len(space)), key=lambda s: (planned[s] if space[s] >= power else -1.0, space[s]))
        return best if space[best] >= power - TOLERANCE_MW else UNPLACED

    def _place_spot(self, leftover: list[int]) -> None:
        """Spot is promised nothing: it runs where the plan has room for most of it, largest first, or not at all."""
        for i in sorted(leftover, key=self.power.__getitem__, reverse=True):
            site, power = self._planned_for(i, Tier.SPOT), self.power[i]
            if site == UNPLACED:
                room = [row[Tier.SPOT] * (f >= power) for row, f in zip(self.target, self.free, strict=True)]
                best = max(range(len(room)), key=room.__getitem__)
                site = best if room[best] > power / 2 else UNPLACED
            self._put(i, site, Tier.SPOT)

    def _put(self, i: int, site: int, tier: Tier) -> None:
        if site == UNPLACED:
            return
        self.site[i] = site
        self.served[i] = True
        self.free[site] -= self.power[i]
        self.target[site][tier] -= self.power[i]

    def _result(self) -> Placement:
        book = self.world.book
        sites = len(self.free)
        site, served = np.array(self.site, dtype=np.int64), np.array(self.served, dtype=np.bool_)
        scheduled = np.array(self.scheduled, dtype=np.bool_)
        was = self.world.accounts.site
        moves = served & (site != was) & (was != UNPLACED)
        moved = (
            _by_cell(site, book.tier, book.power_mw * moves, sites) if moves.any() else np.zeros((sites, TIER_COUNT))
        )
        stranded = book.power_mw * ~(served | scheduled | (book.tier == Tier.SPOT))
        return Placement(
            site=sealed(site),
            served=sealed(served),
            scheduled=sealed(scheduled),
            contracts_mw=sealed(_by_cell(site, book.tier, book.power_mw * served, sites)),
            moved_mw=sealed(moved[:, :PROMISED_TIER_COUNT]),
            stranded_mw=sealed(_by_cell(site, book.tier, stranded, sites).sum(axis=1)) if stranded.any() else None,
        )
