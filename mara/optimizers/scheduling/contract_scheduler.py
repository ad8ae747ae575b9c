"""The contract scheduler: whole contracts and tokens onto sites in one tick.

`from_prices` schedules by the tick's prices, as `draft_by_prices` does. `from_megawatts` carries out a plan that places
fractions of contracts.

Three other modules place load, each for a reason. `core.placement` has to place any plan in the tick that is settled,
and to give the cause of each contract shed; the core imports no optimizer. `rules.greedy` fills an `LpCase`, which
has tiers but no contracts. `quoting.capacity` places contracts that the book does not hold yet.

Model: docs/model.md#9-from-megawatts-to-whole-contracts
"""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, row_sums, sealed
from mara.core.contract import Tier
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
from mara.optimizers.scheduling.draft_by_prices import draft_by_prices, draft_of, place_spot
from mara.optimizers.scheduling.economic_breach import broken_now
from mara.optimizers.scheduling.relocation import nearest, place_waiting
from mara.optimizers.scheduling.scheduled_off import break_promises, schedule_off
from mara.optimizers.scheduling.site_load import SiteLoad, site_load_of
from mara.optimizers.scheduling.token_sales import TokenSales

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

    def from_prices(self, limit_mw: Floats | None = None) -> PlanStep:
        """Schedule by the prices of the tick alone, without looking ahead.

        Args:
            limit_mw: most that miners may raise a site's power to (S,); None for its connection.
        """
        draft, grid_limit_mw = draft_by_prices(self.problem, self.budgets), self.conditions.grid_limit_mw
        headroom = grid_limit_mw - self._drawn_mw(draft)
        if limit_mw is not None:
            headroom -= np.maximum(grid_limit_mw - limit_mw, 0.0)
        return draft.step_with(sealed(miners_that_pay(self.problem, headroom)))

    def from_megawatts(self, step: PlanStep) -> PlanStep:
        """Carry out a plan's step in whole contracts.

        Tokens, Spot and miners take what promised contracts leave.

        A contract that the plan serves and no site can hold gets room by moving others.
        """
        problem, conditions = self.problem, self.conditions
        placed, load, tier = self._placed(step), site_load_of(problem), problem.world.book.tier
        load.begin_from(placed, conditions.contract_room_mw)
        tokens = TokenSales(load)
        # Premium is never scheduled off: where the program finds no reserve for it, Premium runs without.
        may_be_off = placed.scheduled & (tier != Tier.PREMIUM)
        waiting = np.flatnonzero(~(placed.served | may_be_off | (tier == Tier.SPOT)))
        if len(waiting):
            place_waiting(load, waiting.tolist(), problem.world)
        tokens.sell()
        broken: list[int] = []
        if self.budgets.spends:
            more_mw = self._more_off_mw(step, load)
            schedule_off(load, tokens, more_mw, problem)
            broken = break_promises(load, broken_now(problem).tolist(), more_mw)
        place_spot(load)
        wanted = miners_allowed(problem, conditions) * (step.miners_mw > TOLERANCE_MW)
        draft = draft_of(load, tokens.merchant_mw(), broken, problem.world.book_changes_count)
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

    def _more_off_mw(self, step: PlanStep, load: SiteLoad) -> list[float]:
        """Return the power that the plan wants off beyond what is off already (G,) [MW].

        Premium and Spot never are.
        """
        planned, placed = step.contracts_mw.sum(axis=0), np.array(load.load).sum(axis=0)
        served = np.minimum(planned, self.problem.world.book.promised_mw)
        more: list[float] = np.maximum(placed - served, 0.0).tolist()
        more[Tier.PREMIUM] = more[Tier.SPOT] = 0.0
        return more

    def _drawn_mw(self, draft: DraftStep) -> Floats:
        """Sum the site power that a draft's inference draws (S,)."""
        return inference_power_mw(self.conditions, row_sums(draft.contracts_mw), draft.merchant_mw)


def _without_spot(step: PlanStep) -> PlanStep:
    """Leave Spot out of a step.

    Spot has no promise, and is placed again after all other contracts.
    """
    contracts = step.contracts_mw.copy()
    contracts[:, Tier.SPOT] = 0.0
    return replace(step, contracts_mw=sealed(contracts), contract_site=_NOT_CHOSEN, book_changes_count=-1)
