"""Rules an operator would recognise: cheapest effective cost first, miners by break-even, budgets spent in the
dearest hours.

Effective cost of a rack megawatt-hour is PUE x (price + carbon cost). Contracts stay unless a move pays for its fee;
merchant
inference takes the cheapest free racks; Spot runs where it is worth its power; miners run above break-even in what
power is left.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.contract import TIER_COUNT
from mara.core.fleet import MINERS
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.world import Conditions, conditions_of
from mara.optimizers.breaking import broken_now
from mara.optimizers.desk import Desk
from mara.optimizers.fill import fill_miners, inference_power_mw, miners_allowed, reserve_for_premium

RESTART_PAYS_BACK_H: Final = 1.0
"""A stopped miner starts when an hour of its margin covers the restart, and a running one stops likewise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The greedy optimizer and everyone's fallback. Cannot fail: every problem has a plan."""

    spends_budgets: bool = True
    """Whether contracts may rest inside their error budgets."""
    name: str = "rules"

    def plan(self, problem: Problem) -> Plan:
        conditions = conditions_of(problem.observation, problem.charter)
        desk = Desk(problem, conditions)
        desk.place_promised()
        desk.sell_tokens()
        broken: list[int] = []
        if self.spends_budgets:
            desk.spend_budgets()
            broken = desk.break_promises(broken_now(problem).tolist(), [np.inf] * TIER_COUNT)
        desk.move()
        desk.place_spot()
        contracts, merchant = np.array(desk.load), desk.merchant_mw()
        drawn = inference_power_mw(conditions, row_sums(contracts), merchant)
        step = PlanStep(
            miners_mw=sealed(_miners(problem, conditions, problem.charter.fleet.grid_limit_mw - drawn)),
            merchant_mw=sealed(merchant),
            contracts_mw=sealed(contracts),
            reserve_mw=sealed(reserve_for_premium(contracts, conditions)),
            contract_site=sealed(np.array(desk.at, dtype=np.int64)),
            book_changes_count=problem.world.book_changes_count,
            broken_contract=sealed(np.array(broken, dtype=np.int64)),
        )
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))


def _miners(problem: Problem, conditions: Conditions, headroom_site_mw: Floats) -> Floats:
    """Stopped kinds start when the margin covers the restart, running ones stop when the loss would (S, 3).

    In between they go on as they are: a price that trembles around break-even does not blink them on and off.
    """
    value = conditions.mining_value_usd_per_mwh
    pue = conditions.pue[:, MINERS]
    margin = value - pue * conditions.grid_cost_usd_per_mwh[:, None]
    start_margin = problem.charter.terms.restart_usd_per_mw / RESTART_PAYS_BACK_H
    worth = margin >= np.where(problem.world.miners_mw > 0.0, -start_margin, start_margin)
    return fill_miners(miners_allowed(problem, conditions) * worth, pue, value, headroom_site_mw)
