"""Answers by Claude over the stored facts, asked for by hand.

Their cost is charged to the advisor's budget.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeAlias

from mara.core.explanation import Explanation
from mara.core.snapshot import Snapshot
from mara.errors import CommandError
from mara.optimizers.advisor.why import WhyConversation
from mara.runtime.advisor.scheduler import AdvisorScheduler

NEVER_SENT: Final = frozenset({"off topic", "unknown name", "impossible time", "out of reach", "not stored"})
"""Kinds of refusals that Claude could not answer either."""
LOOK_UP_S: Final = 10.0
"""Longest time that a look-up in the stored run may take [s]."""


Why: TypeAlias = Callable[[str], Coroutine[Any, Any, Explanation]]
"""Function that answers a question from the stored run."""


async def explained_by_claude(
    advisor: AdvisorScheduler | None, why: Why, snapshot: Snapshot | None, question: str
) -> Explanation:
    """Ask Claude for an answer whose every number is a stored fact.

    A question that is about nothing of the run, or names what does not exist, is not sent on: it is refused in the same
    words as without Claude.

    Raises:
        CommandError: Claude cannot be asked, or gave no answer; the message says why.
    """
    if advisor is None or snapshot is None:
        raise CommandError("nobody advises this run yet: ask without Claude")
    own = await why(question)
    if own.refusal in NEVER_SENT:
        return own
    loop = asyncio.get_running_loop()

    def look_up(text: str) -> Explanation:
        try:
            return asyncio.run_coroutine_threadsafe(why(text), loop).result(LOOK_UP_S)
        except TimeoutError as error:
            raise CommandError("the archive did not answer in time: ask again") from error

    sites = [site.name for site in snapshot.sites]
    talk = WhyConversation(question, look_up, sites, (contract.customer for contract in snapshot.contracts))
    answer = await asyncio.to_thread(advisor.converse, talk)
    return replace(talk.explanation_of(answer, f"Claude ({advisor.state.model})"), understood=own.understood)
