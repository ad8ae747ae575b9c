"""The imitated API refuses the same requests as the real one, with its messages."""

from typing import Any

import httpx2
import pytest
from anthropic import APIStatusError, BadRequestError, transform_schema
from pydantic import BaseModel, Field

from tests.claude.conversations import WEATHER, answered, client_of, question, result_of
from tests.claude.fake_messages import FakeMessages
from tests.claude.script import Call, Turn

PLAIN: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
CALLS = Turn(thinking="A look.", calls=(Call("get_weather", {"place": "Oslo"}),))


def schema_with(**property_: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": {**PLAIN, "properties": {"mw": property_}}}}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "get_weather"}}, "forcing tool use"),
    ({"tools": [WEATHER], "tool_choice": {"type": "any"}}, "forcing tool use"),
    ({"tool_choice": {"type": "auto"}}, "only be given with tools"),
    ({"thinking": {"type": "disabled"}}, "'disabled' is not supported"),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "'enabled' is not supported"),
    ({"extra_body": {"temperature": 0.2}}, "temperature: "),
    ({"extra_body": {"top_p": 0.9}}, "top_p: "),
    ({"extra_body": {"top_k": 5}}, "top_k: "),
    ({"extra_body": {"seed": 7}}, "seed: Extra inputs are not permitted"),
    ({"output_config": {"effort": "none"}}, "output_config.effort"),
    ({"output_config": {"effort": "low", "verbosity": "low"}}, "output_config.verbosity: Extra inputs"),
    (schema_with(type="number", minimum=0), "For 'number' type, property 'minimum' is not supported"),
    (schema_with(type="number", exclusiveMaximum=9), "'exclusiveMaximum' is not supported"),
    (schema_with(type="string", maxLength=9), "'maxLength' is not supported"),
    (schema_with(type="array", items={"type": "string"}, maxItems=4), "'maxItems' is not supported"),
    (schema_with(type="array", items={"type": "string"}, minItems=2), "'minItems' values other than 0 or 1"),
    (schema_with(type="object", additionalProperties={"type": "number"}), "'additionalProperties' must be"),
    (schema_with(type="string", format="text"), "format 'text' is not supported"),
    (schema_with(description="anything"), "a schema must have a type"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 10_000_000}, "max_tokens"),
    ({"messages": []}, "at least one message"),
    ({"messages": [{"role": "assistant", "content": "Good day"}]}, "roles must alternate"),
    ({"messages": [{"role": "user", "content": "a"}] * 2}, "roles must alternate"),
    ({"messages": [{"role": "user", "content": " "}]}, "non-whitespace"),
    ({"messages": [{"role": "user", "content": []}]}, "non-empty"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "html": True}]}]}, "Extra inputs"),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "It is"}]}, "prefill"),
    ({"messages": [{"role": "user", "content": [result_of("toolu_1")]}]}, "unexpected `tool_use_id`"),
    ({"tools": [WEATHER, WEATHER]}, "unique"),
    ({"tools": [{**WEATHER, "name": "get weather"}]}, "should match pattern"),
    ({"tools": [{**WEATHER, "input_schema": {**PLAIN, "minProperties": 1}}]}, "'minProperties' is not supported"),
    ({"tools": [{**WEATHER, "read_only": True}]}, "Extra inputs"),
    ({"messages": answered("It rains.", {"type": "text", "text": "Really?"})}, "must be sent unmodified"),
]


@pytest.mark.parametrize(("more", "words"), REFUSED, ids=[words for _, words in REFUSED])
async def test_a_request_the_api_would_refuse_is_refused(more: dict[str, Any], words: str) -> None:
    with FakeMessages([]) as fake:
        async with client_of(fake.url) as client:
            with pytest.raises(BadRequestError) as refused:
                await client.messages.create(**question(**more))
    assert words in refused.value.message
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id == fake.request_ids[0]
    assert len(fake.rejections) == 1
    assert fake.bodies == []


@pytest.mark.parametrize("model", ["claude-3-5-sonnet", "claude-3-5-sonnet-20241022", "claude-sonnet-4-0"])
@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
async def test_a_retired_model_is_not_found(model: str) -> None:
    with FakeMessages([]) as fake:
        async with client_of(fake.url) as client:
            with pytest.raises(APIStatusError) as refused:
                await client.messages.create(**question(model=model))
    assert (refused.value.status_code, refused.value.type) == (404, "not_found_error")
    assert f"model: {model}" in refused.value.message


async def test_a_wrong_key_is_refused_before_anything_is_read() -> None:
    with FakeMessages([], key="right") as fake:
        async with client_of(fake.url, key="wrong") as client:
            with pytest.raises(APIStatusError) as refused:
                await client.messages.create(**question())
            with pytest.raises(APIStatusError) as unseen:
                await client.models.retrieve("claude-sonnet-5-5")
    assert (refused.value.status_code, refused.value.type) == (401, "authentication_error")
    assert unseen.value.status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [({"anthropic-version": "2023-06-01"}, 401), ({"x-api-key": "key"}, 400), ({}, 401)],
)
async def test_a_request_without_its_headers_is_refused(headers: dict[str, str], code: int) -> None:
    with FakeMessages([]) as fake:
        async with httpx2.AsyncClient() as client:
            refused = await client.post(f"{fake.url}/v1/messages", json=question(), headers=headers)
    assert refused.status_code == code
    assert refused.json()["request_id"] == refused.headers["request-id"]


async def test_a_body_without_max_tokens_or_without_json_is_refused() -> None:
    headers = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
    asked = question()
    del asked["max_tokens"]
    with FakeMessages([]) as fake:
        async with httpx2.AsyncClient(headers=headers) as client:
            short = await client.post(f"{fake.url}/v1/messages", json=asked)
            torn = await client.post(f"{fake.url}/v1/messages", content=b'{"model": ')
    assert (short.status_code, short.json()["error"]["message"]) == (400, "max_tokens: Field required")
    assert torn.status_code == 400


async def test_what_the_sdk_makes_of_a_bounded_model_is_taken() -> None:
    class Share(BaseModel):
        mw: float = Field(ge=0, le=50)
        names: list[str] = Field(min_length=1, max_length=3)

    wanted: Any = {"format": {"type": "json_schema", "schema": transform_schema(Share)}}
    with FakeMessages([Turn(answer={"mw": 3.0, "names": ["a"]})]) as fake:
        async with client_of(fake.url) as client:
            await client.messages.create(**question(output_config=wanted))
    assert fake.rejections == []


def edited(content: list[dict[str, Any]], how: str) -> list[dict[str, Any]]:
    if how == "thinking":
        return [{**content[0], "thinking": "Another look."}, content[1]]
    if how == "signature":
        return [{**content[0], "signature": "forged"}, content[1]]
    if how == "dropped":
        return content[1:]
    return [content[0], {**content[1], "input": {"place": "Bergen"}}]


@pytest.mark.parametrize("how", ["thinking", "signature", "dropped", "input"])
async def test_an_edited_history_is_refused(how: str) -> None:
    with FakeMessages([CALLS]) as fake:
        async with client_of(fake.url) as client:
            asked = question(tools=[WEATHER], thinking={"type": "adaptive", "display": "summarized"})
            first = (await client.messages.create(**asked)).to_dict()["content"]
            call_id = first[1]["id"]
            again = answered(edited(first, how), result_of(call_id))
            with pytest.raises(BadRequestError, match="must be sent unmodified"):
                await client.messages.create(**{**asked, "messages": again})


@pytest.mark.parametrize("how", ["none", "other", "twice", "late"])
async def test_each_tool_call_wants_its_own_result_first(how: str) -> None:
    with FakeMessages([CALLS]) as fake:
        async with client_of(fake.url) as client:
            asked = question(tools=[WEATHER], thinking={"type": "adaptive"})
            first = (await client.messages.create(**asked)).to_dict()["content"]
            right = result_of(first[1]["id"])
            text = {"type": "text", "text": "and now?"}
            given = {"none": [text], "other": [result_of("toolu_9")], "twice": [right, right], "late": [text, right]}
            with pytest.raises(BadRequestError, match="tool_"):
                await client.messages.create(**{**asked, "messages": answered(first, *given[how])})
