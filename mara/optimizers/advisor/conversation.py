"""What a conversation is about: what is told, what may be asked meanwhile, and what its answer must be."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from mara.optimizers.advisor.answer import Recommendation, faults_in, recommendation_of, recommendation_schema
from mara.optimizers.advisor.prompt import SYSTEM, first_message
from mara.optimizers.advisor.tools import TOOLS, ToolAnswer, ToolSession

Answer = TypeVar("Answer")


class Conversation(Protocol[Answer]):
    """One conversation. Schemas are strict JSON schema; all texts are ours but what stands in tool answers."""

    @property
    def system(self) -> str: ...
    def tools(self) -> tuple[tuple[str, str, dict[str, Any]], ...]:
        """Name, description and schema of each tool."""
        ...

    def schema(self) -> dict[str, Any]:
        """Of the answer."""
        ...

    def first(self) -> str: ...
    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """What a tool says; whatever is wrong with the call is said in words."""
        ...

    def answer_of(self, text: str) -> Answer:
        """The final text as an answer.

        Raises:
            AdviceError: it is none.
        """
        ...

    def faults_in(self, answer: Answer) -> tuple[str, ...]:
        """Why it cannot be shown as it stands; nothing when it can."""
        ...


class AdviceConversation:
    """The talk about a tick's plan."""

    def __init__(self, inquiry: ToolSession) -> None:
        self._inquiry = inquiry
        self.system = SYSTEM

    def tools(self) -> tuple[tuple[str, str, dict[str, Any]], ...]:
        return tuple((tool.name, tool.description, tool.schema(self._inquiry.site_count)) for tool in TOOLS)

    def schema(self) -> dict[str, Any]:
        return recommendation_schema(self._inquiry.site_count)

    def first(self) -> str:
        return first_message(self._inquiry.overview())

    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        return self._inquiry.answer(name, arguments)

    def answer_of(self, text: str) -> Recommendation:
        return recommendation_of(text)

    def faults_in(self, answer: Recommendation) -> tuple[str, ...]:
        return faults_in(answer, self._inquiry.evidence.facts, self._inquiry.names)
