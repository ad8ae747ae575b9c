"""Rules an operator would recognise: cheapest effective cost first, miners by break-even, budgets spent in the
dearest hours.

Effective cost of a rack megawatt-hour is PUE x (price + carbon cost). Contracts stay unless a move pays for its fee;
merchant
inference takes the cheapest free racks; Spot runs where it is worth its power; miners run above break-even in what
power is left.
"""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import row_sums, sealed
from mara.core.contract import TIER_COUNT
from mara.core.plan import Plan, PlanStep, Problem
from mara.optimizers.scheduling.allocation import inference_power_mw, miners_that_pay, reserve_for_premium
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler
from mara.optimizers.scheduling.economic_breach import broken_now


@dataclass(frozen=True, slots=True)
class Rules:
    """The greedy optimizer and everyone's fallback. Cannot fail: every problem has a plan."""

    spends_budgets: bool = True
    """Whether contracts may rest inside their error budgets."""
    name: str = "rules"

    def plan(self, problem: Problem) -> Plan:
        conditions = problem.conditions
        desk = ContractScheduler(problem, conditions)
        desk.place_promised(spends_budgets=self.spends_budgets)
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
            miners_mw=sealed(miners_that_pay(problem, conditions, problem.config.fleet.grid_limit_mw - drawn)),
            merchant_mw=sealed(merchant),
            contracts_mw=sealed(contracts),
            reserve_mw=sealed(reserve_for_premium(contracts, conditions)),
            contract_site=sealed(np.array(desk.at, dtype=np.int64)),
            book_changes_count=problem.world.book_changes_count,
            broken_contract=sealed(np.array(broken, dtype=np.int64)),
        )
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))
