"""Scripts of the imitated model: turns, faults, and the conversation that it sees.

A script is a list of entries, one for each request, or a function of the conversation. It has no access to the
server.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One tool call of a turn."""

    name: str
    input: JsonObject


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One whole answer of the model: notes, then tool calls or a final text.

    `answer` is sent as JSON text; where the request has an output schema, or strict tools, the server refuses to emit
    what the schema would have made impossible. `stop_reason` follows from the rest unless given. `usage` is input,
    output, cache read and cache write tokens; what is left out is counted from the text.
    """

    thinking: str | None = None
    text: str | None = None
    answer: object = None
    calls: tuple[Call, ...] = ()
    stop_reason: str | None = None
    refusal: str | None = None
    usage: tuple[int, ...] = ()
    schema_kept: bool = True

    def said(self) -> str | None:
        """The final text, or None where the turn only calls tools."""
        return self.text if self.answer is None else json.dumps(self.answer)

    def reason_to_stop(self) -> str:
        if self.stop_reason:
            return self.stop_reason
        if self.refusal:
            return "refusal"
        return "tool_use" if self.calls else "end_turn"


DONE = Turn(text="Nothing to add.", schema_kept=False)
WRONG_REQUESTS = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error"}
ERROR_TYPES = WRONG_REQUESTS | {
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OWN_SPEND_LIMIT_MESSAGE = "You have reached your specified API usage limits. You will regain access on 2026-12-01."


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault between the model and the client, made with the functions below.

    `of` is the turn that was under way; `after` counts the server-sent events let through before it breaks.
    """

    kind: str
    of: Turn = DONE
    after: int = 0
    code: int = 200
    type: str = "api_error"
    message: str = "scripted fault"
    error_code: str | None = None
    retry_after: str | None = None
    every_s: float = 0.0
    size_mb: float = 0.0

    @classmethod
    def status(
        cls,
        code: int,
        *,
        type: str | None = None,  # noqa: A002 - the API's own word
        message: str = "scripted fault",
        error_code: str | None = None,
        retry_after: float | str | None = None,
    ) -> Self:
        """An error response; `retry_after` is its header, in seconds or as a date."""
        named = type or ERROR_TYPES[code]
        header = None if retry_after is None else str(retry_after)
        return cls(kind="status", code=code, type=named, message=message, error_code=error_code, retry_after=header)

    @classmethod
    def own_spend_limit(cls) -> Self:
        """The customer's own spending limit: status 400, told from others by its message."""
        return cls.status(400, message=OWN_SPEND_LIMIT_MESSAGE)

    @classmethod
    def tier_spend_limit(cls) -> Self:
        """The spending limit of the usage tier: a 429 without retry-after."""
        return cls.status(429, message="Your spend limit is reached.", error_code="enforced_spend_limit_reached")

    @classmethod
    def sse_error(cls, type: str = "overloaded_error", *, after: int = 2, of: Turn = DONE) -> Self:  # noqa: A002
        """An `error` event inside a stream that began with status 200."""
        return cls(kind="sse_error", type=type, after=after, of=of)

    @classmethod
    def hang(cls, *, after: int | None = None, of: Turn = DONE) -> Self:
        """No answer at all, or with `after` a stream that falls silent."""
        return cls(kind="hang", after=-1 if after is None else after, of=of)

    @classmethod
    def drip(cls, every_s: float = 0.05) -> Self:
        """A ping at intervals and no end of the stream, so that no read ever times out."""
        return cls(kind="drip", every_s=every_s)

    @classmethod
    def drop(cls, *, after: int = 3, of: Turn = DONE) -> Self:
        """The connection breaks in the middle of the body."""
        return cls(kind="drop", after=after, of=of)

    @classmethod
    def silent_eof(cls, *, after: int = 3, of: Turn = DONE) -> Self:
        """The body ends cleanly without `message_stop`."""
        return cls(kind="silent_eof", after=after, of=of)

    @classmethod
    def html(cls, code: int = 200) -> Self:
        """A proxy's page instead of the API."""
        return cls(kind="html", code=code)

    @classmethod
    def broken_event(cls, *, after: int = 3, of: Turn = DONE) -> Self:
        """An event whose JSON does not parse."""
        return cls(kind="broken_event", after=after, of=of)

    @classmethod
    def huge(cls, size_mb: float = 8.0) -> Self:
        """A final text of many megabytes."""
        return cls(kind="huge", size_mb=size_mb)


def broken_answer(text: str = '{"headline": oops') -> Turn:
    """A final text that is no JSON."""
    return Turn(text=text, schema_kept=False)


def truncated_answer(of: Turn) -> Turn:
    """A final text cut in the middle, and a model that says it had finished."""
    said = of.said() or ""
    return replace(of, answer=None, text=said[: len(said) // 2], schema_kept=False)


def cut_at_max_tokens(of: Turn) -> Turn:
    """A final text cut by `max_tokens`, as the real API reports it."""
    return replace(truncated_answer(of), stop_reason="max_tokens")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One tool result of the conversation; JSON `content` is decoded, other is text."""

    name: str
    input: JsonObject
    content: Any
    is_error: bool


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Conversation so far as a script sees it: the accepted request and its contents.

    `turn` counts the model's own turns so far; `first` is the user's first text, `last` the newest one.
    """

    body: JsonObject
    turn: int
    system: str
    first: str
    last: str
    results: tuple[Result, ...]

    def named(self, name: str) -> tuple[Result, ...]:
        """The results of one tool, oldest first."""
        return tuple(result for result in self.results if result.name == name)


Entry = Turn | Fault
Script = Iterable[Entry] | Callable[[Talk], Entry]
