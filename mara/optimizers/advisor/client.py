"""Client of Claude over the Messages API: streamed conversations with tools.

A conversation is bounded in turns, time, cost and size of each response. This is the only module that imports
anthropic, which takes two seconds: a factory in `bootstrap` imports it, and only when there is a key. Exceptions of
the libraries are converted here; callers get an answer or an `AdviceError`.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from math import isnan
from typing import Any, Final

import anthropic
import httpx2
from anthropic.types import Message
from pydantic import ValidationError

from mara.errors import AdviceError
from mara.optimizers.advisor.answer import UNUSABLE, Recommendation
from mara.optimizers.advisor.call_budget import ApiCall, CallBudget, ModelLifecycle
from mara.optimizers.advisor.conversation import AdviceConversation, Answer, Conversation
from mara.optimizers.advisor.cost import TokenUse, cost_micro_usd, most_micro_usd
from mara.optimizers.advisor.prompt import repair_message
from mara.optimizers.advisor.tools import ToolSession

MAX_TURNS: Final = 6
"""Most requests of a conversation, the repair of an answer included."""
MAX_TOKENS: Final = 6_000
"""Most tokens of one response."""
DEADLINE_S: Final = 25.0
LIFECYCLE_DEADLINE_S: Final = 10.0
MAX_RESPONSE_BYTES: Final = 2_000_000
MAX_NOTES_LENGTH: Final = 4_000
"""Most characters of summarized thinking that the listener gets.

Of a longer text it gets the end.
"""
BUDGET_USED: Final = "AI budget used"
NOT_GROUNDED: Final = "AI answer not grounded"


class Claude:
    """A client that belongs to one event loop and is closed in it.

    Args:
        key: API key.
        base_url: address of a gateway; None for the service itself.
        model: name of the model.
        deadline_s: longest time of a whole conversation.

    Raises:
        AdviceError: the address, a proxy, or a file of certificates cannot be used.
    """

    def __init__(self, *, key: str, base_url: str | None, model: str, deadline_s: float = DEADLINE_S) -> None:
        self.model = model
        self._deadline_s = deadline_s
        try:
            self._client = anthropic.AsyncAnthropic(
                api_key=key,
                base_url=base_url,
                max_retries=0,
                timeout=deadline_s,
                http_client=anthropic.DefaultAsyncHttpxClient(event_hooks={"response": [_cap]}),
            )
        except (ValueError, OSError, ImportError, httpx2.InvalidURL) as error:
            # The library reads these settings from the environment and raises errors of many types for a bad one.
            raise AdviceError(f"{MISCONFIGURED} ({_said(error)})", rest_s=900.0) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def lifecycle(self) -> ModelLifecycle:
        """Ask the service for the lifecycle of the model.

        It is unknown behind a gateway that has no Models API.

        Raises:
            AdviceError: the service does not know the model, or does not answer.
        """
        with _in_our_words():
            try:
                async with asyncio.timeout(min(LIFECYCLE_DEADLINE_S, self._deadline_s)):
                    found = await self._client.models.retrieve(self.model)
            except anthropic.APIStatusError as error:
                if error.status_code in NO_SUCH_CALL and error.type != "not_found_error":
                    return UNKNOWN_LIFE
                raise
        return ModelLifecycle(
            stage=getattr(found, "lifecycle", None) or UNKNOWN_LIFE.stage,
            retires_at=getattr(found, "retires_at", None),
        )

    async def ask(
        self, session: ToolSession, budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
    ) -> Recommendation:
        """Ask for a grounded recommendation; see `converse`."""
        return await self.converse(AdviceConversation(session), budget, call, listen)

    async def converse(
        self, conversation: Conversation[Answer], budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
    ) -> Answer:
        """Hold a conversation until it ends in a grounded answer.

        Args:
            conversation: gives the texts, answers the tool calls and judges the answer.
            budget: pays for each request.
            call: record that is filled in with each request.
            listen: called with the summarized thinking so far.

        Raises:
            AdviceError: there is no answer that can be used; the message says why.
        """
        with _in_our_words():
            async with asyncio.timeout(self._deadline_s):
                return await self._converse(conversation, budget, call, listen)

    async def _converse(
        self, conversation: Conversation[Answer], budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
    ) -> Answer:
        history: list[dict[str, Any]] = [{"role": "user", "content": conversation.first()}]
        was_repaired = False
        for _ in range(MAX_TURNS):
            message = await self._turn(_request_of(self.model, history, conversation), budget, call, listen)
            history.append({"role": "assistant", "content": message.to_dict()["content"]})
            match message.stop_reason:
                case "tool_use":
                    history.append({"role": "user", "content": _results_of(message, conversation)})
                case "pause_turn":
                    continue
                case "end_turn" | "stop_sequence":
                    answer = conversation.answer_of(_text_of(message))
                    faults = conversation.faults_in(answer)
                    if not faults:
                        return answer
                    if was_repaired:
                        raise AdviceError(NOT_GROUNDED, detail="; ".join(faults))
                    was_repaired = True
                    history.append({"role": "user", "content": repair_message(faults)})
                case "refusal":
                    raise AdviceError(f"AI declined ({_category_of(message)})")
                case _:
                    raise AdviceError(UNUSABLE, detail=f"it ended with {message.stop_reason}")
        raise AdviceError(BUDGET_USED, detail=f"no answer within {MAX_TURNS} turns")

    async def _turn(
        self, request: dict[str, Any], budget: CallBudget, call: ApiCall, listen: Callable[[str], None]
    ) -> Message:
        """Make one request, paid from the budget, and return the whole response."""
        most = most_micro_usd(self.model, len(json.dumps(request)), MAX_TOKENS)
        number = budget.reserve(most)
        cost, request_id = 0, ""
        try:
            async with self._client.messages.stream(**request) as stream:
                request_id = stream.request_id or ""
                if request_id:
                    call.request_ids.append(request_id)
                # From here on the service charges for the request; its cost is known only at the end of the stream.
                cost = most
                message = await _whole(stream, listen)
                use = _use_of(message)
                cost = most if use is None else cost_micro_usd(self.model, use)
                call.model = message.model
        finally:
            call.cost_micro_usd += cost
            budget.settle(number, cost, request_id)
        return message


def _request_of(model: str, history: list[dict[str, Any]], conversation: Conversation[Answer]) -> dict[str, Any]:
    tools = [
        {"name": name, "description": description, "strict": True, "input_schema": schema}
        for name, description, schema in conversation.tools()
    ]
    return {
        "model": model,
        "max_tokens": MAX_TOKENS,
        "system": conversation.system,
        "tools": tools,
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": conversation.schema()}},
        "messages": history,
    }


async def _whole(stream: Any, listen: Callable[[str], None]) -> Message:
    """Read a stream to its end and return the message.

    Raises:
        AdviceError: the response is no event stream, or it ends early.
    """
    kind = stream.response.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        raise _lost(f"the answer is {kind or 'of no type'}")
    is_whole = False
    async for event in stream:
        if event.type == "thinking":
            listen(event.snapshot[-MAX_NOTES_LENGTH:])
        is_whole = is_whole or event.type == "message_stop"
    if not is_whole:
        raise _lost("the stream ended before its message did")
    message: Message = stream.current_message_snapshot
    return message


def _results_of(message: Message, conversation: Conversation[Answer]) -> list[dict[str, Any]]:
    """Answer the tool calls of a message."""
    results: list[dict[str, Any]] = []
    for block in message.content:
        if block.type != "tool_use":
            continue
        answer = conversation.answer(block.name, block.input)
        results.append(
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": json.dumps(answer.content, separators=(",", ":")),
                "is_error": answer.is_error,
            }
        )
    return results


def _text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _category_of(message: Message) -> str:
    details = message.stop_details
    return (details.category if details else None) or "no category given"


def _use_of(message: Message) -> TokenUse | None:
    """Read the tokens that were used; None where the service reports a negative count.

    A negative cost would fill the budget again.
    """
    usage = message.usage
    use = TokenUse(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_write_tokens=usage.cache_creation_input_tokens or 0,
        cache_read_tokens=usage.cache_read_input_tokens or 0,
    )
    counts = (use.input_tokens, use.output_tokens, use.cache_write_tokens, use.cache_read_tokens)
    return use if min(counts) >= 0 else None


class _TooMuch(Exception):  # noqa: N818  never leaves this file
    """Raised where a response is larger than `MAX_RESPONSE_BYTES`."""


class _Capped(httpx2.AsyncByteStream):
    """Body of a response that raises an error once it is too large."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_RESPONSE_BYTES
        async for chunk in self._inner:
            left -= len(chunk)
            if left < 0:
                raise _TooMuch(f"more than {MAX_RESPONSE_BYTES:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _cap(response: httpx2.Response) -> None:
    """Limit the size of a response's body."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Capped(response.stream)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Turn an error of the libraries or the service into an `AdviceError`.

    It carries the text for the screen and the time for which the circuit breaker stays open. Other exceptions are bugs
    and pass.

    Raises:
        AdviceError: in place of the library's exception.
    """
    try:
        yield
    except anthropic.APIStatusError as error:
        raise _status_refusal(error, f"{error.status_code} {error.request_id} {_said(error)}") from error
    except (TimeoutError, anthropic.APITimeoutError, httpx2.TimeoutException) as error:
        raise AdviceError(TIMED_OUT, is_counted=True, detail=_said(error)) from error
    except (anthropic.APIConnectionError, httpx2.TransportError, httpx2.StreamError, httpx2.InvalidURL) as error:
        raise _lost(_said(error)) from error
    except (anthropic.AnthropicError, json.JSONDecodeError, ValidationError, _TooMuch, httpx2.DecodingError) as error:
        raise AdviceError(UNUSABLE, detail=_said(error)) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:MAX_DETAIL_LENGTH]}"


def _status_refusal(error: anthropic.APIStatusError, detail: str) -> AdviceError:
    """Choose the text and the waiting time by the status of an error.

    An error inside a stream that began well has status 200: there the error's type says which it is.
    """
    status = error.status_code if error.status_code >= 400 else STATUS_OF_TYPE.get(error.type or "", 500)
    if (error.error_code or "") in SPEND_CODES or (status == 400 and SPEND_WORDS.search(error.api_message or "")):
        return AdviceError("AI spend limit reached", rest_s=3_600.0, detail=detail)
    match status:
        case 401 | 402 | 403:
            return AdviceError("AI credentials rejected", rest_s=900.0, detail=detail)
        case 404:
            return AdviceError(MODEL_RETIRED, rest_s=3_600.0, detail=detail)
        case 408:
            return AdviceError(TIMED_OUT, is_counted=True, detail=detail)
        case 429:
            wait_s = _retry_after_s(error.response.headers.get("retry-after"))
            return AdviceError("AI rate limited until {until}", rest_s=wait_s, detail=detail)
        case _ if status >= 500:
            return AdviceError("AI busy", is_counted=True, detail=detail)
        case _:
            return AdviceError(REJECTED, rest_s=300.0, detail=f"{detail} body {error.body!s:.{MAX_DETAIL_LENGTH}}")


def _retry_after_s(header: str | None) -> float:
    """Read a Retry-After header: 1 s to an hour; a minute where it is no number [s].

    A date, which HTTP allows as well, counts as no number: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    try:
        wait_s = float(header or "nan")
    except ValueError:
        wait_s = float("nan")
    return 60.0 if isnan(wait_s) else min(max(wait_s, 1.0), 3_600.0)


def _lost(detail: str) -> AdviceError:
    return AdviceError("AI connection lost", is_counted=True, detail=detail)


MISCONFIGURED: Final = (
    "AI connection cannot be set up: correct ANTHROPIC_BASE_URL, HTTPS_PROXY, ALL_PROXY, NO_PROXY or SSL_CERT_FILE"
)
NO_SUCH_CALL: Final = frozenset({404, 405, 501})
"""Statuses of a gateway without a Models API.

The service itself answers 404 with the type `not_found_error` for a model that it does not know.
"""
UNKNOWN_LIFE: Final = ModelLifecycle(stage="unknown", retires_at=None)
REJECTED: Final = "AI request rejected"
TIMED_OUT: Final = "AI timed out"
MODEL_RETIRED: Final = "AI model retired: set MARA_CLAUDE_MODEL"
MAX_DETAIL_LENGTH: Final = 500
SPEND_CODES: Final = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
SPEND_WORDS: Final = re.compile(r"usage limits|spend limit|credit balance", re.IGNORECASE)
"""Words that tell a reached spending limit from a bad request.

Limits that the customer has set are reported with the same status, 400.
"""
STATUS_OF_TYPE: Final = {  # https://docs.anthropic.com/en/api/errors
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
