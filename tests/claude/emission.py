"""Conversion of a turn to a message and its events, checked by the SDK's types."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from tests.claude.script import JsonObject, Turn

EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)
CHUNK_CHARS = 24
MOST_CHUNKS = 400
CHARS_PER_TOKEN = 4


def check_turn(turn: Turn, body: JsonObject) -> None:
    """Raise AssertionError where the request's schemas rule out such a turn."""
    tools = {tool["name"]: tool for tool in body.get("tools", [])}
    for call in turn.calls:
        assert call.name in tools, f"the script calls {call.name}, offered are {sorted(tools)}"
        if turn.schema_kept and tools[call.name].get("strict"):
            jsonschema.validate(call.input, tools[call.name]["input_schema"])
    chosen = (body.get("output_config") or {}).get("format")
    if chosen and turn.schema_kept and turn.reason_to_stop() == "end_turn":
        jsonschema.validate(json.loads(turn.said() or ""), chosen["schema"])


def message_of(turn: Turn, body: JsonObject, number: int) -> JsonObject:
    """Make the whole message, as sent for `stream: false`."""
    content = list(content_of(turn, body, number))
    message = {
        "id": f"msg_{number:024d}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": turn.reason_to_stop(),
        "stop_sequence": None,
        "stop_details": stop_details_of(turn),
        "usage": usage_of(turn, body, content),
    }
    MESSAGES.validate_python(message)
    return message


def stop_details_of(turn: Turn) -> JsonObject | None:
    if not turn.refusal:
        return None
    return {"type": "refusal", "category": turn.refusal, "explanation": "This request was declined."}


def content_of(turn: Turn, body: JsonObject, number: int) -> Iterator[JsonObject]:
    thinking = body.get("thinking")
    if turn.thinking and thinking:
        shown = turn.thinking if thinking.get("display") == "summarized" else ""
        yield {"type": "thinking", "thinking": shown, "signature": f"sig-{number}"}
    said = turn.said()
    if said is not None:
        yield {"type": "text", "text": said}
    for which, call in enumerate(turn.calls):
        yield {"type": "tool_use", "id": f"toolu_{number:016d}_{which}", "name": call.name, "input": call.input}


def usage_of(turn: Turn, body: JsonObject, content: list[JsonObject]) -> JsonObject:
    counted = (len(json.dumps(body)) // CHARS_PER_TOKEN, len(json.dumps(content)) // CHARS_PER_TOKEN + 1, 0, 0)
    read, written, cache_read, cache_write = (*turn.usage, *counted[len(turn.usage) :])
    return {
        "input_tokens": read,
        "output_tokens": written,
        "cache_read_input_tokens": cache_read,
        "cache_creation_input_tokens": cache_write,
        "service_tier": "standard",
    }


def events_of(message: JsonObject) -> Iterator[JsonObject]:
    """Yield the events of one message, all but `ping` checked against the SDK's types."""
    usage = message["usage"]
    opening = {**message, "content": [], "stop_reason": None, "stop_details": None}
    yield checked({"type": "message_start", "message": {**opening, "usage": {**usage, "output_tokens": 1}}})
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        for event in block_events(block):
            yield checked({**event, "index": index})
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counts = {name: usage[name] for name in usage if name.endswith("_tokens")}
    yield checked({"type": "message_delta", "delta": delta, "usage": counts})
    yield checked({"type": "message_stop"})


def checked(event: JsonObject) -> JsonObject:
    EVENTS.validate_python(event)
    return event


def block_events(block: JsonObject) -> Iterator[JsonObject]:
    empty: dict[str, JsonObject] = {
        "thinking": {"thinking": "", "signature": ""},
        "text": {"text": ""},
        "tool_use": {"input": {}},
    }
    yield {"type": "content_block_start", "content_block": {**block, **empty[block["type"]]}}
    for delta in deltas_of(block):
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}


def deltas_of(block: JsonObject) -> Iterator[JsonObject]:
    if block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": part} for part in chunks_of(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "text":
        yield from ({"type": "text_delta", "text": part} for part in chunks_of(block["text"]))
    else:
        yield {"type": "input_json_delta", "partial_json": ""}
        written = json.dumps(block["input"])
        yield from ({"type": "input_json_delta", "partial_json": part} for part in chunks_of(written))


def chunks_of(text: str) -> Iterator[str]:
    size_chars = max(CHUNK_CHARS, len(text) // MOST_CHUNKS)
    return (text[at : at + size_chars] for at in range(0, len(text), size_chars))


def sse_of(event: JsonObject) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
