"""Responses that carry a message whole, or broken as by a network."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.claude.emission import events_of, sse_of
from tests.claude.script import Fault, JsonObject

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"
FILLER = "lorem ipsum dolor "


class Broken(Exception):  # noqa: N818 - the connection, not the program
    """Error raised inside a body, on which the server cuts the connection."""


class Cut(StreamingResponse):
    """A streaming response that may end in a cut connection before its body ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for part in self.body_iterator:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except Broken:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def answer_of(message: JsonObject, fault: Fault | None, streamed: bool, closing: threading.Event) -> Response:
    if fault is not None and fault.kind == "html":
        return HTMLResponse(PAGE, fault.code)
    if fault is not None and fault.kind == "huge":
        message, fault = swollen(message, fault.size_mb), None
    if fault is not None and fault.kind == "hang" and fault.after < 0:
        return Silent(closing)
    if not streamed and fault is None:
        return JSONResponse(message)
    kind = "text/event-stream" if streamed else "application/json"
    whole = [sse_of(event) for event in events_of(message)] if streamed else [json.dumps(message).encode()]
    return Cut(parts_of(iter(whole), fault, closing), media_type=kind)


class Silent(Response):
    """A response that sends nothing until the client leaves or the test ends."""

    def __init__(self, closing: threading.Event) -> None:
        super().__init__()
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(self._closing.wait)


async def parts_of(whole: Iterator[bytes], fault: Fault | None, closing: threading.Event) -> AsyncIterator[bytes]:
    if fault is None:
        for part in whole:
            yield part
        return
    if fault.kind == "drip":
        while not closing.is_set():
            yield PING
            await asyncio.sleep(fault.every_s)
        return
    for part in islice(whole, fault.after):
        yield part
    if fault.kind == "sse_error":
        error = {"type": fault.type, "message": fault.message}
        yield sse_of({"type": "error", "error": error})
    elif fault.kind == "broken_event":
        yield b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, "delta": {\n\n'
    elif fault.kind == "hang":
        await asyncio.to_thread(closing.wait)
    elif fault.kind == "drop":
        yield next(whole)[:20]
        raise Broken
    else:
        assert fault.kind == "silent_eof", fault.kind


def swollen(message: JsonObject, size_mb: float) -> JsonObject:
    text = FILLER * int(size_mb * 1_000_000 / len(FILLER))
    return {**message, "content": [{"type": "text", "text": text}]}
