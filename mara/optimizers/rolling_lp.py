"""The linear program for runs that wait for each plan: solved when a new one is due, and not before."""

from dataclasses import dataclass

from mara.core.plan import Plan, Problem
from mara.errors import PlanError
from mara.optimizers.base import Optimizer
from mara.optimizers.fallback import check
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rolling_horizon import RollingHorizon


@dataclass(frozen=True, slots=True)
class RollingLp:
    """A solver and the keeper of its plans. A live run has the solver work beside the ticks, with the same keeper."""

    lp: Lp
    keeper: RollingHorizon

    @classmethod
    def of(cls, lp: Lp, fallback: Optimizer) -> "RollingLp":
        """A solver with a keeper of its own, which remembers."""
        return cls(lp, RollingHorizon(fallback, lp.spends_budgets, lp))

    @property
    def name(self) -> str:
        return self.lp.name

    def plan(self, problem: Problem) -> Plan:
        """The plan in force, fitted to this tick, or a new one; where that fails, the best there is instead."""
        if self.keeper.is_due(problem):
            try:
                plan = self.lp.plan(problem)
                check(plan, problem)
            except PlanError as error:
                self.keeper.miss(f"{self.name}: {error}")
            else:
                self.keeper.adopt(plan, problem)
        return self.keeper.plan(problem)
