"""Refusals of the real Messages API on the 5.5 models: status, type and message.

Shapes are checked against the SDK's own parameter types; extra fields are refused as the API refuses them. Stricter
than the API in one point: a history must be one that this server has answered, unedited but for cache marks.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from anthropic.types import MessageParam, ModelInfo, ToolParam
from anthropic.types.content_block_param import ContentBlockParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from tests.claude.schemas import schema_faults
from tests.claude.script import ERROR_TYPES, JsonObject
from tests.claude.talk import blocks_of

API_VERSIONS = {"2023-06-01", "2026-10-21"}
SAMPLING = ("temperature", "top_p", "top_k")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_STRICT_TOOLS = 20
Params = MessageCreateParamsStreaming | MessageCreateParamsNonStreaming


class Refusal(Exception):  # noqa: N818 - an answer of the API, not a fault of ours
    """A request that the API answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.type = ERROR_TYPES[code]


def check_headers(headers: Mapping[str, str], key: str | None) -> None:
    """Check the headers: the SDK sends a bearer token, plain requests `x-api-key`."""
    given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if not given:
        raise Refusal(401, "x-api-key header is required")
    if key is not None and given != key:
        raise Refusal(401, "API key is invalid.")
    if "anthropic-version" not in headers:
        raise Refusal(400, "anthropic-version: header is required")
    if headers["anthropic-version"] not in API_VERSIONS:
        raise Refusal(400, f"anthropic-version: {headers['anthropic-version']!r} is not a valid version")


def check_body(body: Any, models: Mapping[str, ModelInfo]) -> None:
    """Check all rules of a request that do not depend on earlier requests."""
    if not isinstance(body, dict):
        raise Refusal(400, "Input should be an object")
    check_shape(body)
    model = models.get(body["model"])
    if model is None or model.lifecycle == "retired":
        raise Refusal(404, f"model: {body['model']}")
    if not 1 <= body["max_tokens"] <= (model.max_tokens or 64_000):
        raise Refusal(400, f"max_tokens: {body['max_tokens']} is not between 1 and {model.max_tokens}")
    check_options(body)
    check_tools(body.get("tools", []))
    check_messages(body["messages"])
    chosen = (body.get("output_config") or {}).get("format")
    if chosen:
        refuse_first("output_config.format.schema", schema_faults(chosen["schema"]))


def check_shape(body: JsonObject) -> None:
    for name in SAMPLING:
        if name in body:
            raise Refusal(400, f"{name}: this model does not support sampling parameters")
    shape: type[Params] = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
    check_type(shape, body, "")
    for at, message in enumerate(body["messages"]):
        check_type(MessageParam, message, f"messages.{at}.")
        for which, block in enumerate(blocks_of(message["content"])):
            check_type(ContentBlockParam, block, f"messages.{at}.content.{which}.")
    for at, tool in enumerate(body.get("tools", [])):
        check_type(ToolParam, tool, f"tools.{at}.")


def check_type(shape: Any, value: Any, where: str) -> None:
    """Raise Refusal with the place and the message of the first fault in a value.

    An Iterable is validated lazily, so the caller checks the items of lists itself.
    """
    try:
        adapter_of(shape).validate_python(value, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        path = where + ".".join(str(part) for part in first["loc"])
        raise Refusal(400, f"{path.rstrip('.')}: {first['msg']}") from None


@cache
def adapter_of(shape: Any) -> TypeAdapter[Any]:
    """The cached validator of a type of the SDK, which is slow to build.

    Building one takes hundreds of times as long as using it.
    """
    return TypeAdapter(shape)


def check_options(body: JsonObject) -> None:
    thinking = body.get("thinking")
    if thinking and thinking["type"] != "adaptive":
        raise Refusal(400, f"thinking: type {thinking['type']!r} is not supported on this model, use 'adaptive'")
    choice = body.get("tool_choice")
    if choice and choice["type"] in ("any", "tool"):
        raise Refusal(400, f"tool_choice: forcing tool use ({choice['type']}) is not supported on this model")
    if choice and not body.get("tools"):
        raise Refusal(400, "tool_choice: may only be given with tools")


def check_tools(tools: list[JsonObject]) -> None:
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        raise Refusal(400, "tools: Tool names must be unique.")
    if sum(bool(tool.get("strict")) for tool in tools) > MOST_STRICT_TOOLS:
        raise Refusal(400, f"tools: more than {MOST_STRICT_TOOLS} strict tools")
    for at, tool in enumerate(tools):
        if not TOOL_NAME.fullmatch(tool["name"]):
            raise Refusal(400, f"tools.{at}.name: String should match pattern '{TOOL_NAME.pattern}'")
        if tool["input_schema"].get("type") != "object":
            raise Refusal(400, f"tools.{at}.input_schema.type: Input should be 'object'")
        if tool.get("strict"):
            refuse_first(f"tools.{at}.input_schema", schema_faults(tool["input_schema"]))


def refuse_first(where: str, faults: list[str]) -> None:
    if faults:
        raise Refusal(400, f"{where}: {faults[0]}")


def check_messages(messages: list[JsonObject]) -> None:
    if not messages:
        raise Refusal(400, "messages: at least one message is required")
    for at, message in enumerate(messages):
        expected = "assistant" if at % 2 else "user"
        if message["role"] != expected:
            raise Refusal(400, f"messages.{at}: roles must alternate, expected {expected!r}, got {message['role']!r}")
        blocks = blocks_of(message["content"])
        if not blocks and not (message["role"] == "assistant" and at == len(messages) - 1):
            raise Refusal(400, f"messages.{at}: all messages must have non-empty content")
        for block in blocks:
            if block["type"] == "text" and not block["text"].strip():
                raise Refusal(400, "messages: text content blocks must contain non-whitespace text")
        check_results(at, messages)
    if messages[-1]["role"] == "assistant":
        raise Refusal(400, "This model does not support assistant message prefill.")


def check_results(at: int, messages: list[JsonObject]) -> None:
    """Check that a user's turn begins with the results of all tool calls before it."""
    blocks = blocks_of(messages[at]["content"])
    if messages[at]["role"] == "assistant":
        return
    asked = (
        [block["id"] for block in blocks_of(messages[at - 1]["content"]) if block["type"] == "tool_use"] if at else []
    )
    given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for name in given:
        if name not in asked:
            raise Refusal(400, f"messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {name}")
    missing = [name for name in asked if name not in given]
    if missing:
        raise Refusal(400, f"messages.{at}: `tool_use` ids without `tool_result` blocks after: {', '.join(missing)}")
    if len(given) > len(set(given)):
        raise Refusal(400, f"messages.{at}: each `tool_use` must have a single result")
    if any(block["type"] != "tool_result" for block in blocks[: len(given)]):
        raise Refusal(400, f"messages.{at}: `tool_result` blocks must come first")
