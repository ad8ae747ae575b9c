"""The baselines: capacity-proportional and always on, and the same with miners off above their break-even price."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.contract import TIER_COUNT
from mara.core.fleet import MINERS
from mara.core.placement import held_mw
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.world import Conditions, conditions_of
from mara.optimizers.fill import fill_miners, inference_power_mw, miners_allowed, reserve_for_premium, spread_merchant


@dataclass(frozen=True, slots=True)
class Static:
    """Every contract and merchant token spread by rack capacity, nothing moved but by outages, all miners on.

    With `breakeven` a miner kind is off in every tick where ``mining value < PUE x (price + carbon cost)``: what a
    spreadsheet
    can do, and therefore the honest baseline.
    """

    breakeven: bool = False

    @property
    def name(self) -> str:
        return "static-breakeven" if self.breakeven else "static"

    def plan(self, problem: Problem) -> Plan:
        conditions = conditions_of(problem.observation, problem.charter)
        contracts = _contracts(problem, conditions)
        site_contracts = contracts.sum(axis=1)
        merchant = spread_merchant(problem, conditions, site_contracts)
        value = conditions.mining_value_usd_per_mwh
        pue = conditions.pue[:, MINERS]
        miners = miners_allowed(problem, conditions)
        if self.breakeven:
            miners = miners * (value >= pue * conditions.grid_cost_usd_per_mwh[:, None])
        headroom = problem.charter.fleet.grid_limit_mw - inference_power_mw(conditions, site_contracts, merchant)
        step = PlanStep(
            miners_mw=sealed(fill_miners(miners, pue, value, headroom)),
            merchant_mw=sealed(merchant),
            contracts_mw=sealed(contracts),
            reserve_mw=sealed(reserve_for_premium(contracts, conditions.racks_mw)),
        )
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))


def _contracts(problem: Problem, conditions: Conditions) -> Floats:
    """Where they are if all run; otherwise each tier in proportion to the racks that are up (S, G)."""
    world = problem.world
    held = held_mw(world)
    fits = (held.sum(axis=1) <= conditions.racks_mw).all()
    if fits and world.accounts.served.all():
        return held
    racks = conditions.racks_mw
    total = max(float(racks.sum()), 1e-9)
    wanted = world.book.promised_mw if len(world.book.contracts) else np.zeros(TIER_COUNT)
    return np.asarray(np.outer(racks / total, wanted))
