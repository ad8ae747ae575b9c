"""The contract scheduler: whole contracts and tokens onto sites in one tick.

`from_prices` schedules by the tick's prices: running contracts stay, waiting ones go where power is cheapest, and
error budgets are spent in the dearest hours. `from_megawatts` carries out a plan that places fractions of contracts.

Three other modules place load, each for a reason. `core.placement` has to place any plan in the tick that is settled,
and to give the cause of each contract shed; the core imports no optimizer. `rules.greedy` fills an `LpCase`, which
has tiers but no contracts. `quoting.capacity` places contracts that the book does not hold yet.

Model: docs/model.md#9-from-megawatts-to-whole-contracts. Constants are chosen; bands around break-even keep loads from
switching on and off.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, row_sums, sealed
from mara.core.contract import TIER_COUNT, UNPLACED, Tier
from mara.core.placement import Placement, place
from mara.core.plan import DraftStep, PlanStep, Problem
from mara.core.units import TOLERANCE_MW
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.scheduling.allocation import (
    fill_miners,
    inference_power_mw,
    miners_allowed,
    miners_that_pay,
    site_limit_mw,
)
from mara.optimizers.scheduling.economic_breach import broken_now
from mara.optimizers.scheduling.relocation import evict_for, nearest, place_waiting
from mara.optimizers.scheduling.reserve import reserve_for_premium
from mara.optimizers.scheduling.scheduled_off import break_promises, schedule_off, spend_budgets, stays_off
from mara.optimizers.scheduling.site_load import SiteLoad, fits
from mara.optimizers.scheduling.token_sales import TokenSales

MOVE_PAYS_BACK_H: Final = 2.0
"""A contract moves when the cost gap earns its fee back within this time."""
SPOT_MARGIN_USD_PER_MWH: Final = 3.0
"""Margin at which Spot starts, and loss at which it stops."""
MAX_PLACINGS: Final = 8
_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))


class ContractScheduler:
    """One tick's assignment of whole contracts to sites.

    Make one for each tick, and call `from_prices` or `from_megawatts`.
    """

    def __init__(self, problem: Problem, budgets: BudgetPolicy = SPENDS) -> None:
        self.problem = problem
        self.budgets = budgets
        self.conditions = problem.conditions
        self.load = SiteLoad(problem, self.conditions)
        self.tokens = TokenSales(self.load)

    def from_prices(self, limit_mw: Floats | None = None) -> PlanStep:
        """Schedule by the prices of the tick alone, without looking ahead.

        Args:
            limit_mw: most that miners may raise a site's power to (S,); None for its connection.
        """
        draft, grid_limit_mw = self.draft_from_prices(), self.conditions.grid_limit_mw
        headroom = grid_limit_mw - self._drawn_mw(draft)
        if limit_mw is not None:
            headroom -= np.maximum(grid_limit_mw - limit_mw, 0.0)
        return draft.step_with(sealed(miners_that_pay(self.problem, headroom)))

    def draft_from_prices(self) -> DraftStep:
        """Schedule all but miners, which do not matter to it, by the prices of the tick."""
        self._place_promised()
        self.tokens.sell()
        broken: list[int] = []
        if self.budgets.spends:
            spend_budgets(self.load, self.tokens)
            broken = break_promises(self.load, broken_now(self.problem).tolist(), [np.inf] * TIER_COUNT)
        self._move_where_it_pays()
        self._place_spot()
        return self._draft(broken)

    def from_megawatts(self, step: PlanStep) -> PlanStep:
        """Carry out a plan's step in whole contracts.

        Tokens, Spot and miners take what promised contracts leave.

        A contract that the plan serves and no site can hold gets room by moving others.
        """
        problem, conditions = self.problem, self.conditions
        placed = self._placed(step)
        self.load.begin_from(placed)
        tier = problem.world.book.tier
        # Premium is never scheduled off: where the program finds no reserve for it, Premium runs without.
        may_be_off = placed.scheduled & (tier != Tier.PREMIUM)
        waiting = np.flatnonzero(~(placed.served | may_be_off | (tier == Tier.SPOT)))
        if len(waiting):
            place_waiting(self.load, waiting.tolist())
        self.tokens.sell()
        broken: list[int] = []
        if self.budgets.spends:
            more_mw = self._more_off_mw(step)
            schedule_off(self.load, self.tokens, more_mw)
            broken = break_promises(self.load, broken_now(problem).tolist(), more_mw)
        self._place_spot()
        wanted = miners_allowed(problem, conditions) * (step.miners_mw > TOLERANCE_MW)
        draft = self._draft(broken)
        headroom = site_limit_mw(conditions, step.power) - self._drawn_mw(draft)
        return draft.step_with(sealed(fill_miners(wanted, conditions, headroom)), step.power)

    def _placed(self, step: PlanStep) -> Placement:
        """Place promised contracts as dispatch would, then nearest to the plan."""
        world, seen = self.problem.world, self.problem.observation
        room_mw = self.conditions.contract_room_mw
        fell = seen.availability_share < world.availability_share
        placed = self._settled(_without_spot(step), room_mw, fell)
        # In the tick of an outage only Premium can leave the site in time.
        return placed if np.count_nonzero(fell) else nearest(placed, step.contracts_mw, world, room_mw)

    def _settled(self, step: PlanStep, room_mw: Floats, fell: Bools) -> Placement:
        """Repeat the placement until dispatch, given its megawatts, would change nothing."""
        world, least = self.problem.world, self.budgets.least_off_ticks(self.problem.config.grid)
        placed = place(step, world, room_mw, fell, least_rest_ticks=least)
        for _ in range(MAX_PLACINGS - 1):
            before = placed
            settled = replace(step, contracts_mw=before.contracts_mw)
            placed = place(settled, world, room_mw, fell, least_rest_ticks=least)
            if np.abs(placed.contracts_mw - before.contracts_mw).max(initial=0.0) <= TOLERANCE_MW:
                break
        return placed

    def _more_off_mw(self, step: PlanStep) -> list[float]:
        """Return the power that the plan wants off beyond what is off already (G,) [MW].

        Premium and Spot never are.
        """
        planned, placed = step.contracts_mw.sum(axis=0), np.array(self.load.load).sum(axis=0)
        served = np.minimum(planned, self.problem.world.book.promised_mw)
        more: list[float] = np.maximum(placed - served, 0.0).tolist()
        more[Tier.PREMIUM] = more[Tier.SPOT] = 0.0
        return more

    def _place_promised(self) -> None:
        """Place promised contracts, the most binding tier first.

        Each stays where it ran, or else goes where power is cheapest. Where budgets may be spent, contracts that were
        just scheduled off stay off.
        """
        load, waiting = self.load, self._keep_promised()
        if not waiting:
            return
        if self.budgets.spends and np.count_nonzero(self.problem.world.accounts.rest_ticks):
            off = stays_off(self.problem)
            waiting = [i for i in waiting if i not in off]
        waiting.sort(key=load.tier.__getitem__)
        for i in waiting:
            home = load.was[i]
            if home != UNPLACED and load.fits(i, home):
                load.put(i, home)
            elif not load.put_cheapest(i):
                evict_for(load, i)

    def _keep_promised(self) -> list[int]:
        """Leave promised contracts where they run; return those that wait.

        Waiting contracts did not run, or lost their racks; where a site lost racks, the most binding tiers stay.
        """
        load = self.load
        if load.begin_as_promised():
            return load.last.waiting.copy()
        by_tier = sorted(range(len(load.tier)), key=load.tier.__getitem__)
        return load.keep(i for i in by_tier if load.tier[i] != Tier.SPOT)

    def _move_where_it_pays(self) -> None:
        """Move contracts to cheaper free racks where the gap earns the fee back."""
        load = self.load
        if max(load.free) < self.problem.world.book.least_power_mw:
            return
        fees = [fee / MOVE_PAYS_BACK_H for fee in self.problem.config.terms.migration_usd_per_mw]
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

    def _place_spot(self) -> None:
        """Run Spot where it earns its power, on racks that nothing better needs.

        It stays at its site if possible. Between the two margins it neither starts nor stops.
        """
        load, book = self.load, self.problem.world.book
        rates, cost, free = book.rates_usd_per_mwh, load.cost, load.free
        most_free = max(free)
        if most_free <= TOLERANCE_MW or not fits(book.least_spot_mw, most_free):
            return
        dearest = book.most_spot_rate_usd_per_mwh + SPOT_MARGIN_USD_PER_MWH
        open_sites = [s for s in load.cheapest if free[s] > TOLERANCE_MW and cost[s] < dearest]
        if not open_sites:
            return
        pue: list[float] = self.conditions.rack_pue.tolist()
        spare = self._spare_site_mw(pue)
        for i in book.columns[Tier.SPOT].tolist():
            home, power, rate = load.was[i], load.power[i], rates[i]
            for site in [home, *open_sites] if home in open_sites else open_sites:
                is_running = site == home and load.served[i]
                margin = -SPOT_MARGIN_USD_PER_MWH if is_running else SPOT_MARGIN_USD_PER_MWH
                if rate < cost[site] + margin or power > free[site] + TOLERANCE_MW:
                    continue
                drawn = power * pue[site]
                if drawn <= spare[site]:
                    load.put(i, site)
                    spare[site] -= drawn
                    break

    def _spare_site_mw(self, rack_pue: list[float]) -> list[float]:
        """Return site power left by contracts, tokens and profitable miners (S,) [MW]."""
        tables, limit_mw = self.load.tables, self.conditions.grid_limit_mw.tolist()
        each = zip(limit_mw, tables.mining_mw, tables.room_mw, self.load.free, rack_pue, strict=True)
        return [limit - mining - (room - free) * pue for limit, mining, room, free, pue in each]

    def _drawn_mw(self, draft: DraftStep) -> Floats:
        """Sum the site power that a draft's inference draws (S,)."""
        return inference_power_mw(self.conditions, row_sums(draft.contracts_mw), draft.merchant_mw)

    def _draft(self, broken: list[int]) -> DraftStep:
        """Return the schedule as a step of a plan without miners."""
        return DraftStep(
            miners_mw=None,
            merchant_mw=sealed(self.tokens.merchant_mw()),
            contracts_mw=sealed(self.load.contracts_mw()),
            reserve_mw=sealed(reserve_for_premium(self.load.load, self.load.tables)),
            contract_site=sealed(self.load.sites()),
            book_changes_count=self.problem.world.book_changes_count,
            broken_contract=sealed(np.array(broken, dtype=np.int64)) if broken else _NOT_CHOSEN,
        )


def _without_spot(step: PlanStep) -> PlanStep:
    """Leave Spot out of a step.

    Spot has no promise, and is placed again after all other contracts.
    """
    contracts = step.contracts_mw.copy()
    contracts[:, Tier.SPOT] = 0.0
    return replace(step, contracts_mw=sealed(contracts), contract_site=_NOT_CHOSEN, book_changes_count=-1)
