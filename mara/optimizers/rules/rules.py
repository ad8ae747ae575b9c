"""Cheapest-first rules that an operator would use, without looking ahead.

They place load greedily by effective cost, which is PUE x (price + carbon cost) for a rack megawatt-hour. Contracts
stay unless a move pays for its fee; merchant inference takes the cheapest free racks; Spot runs where it earns more
than its power costs; error budgets are spent in the dearest hours; miners run above break-even in what power is left.

Model: docs/model.md#15-baselines
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mara.core.arrays import Floats
from mara.core.outlook import Outlook
from mara.core.plan import DraftStep, Plan, Problem
from mara.core.world import RunConfig, World
from mara.optimizer_names import RULES
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.flexibility.simple_rules import peak_limit_mw, with_peak_price, with_simple_power
from mara.optimizers.scheduling.allocation import miners_that_pay_in_all
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler
from mara.optimizers.scheduling.draft_by_prices import draft_by_prices


@dataclass(frozen=True, slots=True)
class Rules:
    """The greedy optimizer and the last fallback, which has a plan for every problem."""

    budgets: BudgetPolicy = SPENDS
    name: str = RULES

    def plan(self, problem: Problem) -> Plan:
        limit_mw = peak_limit_mw(problem)
        step = ContractScheduler(with_peak_price(problem), self.budgets).from_prices(limit_mw)
        step = with_simple_power(step, problem, limit_mw)
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))

    def draft(self, problem: Problem) -> DraftStep:
        """Plan all but the miners of a tick without power terms."""
        return draft_by_prices(problem, self.budgets)

    def miners_mw(
        self, world: World, config: RunConfig, drafts: Sequence[DraftStep], outlooks: Sequence[Outlook]
    ) -> Floats:
        """Plan the miners that drafts of successive ticks left out (T, S, 3)."""
        return miners_that_pay_in_all(world, config, drafts, outlooks)
