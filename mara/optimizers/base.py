"""What every optimizer is: a name and a function from a problem to a plan."""

from typing import Protocol

from mara.core.plan import Plan, Problem


class Optimizer(Protocol):
    """Plans are proposals: dispatch takes of them what is possible. An optimizer reads the problem and nothing else."""

    @property
    def name(self) -> str: ...

    def plan(self, problem: Problem) -> Plan:
        """A plan from `problem.tick` on.

        Raises:
            PlanError: no plan could be made; the message says why.
        """
        ...
