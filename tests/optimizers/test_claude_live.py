"""One paid call of the real service, only with MARA_LIVE_TESTS=1 and a key."""

import asyncio
import os

import pytest

from mara.errors import AdviceError
from mara.optimizers.advisor.answer import allocation_of
from mara.optimizers.advisor.call_budget import ApiCall
from mara.optimizers.advisor.evaluator import evaluator_of
from mara.optimizers.advisor.tools import ToolSession
from mara.optimizers.lp.optimizer import Lp
from tests.runtime.advised import problem_at

KEY = (os.environ.get("ANTHROPIC_API_KEY") or "").strip()
MODEL = os.environ.get("MARA_CLAUDE_MODEL") or "claude-haiku-5-5"
IS_WANTED = os.environ.get("MARA_LIVE_TESTS") == "1"
MAY_HAPPEN = ("AI busy", "AI timed out", "AI answer not grounded", "AI budget used", "AI rate limited until {until}")


class OpenBudget:
    """A budget that pays for one conversation, whatever it costs."""

    def __init__(self) -> None:
        self.cost_micro_usd = 0

    def reserve(self, most_micro_usd: int) -> int:
        return 0

    def settle(self, number: int, cost_micro_usd: int, request_id: str) -> None:
        self.cost_micro_usd += cost_micro_usd


@pytest.mark.skipif(
    not (IS_WANTED and KEY), reason="asks the real service: set MARA_LIVE_TESTS=1 and ANTHROPIC_API_KEY"
)
async def test_the_real_service_gives_advice_that_can_be_weighed() -> None:
    from mara.optimizers.advisor.client import Claude

    problem = problem_at()
    session = ToolSession(await asyncio.to_thread(evaluator_of, problem, Lp().plan(problem)))
    client, call, budget = Claude(key=KEY, base_url=None, model=MODEL), ApiCall(), OpenBudget()
    try:
        assert (await client.lifecycle()).stage in ("active", "deprecated")
        answer = await client.ask(session, budget, call, lambda _: None)
    except AdviceError as refusal:
        assert str(refusal) in MAY_HAPPEN, refusal.detail  # noqa: PT017  it may fail, but only in these ways
    else:
        assert allocation_of(answer, session).shape == (3, 9)
        assert answer.claims
        assert budget.cost_micro_usd > 0
    finally:
        await client.close()
