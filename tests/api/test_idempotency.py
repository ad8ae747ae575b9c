"""A repeated change is carried out once, even if the first connection broke."""

import asyncio
from dataclasses import dataclass, field

import pytest
from starlette.types import Message, Receive, Scope, Send

from mara.api.routes.idempotency import Idempotency
from mara.api.security.authenticator import SCOPE_KEY, Identity
from mara.errors import StoreBlocked
from mara.store.write.orders import FirstAnswer

OPERATOR = Identity(name="ada", role="operator")
READER = Identity(name="ada", role="viewer")


@dataclass
class Counter:
    """An app that counts its calls, each of which takes some time."""

    bodies: list[bytes] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append((await receive())["body"])
        number = len(self.bodies)
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % number, "more_body": False})


class ConnectionLostError(Exception):
    """Error that a server may raise when its client has left."""


def asked(
    repeats: Idempotency, body: bytes = b"{}", *, by: Identity = OPERATOR, lost_after: int = 99, cut: bool = False
) -> "asyncio.Task[list[Message]]":
    """Start a request whose client leaves after `lost_after` messages of the answer.

    With `cut` the client leaves before its own body is complete.
    """
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": cut}]
    parts.append({"type": "http.disconnect"})
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        if len(sent) >= lost_after:
            raise ConnectionLostError
        sent.append(message)

    async def run() -> list[Message]:
        headers = [(b"idempotency-key", b"monday-1")]
        scope = {"type": "http", "method": "POST", "path": "/api/quotes", "headers": headers, SCOPE_KEY: by}
        await repeats(scope, receive, send)
        return sent

    return asyncio.create_task(run())


async def test_two_at_once_are_one_change() -> None:
    app = Counter()
    repeats = Idempotency(app)
    tasks = [asked(repeats), asked(repeats)]
    await asyncio.sleep(0)
    app.go_on.set()
    first, second = await asyncio.gather(*tasks)
    assert first == second
    assert [message.get("body") for message in first] == [None, b"1"]
    assert app.bodies == [b"{}"]


@pytest.mark.parametrize("lost_after", [0, 1])
async def test_whoever_lost_the_connection_gets_the_whole_first_answer_the_second_time(lost_after: int) -> None:
    app = Counter()
    app.go_on.set()
    repeats = Idempotency(app)
    with pytest.raises(ConnectionLostError):
        await asked(repeats, lost_after=lost_after)
    again = await asked(repeats)
    assert [message.get("status", message.get("body")) for message in again] == [201, b"1"]
    assert len(app.bodies) == 1


async def test_a_request_that_is_cancelled_still_happens_once() -> None:
    app = Counter()
    repeats = Idempotency(app)
    first = asked(repeats)
    await asyncio.sleep(0)
    first.cancel()
    second = asked(repeats)
    await asyncio.sleep(0)
    app.go_on.set()
    assert (await second)[1]["body"] == b"1"
    assert len(app.bodies) == 1


async def test_a_body_that_broke_off_does_nothing_and_its_key_stays_free() -> None:
    app = Counter()
    app.go_on.set()
    repeats = Idempotency(app)
    assert await asked(repeats, b'{"quote_id"', cut=True) == []
    assert app.bodies == []
    assert (await asked(repeats, b'{"quote_id": "q1"}'))[0]["status"] == 201


async def test_a_key_of_one_role_is_not_anothers() -> None:
    app = Counter()
    app.go_on.set()
    repeats = Idempotency(app)
    answers = [(await asked(repeats, by=who))[1]["body"] for who in (READER, OPERATOR, READER)]
    assert answers == [b"1", b"2", b"1"]


async def test_an_error_that_the_app_answered_and_raised_is_answered_and_the_key_stays_free() -> None:
    """The web framework answers 500 and raises as well, so that servers log the error."""
    calls: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(1)
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"our fault", "more_body": False})
        raise RuntimeError("our fault")

    repeats = Idempotency(app)
    assert (await asked(repeats))[1]["body"] == b"our fault"
    await asked(repeats)
    assert len(calls) == 2


async def test_a_change_that_failed_may_be_tried_again() -> None:
    calls: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("our fault")
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    repeats = Idempotency(app)
    with pytest.raises(RuntimeError, match="our fault"):
        await asked(repeats)
    assert (await asked(repeats))[0]["status"] == 201


class FullDisk:
    """A store of answers that refuses to write until its disk has room."""

    def __init__(self) -> None:
        self.has_room = False

    async def first_answer(self, place: str) -> FirstAnswer | None:
        return None

    async def keep_answer(self, place: str, answer: FirstAnswer) -> None:
        if not self.has_room:
            raise StoreBlocked("disk full: make room")


async def test_nothing_is_confirmed_that_a_restart_would_answer_otherwise() -> None:
    app, memory = Counter(), FullDisk()
    app.go_on.set()
    repeats = Idempotency(app, memory)
    start, *rest = await asked(repeats)
    assert start["status"] == 503
    assert b"ask again with the same Idempotency-Key" in b"".join(message["body"] for message in rest)
    memory.has_room = True
    assert [message.get("status", message.get("body")) for message in await asked(repeats)] == [201, b"2"]
    assert [message.get("status", message.get("body")) for message in await asked(repeats)] == [201, b"2"]
