"""Requests that change something: bodies of a bounded size, and a repeat with the same Idempotency-Key answered as the
first time, also while that one is still being worked on.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mara.api.identity import identity_in
from mara.api.origins import SAFE_METHODS
from mara.api.problems import problem

MAX_BODY_BYTES: Final = 64 * 1024
MAX_REMEMBERED: Final = 2_000
"""Answers kept for repeats, the newest; a restart forgets them, and a booking is then known by its quote."""
_Place: TypeAlias = tuple[str, str, str, str, bytes]
"""Whose key it is and in which role, for what, and the key."""
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,200}")


@dataclass(slots=True)
class _Deed:
    """A change that was asked for once, and its answer when there is one."""

    body_hash: bytes
    task: "asyncio.Task[list[Message]]"


class _BrokenOffError(Exception):
    """The client was gone before its body was there."""


class Repeats:
    """ASGI wrapper around an app whose changes must not happen twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._deeds: OrderedDict[_Place, _Deed] = OrderedDict()

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
        deed = self._deeds.get(place)
        if deed is None:
            task = asyncio.create_task(self._answer_of(body, scope), name="mara-deed")
            deed = self._deeds[place] = _Deed(body_hash, task)
            task.add_done_callback(lambda done: self._forget_failed(place, done))
            if len(self._deeds) > MAX_REMEMBERED:
                self._deeds.popitem(last=False)
        elif deed.body_hash != body_hash:
            told = "this Idempotency-Key came with another body before: use a new one for a new request"
            await problem(422, told)(scope, receive, send)
            return
        for message in await asyncio.shield(deed.task):
            await send(message)

    async def _answer_of(self, body: bytes, scope: Scope) -> list[Message]:
        """The app's whole answer: a task of its own, so that a client who leaves changes nothing of it."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        try:
            await self._app(scope, _again(body), keep)
        except Exception:
            if not answer:
                raise  # else it was answered, and logged where it was
        return answer

    def _forget_failed(self, place: _Place, done: "asyncio.Task[list[Message]]") -> None:
        """Where nothing was done, the next one may try."""
        if done.cancelled() or done.exception() is not None or done.result()[0]["status"] >= 500:
            self._deeds.pop(place, None)


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
