"""Plans beside the tick: an optimizer works in a thread, and a tick takes the newest plan there is."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread
from typing import Final

from mara.core.plan import Plan, Problem
from mara.core.world import Forecast
from mara.errors import CommandError, PlanError, PlanTimeout
from mara.optimizers.base import Optimizer
from mara.optimizers.steady import Standing, fallback_of, followed, has_run_out, is_due, standing_of
from mara.runtime.clock import Clock, SystemClock

GRACE_S: Final = 0.03
"""How long the tick that asks looks over the planner's shoulder: fast optimizers are done by then, slow ones are not
waited for."""
PATIENCE_S: Final = 2.0
"""The same while somebody steps: there is no clock to be late for, and a plan that is hours old helps nobody."""

log = logging.getLogger("mara.planner")


class Planner:
    """Keeps the plan in force. One optimization at a time; what takes longer than a tick is adopted at a later one.

    Args:
        optimizer: the one that is asked when a new plan is due, and at every tick that finds it idle with `every_tick`.
        fallback: plans the tick when the optimizer has nothing to offer; must be quick and must not fail.
        deadline_s: real time after which an answer is no longer waited for.
        cancel: gives the optimizer up for good, at the end.
        spends_budgets: whether plans may leave contracts unserved inside their error budgets.
        twins: planners of worlds beside the live one, by name; they live and end with this one.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        fallback: Optimizer,
        deadline_s: float,
        *,
        cancel: Callable[[], None] = lambda: None,
        every_tick: bool = False,
        spends_budgets: bool = True,
        clock: Clock | None = None,
        twins: "Mapping[str, Planner] | None" = None,
    ) -> None:
        self._optimizer = optimizer
        self._fallback = fallback
        self._deadline_s = deadline_s
        self._cancel = cancel
        self._every_tick = every_tick
        self._spends_budgets = spends_budgets
        self._clock = clock or SystemClock()
        self._twins = dict(twins or {})
        self._work: Future[Plan] | None = None
        self._asked: Problem | None = None
        self._answer: asyncio.Task[Plan] | None = None
        self._standing: Standing | None = None
        self._adopted: Forecast | None = None
        self._seen: Forecast | None = None
        self._reason = f"{optimizer.name} is still at its first plan"

    async def plans_for(
        self, problem: Problem, beside: Mapping[str, Problem], patience_s: float = GRACE_S
    ) -> tuple[Plan, dict[str, Plan]]:
        """The plan of this tick, and those of the worlds beside it whose planners are twins of this one."""
        names = [name for name in self._twins if name in beside]
        own, *others = await asyncio.gather(
            self.plan_for(problem, patience_s),
            *(self._twins[name].plan_for(beside[name], patience_s) for name in names),
        )
        return own, dict(zip(names, others, strict=True))

    async def plan_for(self, problem: Problem, patience_s: float = GRACE_S) -> Plan:
        """The newest plan, fitted to the tick, or a fallback with the reason for it; never later than `patience_s`."""
        self._adopt_answer()
        self._seen = problem.forecast
        if self._is_free and self._is_due(problem):
            self._begin(problem)
            assert self._answer is not None
            await asyncio.wait((self._answer,), timeout=patience_s)
            self._adopt_answer()
        standing = self._standing
        if standing is not None and has_run_out(standing.plan, problem.tick):
            self._reason = f"the plan that {self._optimizer.name} made at tick {standing.plan.made_tick} has run out"
            self._standing = standing = None
        if standing is not None and not self._reason:
            return followed(standing, problem, spends_budgets=self._spends_budgets)
        rules = self._fallback.plan(problem)
        return fallback_of(standing, rules, problem, self._reason, spends_budgets=self._spends_budgets)

    def begin_now(self, problem: Problem) -> None:
        """Plan anew at once, due or not; the next tick after the answer follows it.

        Raises:
            CommandError: a plan is under way.
        """
        self._adopt_answer()
        if not self._is_free:
            assert self._asked is not None
            raise CommandError(f"a plan is under way since tick {self._asked.tick}: wait for it")
        self._begin(problem)

    def forecast_behind(self, plan: Plan) -> Forecast | None:
        """What a plan of this planner was made from; None where it has been forgotten."""
        known = (self._adopted, self._seen)
        return next((forecast for forecast in known if forecast and forecast.tick == plan.made_tick), None)

    @property
    def is_idle(self) -> bool:
        """Whether the optimizer's thread is free; past the deadline it may work on, unheard."""
        return self._work is None or self._work.done()

    def close(self) -> None:
        """Listen no longer, and have an optimization under way given up."""
        self._adopt_answer()
        if self._answer is not None:
            self._answer.cancel()
        self._cancel()
        for twin in self._twins.values():
            twin.close()

    @property
    def _is_free(self) -> bool:
        return self.is_idle and self._answer is None

    def _is_due(self, problem: Problem) -> bool:
        standing = self._standing
        return self._every_tick or standing is None or bool(self._reason) or is_due(standing, problem)

    def _begin(self, problem: Problem) -> None:
        self._asked = problem
        self._work = _in_a_thread(self._optimizer, problem, self._clock)
        self._answer = asyncio.create_task(self._within_deadline(self._work))

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
            assert self._asked is not None
            self._standing, self._reason = standing_of(answer.result(), self._asked), ""
            self._adopted = self._asked.forecast
            return
        said = str(error) if isinstance(error, PlanError) else f"{type(error).__name__}: {error}"
        self._reason = f"{self._optimizer.name} failed: {said}"
        log.warning("no plan", extra={"optimizer": self._optimizer.name, "reason": said}, exc_info=error)


def _in_a_thread(optimizer: Optimizer, problem: Problem, clock: Clock) -> Future[Plan]:
    """Plan in a thread of its own. Not a daemon: a solver that is torn away at the end aborts the whole program."""
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
