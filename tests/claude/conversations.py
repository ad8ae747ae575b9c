"""Small requests for the tests of the imitated Messages API."""

from typing import Any

from anthropic import AsyncAnthropic
from pydantic import BaseModel

MODEL = "claude-sonnet-5-5"
WEATHER = {
    "name": "get_weather",
    "strict": True,
    "description": "The weather of a place.",
    "input_schema": {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
        "additionalProperties": False,
    },
}


class Forecast(BaseModel):
    place: str
    is_wet: bool


def client_of(url: str, *, key: str = "test-key", timeout: float = 5.0, **more: Any) -> AsyncAnthropic:
    return AsyncAnthropic(api_key=key, base_url=url, max_retries=0, timeout=timeout, **more)


def question(**more: Any) -> dict[str, Any]:
    """Arguments of a plain, valid request; `more` replaces or adds some."""
    return {
        "model": MODEL,
        "max_tokens": 500,
        "messages": [{"role": "user", "content": "Will it rain in Oslo?"}],
        **more,
    }


def answered(content: Any, *results: Any, ask: str = "Will it rain in Oslo?") -> list[dict[str, Any]]:
    """Messages of one answered turn of the model, and the client's next message."""
    return [
        {"role": "user", "content": ask},
        {"role": "assistant", "content": content},
        {"role": "user", "content": list(results)},
    ]


def result_of(call_id: str, content: str = '{"rain_mm": 3.0}') -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}
