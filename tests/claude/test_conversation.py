"""The imitated API holds conversations with the real SDK, streamed and plain."""

from typing import Any

import pytest
from anthropic import transform_schema
from anthropic.types import TextBlock, ThinkingBlock, ToolUseBlock

from tests.claude.conversations import MODEL, WEATHER, Forecast, answered, client_of, question, result_of
from tests.claude.fake_messages import FakeMessages
from tests.claude.script import Call, Entry, Talk, Turn

ADAPTIVE: Any = {"type": "adaptive", "display": "summarized"}
OUTPUT: Any = {"effort": "low", "format": {"type": "json_schema", "schema": transform_schema(Forecast)}}
LOOKS_UP = Turn(thinking="I look it up first.", calls=(Call("get_weather", {"place": "Oslo"}),), usage=(900, 40))


async def test_a_whole_talk_streams_notes_then_a_tool_call_then_the_structured_answer() -> None:
    def script(talk: Talk) -> Entry:
        if not talk.results:
            return LOOKS_UP
        return Turn(answer={"place": "Oslo", "is_wet": talk.results[-1].content["rain_mm"] > 0})

    asked = question(tools=[WEATHER], thinking=ADAPTIVE, output_config=OUTPUT)
    with FakeMessages(script) as fake:
        async with client_of(fake.url) as client:
            async with client.messages.stream(**asked) as stream:
                shown = [event.thinking async for event in stream if event.type == "thinking"]
                first = await stream.get_final_message()
            thinking, call = first.content
            assert isinstance(thinking, ThinkingBlock)
            assert isinstance(call, ToolUseBlock)
            asked["messages"] = answered(first.to_dict()["content"], result_of(call.id))
            async with client.messages.stream(**asked) as stream:
                second = await stream.get_final_message()
    assert "".join(shown) == thinking.thinking == "I look it up first."
    assert (first.stop_reason, first.usage.input_tokens, first.usage.output_tokens) == ("tool_use", 900, 40)
    assert call.input == {"place": "Oslo"}
    text = second.content[0]
    assert isinstance(text, TextBlock)
    assert Forecast.model_validate_json(text.text) == Forecast(place="Oslo", is_wet=True)
    assert second.stop_reason == "end_turn"
    assert fake.rejections == []
    assert len(fake.bodies) == 2


async def test_a_plain_answer_is_the_same_message_and_its_request_has_an_id() -> None:
    with FakeMessages([LOOKS_UP, LOOKS_UP]) as fake:
        async with client_of(fake.url) as client:
            asked = question(tools=[WEATHER], thinking=ADAPTIVE)
            plain = await client.messages.create(**asked)
            async with client.messages.stream(**asked) as stream:
                streamed = await stream.get_final_message()
                assert stream.request_id == fake.request_ids[1]
    assert plain.to_dict()["content"][0] == streamed.to_dict()["content"][0] | {"signature": "sig-1"}  # type: ignore[index]
    assert plain._request_id == fake.request_ids[0]


async def test_thinking_that_is_not_asked_to_be_shown_comes_empty_but_signed() -> None:
    with FakeMessages([LOOKS_UP]) as fake:
        async with client_of(fake.url) as client:
            hidden = await client.messages.create(**question(tools=[WEATHER], thinking={"type": "adaptive"}))
    assert isinstance(hidden.content[0], ThinkingBlock)
    assert (hidden.content[0].thinking, hidden.content[0].signature) == ("", "sig-1")


async def test_a_repair_turn_goes_on_from_the_final_answer() -> None:
    with FakeMessages([Turn(text="It rains 3 mm."), Turn(text="It rains.")]) as fake:
        async with client_of(fake.url) as client:
            first = await client.messages.create(**question())
            again = answered(first.to_dict()["content"], {"type": "text", "text": "Without a number, please."})
            second = await client.messages.create(**question(messages=again))
    assert isinstance(second.content[0], TextBlock)
    assert second.content[0].text == "It rains."


async def test_models_tell_their_life_cycle_and_what_they_can() -> None:
    with FakeMessages([]) as fake:
        async with client_of(fake.url) as client:
            active = await client.models.retrieve(MODEL)
            old = await client.models.retrieve("claude-opus-4-5")
            gone = await client.models.retrieve("claude-sonnet-4-0")
    assert active.lifecycle == "active"
    assert active.capabilities is not None
    assert not active.capabilities.thinking.types.disabled.supported
    assert old.lifecycle == "deprecated"
    assert old.retires_at is not None
    assert gone.lifecycle == "retired"
    assert fake.model_reads == [MODEL, "claude-opus-4-5", "claude-sonnet-4-0"]


async def test_a_script_that_runs_out_fails_its_test() -> None:
    async def talk_too_long() -> None:
        with FakeMessages([Turn(text="Yes.")]) as fake:
            async with client_of(fake.url) as client:
                await client.messages.create(**question())
                with pytest.raises(Exception, match="the script is at fault"):
                    await client.messages.create(**question())

    with pytest.raises(AssertionError, match="no entry for this request"):
        await talk_too_long()


@pytest.mark.parametrize(
    "impossible",
    [
        Turn(answer={"place": "Oslo"}),
        Turn(answer={"place": "Oslo", "is_wet": True, "mm": 3}),
        Turn(text="It rains."),
        Turn(calls=(Call("get_weather", {"town": "Oslo"}),)),
        Turn(calls=(Call("get_tides", {}),)),
    ],
)
async def test_what_constrained_decoding_makes_impossible_is_not_said(impossible: Turn) -> None:
    async def say() -> None:
        with FakeMessages([impossible]) as fake:
            async with client_of(fake.url) as client:
                with pytest.raises(Exception, match="the script is at fault"):
                    await client.messages.create(**question(tools=[WEATHER], output_config=OUTPUT))

    with pytest.raises(AssertionError, match="request 1"):
        await say()
