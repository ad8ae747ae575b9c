"""From continuous megawatts to whole contracts: the step that is decided now is rounded, the later ones an outlook."""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, row_sums, sealed
from mara.core.contract import Tier
from mara.core.fleet import MINERS
from mara.core.placement import Placement, place
from mara.core.plan import PlanStep, Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import World
from mara.optimizers.scheduling.allocation import fill_miners, inference_power_mw, miners_allowed, reserve_for_premium
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler, least_rest_ticks
from mara.optimizers.scheduling.economic_breach import broken_now
from mara.optimizers.scheduling.nearest_sites import nearest
from mara.optimizers.scheduling.relocation import place_waiting

MAX_PLACINGS: Final = 8
_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))


def rounded(step: PlanStep, problem: Problem, *, spends_budgets: bool = True) -> PlanStep:
    """The same decision with whole contracts: tokens, Spot and miners then take what the promised contracts leave.

    What the program wants served and no single site can hold is given room by moving others.
    """
    world, observation, config = problem.world, problem.observation, problem.config
    conditions = problem.conditions
    fell = observation.availability_share < world.availability_share
    least_rest = least_rest_ticks(config.grid) if spends_budgets else 0
    placed = _settled(_without_spot(step), world, conditions.contract_room_mw, fell, least_rest)
    if not np.count_nonzero(fell):
        placed = nearest(placed, step.contracts_mw, world, conditions.contract_room_mw)
    desk = ContractScheduler(problem, conditions)
    desk.stand(placed)
    # Premium never rests by choice: where the program finds no reserve for it, it runs without.
    may_rest = placed.scheduled & (world.book.tier != Tier.PREMIUM)
    waiting = np.flatnonzero(~(placed.served | may_rest | (world.book.tier == Tier.SPOT)))
    if len(waiting):
        place_waiting(desk, waiting.tolist())
    desk.sell_tokens()
    broken: list[int] = []
    if spends_budgets:
        more_mw = _more_rest_mw(step, desk, problem)
        desk.rest(more_mw)
        broken = desk.break_promises(broken_now(problem).tolist(), more_mw)
    desk.place_spot()
    contracts, merchant = np.array(desk.load), desk.merchant_mw()
    wanted = miners_allowed(problem, conditions) * (step.miners_mw > TOLERANCE_MW)
    headroom = config.fleet.grid_limit_mw - inference_power_mw(conditions, row_sums(contracts), merchant)
    miners = fill_miners(wanted, conditions.pue[:, MINERS], conditions.mining_value_usd_per_mwh, headroom)
    return PlanStep(
        miners_mw=sealed(miners),
        merchant_mw=sealed(merchant),
        contracts_mw=sealed(contracts),
        reserve_mw=sealed(reserve_for_premium(contracts, conditions)),
        contract_site=sealed(np.array(desk.at, dtype=np.int64)),
        book_changes_count=world.book_changes_count,
        broken_contract=sealed(np.array(broken, dtype=np.int64)),
    )


def _more_rest_mw(step: PlanStep, desk: ContractScheduler, problem: Problem) -> list[float]:
    """What the program leaves unserved beyond what rests already, by tier (G,); neither Premium nor Spot rests."""
    planned, placed = step.contracts_mw.sum(axis=0), np.array(desk.load).sum(axis=0)
    served = np.minimum(planned, problem.world.book.promised_mw)
    more: list[float] = np.maximum(placed - served, 0.0).tolist()
    more[Tier.PREMIUM] = more[Tier.SPOT] = 0.0
    return more


def _without_spot(step: PlanStep) -> PlanStep:
    """Spot is promised nothing: it is placed last, and never in the way."""
    contracts = step.contracts_mw.copy()
    contracts[:, Tier.SPOT] = 0.0
    return replace(step, contracts_mw=sealed(contracts), contract_site=_NOT_CHOSEN, book_changes_count=-1)


def _settled(step: PlanStep, world: World, room_mw: Floats, fell: Bools, least_rest: int) -> Placement:
    """Whole contracts that dispatch leaves as they are, even where it places by megawatts: placed until it stands."""
    placed = place(step, world, room_mw, fell, least_rest_ticks=least_rest)
    for _ in range(MAX_PLACINGS - 1):
        before = placed
        settled = replace(step, contracts_mw=before.contracts_mw)
        placed = place(settled, world, room_mw, fell, least_rest_ticks=least_rest)
        if np.abs(placed.contracts_mw - before.contracts_mw).max(initial=0.0) <= TOLERANCE_MW:
            break
    return placed
