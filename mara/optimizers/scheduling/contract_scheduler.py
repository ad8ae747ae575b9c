"""The greedy desk of `rules`: one tick's placing of contracts and tokens over plain lists, whole contracts at a
time.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums
from mara.core.contract import (
    CHOSEN_SHARE,
    PROMISED_TIER_COUNT,
    TIER_COUNT,
    UNPLACED,
    Tier,
    budgets_of,
    spendable_ticks,
)
from mara.core.fleet import MINERS, RACK_KIND_COUNT, RACKS, Fleet
from mara.core.market import remote_cost_usd_per_mwh
from mara.core.placement import Placement, held_mw
from mara.core.plan import Problem
from mara.core.timegrid import TimeGrid
from mara.core.units import TOLERANCE_MW
from mara.core.world import Conditions

MOVE_PAYS_BACK_H: Final = 2.0
"""A contract moves when the cost gap earns its fee back within this time."""
LEAST_REST_MINUTES: Final = 30
"""Who is left unserved stays so for at least this long: a customer would rather be off once for a while."""
BURST_H: Final = 0.5
"""Shedding starts when this much paced budget has been saved up: a contract is not blinked off for a single tick."""
SPIKE_MULTIPLE: Final = 2.0
"""Power this many times dearer than a contract pays is a spike: then the pace no longer matters, only the budget."""
SPOT_MARGIN_USD_PER_MWH: Final = 3.0
"""A Spot contract starts where it earns this much more than its power costs, and stops where it loses as much."""
LEAST_UNMET_MW: Final = 0.05
"""Unmet merchant demand below this is not worth touching a contract for."""


def least_rest_ticks(grid: TimeGrid) -> int:
    """`LEAST_REST_MINUTES` in whole ticks."""
    return -(-LEAST_REST_MINUTES // grid.tick_minutes)


class ContractScheduler:
    """What has been placed so far in one tick [MW].

    Attributes:
        load: contracts by site and tier.
        merchant: tokens by region of origin and offer: an offer is the racks of one kind at one site, numbered as in a
            flattened (S, 2).
        free: racks left by site, within what the grid can feed.
    """

    def __init__(self, problem: Problem, conditions: Conditions) -> None:
        book, accounts = problem.world.book, problem.world.accounts
        self.problem = problem
        self.conditions = conditions
        self.free: list[float] = conditions.contract_room_mw.tolist()
        self.cost: list[float] = conditions.rack_cost_usd_per_mwh.tolist()
        self.cheapest = sorted(range(len(self.cost)), key=self.cost.__getitem__)
        self.power: list[float] = book.power_mw.tolist()
        self.tier: list[int] = book.tier.tolist()
        self.was: list[int] = accounts.site.tolist()
        self.served: list[bool] = accounts.served.tolist()
        self.rested: list[int] = accounts.rest_ticks.tolist()
        self.at = [UNPLACED] * len(self.power)
        self.load = [[0.0] * TIER_COUNT for _ in self.free]
        self.tokens_per_mwh: list[float] = problem.config.fleet.tokens_per_mwh.tolist()
        values = conditions.merchant_value_usd_per_mwh
        self.values: list[list[float]] = values.reshape(len(values), -1).tolist()
        self.merchant: list[list[float]] = []
        self.unmet: list[float] = []
        self.racks: list[float] = []

    def place_promised(self, *, spends_budgets: bool = False) -> None:
        """Every promised contract, the most binding tier first: where it runs if it fits, else where power is
        cheapest. With `spends_budgets` who began to rest a moment ago rests on.
        """
        world = self.problem.world
        held = held_mw(world)
        held[:, Tier.SPOT] = 0.0
        free = self.conditions.contract_room_mw - row_sums(held)
        if np.count_nonzero(free < -TOLERANCE_MW):
            waiting = self._keep_what_fits()
        else:
            promised, served = world.book.tier < PROMISED_TIER_COUNT, world.accounts.served
            self.at = np.where(served & promised, world.accounts.site, UNPLACED).tolist()
            self.load = held.tolist()
            self.free = free.tolist()
            waiting = np.flatnonzero(promised & ~served).tolist()
        if spends_budgets and any(self.rested):
            resting = self._resting_on()
            waiting = [i for i in waiting if i not in resting]
        waiting.sort(key=self.tier.__getitem__)
        for i in waiting:
            home = self.was[i]
            if home != UNPLACED and self.power[i] <= self.free[home] + TOLERANCE_MW:
                self.put(i, home)
            elif not self.put_cheapest(i):
                self.make_room(i)

    def _resting_on(self) -> set[int]:
        """Who has not rested for long enough, and has budget left for it."""
        least, (_, left) = least_rest_ticks(self.problem.config.grid), self._budgets()
        return {i for i, ticks in enumerate(self.rested) if 0 < ticks < least and left[i] > 0}

    def _keep_what_fits(self) -> list[int]:
        """Where a site lost room: the most binding tiers stay; returns the promised contracts that do not."""
        waiting = []
        for i in sorted(range(len(self.tier)), key=self.tier.__getitem__):
            if self.tier[i] == Tier.SPOT:
                continue
            if self.served[i] and self.power[i] <= self.free[self.was[i]] + TOLERANCE_MW:
                self.put(i, self.was[i])
            else:
                waiting.append(i)
        return waiting

    def put(self, i: int, site: int) -> None:
        """Let a contract run at a site."""
        self.at[i] = site
        self.load[site][self.tier[i]] += self.power[i]
        self.free[site] -= self.power[i]

    def take(self, i: int) -> int:
        """Let a contract run nowhere; returns where it ran."""
        site = self.at[i]
        self.at[i] = UNPLACED
        self.load[site][self.tier[i]] -= self.power[i]
        self.free[site] += self.power[i]
        return site

    def put_cheapest(self, i: int) -> bool:
        """Put a contract at the cheapest site with room for it, if there is one."""
        for site in self.cheapest:
            if self.power[i] <= self.free[site] + TOLERANCE_MW:
                self.put(i, site)
                return True
        return False

    def make_room(self, i: int) -> None:
        """No site has room: at the cheapest one where it helps, less binding contracts go, lowest tier first."""
        _, left = self._budgets()
        for site in self.cheapest:
            lower = [j for j, at in enumerate(self.at) if at == site and self.tier[j] > self.tier[i]]
            if self.free[site] + sum(self.power[j] for j in lower) < self.power[i]:
                continue
            lower.sort(key=lambda j: (-self.tier[j], -left[j]))
            evicted = []
            while self.free[site] < self.power[i]:
                evicted.append(lower.pop(0))
                self.take(evicted[-1])
            self.put(i, site)
            for j in evicted:
                self.put_cheapest(j)
            return

    def stand(self, placed: Placement) -> None:
        """Begin from a placement instead of an empty desk."""
        self.at = np.where(placed.served, placed.site, UNPLACED).tolist()
        self.load = placed.contracts_mw.tolist()
        self.free = np.maximum(self.conditions.contract_room_mw - row_sums(placed.contracts_mw), 0.0).tolist()

    def fee_usd(self, i: int) -> float:
        """What moving a contract costs; Spot moves for nothing."""
        fees = self.problem.config.terms.migration_usd_per_mw
        return fees[self.tier[i]] * self.power[i] if self.tier[i] < PROMISED_TIER_COUNT else 0.0

    def sell_tokens(self) -> None:
        """Merchant inference into free racks, the best paying region first, each token where it costs least."""
        observation = self.problem.observation
        self.racks = self.conditions.available_mw[:, RACKS].ravel().tolist()
        self.unmet = observation.demand_tokens_per_h.tolist()
        self.merchant = [[0.0] * len(self.racks) for _ in self.unmet]
        orders = self._token_orders()
        multiplier = observation.demand_multiplier_share.tolist()
        free, cost = self.free, self.cost
        for region in sorted(range(len(self.unmet)), key=multiplier.__getitem__, reverse=True):
            value = self.values[region]
            for offer in orders[region]:
                site = offer // RACK_KIND_COUNT
                if free[site] > 0.0 and value[offer] > cost[site]:
                    self._serve(region, offer)
                    if self.unmet[region] <= 0.0:
                        break

    def merchant_mw(self) -> Floats:
        """`merchant` as plans have it (R, S, 2)."""
        return np.array(self.merchant).reshape(len(self.merchant), -1, RACK_KIND_COUNT)

    def _token_orders(self) -> list[list[int]]:
        """For each region, offers by what a token costs there: power, and what serving from afar takes."""
        fleet, terms = self.problem.config.fleet, self.problem.config.terms
        cost = np.array(self.cost)[:, None] + _detour_usd_per_mwh(fleet, terms.remote_serving_usd_per_mwh)
        by_token = (cost / fleet.tokens_per_mwh).reshape(len(cost), -1)
        orders: list[list[int]] = np.argsort(by_token, axis=1, kind="stable").tolist()
        return orders

    def _serve(self, region: int, offer: int) -> None:
        site, kind = divmod(offer, RACK_KIND_COUNT)
        tokens_per_mwh = self.tokens_per_mwh[kind]
        power = min(self.racks[offer], self.free[site], self.unmet[region] / tokens_per_mwh)
        if power > 0.0:
            self.merchant[region][offer] += power
            self.racks[offer] -= power
            self.free[site] -= power
            self.unmet[region] -= power * tokens_per_mwh

    def spend_budgets(self) -> None:
        """Leave Standard and Flexible unserved, inside their budgets, where something else is worth clearly more.

        Two occasions: power dearer than the contract pays, and merchant tokens that find no racks in the dearest
        hours of the day.
        """
        book = self.problem.world.book
        tokens_wait = self._tokens_wait()
        if not tokens_wait and max(self.cost) <= book.least_rate_usd_per_mwh:
            return
        rates = book.rates_usd_per_mwh
        asked = [
            i
            for i, site in enumerate(self.at)
            if site != UNPLACED and (tokens_wait or self.cost[site] > rates[i]) and self.tier[i] in _SHEDDABLE
        ]
        if not asked:
            return
        paced, left = self._budgets()
        least = least_rest_ticks(self.problem.config.grid)
        order = [i for i in asked if left[i] >= (1 if self.rested[i] else least)]
        order.sort(key=lambda i: (-self.tier[i], not self.rested[i], -left[i]))
        burst = self.problem.config.grid.ticks_per_hour * BURST_H
        for i in order:
            rate, cost = rates[i], self.cost[self.at[i]]
            ready = paced[i] >= (burst if self.served[i] else 1.0)
            if cost > SPIKE_MULTIPLE * rate or (ready and cost > rate):
                self.take(i)
            elif ready and tokens_wait and self._outbid(i, rate):
                self._resell(self.take(i))
                tokens_wait = self._tokens_wait()

    def rest(self, wanted_mw: list[float]) -> None:
        """Leave whole contracts unserved until about as much more of each tier rests as `wanted_mw` (G,) says.

        Inside their budgets, those with the most left first, and only where dearer power or better paid tokens pay.
        """
        _, left = self._budgets()
        least = least_rest_ticks(self.problem.config.grid)
        rates = self.problem.world.book.rates_usd_per_mwh
        asked = [i for i, site in enumerate(self.at) if site != UNPLACED and wanted_mw[self.tier[i]] > 0.0]
        asked.sort(key=lambda i: (-self.tier[i], not self.rested[i], -left[i]))
        for i in asked:
            tier, site = self.tier[i], self.at[i]
            if left[i] < (1 if self.rested[i] else least) or self.power[i] / 2 > wanted_mw[tier]:
                continue
            outbid = self._has_unmet() and self._outbid(i, rates[i])
            if outbid or self.cost[site] > rates[i]:
                self.take(i)
                wanted_mw[tier] -= self.power[i]
            if outbid:
                self._resell(site)

    def break_promises(self, asked: list[int], wanted_mw: list[float]) -> list[int]:
        """Leave out contracts that it pays to break, until about as much of each tier is out as `wanted_mw` (G,) says.

        Returns who is left out.
        """
        broken = []
        for i in sorted(asked, key=self.power.__getitem__, reverse=True):
            if self.at[i] != UNPLACED and self.power[i] / 2 <= wanted_mw[self.tier[i]]:
                self.take(i)
                wanted_mw[self.tier[i]] -= self.power[i]
            if self.at[i] == UNPLACED:
                broken.append(i)
        return broken

    def _has_unmet(self) -> bool:
        return max(self.unmet) > LEAST_UNMET_MW * min(self.tokens_per_mwh)

    def _budgets(self) -> tuple[list[float], list[int]]:
        """Of each contract: bad ticks that may be chosen now at an even pace, and whatever the pace."""
        world = self.problem.world
        accounts = world.accounts
        budget = budgets_of(world.book, accounts)
        length = np.maximum(accounts.window_end_tick - accounts.window_start_tick, 1)
        age_share = (world.tick + 1 - accounts.window_start_tick) / length
        left: list[int] = spendable_ticks(world.book, accounts, world.tick).tolist()
        return (CHOSEN_SHARE * budget * age_share - accounts.bad_ticks).tolist(), left

    def _tokens_wait(self) -> bool:
        """Whether a region at the top of its day has tokens that found no racks."""
        if not self._has_unmet():
            return False
        least = LEAST_UNMET_MW * min(self.tokens_per_mwh)
        now = self.problem.observation.demand_multiplier_share
        top = self.problem.forecast.demand_multiplier_share.max(axis=0)
        return bool((now >= top)[np.array(self.unmet) > least].any())

    def _outbid(self, i: int, rate_usd_per_mwh: float) -> bool:
        first = self.at[i] * RACK_KIND_COUNT
        unmet_mw = max(self.unmet) / min(self.tokens_per_mwh)
        best = max(self.values[r][first] for r, tokens_left in enumerate(self.unmet) if tokens_left > 0.0)
        room = sum(self.racks[first : first + RACK_KIND_COUNT])
        return best > rate_usd_per_mwh and min(unmet_mw, room) >= self.power[i] / 2

    def _resell(self, site: int) -> None:
        first = site * RACK_KIND_COUNT
        for region in sorted(range(len(self.unmet)), key=lambda r: self.values[r][first], reverse=True):
            for kind in reversed(range(RACK_KIND_COUNT)):
                self._serve(region, first + kind)

    def move(self) -> None:
        """Contracts from dear sites into racks that are still free at cheap ones, where the gap pays back the fee."""
        fees = [fee / MOVE_PAYS_BACK_H for fee in self.problem.config.terms.migration_usd_per_mw]
        open_sites = [s for s in self.cheapest if self.free[s] > TOLERANCE_MW]
        if not open_sites:
            return
        floor = self.cost[open_sites[0]] + min(fees)
        movable = [i for i, s in enumerate(self.at) if s != UNPLACED and self.cost[s] > floor]
        movable.sort(key=lambda i: -self.cost[self.at[i]])
        for i in movable:
            limit = self.cost[self.at[i]] - fees[self.tier[i]]
            for site in open_sites:
                if self.cost[site] >= limit:
                    break
                if self.power[i] <= self.free[site]:
                    self.take(i)
                    self.put(i, site)
                    break

    def place_spot(self) -> None:
        """Spot where it is worth its power, in racks and grid power that nothing better wants; it stays if it can."""
        spot = self.problem.world.book.columns[Tier.SPOT].tolist()
        if not spot or max(self.free) <= TOLERANCE_MW:
            return
        rates = self.problem.world.book.rates_usd_per_mwh
        top = max(rates[i] for i in spot)
        open_sites = [
            s for s in self.cheapest if self.free[s] > TOLERANCE_MW and self.cost[s] < top + SPOT_MARGIN_USD_PER_MWH
        ]
        if not open_sites:
            return
        spare = self._spare_site_mw()
        pue = self.conditions.rack_pue.tolist()
        for i in spot:
            power = self.power[i]
            sites = [self.was[i], *open_sites] if self.was[i] in open_sites else open_sites
            for site in sites:
                # Between the two margins Spot goes on as it is: it does not blink on and off around break-even.
                margin = -SPOT_MARGIN_USD_PER_MWH if self.served[i] and site == self.was[i] else SPOT_MARGIN_USD_PER_MWH
                if (
                    rates[i] >= self.cost[site] + margin
                    and power <= self.free[site] + TOLERANCE_MW
                    and power * pue[site] <= spare[site]
                ):
                    self.put(i, site)
                    spare[site] -= power * pue[site]
                    break

    def _spare_site_mw(self) -> list[float]:
        """Grid power that contracts, tokens and miners worth running leave at each site."""
        conditions, fleet = self.conditions, self.problem.config.fleet
        pue = conditions.pue[:, MINERS]
        worth = conditions.miner_margin_usd_per_mwh >= 0.0
        mining = row_sums(conditions.available_mw[:, MINERS] * pue * worth)
        inference = (conditions.contract_room_mw - np.array(self.free)) * conditions.rack_pue
        spare: list[float] = (fleet.grid_limit_mw - mining - inference).tolist()
        return spare


@lru_cache(maxsize=8)
def _detour_usd_per_mwh(fleet: Fleet, remote_serving_usd_per_mwh: float) -> Floats:
    """What serving a region from a site costs more than from the best placed one (R, S, 1)."""
    cost = remote_cost_usd_per_mwh(fleet, remote_serving_usd_per_mwh)
    return np.asarray(cost - cost.min(axis=1, keepdims=True))


_SHEDDABLE: Final = frozenset({Tier.STANDARD, Tier.FLEXIBLE})
