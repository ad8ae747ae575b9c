"""Plans beside the tick: an optimizer works in a thread, and a tick takes the newest plan there is."""

import asyncio
import logging
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread
from typing import Final

from mara.core.plan import Plan, Problem
from mara.errors import PlanError, PlanTimeout
from mara.optimizers.base import Optimizer

GRACE_S: Final = 0.03
"""How long the tick that asks looks over the planner's shoulder: fast optimizers are done by then, slow ones are not
waited for."""

log = logging.getLogger("mara.planner")


class Planner:
    """Keeps the plan in force. One optimization at a time; what takes longer than a tick is adopted at a later one.

    Args:
        optimizer: the one that is asked.
        fallback: plans the tick when the optimizer has nothing to offer; must be quick and must not fail.
        deadline_s: real time after which an answer is no longer waited for.
    """

    def __init__(self, optimizer: Optimizer, fallback: Optimizer, deadline_s: float) -> None:
        self._optimizer = optimizer
        self._fallback = fallback
        self._deadline_s = deadline_s
        self._work: Future[Plan] | None = None
        self._answer: asyncio.Task[Plan] | None = None
        self._plan: Plan | None = None
        self._reason = f"{optimizer.name} is still at its first plan"

    async def plan_for(self, problem: Problem) -> Plan:
        """The newest plan, or the fallback's with the reason why there is none; never later than `GRACE_S`."""
        self._adopt_answer()
        if self._answer is None and self.is_idle:
            self._work = _in_a_thread(self._optimizer, problem)
            self._answer = asyncio.create_task(self._within_deadline(self._work))
            await asyncio.wait((self._answer,), timeout=GRACE_S)
            self._adopt_answer()
        if self._plan is not None and _has_run_out(self._plan, problem.tick):
            self._reason = f"the plan that {self._optimizer.name} made at tick {self._plan.made_tick} has run out"
            self._plan = None
        if self._plan is not None:
            return self._plan
        return replace(self._fallback.plan(problem), status="fallback", note=self._reason)

    @property
    def is_idle(self) -> bool:
        """Whether the optimizer's thread is free; past the deadline it may work on, unheard."""
        return self._work is None or self._work.done()

    def close(self) -> None:
        """Listen no longer; an optimization under way ends by itself, at its own deadline at the latest."""
        self._adopt_answer()
        if self._answer is not None:
            self._answer.cancel()

    async def _within_deadline(self, work: Future[Plan]) -> Plan:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.wrap_future(work)
        except TimeoutError as error:
            raise PlanTimeout(f"no answer within {self._deadline_s:g} s") from error

    def _adopt_answer(self) -> None:
        """Take what the optimizer came back with, if it has: a plan, or a reason."""
        if self._answer is None or not self._answer.done():
            return
        answer, self._answer = self._answer, None
        error = answer.exception()
        if error is None:
            self._plan, self._reason = answer.result(), ""
            return
        said = str(error) if isinstance(error, PlanError) else f"{type(error).__name__}: {error}"
        self._plan, self._reason = None, f"{self._optimizer.name} failed: {said}"
        log.warning("no plan", extra={"optimizer": self._optimizer.name, "reason": said}, exc_info=error)


def _has_run_out(plan: Plan, tick: int) -> bool:
    """Whether a plan of several steps is past its horizon; that of one step says what to keep doing."""
    return len(plan.steps) > 1 and tick - plan.made_tick >= sum(plan.step_ticks)


def _in_a_thread(optimizer: Optimizer, problem: Problem) -> Future[Plan]:
    """Plan in a thread of its own. Not a daemon: a solver that is torn away at the end aborts the whole program."""
    work: Future[Plan] = Future()
    work.set_running_or_notify_cancel()

    def plan() -> None:
        try:
            work.set_result(optimizer.plan(problem))
        except Exception as error:  # noqa: BLE001  the thread's outermost frame: whoever waits gets it
            work.set_exception(error)

    Thread(target=plan, name=f"mara-planner-{problem.tick}", daemon=False).start()
    return work
