"""One consultation: asks Claude, and compares its advice with the plan in force.

It blocks its event loop while it solves, and so needs a loop of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from mara.core.grounding import rendered
from mara.core.plan import Claim, Plan, Problem, Provenance
from mara.core.units import MICRO_USD_PER_USD
from mara.errors import AdviceError, PlanError
from mara.optimizers.advisor.advised import Advice
from mara.optimizers.advisor.answer import Recommendation, allocation_of
from mara.optimizers.advisor.call_budget import ApiCall, CallBudget, ModelLifecycle
from mara.optimizers.advisor.conversation import Answer, Conversation
from mara.optimizers.advisor.evaluator import evaluator_of, project
from mara.optimizers.advisor.facts import projection_facts
from mara.optimizers.advisor.prompt import PROMPT_VERSION
from mara.optimizers.advisor.tools import ToolSession
from mara.optimizers.base import BudgetPolicy

UNCHECKED: Final = "AI plan could not be checked"


class Client(Protocol):
    """A client of the service; it lives within one event loop.

    The methods are described at `mara.optimizers.advisor.client.Claude`.
    """

    @property
    def model(self) -> str: ...
    async def close(self) -> None: ...
    async def lifecycle(self) -> ModelLifecycle: ...
    async def ask(
        self, session: ToolSession, budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
    ) -> Recommendation: ...
    async def converse(
        self, conversation: Conversation[Answer], budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
    ) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdviceQuestion:
    """The plan in force and the problem behind it, put to the advisor."""

    problem: Problem
    plan: Plan
    snapshot_hash: str
    budgets: BudgetPolicy


async def consulted(
    client: Client, question: AdviceQuestion, budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
) -> Advice:
    """Ask Claude about a plan, and project its advice onto what is feasible.

    `call` is filled with the requests and their cost, also when there is no answer.

    Raises:
        AdviceError: there is no advice; the message says why.
    """
    try:
        evaluator = evaluator_of(question.problem, question.plan, budgets=question.budgets)
        session = ToolSession(evaluator)
        recommendation = await client.ask(session, budget, call, listen)
        asked_mw = allocation_of(recommendation, session)
        outcome = projection_facts(evaluator, project(evaluator, asked_mw))
    except PlanError as error:
        raise AdviceError(f"{UNCHECKED}: {error}") from error
    session.ledger.add(outcome)
    facts, names = session.ledger.facts, session.names
    claims = tuple(Claim(kind=d.kind, text=rendered(d.text, facts, names)) for d in recommendation.drafts)
    return Advice(
        made_tick=question.problem.tick,
        asked_mw=asked_mw,
        headline=rendered(recommendation.headline, facts, names),
        provenance=provenance_of(call, question, claims=claims),
        climate_saving_usd_per_h=outcome["climate_saving_usd_per_h"],
        time_zone_gain_usd_per_h=outcome["time_zone_gain_usd_per_h"],
    )


def provenance_of(
    call: ApiCall, question: AdviceQuestion, *, claims: tuple[Claim, ...] = (), failure: str = ""
) -> Provenance:
    """Describe the origin of an answer, or with `failure` why there is none."""
    return Provenance(
        model=call.model,
        request_ids=tuple(call.request_ids),
        snapshot_hash=question.snapshot_hash,
        prompt_version=PROMPT_VERSION,
        regret_share=None,
        moved_mw=0.0,
        cost_usd=call.cost_micro_usd / MICRO_USD_PER_USD,
        failure=failure,
        claims=claims,
    )
