"""Claude beside the live run: when it is asked, what becomes of its advice, and what the panel says of it.

It works in a thread of its own: the loop of the ticks is never waited on and never waits. Advice goes to the planner,
which follows it while it holds up (`mara.optimizers.advisor.advised`); failures open a breaker and are explained.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock, RLock
from typing import Final

from mara.core.plan import Plan, Problem, Provenance
from mara.core.snapshot import AdvisorSnapshot
from mara.core.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.errors import AdviceError, CommandError
from mara.optimizers.advisor.advised import ADJUSTED, TOO_OLD, Advice
from mara.optimizers.advisor.cache_key import snapshot_hash
from mara.optimizers.advisor.call_budget import ApiCall
from mara.optimizers.advisor.conversation import Answer, Conversation
from mara.optimizers.advisor.prompt import PROMPT_VERSION
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.runtime.advisor.background_loop import BackgroundLoop
from mara.runtime.advisor.circuit_breaker import CircuitBreaker
from mara.runtime.advisor.consultation import AdviceQuestion, Client, consulted, provenance_of
from mara.runtime.advisor.status import AdvisorStatus
from mara.runtime.advisor.stored_budget import SpendLimits, StoredBudget
from mara.runtime.clock import Clock
from mara.store.access.api_usage import ClaudeCalls

LEAST_INTERVAL_S: Final = float(SECONDS_PER_MINUTE)
"""Real time between two questions that nobody asked for by hand."""
BUG_REST_S: Final = 300.0
MAX_CACHED: Final = 16
MAX_REJECTED: Final = 64
NOT_CONFIGURED: Final = "AI not configured"
NO_PLAN: Final = "No plan yet: ask when the first tick has been planned"
INTERNAL: Final = "AI internal error"
REJECTED: Final = "AI request rejected"
RETIRED: Final = "AI model retired: set MARA_CLAUDE_MODEL"

log = logging.getLogger("mara.advisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorConfig:
    """How the advisor is engaged.

    Attributes:
        client: makes who is asked, for one conversation; None where nobody can be.
        prepare: does what takes long and can be done before the first question.
        off: why nobody can be asked, in words; empty where somebody can.
        is_automatic: whether it is asked whenever something has changed, or by hand alone.
        budgets: what the run may do with error budgets.
    """

    client: Callable[[], Client] | None
    off: str
    model: str
    budget: SpendLimits
    is_automatic: bool
    budgets: BudgetPolicy = SPENDS
    prepare: Callable[[], None] = lambda: None


class AdvisorScheduler:
    """Lives from `open` to `close`. Its methods may be called from any thread, and return at once."""

    def __init__(self, engagement: AdvisorConfig, clock: Clock) -> None:
        self._engagement = engagement
        self._clock = clock
        self._lock = RLock()
        self._aside = BackgroundLoop("mara-advisor", self._is_free)
        self._breaker = CircuitBreaker(clock)
        self._talks = Lock()  # one of `converse` at a time
        self._give_up: Callable[[], object] = lambda: None
        self._purse: StoredBudget | None = None
        self._off = engagement.off
        self._is_known = False  # whether the service has said that the model is there
        self._was_pressed = False
        self._newest: AdviceQuestion | None = None
        self._asked_at_s, self._asked_hour, self._asked_hash = float("-inf"), -1, ""
        self._advice: Advice | None = None
        self._followed: Advice | None = None
        self._failure: Provenance | None = None
        self._cache: OrderedDict[str, Advice] = OrderedDict()
        self._rejected: deque[str] = deque(maxlen=MAX_REJECTED)
        first = AdvisorSnapshot(
            state="off" if self._off else "ready",
            message=self._off or "Not asked yet",
            model="" if self._off else engagement.model,
            why_not=self._off or NO_PLAN,
        )
        self._board = AdvisorStatus(first, clock)

    @property
    def state(self) -> AdvisorSnapshot:
        """What the panel shows."""
        return self._board.shown

    def open(self, calls: ClaudeCalls, tell: Callable[[AdvisorSnapshot], None]) -> None:
        """Begin: remember earlier runs, and have the model looked up where there is somebody to ask.

        Raises:
            StoreError: the store cannot be read.
        """
        self._engagement.prepare()
        with self._lock:
            self._purse = StoredBudget(calls, self._engagement.budget, self._clock)
            self._board.open(calls, self._purse, tell)
            if not self._off:
                self._aside.start(self._look_up, self._had_a_bug)

    def close(self) -> None:
        """Ask no more; a question under way is given up."""
        with self._lock:
            self._give_up()
        self._aside.close()

    def ask(self) -> None:
        """Ask about the newest plan, now.

        Raises:
            CommandError: it cannot be asked; the message says why.
        """
        with self._lock:
            why_not = self._why_not()
            if why_not:
                raise CommandError(why_not)
            self._was_pressed = True
            self._consider()

    def converse(self, talk: Conversation[Answer]) -> Answer:
        """Have a talk of another kind to its end, under the same budget and breaker; for a thread that may wait.

        Raises:
            CommandError: it cannot be had, or came to nothing; the message says why.
        """
        with self._lock:
            why_not = self._off or (NO_PLAN if self._purse is None else self._breaker.reason)
            if not why_not and not self._talks.acquire(blocking=False):
                why_not = "Another question is being answered: ask again in a moment"
            if why_not:
                raise CommandError(why_not)
        try:
            return asyncio.run(self._converse(talk))
        except asyncio.CancelledError as ended:
            raise CommandError("the run has ended: ask when it goes on") from ended
        except AdviceError as refusal:
            with self._lock:
                message = self._refused(refusal)
            raise CommandError(message) from refusal
        finally:
            self._talks.release()
            with self._lock:
                self._board.count_money()
                self._show()

    async def _converse(self, talk: Conversation[Answer]) -> Answer:
        assert self._engagement.client is not None
        assert self._purse is not None
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        client = self._engagement.client()
        with self._lock:
            self._give_up = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            answer = await client.converse(talk, self._purse, ApiCall(), lambda _: None)
        finally:
            with self._lock:
                self._give_up = lambda: None
            await client.close()
        with self._lock:
            self._breaker.succeeded()
        return answer

    def planned(self, problem: Problem, plan: Plan) -> None:
        """The plan in force and what it was made from: reason to ask when something that matters has changed."""
        with self._lock:
            self._newest = AdviceQuestion(
                problem=problem,
                plan=plan,
                snapshot_hash=snapshot_hash(problem),
                budgets=self._engagement.budgets,
            )
            self._consider()
            self._show()

    def advice(self) -> Advice | None:
        """The newest advice that has not been dropped."""
        return self._advice

    def failure(self) -> Provenance | None:
        """Why there is no advice; told once."""
        with self._lock:
            failure, self._failure = self._failure, None
            return failure

    def judged(self, advice: Advice, plan: Plan | None, refusal: AdviceError | None) -> None:
        """What became of advice: followed, with what had to be changed of it, or dropped."""
        with self._lock:
            if advice is not self._advice:
                return
            is_first = advice is not self._followed
            if plan is None:
                assert refusal is not None
                self._drop(advice, refusal, is_first)
            elif is_first:
                self._followed = advice
                self._show(
                    headline=advice.headline,
                    climate_saving_usd_per_h=advice.climate_saving_usd_per_h,
                    time_zone_gain_usd_per_h=advice.time_zone_gain_usd_per_h,
                )
                outcome, message = _followed_as(plan)
                self._board.keep(outcome, message, advice.made_tick, advice.provenance)

    def _drop(self, advice: Advice, refusal: AdviceError, is_first: bool) -> None:
        message = f"{refusal}: {refusal.detail}" if refusal.detail else str(refusal)
        log.info("advice dropped", extra={"tick": advice.made_tick, "reason": message})
        self._advice = self._followed = None
        self._show(headline="", climate_saving_usd_per_h=None, time_zone_gain_usd_per_h=None)
        if not is_first and str(refusal) == TOO_OLD:
            self._show(message="Claude's plan has run its hour, the optimizer's runs again")
            return
        self._failure = replace(advice.provenance, failure=message, claims=())
        if is_first:
            self._board.keep("kept", message, advice.made_tick, advice.provenance)
        else:
            self._show(message=f"The advice has ended, the optimizer's plan runs again. {message}")

    def _consider(self) -> None:
        """Ask about the newest plan if somebody wants it, nothing forbids it and nobody is asked already."""
        question = self._newest
        if question is None or self._why_not() or not (self._was_pressed or self._is_due(question)):
            return
        self._was_pressed = False
        self._asked_at_s, self._asked_hour = self._clock.monotonic_s(), _hour_of(question)
        self._asked_hash = question.snapshot_hash
        cached = self._cache.get(self._cache_key(question))
        if cached is not None:
            free = replace(cached.provenance, cost_usd=0.0)
            self._advice = replace(cached, made_tick=question.problem.tick, provenance=free)
            self._show(message="Nothing that matters has changed: the last answer is weighed again")
        elif question.snapshot_hash in self._rejected:
            self._show(message=REJECTED)
        else:
            self._aside.start(lambda: self._consult(question), lambda: self._had_a_bug(question))
            self._show(message="Claude is asked about the plan in force")

    def _is_due(self, question: AdviceQuestion) -> bool:
        """Whether something that matters has changed, in another hour of the market, a minute ago at least."""
        return (
            self._engagement.is_automatic
            and question.snapshot_hash != self._asked_hash
            and _hour_of(question) != self._asked_hour
            and self._clock.monotonic_s() - self._asked_at_s >= LEAST_INTERVAL_S
        )

    def _why_not(self) -> str:
        """Why nobody can be asked now; empty when somebody can."""
        if self._off or self._purse is None:
            return self._off or NO_PLAN
        if self._newest is None:
            return NO_PLAN
        return "It is being asked: wait for its answer" if self._aside.is_busy else self._breaker.reason

    def _show(self, **changes: object) -> None:
        resting = self._breaker.reason
        state = "off" if self._off else "asking" if self._aside.is_busy else "resting" if resting else "ready"
        self._board.show(state=state, why_not=self._why_not(), **changes)

    def _is_free(self) -> None:
        with self._lock:
            self._consider()
            self._show()

    def _listen(self, notes: str) -> None:
        with self._lock:
            self._board.note(notes)

    def _cache_key(self, question: AdviceQuestion) -> str:
        return f"{question.snapshot_hash} {self._engagement.model} {PROMPT_VERSION}"

    async def _look_up(self) -> None:
        """See that the model is there; without an answer it is looked up again before the first question."""
        assert self._engagement.client is not None
        try:
            client = self._engagement.client()
            try:
                await self._look_up_by(client)
            finally:
                await client.close()
        except AdviceError as refusal:
            with self._lock:
                self._show(message=self._refused(refusal))

    async def _look_up_by(self, client: Client) -> None:
        """Have the service tell where the model stands in its life, once.

        Raises:
            AdviceError: the model is not there, which turns the advisor off, or nobody can say.
        """
        if self._is_known:
            return
        try:
            life = await client.lifecycle()
            if life.stage == "retired":
                raise AdviceError(RETIRED)
        except AdviceError as refusal:
            if str(refusal) == RETIRED:
                self._off = RETIRED
            raise
        self._is_known = True
        if life.stage == "deprecated":
            when = f"on {life.retires_at:%d %B %Y}" if life.retires_at else "at a date not yet told"
            notice = f"Model {client.model} is deprecated and ends {when}: set MARA_CLAUDE_MODEL"
            log.warning(notice)
            with self._lock:
                self._show(notice=notice)

    async def _consult(self, question: AdviceQuestion) -> None:
        """One question, to its answer or the reason for none."""
        assert self._engagement.client is not None
        assert self._purse is not None
        exchange = ApiCall()
        try:
            client = self._engagement.client()
            try:
                await self._look_up_by(client)
                advice = await consulted(client, question, self._purse, exchange, self._listen)
            finally:
                await client.close()
        except AdviceError as refusal:
            with self._lock:
                if str(refusal) == REJECTED:
                    self._rejected.append(question.snapshot_hash)
                self._fail(question, exchange, self._refused(refusal))
            return
        with self._lock:
            self._breaker.succeeded()
            self._cache[self._cache_key(question)] = advice
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
            self._advice = advice
            self._show(message="Claude has answered: the next plan weighs it", working_notes="")

    def _refused(self, refusal: AdviceError) -> str:
        message = self._breaker.tripped(refusal)
        log.warning("no advice", extra={"reason": message, "detail": refusal.detail})
        return message

    def _fail(self, question: AdviceQuestion, exchange: ApiCall, message: str) -> None:
        self._failure = provenance_of(exchange, question, failure=message)
        self._board.keep("kept", message, question.problem.tick, self._failure)

    def _had_a_bug(self, question: AdviceQuestion | None = None) -> None:
        with self._lock:
            message = self._breaker.tripped(AdviceError(INTERNAL, rest_s=BUG_REST_S))
            if question is not None:
                self._fail(question, ApiCall(), message)
            self._show(message=message, working_notes="")


def _hour_of(question: AdviceQuestion) -> int:
    """The market's interval that a question falls into."""
    problem = question.problem
    return problem.config.grid.epoch_s(problem.tick) // SECONDS_PER_HOUR


def _followed_as(plan: Plan) -> tuple[str, str]:
    """The outcome of advice that is followed, and what the panel says of it."""
    made = plan.provenance
    assert made is not None
    if plan.optimizer == ADJUSTED:
        return "adjusted", f"Claude's plan runs, with {made.moved_mw:.1f} MW moved to what is feasible"
    return "accepted", "Claude's plan runs"
