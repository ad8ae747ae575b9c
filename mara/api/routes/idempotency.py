"""Idempotent changes: a repeat with the same Idempotency-Key gets the same answer.

That holds while the first request is still being answered, and after a restart. Bodies are of bounded size.
Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.
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

from mara.api.paths import rule_of
from mara.api.problem_body import problem
from mara.api.routes.problems import status_of
from mara.api.security.authenticator import identity_in
from mara.api.security.origins import SAFE_METHODS
from mara.errors import MaraError
from mara.runtime.actor import REPEAT_KEY
from mara.store.write.orders import MOST_ANSWERS, FirstAnswer

MAX_BODY_BYTES: Final = 64 * 1024
_CallKey: TypeAlias = tuple[str, str, str, str, bytes]
"""User name, role, method, path, and the value of Idempotency-Key."""
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,200}")

log = logging.getLogger("mara.api")


class AnswerMemory(Protocol):
    """Memory of first answers that outlives this process.

    The methods are described at `mara.runtime.tick.order_book.OrderBook`.
    """

    async def first_answer(self, place: str) -> FirstAnswer | None: ...
    async def keep_answer(self, place: str, answer: FirstAnswer) -> None: ...


@dataclass(slots=True)
class _IdempotentCall:
    """Change that was asked for once, with its answer as soon as there is one."""

    body_hash: bytes
    answer: "asyncio.Future[list[Message]]"


class _BrokenOffError(Exception):
    """The client left before its body had arrived."""


class Idempotency:
    """ASGI wrapper that makes each change once, and repeats its answer to repeats.

    Args:
        memory: keeps first answers beyond this process; None where none are kept.
    """

    def __init__(self, app: ASGIApp, memory: AnswerMemory | None = None) -> None:
        self._app = app
        self._memory = memory
        self._calls: OrderedDict[_CallKey, _IdempotentCall] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, or repeat the first answer."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or rule_of(str(scope["path"])).is_streamed:
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
            await self._app(scope, _replayed(body), send)
        elif not _KEY.fullmatch(key):
            detail = "Idempotency-Key should be 1 to 200 visible ASCII characters: choose another"
            await problem(422, detail)(scope, receive, send)
        else:
            await self._once(key, body, scope, receive, send)

    async def _once(self, key: bytes, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        identity, body_hash = identity_in(scope), sha256(body).digest()
        call_key = (identity.name, identity.role, scope["method"], scope["path"], key)
        try:
            call = await self._known(call_key)
        except MaraError as error:
            detail = f"whether this was asked before cannot be looked up: {error}"
            await problem(max(status_of(error), 503), detail)(scope, receive, send)
            return
        if call is None:
            task = asyncio.create_task(self._answer_of(call_key, body_hash, body, scope), name="mara-idempotent-call")
            task.add_done_callback(lambda done: self._forget_failed(call_key, done))
            call = self._remember(call_key, _IdempotentCall(body_hash, task))
        elif call.body_hash != body_hash:
            detail = "this Idempotency-Key came with another body before: use a new one for a new request"
            await problem(422, detail)(scope, receive, send)
            return
        for message in await asyncio.shield(call.answer):
            await send(message)

    async def _known(self, call_key: _CallKey) -> _IdempotentCall | None:
        """Look up an earlier call with this key, of this process or of one before it."""
        call = self._calls.get(call_key)
        if call is not None or self._memory is None:
            return call
        stored = await self._memory.first_answer(_stored_name_of(call_key))
        if call_key in self._calls or stored is None:
            return self._calls.get(call_key)
        answer: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        answer.set_result(_messages_of(stored))
        return self._remember(call_key, _IdempotentCall(stored.body_hash, answer))

    def _remember(self, call_key: _CallKey, call: _IdempotentCall) -> _IdempotentCall:
        self._calls[call_key] = call
        if len(self._calls) > MOST_ANSWERS:
            self._calls.popitem(last=False)
        return call

    async def _answer_of(self, call_key: _CallKey, body_hash: bytes, body: bytes, scope: Scope) -> list[Message]:
        """Collect the app's whole answer, in a task that goes on when the client leaves."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        REPEAT_KEY.set(f"{_stored_name_of(call_key)} {body_hash.hex()}")
        try:
            await self._app(scope, _replayed(body), keep)
        except Exception:
            if not answer:
                raise  # otherwise the app has answered and logged it
        if self._memory is not None and answer[0]["status"] < 500:
            try:
                await self._memory.keep_answer(_stored_name_of(call_key), _stored_of(body_hash, answer))
            except MaraError as error:
                # Nothing is confirmed that would be answered differently after a restart. An order holds the key of its
                # request, so that a repeat orders nothing twice and gets the first answer.
                log.warning("a first answer was not kept", extra={"path": scope["path"], "reason": str(error)})
                answer.clear()
                detail = f"the answer could not be kept: {error}: ask again with the same Idempotency-Key"
                await problem(max(status_of(error), 503), detail)(scope, _replayed(body), keep)
        return answer

    def _forget_failed(self, call_key: _CallKey, done: "asyncio.Future[list[Message]]") -> None:
        """Forget a call that failed, so that a repeat is tried again."""
        if done.cancelled() or done.exception() is not None or done.result()[0]["status"] >= 500:
            self._calls.pop(call_key, None)


def _stored_name_of(call_key: _CallKey) -> str:
    """Hash a call's key for the store, which then holds neither keys nor names."""
    *words, key = call_key
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
    """Read the whole body; None where it is too long.

    Raises:
        _BrokenOffError: the client has left.
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


def _replayed(body: bytes) -> Receive:
    """Make a channel that delivers a body once more, and then waits like its client."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
