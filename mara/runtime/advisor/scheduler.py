"""The scheduler of the advisor: decides when Claude is asked.

It works in a thread of its own, so that neither the ticks nor the questions wait for each other. Advice goes to the
planner, which follows it while it holds up (`mara.optimizers.advisor.advised`); failures open a circuit breaker and
are shown.
"""

import asyncio
import logging
from collections.abc import Callable
from threading import Lock, RLock
from typing import Final

from mara.core.plan import Plan, Problem, Provenance
from mara.core.snapshot import AdvisorSnapshot
from mara.core.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.errors import AdviceError, CommandError
from mara.optimizers.advisor.advised import Advice
from mara.optimizers.advisor.cache_key import snapshot_hash
from mara.optimizers.advisor.call_budget import ApiCall
from mara.optimizers.advisor.conversation import Answer, Conversation
from mara.runtime.advisor.advice_in_force import AdviceInForce
from mara.runtime.advisor.background_loop import BackgroundLoop
from mara.runtime.advisor.cache import AdviceCache
from mara.runtime.advisor.circuit_breaker import CircuitBreaker
from mara.runtime.advisor.claude_service import RETIRED, ClaudeService
from mara.runtime.advisor.config import AdvisorConfig
from mara.runtime.advisor.consultation import AdviceQuestion, provenance_of
from mara.runtime.advisor.status import AdvisorStatus
from mara.runtime.advisor.stored_budget import StoredBudget
from mara.runtime.clock import Clock
from mara.store.access.api_usage import ClaudeCalls

LEAST_INTERVAL_S: Final = float(SECONDS_PER_MINUTE)
"""Shortest real time [s] between two automatic questions."""
BUG_REST_S: Final = 300.0
"""Pause [s] after an unexpected exception in this program."""
NO_PLAN: Final = "No plan yet: ask when the first tick has been planned"
INTERNAL: Final = "AI internal error"
REJECTED: Final = "AI request rejected"

log = logging.getLogger("mara.advisor")


class AdvisorScheduler:
    """Asks Claude about the plan in force, from `open` to `close`.

    Its methods may be called from any thread, and return at once unless they say otherwise.
    """

    def __init__(self, config: AdvisorConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._lock = RLock()  # guards all fields below
        self._background = BackgroundLoop("mara-advisor", self._is_free)
        self._breaker = CircuitBreaker(clock)
        self._conversations = Lock()  # one of `converse` at a time
        self._service: ClaudeService | None = None
        self._off = config.off
        self._was_pressed = False
        self._newest: AdviceQuestion | None = None
        self._rhythm = _Rhythm(clock)
        self._cache = AdviceCache(config.model)
        first = AdvisorSnapshot(
            state="off" if self._off else "ready",
            message=self._off or "Not asked yet",
            model="" if self._off else config.model,
            why_not=self._off or NO_PLAN,
        )
        self._status = AdvisorStatus(first, clock)
        self._in_force = AdviceInForce(self._status, self._show)

    @property
    def state(self) -> AdvisorSnapshot:
        """The snapshot that the panel shows."""
        return self._status.shown

    def open(
        self,
        calls: ClaudeCalls,
        tell: Callable[[AdvisorSnapshot], None],
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Read earlier consultations, and look the model up where Claude can be asked.

        Args:
            tell: called with each new `state`.
            count: called with the outcome of each request.

        Raises:
            StoreError: the store cannot be read.
        """
        self._config.prepare()
        with self._lock:
            budget = StoredBudget(calls, self._config.budget, self._clock)
            self._status.open(calls, budget, tell, count)
            if self._config.client is not None and not self._off:
                service = ClaudeService(self._config.client, budget, lambda notice: self._locked_show(notice=notice))
                self._service = service
                self._background.start(lambda: self._look_up(service), self._had_a_bug)

    def close(self) -> None:
        """Stop asking; a question under way is cancelled."""
        with self._lock:
            service = self._service
        if service is not None:
            service.give_up()
        self._background.close()

    def ask(self) -> None:
        """Ask about the newest plan now, at an operator's request.

        Raises:
            CommandError: Claude cannot be asked; the message says why.
        """
        with self._lock:
            why_not = self._why_not()
            if why_not:
                raise CommandError(why_not)
            self._was_pressed = True
            self._consider()

    def converse(self, conversation: Conversation[Answer]) -> Answer:
        """Hold any conversation other than advice to its end, blocking the calling thread.

        The same budget and circuit breaker apply as to advice.

        Raises:
            CommandError: Claude cannot be asked, or gave no answer; the message says why.
        """
        service = self._begin_conversation()
        try:
            answer = service.converse(conversation)
        except asyncio.CancelledError as ended:
            raise CommandError("the run has ended: ask when it goes on") from ended
        except AdviceError as refusal:
            with self._lock:
                message = self._refused(refusal)
            raise CommandError(message) from refusal
        else:
            with self._lock:
                self._breaker.succeeded()
            return answer
        finally:
            self._conversations.release()
            with self._lock:
                self._status.count_money()
                self._show()

    def planned(self, problem: Problem, plan: Plan) -> None:
        """Take over the plan in force, and ask about it if a question is due."""
        with self._lock:
            self._newest = AdviceQuestion(
                problem=problem,
                plan=plan,
                snapshot_hash=snapshot_hash(problem),
                budgets=self._config.budgets,
            )
            self._consider()
            self._show()

    def advice(self) -> Advice | None:
        """Return the newest advice that has not been dropped."""
        return self._in_force.advice

    def failure(self) -> Provenance | None:
        """Return why there is no advice, each reason once; None if there is no new reason."""
        with self._lock:
            return self._in_force.take_failure()

    def judged(self, advice: Advice, plan: Plan | None, refusal: AdviceError | None) -> None:
        """Record the outcome of advice: followed as `plan`, or dropped for `refusal`."""
        with self._lock:
            self._in_force.judged(advice, plan, refusal)

    def _begin_conversation(self) -> ClaudeService:
        """Reserve the one conversation that may run at a time.

        Raises:
            CommandError: Claude cannot be asked now.
        """
        with self._lock:
            service = self._service
            if self._off or service is None:
                raise CommandError(self._off or NO_PLAN)
            if self._breaker.reason:
                raise CommandError(self._breaker.reason)
            if not self._conversations.acquire(blocking=False):
                raise CommandError("Another question is being answered: ask again in a moment")
            return service

    def _consider(self) -> None:
        """Ask about the newest plan if a question is wanted and nothing forbids it."""
        question, service = self._newest, self._service
        if question is None or service is None or self._why_not():
            return
        is_due = self._config.is_automatic and self._rhythm.is_due(question)
        if not (self._was_pressed or is_due):
            return
        self._was_pressed = False
        self._rhythm.asked(question)
        cached = self._cache.answer(question)
        if cached is not None:
            self._in_force.advice = cached
            self._show(message="Nothing that matters has changed: the last answer is weighed again")
        elif self._cache.is_rejected(question):
            self._show(message=REJECTED)
        else:
            self._background.start(lambda: self._consult(service, question), lambda: self._had_a_bug(question))
            self._show(message="Claude is asked about the plan in force")

    def _why_not(self) -> str:
        """Say why Claude cannot be asked now; empty when it can."""
        if self._off or self._service is None:
            return self._off or NO_PLAN
        if self._newest is None:
            return NO_PLAN
        return "It is being asked: wait for its answer" if self._background.is_busy else self._breaker.reason

    def _show(self, **changes: object) -> None:
        if self._off:
            state = "off"
        elif self._background.is_busy:
            state = "asking"
        else:
            state = "resting" if self._breaker.reason else "ready"
        self._status.show(state=state, why_not=self._why_not(), **changes)

    def _locked_show(self, **changes: object) -> None:
        with self._lock:
            self._show(**changes)

    def _is_free(self) -> None:
        with self._lock:
            self._consider()
            self._show()

    def _listen(self, notes: str) -> None:
        with self._lock:
            self._status.note(notes)

    async def _look_up(self, service: ClaudeService) -> None:
        """Look the model up; where that fails, the first question does it again."""
        try:
            await service.look_up()
        except AdviceError as refusal:
            with self._lock:
                self._show(message=self._refused(refusal))

    async def _consult(self, service: ClaudeService, question: AdviceQuestion) -> None:
        """Ask one question, and record its answer or why there is none."""
        call = ApiCall()
        try:
            advice = await service.consult(question, call, self._listen)
        except AdviceError as refusal:
            with self._lock:
                if str(refusal) == REJECTED:
                    self._cache.reject(question)
                self._fail(question, call, self._refused(refusal))
            return
        with self._lock:
            self._breaker.succeeded()
            self._cache.keep(question, advice)
            self._in_force.advice = advice
            self._show(message="Claude has answered: the next plan weighs it", working_notes="")

    def _refused(self, refusal: AdviceError) -> str:
        """Record a failure, and return its text; a retired model turns the advisor off."""
        if self._service is not None and self._service.is_retired:
            self._off = RETIRED
        message = self._breaker.tripped(refusal)
        log.warning("no advice", extra={"reason": message, "detail": refusal.detail})
        return message

    def _fail(self, question: AdviceQuestion, call: ApiCall, message: str) -> None:
        self._in_force.fail(provenance_of(call, question, failure=message), message, question.problem.tick)

    def _had_a_bug(self, question: AdviceQuestion | None = None) -> None:
        with self._lock:
            message = self._breaker.tripped(AdviceError(INTERNAL, rest_s=BUG_REST_S))
            if question is not None:
                self._fail(question, ApiCall(), message)
            self._show(message=message, working_notes="")


class _Rhythm:
    """Decides when an automatic question is due.

    A question is due when something that matters has changed, another hour of the market has begun, and
    `LEAST_INTERVAL_S` have passed since the last one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked_s = float("-inf")
        self._hour = -1
        self._hash = ""

    def is_due(self, question: AdviceQuestion) -> bool:
        return (
            question.snapshot_hash != self._hash
            and _hour_of(question) != self._hour
            and self._clock.monotonic_s() - self._asked_s >= LEAST_INTERVAL_S
        )

    def asked(self, question: AdviceQuestion) -> None:
        """Record that a question was asked, or answered from the cache."""
        self._asked_s = self._clock.monotonic_s()
        self._hour = _hour_of(question)
        self._hash = question.snapshot_hash


def _hour_of(question: AdviceQuestion) -> int:
    """Number the market's interval that a question falls into."""
    problem = question.problem
    return problem.config.grid.epoch_s(problem.tick) // SECONDS_PER_HOUR
