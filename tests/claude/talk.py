"""Conversion of a request's body to the conversation that a script sees."""

import json
from typing import Any

from tests.claude.script import JsonObject, Result, Talk


def talk_of(body: JsonObject) -> Talk:
    messages = body["messages"]
    texts = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    return Talk(
        body=body,
        turn=sum(message["role"] == "assistant" for message in messages),
        system=text_of(body.get("system") or ""),
        first=texts[0],
        last=next((text for text in reversed(texts) if text), ""),
        results=results_of(messages),
    )


def blocks_of(content: Any) -> list[JsonObject]:
    """Content as a list of blocks: a string is short for one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def text_of(content: Any) -> str:
    return "\n".join(block["text"] for block in blocks_of(content) if block["type"] == "text")


def results_of(messages: list[JsonObject]) -> tuple[Result, ...]:
    calls: dict[str, JsonObject] = {}
    found = []
    for block in (block for message in messages for block in blocks_of(message["content"])):
        if block["type"] == "tool_use":
            calls[block["id"]] = block
        elif block["type"] == "tool_result":
            call = calls[block["tool_use_id"]]
            content = decoded(text_of(block.get("content") or ""))
            found.append(
                Result(
                    name=call["name"], input=call["input"], content=content, is_error=bool(block.get("is_error", False))
                )
            )
    return tuple(found)


def decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
