"""A strict imitation of the Messages API on a real socket, for the real SDK.

    with FakeMessages([Turn(text="Good day.")]) as fake:
        client = anthropic.Anthropic(api_key="key", base_url=fake.url)

It refuses what the real API refuses on the 5.5 models, says only what the SDK's types and the request's schemas allow,
and fails the test on leaving the block where its script ran out or was impossible.
"""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn
from anthropic.types import ErrorResponse, ModelInfo
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.claude.breakage import answer_of
from tests.claude.emission import check_turn, message_of
from tests.claude.lineup import LINEUP
from tests.claude.script import Entry, Fault, JsonObject, Script, Turn
from tests.claude.strictness import Refusal, check_body, check_headers
from tests.claude.talk import blocks_of, talk_of

STOP_WITHIN_S = 5.0
QUIET = logging.CRITICAL + 1
ERRORS: TypeAdapter[Any] = TypeAdapter(ErrorResponse)


def refused_url() -> str:
    """Return an address where nothing listens, so that connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


class PromptServer(uvicorn.Server):
    """A server that ends when it is told to, where uvicorn looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_up = threading.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the server and its connections, and let those that hang be cancelled."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # what is closed leaves the loop in its next turn

    def end(self) -> None:
        assert self._is_up.wait(STOP_WITHIN_S)
        self._loop.call_soon_threadsafe(self._end.set)


class FakeMessages:
    """A server for one test, which records the requests that it received.

    `bodies` were accepted, `rejections` refused, `model_reads` asked about a model. `key` is the only key it takes;
    None takes any. `no_models` is its answer to calls of the Models API, as of a gateway that has none.
    """

    def __init__(
        self,
        script: Script,
        *,
        key: str | None = None,
        models: tuple[ModelInfo, ...] = LINEUP,
        no_models: Response | None = None,
    ) -> None:
        self._no_models = no_models
        self.bodies: list[JsonObject] = []
        self.rejections: list[str] = []
        self.model_reads: list[str] = []
        self.request_ids: list[str] = []
        self._misuse: list[str] = []
        self._script = script if callable(script) else None
        self._entries: Iterator[Entry] = iter(()) if callable(script) else iter(script)
        self._key = key
        self._models = {model.id: model for model in models}
        self._histories: set[str] = set()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [
            Route("/v1/messages", self._messages, methods=["POST"]),
            Route("/v1/models/{name}", self._model, methods=["GET"]),
        ]
        # A broken connection is uvicorn's error and our purpose: its log would fail tests that watch for errors.
        self._log_level = logging.getLogger("uvicorn.error").level
        logging.getLogger("uvicorn.error").setLevel(QUIET)
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off", http="h11", ws="none")
        self._server = PromptServer(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._server.end()
        self._thread.join(STOP_WITHIN_S)
        self._socket.close()
        logging.getLogger("uvicorn.error").setLevel(self._log_level)
        if kind is None:
            assert self._misuse == [], self._misuse

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.model_reads.append(name)
        if self._no_models is not None:
            return self._no_models
        try:
            check_headers(request.headers, self._key)
            if name not in self._models:
                raise Refusal(404, f"model: {name}")
        except Refusal as refusal:
            return self._refused(refusal)
        return self._json(json.loads(self._models[name].to_json()))

    async def _messages(self, request: Request) -> Response:
        try:
            check_headers(request.headers, self._key)
            body = body_of(await request.body())
            check_body(body, self._models)
            self._check_history(body["messages"])
        except Refusal as refusal:
            return self._refused(refusal)
        self.bodies.append(body)
        try:
            return self._answer(body)
        except Exception as error:  # noqa: BLE001 - whatever a script does wrong must fail the test, not the server
            self._misuse.append(f"request {len(self.bodies)}: {type(error).__name__}: {error}")
            return self._json(error_body("api_error", "the script is at fault", self._next_id()), 500)

    def _answer(self, body: JsonObject) -> Response:
        entry = self._entry(body)
        if isinstance(entry, Fault) and entry.kind == "status":
            shown = error_body(entry.type, entry.message, request_id := self._next_id(), entry.error_code)
            return self._json(shown, entry.code, request_id, entry.retry_after)
        turn = entry if isinstance(entry, Turn) else entry.of
        check_turn(turn, body)
        message = message_of(turn, body, len(self.bodies))
        if isinstance(entry, Turn):
            self._histories.add(history_of([*body["messages"], {"role": "assistant", "content": message["content"]}]))
        streamed = bool(body.get("stream"))
        response = answer_of(message, entry if isinstance(entry, Fault) else None, streamed, self._closing)
        response.headers["request-id"] = self._next_id()
        return response

    def _entry(self, body: JsonObject) -> Entry:
        if self._script is not None:
            return self._script(talk_of(body))
        entry = next(self._entries, None)
        assert entry is not None, "the script has no entry for this request"
        return entry

    def _check_history(self, messages: list[JsonObject]) -> None:
        """Check that a request repeats exactly the answers given so far."""
        if len(messages) > 1 and history_of(messages[:-1]) not in self._histories:
            raise Refusal(400, f"messages.{len(messages) - 2}: earlier turns were edited; they must be sent unmodified")

    def _refused(self, refusal: Refusal) -> Response:
        self.rejections.append(f"{refusal.code} {refusal.message}")
        request_id = self._next_id()
        return self._json(error_body(refusal.type, refusal.message, request_id), refusal.code, request_id)

    def _json(
        self, body: JsonObject, code: int = 200, request_id: str | None = None, retry_after: str | None = None
    ) -> Response:
        headers = {"request-id": request_id or self._next_id()}
        if retry_after is not None:
            headers["retry-after"] = retry_after
        return JSONResponse(body, code, headers)

    def _next_id(self) -> str:
        self.request_ids.append(f"req_{len(self.request_ids) + 1:024d}")
        return self.request_ids[-1]


def body_of(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise Refusal(400, "The request body is not valid JSON") from None


def error_body(kind: str, message: str, request_id: str, error_code: str | None = None) -> JsonObject:
    details = {"details": {"error_code": error_code}} if error_code else {}
    body = {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": request_id}
    ERRORS.validate_python(body)
    return body


def history_of(messages: list[JsonObject]) -> str:
    """Normalize messages: strings become blocks, nulls and cache marks are left out."""
    return json.dumps([[message["role"], spelled(blocks_of(message["content"]))] for message in messages])


def spelled(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: spelled(part) for name, part in value.items() if part is not None and name != "cache_control"}
        return dict(sorted(kept.items()))
    return [spelled(part) for part in value] if isinstance(value, list) else value
