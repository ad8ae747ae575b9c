"""From continuous megawatts to whole contracts: the step that is decided now is rounded, the later ones an outlook."""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, sealed
from mara.core.contract import UNPLACED
from mara.core.fleet import MINERS
from mara.core.placement import Placement, place
from mara.core.plan import PlanStep, Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import World, conditions_of
from mara.optimizers.desk import Desk
from mara.optimizers.fill import fill_miners, inference_power_mw, miners_allowed

MAX_PLACINGS: Final = 8


def rounded(step: PlanStep, problem: Problem) -> PlanStep:
    """The same decision with whole contracts: tokens and miners then take what the contracts really leave."""
    world, observation, charter = problem.world, problem.observation, problem.charter
    conditions = conditions_of(observation, charter)
    fell = observation.availability_share < world.availability_share
    placed = _settled(step, world, conditions.contract_room_mw, fell)
    desk = Desk(problem, conditions)
    desk.load = placed.contracts_mw.tolist()
    contracts_mw = placed.contracts_mw.sum(axis=1)
    desk.free = np.maximum(conditions.contract_room_mw - contracts_mw, 0.0).tolist()
    desk.sell_tokens()
    merchant = desk.merchant_mw()
    wanted = miners_allowed(problem, conditions) * (step.miners_mw > TOLERANCE_MW)
    headroom = charter.fleet.grid_limit_mw - inference_power_mw(conditions, contracts_mw, merchant)
    miners = fill_miners(wanted, conditions.pue[:, MINERS], conditions.mining_value_usd_per_mwh, headroom)
    return PlanStep(
        miners_mw=sealed(miners),
        merchant_mw=sealed(merchant),
        contracts_mw=placed.contracts_mw,
        reserve_mw=step.reserve_mw,
        contract_site=sealed(np.where(placed.served, placed.site, UNPLACED)),
        book_changes_count=world.book_changes_count,
    )


def _settled(step: PlanStep, world: World, room_mw: Floats, fell: Bools) -> Placement:
    """Whole contracts that dispatch leaves as they are, even where it places by megawatts: placed until it stands."""
    placed = place(step, world, room_mw, fell)
    for _ in range(MAX_PLACINGS - 1):
        before = placed
        placed = place(replace(step, contracts_mw=before.contracts_mw), world, room_mw, fell)
        if np.abs(placed.contracts_mw - before.contracts_mw).max(initial=0.0) <= TOLERANCE_MW:
            break
    return placed
