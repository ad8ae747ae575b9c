"""Whole contracts onto sites: from a plan's megawatts by tier to which contract runs where.

A contract stays where it is unless the plan or an outage moves it. A failed site's Premium moves within the tick to
reserve held
elsewhere; other tiers of a failed site are bad until they are placed again, from the next tick on.
"""

from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, row_sums, sealed
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
        scheduled: shed on purpose, inside its budget or as a promise that the plan breaks, though some site could have
            held it (C,).
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
    if step.book_changes_count == world.book_changes_count and not np.count_nonzero(fell):
        meant = _as_meant(step, world, capacity_mw)
        if meant is not None:
            return meant
    held = held_mw(world)
    changed = np.count_nonzero(np.abs(held - step.contracts_mw) > TOLERANCE_MW)
    room = capacity_mw - row_sums(held)
    if changed or np.count_nonzero(room < -TOLERANCE_MW):
        return _Placing(step, world, capacity_mw, fell, held).placement()
    accounts = world.accounts
    scheduled = ~accounts.served & (world.book.tier != Tier.SPOT)
    if np.count_nonzero(scheduled):
        scheduled &= may_rest(step, world)
        scheduled &= world.book.power_mw <= room.max() + TOLERANCE_MW
    return Placement(
        site=accounts.site,
        served=accounts.served,
        scheduled=sealed(scheduled),
        contracts_mw=sealed(held),
        moved_mw=sealed(_no_load(len(room))[:, :PROMISED_TIER_COUNT]),
        stranded_mw=None,
    )


def _as_meant(step: PlanStep, world: World, capacity_mw: Floats) -> Placement | None:
    """Each contract where the plan means it to run; None where that is not what its megawatts say, or cannot be.

    A plan that leaves out somebody without budget who could run, because there is room or one of the same tier has
    budget to give it, is placed by megawatts, which sees who must give way.
    """
    book, accounts = world.book, world.accounts
    served = step.contract_site != UNPLACED
    delivered = _by_cell(step.contract_site, book.tier, book.power_mw * served, len(capacity_mw))
    room = capacity_mw - row_sums(delivered)
    differs = np.abs(delivered - step.contracts_mw) > TOLERANCE_MW
    if np.count_nonzero(differs) or np.count_nonzero(room < -TOLERANCE_MW):
        return None
    left_out = ~served & (book.tier != Tier.SPOT)
    spared = left_out
    if np.count_nonzero(left_out):
        fits = book.power_mw <= room.max() + TOLERANCE_MW
        has_budget = may_rest(step, world)
        spared = left_out & has_budget & fits
        stranded = np.flatnonzero(left_out & ~spared).tolist()
        if any(fits[i] or _could_give_way(i, step.contract_site, room, has_budget, book) for i in stranded):
            return None
    site = np.where(served, step.contract_site, accounts.site)
    moves = (site != accounts.site) & (accounts.site != UNPLACED)
    moved = (
        _by_cell(site, book.tier, book.power_mw * moves, len(room)) if np.count_nonzero(moves) else _no_load(len(room))
    )
    return Placement(
        site=sealed(site),
        served=sealed(served),
        scheduled=sealed(spared),
        contracts_mw=sealed(delivered),
        moved_mw=sealed(moved[:, :PROMISED_TIER_COUNT]),
        stranded_mw=_stranded_mw(site, left_out & ~spared, book, len(room)),
    )


def may_rest(step: PlanStep, world: World) -> Bools:
    """Who may be left out on purpose: whose budget bears it, and whose promise the plan breaks (C,)."""
    allowed = budgets_of(world.book, world.accounts) > world.accounts.bad_ticks
    if len(step.broken_contract) and step.book_changes_count == world.book_changes_count:
        allowed[step.broken_contract] = True
    return allowed


def _could_give_way(i: int, at: Ints, room_mw: Floats, has_budget: Bools, book: ContractBook) -> bool:
    """Whether a contract of the same tier, with budget left, runs where it would make room enough."""
    others = (at != UNPLACED) & (book.tier == book.tier[i]) & has_budget
    room = room_mw[at[others]] + book.power_mw[others]
    return bool(np.count_nonzero(book.power_mw[i] <= room + TOLERANCE_MW))


def _stranded_mw(site: Ints, stranded: Bools, book: ContractBook, sites: int) -> Floats | None:
    if not np.count_nonzero(stranded):
        return None
    return sealed(row_sums(_by_cell(site, book.tier, book.power_mw * stranded, sites)))


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


def placed_mw(site: Ints, book: ContractBook, sites: int) -> Floats:
    """Promised load by the site that it runs at or keeps its place at, as `site` (C,) says (S, 3) [MW].

    What resumes where it rested has not moved, and nobody is charged for it.
    """
    return _by_cell(site, book.tier, book.power_mw * (site != UNPLACED), sites)[:, :PROMISED_TIER_COUNT]


def _by_cell(site: Ints, tier: Ints, power_mw: Floats, sites: int) -> Floats:
    cell = np.maximum(site, 0) * TIER_COUNT + tier
    sums: Floats = np.bincount(cell, weights=power_mw, minlength=sites * TIER_COUNT).astype(np.float64, copy=False)
    return sums.reshape(sites, TIER_COUNT)


class _Placing:
    """One tick's placing, tier by tier, the most binding first.

    What the plan leaves alone is settled for whole sites at once; only contracts that it moves, sheds or brings in are
    looked at one by one.
    """

    def __init__(self, step: PlanStep, world: World, capacity_mw: Floats, fell: Bools, held: Floats) -> None:
        self.book, self.accounts = world.book, world.accounts
        self.power: list[float] = world.book.power_mw.tolist()
        self.was_site: list[int] = world.accounts.site.tolist()
        left = budgets_of(world.book, world.accounts) - world.accounts.bad_ticks
        self.left_ticks = np.where(may_rest(step, world), np.maximum(left, 1), left)
        self.budget: list[int] = self.left_ticks.tolist()
        self.held = held.T
        self.target = step.contracts_mw.T.copy()
        self.free = capacity_mw.copy()
        self.reserve = step.reserve_mw.copy()
        self.fell = fell
        self.later = held.T[:PROMISED_TIER_COUNT].copy()
        """Load of the lower promised tiers that still stands at a site and must not be driven out by accident."""
        self.site = world.accounts.site.copy()
        self.served = np.zeros(len(self.power), dtype=np.bool_)
        self.scheduled = np.zeros(len(self.power), dtype=np.bool_)

    def placement(self) -> Placement:
        for tier in Tier:
            if tier < PROMISED_TIER_COUNT:
                self.later[tier] = 0.0
            if len(self.book.columns[tier]):
                self._place_tier(tier)
        return self._result()

    def _place_tier(self, tier: Tier) -> None:
        held = self.held[tier]
        stands = (np.abs(held - self.target[tier]) <= TOLERANCE_MW) & (held <= self.free + TOLERANCE_MW)
        if stands.all():
            self._leave(tier)
            return
        leftover, failed = self._keep(tier)
        for i in failed:
            self._fail_over(i, tier)
        if tier is Tier.SPOT:
            self._place_spot(leftover)
            return
        for i in self._place_as_planned(self._shed(leftover, tier), tier):
            self._put(i, self._space_for(i, tier), tier)

    def _leave(self, tier: Tier) -> None:
        """The whole tier stands as planned: who ran runs, who was shed stays shed."""
        columns = self.book.columns[tier]
        ran = self.accounts.served[columns]
        self.free -= self.held[tier]
        self.served[columns] = ran
        if tier is not Tier.SPOT and not ran.all():
            off = columns[~ran]
            holdable = self.book.power_mw[off] <= self.free.max() + TOLERANCE_MW
            self.scheduled[off] = (self.left_ticks[off] > 0) & holdable

    def _is_spared(self, i: int, room_mw: float) -> bool:
        """Whether leaving it out is a choice: inside its budget, and not for want of a site that could hold it."""
        return self.budget[i] > 0 and self.power[i] <= room_mw + TOLERANCE_MW

    def _keep(self, tier: Tier) -> tuple[list[int], list[int]]:
        """Leave in place what the plan and the site allow; the rest is left over, or failed with its site.

        Those nearest to losing their budget come first, here and in what is returned.
        """
        columns = self.book.columns[tier]
        columns = columns[np.argsort(self.left_ticks[columns], kind="stable")]
        ran, was = self.accounts.served[columns], self.accounts.site[columns]
        leaving = self._leaving(columns[ran], tier)
        left = np.array([i in leaving for i in columns.tolist()]) if leaving else np.zeros_like(ran)
        stays = ran & ~left
        load = np.bincount(was[stays], weights=self.book.power_mw[columns[stays]], minlength=len(self.free))
        short = (load > self.free + TOLERANCE_MW) | self.fell
        if np.count_nonzero(short):
            one_by_one = ran & short[was]
            load[short] = 0.0
            stays &= ~one_by_one
            kept, failed = self._keep_what_fits(columns[one_by_one].tolist(), leaving, tier)
        else:
            kept, failed = [], []
        self.free -= load
        self.target[tier] -= load
        self.served[columns[stays]] = True
        gone = {*kept, *failed}
        return [i for i in columns[~stays].tolist() if i not in gone], failed

    def _keep_what_fits(self, members: list[int], leaving: set[int], tier: Tier) -> tuple[list[int], list[int]]:
        """At sites that lost machines or room: who stays, and who has failed with its site."""
        kept: list[int] = []
        failed: list[int] = []
        for i in members:
            site = self.was_site[i]
            if self.power[i] > self.free[site] + TOLERANCE_MW:
                if self.fell[site]:
                    failed.append(i)
            elif i not in leaving:
                self._put(i, site, tier)
                kept.append(i)
        return kept, failed

    def _leaving(self, members: Ints, tier: Tier) -> set[int]:
        """Whom the plan takes from where they run, most budget first: no more megawatts than it takes from a site."""
        less = self.held[tier] - self.target[tier]
        least_share = 0.5 if tier is Tier.SPOT else 1.0
        least = self.book.power_mw[members] * least_share
        asked = members[least <= less[self.accounts.site[members]] + TOLERANCE_MW].tolist()
        leaving: set[int] = set()
        for i in self._most_budget_first(asked, less[self.accounts.site[asked]].tolist()):
            site = self.was_site[i]
            if self.power[i] * least_share <= less[site] + TOLERANCE_MW:
                less[site] -= self.power[i]
                leaving.add(i)
        return leaving

    def _most_budget_first(self, members: list[int], wanted_mw: list[float]) -> list[int]:
        """Who goes first. Before all others goes one that is exactly what the plan takes: the plan means that one."""
        exact = {i: abs(mw - self.power[i]) <= TOLERANCE_MW for i, mw in zip(members, wanted_mw, strict=True)}
        return sorted(members, key=lambda i: (not exact[i], -self.budget[i]))

    def _fail_over(self, i: int, tier: Tier) -> None:
        if tier is not Tier.PREMIUM:
            return
        rooms = np.minimum(self.reserve, self.free - self.later[Tier.STANDARD])
        best = int(rooms.argmax())
        if self.power[i] <= rooms[best] + TOLERANCE_MW:
            self.reserve[best] -= self.power[i]
            self._put(i, best, tier)

    def _shed(self, leftover: list[int], tier: Tier) -> list[int]:
        """Take out what the plan wants unserved, most budget first; returns the others, least budget first."""
        if not leftover:
            return leftover
        room = float(self.free.max())
        # What fits nowhere is not in the plan for want of room: nobody else is to be left out for it.
        fits = sum(self.power[i] for i in leftover if self.power[i] <= room + TOLERANCE_MW)
        wanted = fits - float(np.maximum(self.target[tier], 0.0).sum())
        for i in self._most_budget_first(leftover, [wanted] * len(leftover)):
            if self._is_spared(i, room) and self.power[i] <= wanted + TOLERANCE_MW:
                wanted -= self.power[i]
                self.scheduled[i] = True
        return [i for i in leftover if not self.scheduled[i]]

    def _place_as_planned(self, waiting: list[int], tier: Tier) -> list[int]:
        """Put each where the plan has room for it; returns those for whom it has none, in the same order.

        While the plan has room for all, large ones go first: the small ones would take the only places that are large
        enough. Otherwise the order is kept: nearest to losing its budget first.
        """
        planned = float(np.maximum(np.minimum(self.target[tier], self.free), 0.0).sum()) if waiting else 0.0
        fits = sum(self.power[i] for i in waiting) <= planned + TOLERANCE_MW
        for i in sorted(waiting, key=self.power.__getitem__, reverse=True) if fits else waiting:
            self._put(i, self._planned_for(i, tier), tier)
        return [i for i in waiting if not self.served[i]]

    def _planned_for(self, i: int, tier: Tier) -> int:
        """The site whose planned room the contract fills best, where it was among equals; `UNPLACED` if none."""
        room = np.minimum(self.target[tier], self.free)
        filled = np.where(room >= self.power[i] - TOLERANCE_MW, room.round(6), np.inf)
        best, was = int(filled.argmin()), self.was_site[i]
        if filled[best] == np.inf:
            return UNPLACED
        return was if was != UNPLACED and filled[was] == filled[best] else best

    def _space_for(self, i: int, tier: Tier) -> int:
        """Where it was if there is space; else where the plan wants most and there is; `UNPLACED` if nowhere."""
        power, was = self.power[i], self.was_site[i]
        space = self.free - self.later.sum(axis=0)
        if was != UNPLACED and space[was] >= power - TOLERANCE_MW:
            return was
        wanted = np.where(space >= power, np.minimum(self.target[tier], self.free), -1.0)
        best = int(np.where(wanted == wanted.max(), space, -np.inf).argmax())
        return best if space[best] >= power - TOLERANCE_MW else UNPLACED

    def _place_spot(self, leftover: list[int]) -> None:
        """Spot is promised nothing: it runs where the plan has room for most of it, largest first, or not at all."""
        largest_first = sorted(leftover, key=self.power.__getitem__, reverse=True)
        for i in largest_first:
            self._put(i, self._planned_for(i, Tier.SPOT), Tier.SPOT)
        for i in largest_first:
            if not self.served[i]:
                room = self.target[Tier.SPOT] * (self.free >= self.power[i])
                best = int(room.argmax())
                if room[best] > self.power[i] / 2:
                    self._put(i, best, Tier.SPOT)

    def _put(self, i: int, site: int, tier: Tier) -> None:
        if site == UNPLACED:
            return
        self.site[i] = site
        self.served[i] = True
        self.free[site] -= self.power[i]
        self.target[tier, site] -= self.power[i]

    def _result(self) -> Placement:
        tier, power = self.book.tier, self.book.power_mw
        sites, was = len(self.free), self.accounts.site
        moves = self.served & (self.site != was) & (was != UNPLACED)
        moved = _by_cell(self.site, tier, power * moves, sites) if np.count_nonzero(moves) else _no_load(sites)
        stranded = ~(self.served | self.scheduled | (tier == Tier.SPOT))
        return Placement(
            site=sealed(self.site),
            served=sealed(self.served),
            scheduled=sealed(self.scheduled),
            contracts_mw=sealed(_by_cell(self.site, tier, power * self.served, sites)),
            moved_mw=sealed(moved[:, :PROMISED_TIER_COUNT]),
            stranded_mw=_stranded_mw(self.site, stranded, self.book, sites),
        )


def _no_load(sites: int) -> Floats:
    return np.zeros((sites, TIER_COUNT))
