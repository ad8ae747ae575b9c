"""The service of Claude: looks its model up once, and pays calls from a budget."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Lock
from typing import Final

from mara.errors import AdviceError
from mara.optimizers.advisor.advised import Advice
from mara.optimizers.advisor.call_budget import ApiCall
from mara.optimizers.advisor.conversation import Answer, Conversation
from mara.runtime.advisor.consultation import AdviceQuestion, Client, consulted
from mara.runtime.advisor.stored_budget import StoredBudget

RETIRED: Final = "AI model retired: set MARA_CLAUDE_MODEL"

log = logging.getLogger("mara.advisor")


class ClaudeService:
    """Holds conversations, each with a client and an event loop of its own.

    Args:
        new_client: makes the client of one conversation.
        on_notice: called with what operators should know of the model, such as its retirement.

    Attributes:
        is_retired: whether the service has said that the model is gone for good.
    """

    def __init__(
        self, new_client: Callable[[], Client], budget: StoredBudget, on_notice: Callable[[str], None]
    ) -> None:
        self.is_retired = False
        self._new_client = new_client
        self._budget = budget
        self._on_notice = on_notice
        self._lock = Lock()
        self._is_known = False  # whether the service has said that the model is there
        self._give_up: Callable[[], object] = lambda: None

    async def look_up(self) -> None:
        """Ask the service once whether the model is active, deprecated or retired.

        Raises:
            AdviceError: the model is retired, or the service does not answer.
        """
        async with self._client() as client:
            await self._look_up_by(client)

    async def consult(self, question: AdviceQuestion, call: ApiCall, listen: Callable[[str], None]) -> Advice:
        """Ask Claude for advice on a question.

        `call` is filled with the requests and their cost, also when there is no answer.

        Raises:
            AdviceError: there is no advice; the message says why.
        """
        async with self._client() as client:
            await self._look_up_by(client)
            return await consulted(client, question, self._budget, call, listen)

    def converse(self, conversation: Conversation[Answer]) -> Answer:
        """Hold any conversation other than advice to its end, blocking the calling thread.

        Raises:
            AdviceError: there is no answer; the message says why.
            asyncio.CancelledError: `give_up` ended it.
        """
        return asyncio.run(self._converse(conversation))

    def give_up(self) -> None:
        """End the `converse` under way, if there is one."""
        with self._lock:
            self._give_up()

    async def _converse(self, conversation: Conversation[Answer]) -> Answer:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        async with self._client() as client:
            with self._lock:
                self._give_up = lambda: loop.call_soon_threadsafe(task.cancel)
            try:
                return await client.converse(conversation, self._budget, ApiCall(), lambda _: None)
            finally:
                with self._lock:
                    self._give_up = lambda: None

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        client = self._new_client()
        try:
            yield client
        finally:
            await client.close()

    async def _look_up_by(self, client: Client) -> None:
        if self._is_known:
            return
        try:
            life = await client.lifecycle()
            if life.stage == "retired":
                raise AdviceError(RETIRED)
        except AdviceError as refusal:
            self.is_retired = str(refusal) == RETIRED
            raise
        self._is_known = True
        if life.stage == "deprecated":
            when = f"on {life.retires_at:%d %B %Y}" if life.retires_at else "at a date not yet told"
            notice = f"Model {client.model} is deprecated and ends {when}: set MARA_CLAUDE_MODEL"
            log.warning(notice)
            self._on_notice(notice)
