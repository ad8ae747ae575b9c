"""Plans beside the tick: an optimizer works in a thread, and a tick takes the newest plan there is."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from mara.core.plan import Plan, Problem
from mara.errors import PlanError
from mara.optimizers.base import Optimizer

GRACE_S: Final = 0.03
"""How long a tick looks over the planner's shoulder: fast optimizers are done by then, slow ones are not waited for."""


class Planner:
    """Keeps the plan in force. One optimization at a time; whatever takes longer is adopted at a later tick.

    Args:
        optimizer: the one that is asked.
        fallback: makes the plan when nothing else is in force yet; must be quick and must not fail.
        deadline_s: after this an answer is no longer waited for, and the next tick asks anew.
    """

    def __init__(self, optimizer: Optimizer, fallback: Optimizer, deadline_s: float) -> None:
        self._optimizer = optimizer
        self._fallback = fallback
        self._deadline_s = deadline_s
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="mara-planner")
        self._asked: asyncio.Future[Plan] | None = None
        self._asked_s = 0.0
        self._in_force: Plan | None = None

    async def plan_for(self, problem: Problem) -> Plan:
        """The newest plan, asked for now if nobody is at work; never later than `GRACE_S`."""
        loop = asyncio.get_running_loop()
        if self._asked is None:
            self._asked = loop.run_in_executor(self._executor, self._optimizer.plan, problem)
            self._asked_s = loop.time()
        await asyncio.wait((self._asked,), timeout=GRACE_S)
        if self._asked.done():
            self._adopt(self._asked, problem)
            self._asked = None
        elif loop.time() - self._asked_s > self._deadline_s:
            note = f"{self._optimizer.name} has not answered for {self._deadline_s:g} s"
            self._in_force = replace(self._fallback.plan(problem), status="fallback", note=note)
        if self._in_force is None:
            note = f"{self._optimizer.name} is still at its first plan"
            self._in_force = replace(self._fallback.plan(problem), status="fallback", note=note)
        return self._in_force

    def close(self) -> None:
        """Let the thread go; an optimization under way ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _adopt(self, answer: "asyncio.Future[Plan]", problem: Problem) -> None:
        try:
            self._in_force = answer.result()
        except PlanError as error:
            note = f"{self._optimizer.name} failed: {error}"
            self._in_force = replace(self._fallback.plan(problem), status="fallback", note=note)
