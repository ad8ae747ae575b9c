"""From continuous megawatts to whole contracts: the step that is decided now is rounded, the later ones an outlook."""

import numpy as np

from mara.core.arrays import sealed
from mara.core.contract import UNPLACED
from mara.core.fleet import MINERS
from mara.core.placement import place
from mara.core.plan import PlanStep, Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import conditions_of
from mara.optimizers.desk import Desk
from mara.optimizers.fill import fill_miners, inference_power_mw, miners_allowed


def rounded(step: PlanStep, problem: Problem) -> PlanStep:
    """The same decision with whole contracts: tokens and miners then take what the contracts really leave."""
    world, observation, charter = problem.world, problem.observation, problem.charter
    conditions = conditions_of(observation, charter)
    fell = observation.availability_share < world.availability_share
    placed = place(step, world, conditions.contract_room_mw, fell)
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
        book_version=world.book_version,
    )
