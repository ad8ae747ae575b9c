"""Planner of a live run, which optimizes in a thread while ticks go on.

A tick waits a limited time for a plan that is due.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Thread
from typing import Final

from mara.core.plan import Plan, Problem
from mara.core.world import Forecast
from mara.errors import CommandError, PlanError, PlanTimeout
from mara.optimizers.base import Optimizer
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.runtime.clock import Clock, SystemClock

PATIENCE_SHARE: Final = 0.75
"""Share of a tick's real length that it waits for a plan that is due.

The rest of the tick is left for carrying the plan out and storing the tick.
"""
FIRST_PATIENCE_S: Final = 10.0
"""Longest time that the first ticks of a run wait, together, for their first plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLimits:
    """Limit on a tick's wait for a plan that is due.

    Attributes:
        wait_s: longest wait in real seconds.
        for_any: wait for every plan that the tick asks for, but not for one asked for by an earlier tick.
    """

    wait_s: float
    for_any: bool = False


STEPPING: Final = WaitLimits(wait_s=2.0, for_any=True)
"""Wait limits while an operator steps tick by tick.

No tick can be late then, and a step of hours should not follow a plan made hours ago.
"""

Begin = Callable[[Optimizer, Problem, Clock], Future[Plan]]

log = logging.getLogger("mara.planner")


def in_a_thread(optimizer: Optimizer, problem: Problem, clock: Clock) -> Future[Plan]:
    """Run an optimizer in a new thread, and return the future plan.

    The thread is not a daemon: killing a solver at exit would abort the whole program.
    """
    work: Future[Plan] = Future()
    work.set_running_or_notify_cancel()

    def plan() -> None:
        began_s = clock.monotonic_s()
        try:
            found = optimizer.plan(problem)
            work.set_result(replace(found, solve_wall_s=clock.monotonic_s() - began_s))
        except Exception as error:  # noqa: BLE001  the thread's outermost frame: whoever waits gets it
            work.set_exception(error)

    Thread(target=plan, name=f"mara-planner-{problem.tick}", daemon=False).start()
    return work


class Planner:
    """Runs optimizations for the ticks of a live run, one at a time.

    A plan that comes too late for its tick is adopted by a later one.

    Args:
        optimizer: asked when a new plan is due; with `every_tick` at every tick that finds it idle.
        horizon: holds the plan in force.
        deadline_s: real time after which an optimization counts as failed.
        cancel: stops the optimizer for good, at the end of the run.
        counterfactuals: planners of the counterfactual runs, by name; they end with this one.
        first_patience_s: see `FIRST_PATIENCE_S`.
        begin: starts an optimization and returns its future at once.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        horizon: RollingHorizon,
        deadline_s: float,
        *,
        cancel: Callable[[], None] = lambda: None,
        every_tick: bool = False,
        clock: Clock | None = None,
        counterfactuals: "Mapping[str, Planner] | None" = None,
        first_patience_s: float = FIRST_PATIENCE_S,
        begin: Begin = in_a_thread,
    ) -> None:
        self._optimizer = optimizer
        self._horizon = horizon
        self._deadline_s = deadline_s
        self._cancel = cancel
        self._every_tick = every_tick
        self._clock = clock or SystemClock()
        self._counterfactuals = dict(counterfactuals or {})
        self._first_patience_s = first_patience_s
        self._start = begin
        self._work: Future[Plan] | None = None
        self._asked: Problem | None = None
        self._remembers = True
        self._answer: asyncio.Task[Plan] | None = None
        self._adopted: Forecast | None = None
        self._seen: Forecast | None = None
        horizon.await_first(f"{optimizer.name} is still at its first plan")

    async def plans_for(
        self, problem: Problem, beside: Mapping[str, Problem], limits: WaitLimits
    ) -> tuple[Plan, dict[str, Plan]]:
        """Return the plan of this tick, and those of the counterfactual runs by name.

        All are waited for at the same time, so that the wait is no longer than for one.
        """
        names = [name for name in self._counterfactuals if name in beside]
        own, *others = await asyncio.gather(
            self.plan_for(problem, limits),
            *(self._counterfactuals[name].plan_for(beside[name], limits) for name in names),
        )
        return own, dict(zip(names, others, strict=True))

    async def plan_for(self, problem: Problem, limits: WaitLimits) -> Plan:
        """Return the plan that the tick follows.

        It waits, within `limits`, only for a new plan that is due.
        """
        self._adopt_answer()
        self._seen = problem.forecast
        left_s = limits.wait_s
        is_missed = self._horizon.is_missed(problem)
        if is_missed and self._answer is not None and not limits.for_any:  # it answers an older question
            left_s = await self._answered_within(left_s, problem)
        is_due = self._horizon.is_due(problem)
        if self._is_free and (self._every_tick or is_due):
            self._begin(problem, remembers=is_due)
            if is_missed or limits.for_any or not self._every_tick:
                await self._answered_within(left_s, problem)
        return self._horizon.in_tick(problem)

    def begin_now(self, problem: Problem) -> None:
        """Plan anew at once, due or not; the next tick after the answer follows it.

        Raises:
            CommandError: a plan is under way.
        """
        self._adopt_answer()
        if not self._is_free:
            assert self._asked is not None
            raise CommandError(f"a plan is under way since tick {self._asked.tick}: wait for it")
        self._begin(problem, remembers=True)

    def forecast_behind(self, plan: Plan) -> Forecast | None:
        """Return the forecast that a plan was made from; None if it is no longer kept."""
        known = (self._adopted, self._seen)
        return next((forecast for forecast in known if forecast and forecast.tick == plan.made_tick), None)

    @property
    def is_idle(self) -> bool:
        """True while the optimizer's thread is free.

        After its deadline an optimization may go on in the thread, although its answer is ignored.
        """
        return self._work is None or self._work.done()

    def close(self) -> None:
        """Stop the optimization under way, and ignore its answer."""
        self._adopt_answer()
        if self._answer is not None:
            self._answer.cancel()
        self._cancel()
        for planner in self._counterfactuals.values():
            planner.close()

    @property
    def _is_free(self) -> bool:
        return self.is_idle and self._answer is None

    async def _answered_within(self, limit_s: float, problem: Problem) -> float:
        """Wait for the answer and adopt it; returns the time left of the limit [s]."""
        assert self._answer is not None
        loop = asyncio.get_running_loop()
        is_first, began_s = self._horizon.is_first(problem), loop.time()
        wait_s = max(limit_s, self._first_patience_s) if is_first else limit_s
        await asyncio.wait((self._answer,), timeout=max(wait_s, 0.0))
        self._adopt_answer()
        waited_s = loop.time() - began_s
        if is_first:
            self._first_patience_s -= waited_s
        return limit_s - waited_s

    def _begin(self, problem: Problem, *, remembers: bool) -> None:
        """Start an optimization for this problem.

        With `remembers` false the optimizer's state is not stored: a plan that was not due is not worth the write.
        """
        self._asked, self._remembers = problem, remembers
        self._work = self._start(self._optimizer, problem, self._clock)
        self._answer = asyncio.create_task(self._within_deadline(self._work))

    async def _within_deadline(self, work: Future[Plan]) -> Plan:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.wrap_future(work)
        except TimeoutError as error:
            raise PlanTimeout(f"no answer within {self._deadline_s:g} s") from error

    def _adopt_answer(self) -> None:
        """Adopt the optimizer's answer if there is one: a plan, or a reason for none."""
        if self._answer is None or not self._answer.done():
            return
        answer, self._answer = self._answer, None
        error = answer.exception()
        if error is None:
            assert self._asked is not None
            self._horizon.adopt(answer.result(), self._asked, remembers=self._remembers)
            self._adopted = self._asked.forecast
            return
        said = str(error) if isinstance(error, PlanError) else f"{type(error).__name__}: {error}"
        self._horizon.miss(f"{self._optimizer.name} failed: {said}")
        log.warning("no plan", extra={"optimizer": self._optimizer.name, "reason": said}, exc_info=error)
