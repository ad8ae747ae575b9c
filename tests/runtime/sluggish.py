"""The linear program behind a gate, as a solver that takes far too long."""

from dataclasses import dataclass
from threading import Event

import scipy.sparse  # noqa: F401  Mara imports it with a process's first plan, which is not what a test of this solver times

from mara.core.plan import Plan, Problem
from mara.optimizers.lp.optimizer import Lp

SLOW_S = 20.0


@dataclass
class Sluggish:
    """The linear program; after the first plan each takes `SLOW_S` unless released."""

    let_go: Event
    asked: int = 0
    name: str = "lp"

    def plan(self, problem: Problem) -> Plan:
        self.asked += 1
        if self.asked > 1:
            self.let_go.wait(SLOW_S)
        return Lp().plan(problem)
