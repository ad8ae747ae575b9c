"""Requests that change something: bodies of a bounded size, and a repeat with the same Idempotency-Key answered as the
first time, also while that one is still being worked on.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mara.api.identity import identity_in
from mara.api.origins import SAFE_METHODS
from mara.api.problems import problem

MAX_BODY_BYTES: Final = 64 * 1024
MAX_REMEMBERED: Final = 2_000
"""Answers kept for repeats, the newest; a restart forgets them, and a booking is then known by its quote."""
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,200}")


@dataclass(slots=True)
class _Deed:
    """A change that was asked for once, and its answer when there is one."""

    body_hash: bytes
    done: asyncio.Event = field(default_factory=asyncio.Event)
    answer: list[Message] = field(default_factory=list)


class Repeats:
    """ASGI wrapper around an app whose changes must not happen twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._deeds: OrderedDict[tuple[str, str, str, bytes], _Deed] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or repeat the first answer."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        body = await _body_of(receive)
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
        place = (identity_in(scope).name, scope["method"], scope["path"], key)
        deed, body_hash = self._deeds.get(place), sha256(body).digest()
        if deed is None:
            deed = self._deeds[place] = _Deed(body_hash)
            if len(self._deeds) > MAX_REMEMBERED:
                self._deeds.popitem(last=False)
            await self._first(deed, place, body, scope, send)
            return
        if deed.body_hash != body_hash:
            told = "this Idempotency-Key came with another body before: use a new one for a new request"
            await problem(422, told)(scope, receive, send)
            return
        await deed.done.wait()
        if not deed.answer:
            await problem(503, "the first request with this key was not answered: send it again")(scope, receive, send)
            return
        for message in deed.answer:
            await send(message)

    async def _first(
        self, deed: _Deed, place: tuple[str, str, str, bytes], body: bytes, scope: Scope, send: Send
    ) -> None:
        async def keep(message: Message) -> None:
            deed.answer.append(message)
            await send(message)

        try:
            await self._app(scope, _again(body), keep)
        finally:
            status = deed.answer[0].get("status", 500) if deed.answer else 500
            if status >= 500:  # nothing was done: the next one may try
                self._deeds.pop(place, None)
                deed.answer.clear()
            deed.done.set()


async def _body_of(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
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
