"""Assignment of contracts to sites in one tick, where the plan changes them."""

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT, UNPLACED, Tier, budgets_of, spendable_ticks
from mara.core.packing import most_packed
from mara.core.plan import ContractTargets
from mara.core.units import TOLERANCE_MW
from mara.core.world import World


class Placing:
    """Assignment of one tick's contracts to sites, the most binding tier first.

    Contracts that the plan leaves alone are settled for whole sites at once; only those that it moves, sheds or brings
    in are looked at one by one. Premium is never scheduled off: where a failed site or the plan leaves it without a
    place, it takes racks of any site beside Premium and running Standard there, and the tiers below give way.

    Attributes:
        site, served, scheduled: of each contract (C,), as in `Placement`.
    """

    def __init__(
        self,
        step: ContractTargets,
        world: World,
        capacity_mw: Floats,
        fell: Bools,
        ran_mw: Floats,
        least_rest_ticks: int,
    ) -> None:
        self.book, self.accounts = world.book, world.accounts
        self.power: list[float] = world.book.power_mw.tolist()
        self.was_site: list[int] = world.accounts.site.tolist()
        broken, left = broken_by(step, world), budgets_of(world.book, world.accounts) - world.accounts.bad_ticks
        self.left_ticks = np.where(broken, np.maximum(left, 1), left)
        self.budget: list[int] = self.left_ticks.tolist()
        spendable = spendable_ticks(world.book, world.accounts, world.tick)
        self.spendable: list[int] = np.where(broken, max(least_rest_ticks, 1), spendable).tolist()
        self.off_ticks: list[int] = world.accounts.rest_ticks.tolist()
        self.least_rest_ticks = least_rest_ticks
        self.held = ran_mw.T
        self.target = step.contracts_mw.T.copy()
        self.free = capacity_mw.copy()
        self.reserve = step.reserve_mw.copy()
        self.fell = fell
        self.later = ran_mw.T[:PROMISED_TIER_COUNT].copy()
        """Running load of the tiers still to be placed, not to be driven out (3, S) [MW]."""
        self.site = world.accounts.site.copy()
        self.served = np.zeros(len(self.power), dtype=np.bool_)
        self.scheduled = np.zeros(len(self.power), dtype=np.bool_)
        self.is_premium_lost = False
        """True when some Premium found no place; Standard then keeps its places."""
        self._place()

    def _place(self) -> None:
        for tier in Tier:
            if tier < PROMISED_TIER_COUNT:
                self.later[tier] = 0.0
            if len(self.book.columns[tier]):
                self._place_tier(tier)

    def _place_tier(self, tier: Tier) -> None:
        held = self.held[tier]
        stands = (np.abs(held - self.target[tier]) <= TOLERANCE_MW) & (held <= self.free + TOLERANCE_MW)
        if stands.all() and (tier is not Tier.PREMIUM or self.accounts.served[self.book.columns[tier]].all()):
            self._leave(tier)
            return
        leftover, failed = self._keep(tier)
        if tier is Tier.PREMIUM:
            self._place_premium(leftover, failed)
        elif tier is Tier.SPOT:
            self._place_spot(leftover)
        else:
            for i in self._place_as_planned(self._shed(leftover, tier), tier):
                self._put(i, self._space_for(i, tier), tier)

    def _place_premium(self, leftover: list[int], failed: list[int]) -> None:
        """Place failed Premium first, then what the plan moves and brings in.

        Where some finds no place, Premium without a sound site is packed anew.
        """
        standing = self._standing_standard_mw() if failed else np.zeros_like(self.free)
        for i in sorted(failed, key=self.power.__getitem__, reverse=True):
            self._put(i, self._refuge_for(i, standing), Tier.PREMIUM)
        for i in self._place_as_planned(leftover, Tier.PREMIUM):
            self._put(i, self._space_for(i, Tier.PREMIUM), Tier.PREMIUM)
        columns = self.book.columns[Tier.PREMIUM]
        if not self.served[columns].all():
            self._pack_premium()
            self.is_premium_lost = not self.served[columns].all()

    def _refuge_for(self, i: int, standing_mw: Floats) -> int:
        """Find a refuge for a failed site's Premium; `UNPLACED` if there is none.

        It tries free racks that the plan keeps for Premium, then the reserve, then the fullest site with space.
        """
        power, space = self.power[i] - TOLERANCE_MW, self.free - standing_mw
        planned = self.target[Tier.PREMIUM]
        kept = np.minimum(planned, space)
        reserve = np.minimum(self.reserve, space)
        if (kept >= power).any():
            return int(np.where(kept >= power, kept.round(6), np.inf).argmin())
        if (reserve >= power).any():
            best = int(reserve.argmax())
            self.reserve[best] -= self.power[i]
            return best
        if (space >= power).any():
            return int(np.where(space >= power, space, np.inf).argmin())
        # The plan expects Standard to make room there.
        return int(planned.argmax()) if (np.minimum(planned, self.free) >= power).any() else UNPLACED

    def _pack_premium(self) -> None:
        """Pack Premium anew, all but what runs at a sound site, if more finds a place so."""
        columns = self.book.columns[Tier.PREMIUM]
        at_home = self.served & (self.site == self.accounts.site) & ~self.fell[self.site]
        loose = columns[~at_home[columns]]
        loose = loose[np.argsort(-self.left_ticks[loose], kind="stable")]
        placed = loose[self.served[loose]]
        rooms = self.free - self._standing_standard_mw()
        np.add.at(rooms, self.site[placed], self.book.power_mw[placed])
        found = most_packed(self.book.power_mw[loose].tolist(), self.accounts.site[loose].tolist(), rooms.tolist())
        if len(found) <= len(placed):
            return
        for i in placed.tolist():
            self._take(i, Tier.PREMIUM)
        for n, site in found.items():
            self._put(int(loose[n]), site, Tier.PREMIUM)

    def _standing_standard_mw(self) -> Floats:
        """Standard that ran and still fits beside the Premium at its site (S,) [MW].

        This load does not give way to Premium of other sites.
        """
        standing: Floats = self.held[Tier.STANDARD].copy()
        short = standing > self.free + TOLERANCE_MW
        if short.any():
            standing[short] = 0.0
            columns = self.book.columns[Tier.STANDARD]
            for i in columns[np.argsort(self.left_ticks[columns], kind="stable")].tolist():
                site = self.was_site[i]
                if self.accounts.served[i] and short[site]:
                    more = standing[site] + self.power[i]
                    standing[site] = more if more <= self.free[site] + TOLERANCE_MW else standing[site]
        return standing

    def _leave(self, tier: Tier) -> None:
        """Keep the whole tier as it was: what ran still runs, what was shed stays shed."""
        columns = self.book.columns[tier]
        ran = self.accounts.served[columns]
        self.free -= self.held[tier]
        self.served[columns] = ran
        if tier is not Tier.SPOT and not ran.all():
            off = columns[~ran]
            holdable = self.book.power_mw[off] <= self.free.max() + TOLERANCE_MW
            self.scheduled[off] = [self.spendable[i] > 0 for i in off.tolist()] & holdable

    def _may_be_off(self, i: int, room_mw: float) -> bool:
        """Return whether a contract without power counts as scheduled off, not as shed.

        It does inside its error budget, if some site has room for it.
        """
        least = 1 if self.off_ticks[i] else max(self.least_rest_ticks, 1)
        return self.spendable[i] >= least and self.power[i] <= room_mw + TOLERANCE_MW

    def _keep(self, tier: Tier) -> tuple[list[int], list[int]]:
        """Keep contracts at their sites where the plan and the sites allow it.

        Returns the other contracts, and those whose sites failed. Contracts with the least error budget left come
        first, both here and in the results.
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
        """Sort contracts of sites that lost machines or room into kept and failed."""
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
        """Choose the contracts that leave their sites, those with most error budget first.

        No more megawatts leave a site than the plan removes there.
        """
        if tier is Tier.STANDARD and self.is_premium_lost:
            return set()
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
        """Return the order in which contracts leave.

        Those scheduled off already come first, then an exact match to the megawatts removed, then the most budget.
        """
        exact = {i: abs(mw - self.power[i]) <= TOLERANCE_MW for i, mw in zip(members, wanted_mw, strict=True)}
        return sorted(members, key=lambda i: (not self.off_ticks[i], not exact[i], -self.budget[i]))

    def _shed(self, leftover: list[int], tier: Tier) -> list[int]:
        """Shed the megawatts that the plan leaves unserved, most error budget first.

        Returns the other contracts, those with the least budget first.
        """
        if not leftover:
            return leftover
        room = float(self.free.max())
        # A contract that fits nowhere is already missing from the plan: no other is left out in its place.
        fits = sum(self.power[i] for i in leftover if self.power[i] <= room + TOLERANCE_MW)
        wanted = fits - float(np.maximum(self.target[tier], 0.0).sum())
        for i in self._most_budget_first(leftover, [wanted] * len(leftover)):
            stays_off = 0 < self.off_ticks[i] < self.least_rest_ticks
            if self._may_be_off(i, room) and (stays_off or self.power[i] <= wanted + TOLERANCE_MW):
                wanted -= self.power[i]
                self.scheduled[i] = True
        return [i for i in leftover if not self.scheduled[i]]

    def _place_as_planned(self, waiting: list[int], tier: Tier) -> list[int]:
        """Place contracts where the plan has room for them; return the rest in order.

        While the plan has room for all, large ones go first, because small ones would take the only places that are
        large enough. Otherwise those with the least error budget left go first.
        """
        planned = float(np.maximum(np.minimum(self.target[tier], self.free), 0.0).sum()) if waiting else 0.0
        fits = sum(self.power[i] for i in waiting) <= planned + TOLERANCE_MW
        for i in sorted(waiting, key=self.power.__getitem__, reverse=True) if fits else waiting:
            self._put(i, self._planned_for(i, tier), tier)
        return [i for i in waiting if not self.served[i]]

    def _planned_for(self, i: int, tier: Tier) -> int:
        """Find the site whose planned room the contract fills best; `UNPLACED` if none.

        Among equals it is the site where the contract was.
        """
        room = np.minimum(self.target[tier], self.free)
        filled = np.where(room >= self.power[i] - TOLERANCE_MW, room.round(6), np.inf)
        best, was = int(filled.argmin()), self.was_site[i]
        if filled[best] == np.inf:
            return UNPLACED
        return was if was != UNPLACED and filled[was] == filled[best] else best

    def _space_for(self, i: int, tier: Tier) -> int:
        """Find a site with space: its last one, else the one with most planned room.

        `UNPLACED` if there is none.
        """
        power, was = self.power[i], self.was_site[i]
        space = self.free - self.later.sum(axis=0)
        if was != UNPLACED and space[was] >= power - TOLERANCE_MW:
            return was
        wanted = np.where(space >= power, np.minimum(self.target[tier], self.free), -1.0)
        best = int(np.where(wanted == wanted.max(), space, -np.inf).argmax())
        return best if space[best] >= power - TOLERANCE_MW else UNPLACED

    def _place_spot(self, leftover: list[int]) -> None:
        """Place Spot where the plan has room for most of it, the largest first.

        Spot has no promise: a contract without a place does not run.
        """
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

    def _take(self, i: int, tier: Tier) -> None:
        site = int(self.site[i])
        self.site[i] = self.was_site[i]
        self.served[i] = False
        self.free[site] += self.power[i]
        self.target[tier, site] += self.power[i]


def may_be_off(step: ContractTargets, world: World) -> Bools:
    """Contracts that may be shed on purpose: inside their budget, or broken (C,)."""
    has_budget = spendable_ticks(world.book, world.accounts, world.tick) > 0
    return np.asarray(has_budget | broken_by(step, world)) if len(step.broken_contract) else has_budget


def broken_by(step: ContractTargets, world: World) -> Bools:
    """Contracts whose promise the plan breaks on purpose (C,)."""
    broken = np.zeros(len(world.book.contracts), dtype=np.bool_)
    if len(step.broken_contract) and step.book_changes_count == world.book_changes_count:
        broken[step.broken_contract] = True
    return broken
