"""Every fault of the imitated API reaches the real SDK as it is on the wire."""

import asyncio
import contextlib
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import APIStatusError

from tests.claude.conversations import client_of, question
from tests.claude.fake_messages import FakeMessages, refused_url
from tests.claude.script import Fault, Script, Turn, broken_answer, cut_at_max_tokens, truncated_answer

LONG = Turn(text="It rains in Oslo, and it will rain tomorrow, as it did yesterday. " * 4)


async def streamed(script: Script, *, patience_s: float = 5.0) -> Any:
    """The final message of one streamed question, as the SDK has it."""
    with FakeMessages(script) as fake:
        async with (
            client_of(fake.url, timeout=patience_s) as client,
            client.messages.stream(**question()) as stream,
        ):
            return await stream.get_final_message()


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (402, "billing_error", anthropic.PaymentRequiredError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (503, "api_error", anthropic.ServiceUnavailableError),
        (529, "overloaded_error", anthropic.OverloadedError),
    ],
)
async def test_a_status_is_the_sdks_own_error(code: int, kind: str, error: type[APIStatusError]) -> None:
    with pytest.raises(error) as raised:
        await streamed([Fault.status(code, retry_after=12)])
    assert raised.value.type == kind
    assert raised.value.response.headers["retry-after"] == "12"
    assert raised.value.request_id == f"req_{1:024d}"
    assert raised.value.body["request_id"] == raised.value.request_id  # type: ignore[index]


async def test_the_two_spend_limits_are_told_apart() -> None:
    with pytest.raises(anthropic.BadRequestError, match="specified API usage limits"):
        await streamed([Fault.own_spend_limit()])
    with pytest.raises(anthropic.RateLimitError) as tier:
        await streamed([Fault.tier_spend_limit()])
    assert tier.value.error_code == "enforced_spend_limit_reached"
    assert "retry-after" not in tier.value.response.headers


async def test_an_error_event_carries_its_truth_in_its_type_and_status_200() -> None:
    with pytest.raises(APIStatusError) as raised:
        await streamed([Fault.sse_error("overloaded_error", of=LONG, after=5)])
    assert (raised.value.status_code, raised.value.type) == (200, "overloaded_error")


async def test_nothing_listens_at_a_refused_address() -> None:
    async with client_of(refused_url()) as client:
        with pytest.raises(anthropic.APIConnectionError):
            await client.messages.create(**question())


@pytest.mark.parametrize("fault", [Fault.hang(), Fault.hang(after=4, of=LONG)])
async def test_a_hang_ends_by_the_clients_patience(fault: Fault) -> None:
    with pytest.raises((anthropic.APITimeoutError, httpx2.ReadTimeout)):
        await streamed([fault], patience_s=0.2)


async def test_a_drip_outlives_the_read_timeout_and_ends_by_the_callers_deadline() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await streamed([Fault.drip(0.02)], patience_s=0.6)


async def test_a_drop_in_the_middle_is_a_raw_transport_error() -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await streamed([Fault.drop(of=LONG, after=6)])


async def test_a_silent_end_raises_nothing_and_leaves_no_reason_to_stop() -> None:
    message = await streamed([Fault.silent_eof(of=LONG, after=5)])
    assert message.stop_reason is None
    assert message.content[0].text
    assert LONG.text is not None
    assert LONG.text.startswith(message.content[0].text)


async def test_a_page_of_html_is_no_stream() -> None:
    with FakeMessages([Fault.html()]) as fake:
        async with (
            client_of(fake.url) as client,
            client.messages.stream(**question()) as stream,
        ):
            assert stream.response.headers["content-type"].startswith("text/html")
            with contextlib.suppress(Exception):
                await stream.until_done()
    with pytest.raises(anthropic.InternalServerError):
        await streamed([Fault.html(502)])


async def test_a_broken_event_is_a_raw_decoding_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        await streamed([Fault.broken_event(of=LONG)])


async def test_unusable_answers_come_as_text_with_the_reason_to_stop_the_api_gives() -> None:
    whole = Turn(answer={"place": "Oslo", "is_wet": True})
    broken = await streamed([broken_answer()])
    torn = await streamed([truncated_answer(whole)])
    cut = await streamed([cut_at_max_tokens(whole)])
    assert (broken.stop_reason, torn.stop_reason, cut.stop_reason) == ("end_turn", "end_turn", "max_tokens")
    assert torn.content[0].text == cut.content[0].text
    assert (whole.said() or "").startswith(torn.content[0].text)


async def test_a_refusal_names_its_category() -> None:
    message = await streamed([Turn(refusal="reasoning_extraction")])
    assert message.stop_reason == "refusal"
    assert message.stop_details.category == "reasoning_extraction"
    assert message.content == []


async def test_a_huge_answer_is_as_huge_as_scripted() -> None:
    message = await streamed([Fault.huge(2.0)])
    assert len(message.content[0].text) == pytest.approx(2_000_000, rel=0.01)
