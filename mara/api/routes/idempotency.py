"""Requests that change something: bodies of a bounded size, and a repeat with the same Idempotency-Key answered as the
first time, also while that one is still being worked on, and after a restart.
"""

import asyncio
import json
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mara.api.routes.problems import problem, status_of
from mara.api.security.authenticator import identity_in
from mara.api.security.origins import SAFE_METHODS
from mara.errors import MaraError
from mara.runtime.actor import REPEAT_KEY
from mara.store.write.orders import MOST_ANSWERS, FirstAnswer

MAX_BODY_BYTES: Final = 64 * 1024
_Place: TypeAlias = tuple[str, str, str, str, bytes]
"""Whose key it is and in which role, for what, and the key."""
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,200}")


log = logging.getLogger("mara.api")


class AnswerMemory(Protocol):
    """Who remembers first answers beyond this process."""

    async def first_answer(self, place: str) -> FirstAnswer | None: ...
    async def keep_answer(self, place: str, answer: FirstAnswer) -> None: ...


@dataclass(slots=True)
class _IdempotentCall:
    """A change that was asked for once, and its answer when there is one."""

    body_hash: bytes
    answer: "asyncio.Future[list[Message]]"


class _BrokenOffError(Exception):
    """The client was gone before its body was there."""


class Idempotency:
    """ASGI wrapper around an app whose changes must not happen twice.

    Args:
        memory: where first answers outlive this process; None for nowhere.
    """

    def __init__(self, app: ASGIApp, memory: AnswerMemory | None = None) -> None:
        self._app = app
        self._memory = memory
        self._deeds: OrderedDict[_Place, _IdempotentCall] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or repeat the first answer."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        try:
            body = await _body_of(receive)
        except _BrokenOffError:
            return
        if body is None:
            await problem(413, f"a body has at most {MAX_BODY_BYTES:,} bytes: send less")(scope, receive, send)
            return
        key = next((value for name, value in scope["headers"] if name == b"idempotency-key"), None)
        if key is None:
            await self._app(scope, _again(body), send)
        elif not _KEY.fullmatch(key):
            told = "Idempotency-Key should be 1 to 200 visible ASCII characters: choose another"
            await problem(422, told)(scope, receive, send)
        else:
            await self._once(key, body, scope, receive, send)

    async def _once(self, key: bytes, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        identity, body_hash = identity_in(scope), sha256(body).digest()
        place = (identity.name, identity.role, scope["method"], scope["path"], key)
        try:
            deed = await self._known(place)
        except MaraError as error:
            told = f"whether this was asked before cannot be looked up: {error}"
            await problem(max(status_of(error), 503), told)(scope, receive, send)
            return
        if deed is None:
            task = asyncio.create_task(self._answer_of(place, body_hash, body, scope), name="mara-deed")
            task.add_done_callback(lambda done: self._forget_failed(place, done))
            deed = self._hold(place, _IdempotentCall(body_hash, task))
        elif deed.body_hash != body_hash:
            told = "this Idempotency-Key came with another body before: use a new one for a new request"
            await problem(422, told)(scope, receive, send)
            return
        for message in await asyncio.shield(deed.answer):
            await send(message)

    async def _known(self, place: _Place) -> _IdempotentCall | None:
        """What was asked for here before, in this process or in one before it."""
        deed = self._deeds.get(place)
        if deed is not None or self._memory is None:
            return deed
        stored = await self._memory.first_answer(_name_of(place))
        if place in self._deeds or stored is None:
            return self._deeds.get(place)
        answer: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        answer.set_result(_messages_of(stored))
        return self._hold(place, _IdempotentCall(stored.body_hash, answer))

    def _hold(self, place: _Place, deed: _IdempotentCall) -> _IdempotentCall:
        self._deeds[place] = deed
        if len(self._deeds) > MOST_ANSWERS:
            self._deeds.popitem(last=False)
        return deed

    async def _answer_of(self, place: _Place, body_hash: bytes, body: bytes, scope: Scope) -> list[Message]:
        """The app's whole answer: a task of its own, so that a client who leaves changes nothing of it."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        REPEAT_KEY.set(f"{_name_of(place)} {body_hash.hex()}")
        try:
            await self._app(scope, _again(body), keep)
        except Exception:
            if not answer:
                raise  # else it was answered, and logged where it was
        if self._memory is not None and answer[0]["status"] < 500:
            try:
                await self._memory.keep_answer(_name_of(place), _stored_of(body_hash, answer))
            except MaraError as error:
                # Nothing is confirmed that a restart would answer otherwise. An order knows who asked for it: a repeat
                # does not order it twice and gets its first answer.
                log.warning("a first answer was not kept", extra={"path": scope["path"], "reason": str(error)})
                answer.clear()
                told = f"the answer could not be kept: {error}: ask again with the same Idempotency-Key"
                await problem(max(status_of(error), 503), told)(scope, _again(body), keep)
        return answer

    def _forget_failed(self, place: _Place, done: "asyncio.Future[list[Message]]") -> None:
        """Where nothing was done, the next one may try."""
        if done.cancelled() or done.exception() is not None or done.result()[0]["status"] >= 500:
            self._deeds.pop(place, None)


def _name_of(place: _Place) -> str:
    """A place as the store knows it: neither keys nor names can be read from it."""
    *words, key = place
    return sha256(json.dumps([*words, key.decode()]).encode()).hexdigest()


def _stored_of(body_hash: bytes, answer: list[Message]) -> FirstAnswer:
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in answer[0]["headers"]]
    body = b"".join(message.get("body", b"") for message in answer[1:])
    return FirstAnswer(body_hash=body_hash, status=answer[0]["status"], headers=json.dumps(headers), body=body)


def _messages_of(stored: FirstAnswer) -> list[Message]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(stored.headers)]
    return [
        {"type": "http.response.start", "status": stored.status, "headers": headers},
        {"type": "http.response.body", "body": stored.body, "more_body": False},
    ]


async def _body_of(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long.

    Raises:
        _BrokenOffError: there will be no more of it.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _BrokenOffError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes) -> Receive:
    """A receive that gives a body that was read already; then it waits, as for a client that stays."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
