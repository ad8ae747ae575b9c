"""Conversation with the model: its texts, its tools, and the check of its answer."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from mara.optimizers.advisor.answer import Recommendation, faults_in, recommendation_of, recommendation_schema
from mara.optimizers.advisor.prompt import SYSTEM, first_message
from mara.optimizers.advisor.tools import TOOLS, ToolAnswer, ToolSession

Answer = TypeVar("Answer")


class Conversation(Protocol[Answer]):
    """One conversation with the model, as the client holds it.

    Schemas are strict JSON schemas. All texts are Mara's own, except values inside tool answers that people have typed.
    """

    @property
    def system(self) -> str:
        """System prompt."""
        ...

    def tools(self) -> tuple[tuple[str, str, dict[str, Any]], ...]:
        """Return name, description and argument schema of each tool."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the schema of the answer."""
        ...

    def first(self) -> str:
        """Return the first message of the user."""
        ...

    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Answer a tool call; a fault of the call becomes an answer that explains it."""
        ...

    def answer_of(self, text: str) -> Answer:
        """Parse the final text.

        Raises:
            AdviceError: the text does not follow the schema.
        """
        ...

    def faults_in(self, answer: Answer) -> tuple[str, ...]:
        """List the faults for which an answer cannot be shown; empty if there are none."""
        ...


class AdviceConversation:
    """Conversation that asks for a recommendation on a tick's plan."""

    def __init__(self, session: ToolSession) -> None:
        self._session = session
        self.system = SYSTEM

    def tools(self) -> tuple[tuple[str, str, dict[str, Any]], ...]:
        return tuple((tool.name, tool.description, tool.schema(self._session.site_count)) for tool in TOOLS)

    def schema(self) -> dict[str, Any]:
        return recommendation_schema(self._session.site_count)

    def first(self) -> str:
        return first_message(self._session.overview())

    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        return self._session.answer(name, arguments)

    def answer_of(self, text: str) -> Recommendation:
        return recommendation_of(text)

    def faults_in(self, answer: Recommendation) -> tuple[str, ...]:
        return faults_in(answer, self._session.ledger.facts, self._session.names)
