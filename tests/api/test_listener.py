"""Connections that send nothing or half a request are closed and block nobody."""

import asyncio
import resource
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mara.api.gateway import listener, timeouts
from mara.api.gateway.listener import ListenerLoop, most_connections
from mara.api.gateway.timeouts import TimedHttp

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SOON_S = 5.0
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def hello(request: Request) -> Response:
    return PlainTextResponse(f"hello {len(await request.body())}")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    pair = folder / "cert.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(pair[1]), "-out", str(pair[0]), "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*words, *files], check=True, capture_output=True)
    return pair


@asynccontextmanager
async def served(pair: tuple[Path, Path] | None = None) -> AsyncIterator[Callable[..., Any]]:
    """Serve with Mara's listener; yield a function that connects."""
    options = {} if pair is None else {"ssl_certfile": str(pair[0]), "ssl_keyfile": str(pair[1])}
    app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=TimedHttp, lifespan="off", log_config=None, **options)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110  uvicorn sets a flag and tells nobody
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    wires: list[Wire] = []

    async def connect(speaks_tls: bool = pair is not None) -> Wire:
        wires.append(await asyncio.open_connection("127.0.0.1", port, ssl=trusting if speaks_tls else None))
        return wires[-1]

    try:
        yield connect
    finally:
        for _, writer in wires:
            writer.transport.abort()
        server.should_exit = server.force_exit = True
        await task


def in_a_listener_loop(test: Callable[[], Any]) -> None:
    loop = ListenerLoop(most_clients=1, is_behind_proxy=False)()
    try:
        loop.run_until_complete(test())
    finally:
        loop.close()


async def answer_of(wire: Wire, sent: bytes = ASK) -> bytes:
    wire[1].write(sent)
    return await asyncio.wait_for(wire[0].read(1_000), SOON_S)


async def is_ended(wire: Wire) -> bool:
    try:
        return await asyncio.wait_for(wire[0].read(1_000), SOON_S) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("kind", ["plain", "tls", "tls without a handshake"])
def test_whoever_only_holds_connections_keeps_nobody_out(
    kind: str, tls: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "most_connections", lambda _: 10)

    async def test() -> None:
        async with served(None if kind == "plain" else tls) as connect:
            idle = [await (connect(False) if "without" in kind else connect()) for _ in range(30)]
            assert await is_ended(idle[19]), "ten of the thirty are left, the last"
            assert (await answer_of(await connect())).startswith(b"HTTP/1.1 200")
            assert await is_ended(idle[0])

    in_a_listener_loop(test)


def test_an_address_has_a_share_of_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS_PER_ADDRESS", 4)
    monkeypatch.setattr(listener, "is_loopback", lambda _: False)

    async def test() -> None:
        async with served() as connect:
            wires = [await connect() for _ in range(4)]
            answers = [await answer_of(wire) for wire in wires]
            assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
            fifth = await connect()
            assert (await answer_of(fifth)).startswith(b"HTTP/1.1 200"), "it comes in the place of one that waits"
            assert await is_ended(wires[0])

    in_a_listener_loop(test)


@pytest.mark.parametrize(
    ("sent", "timeout"),
    [
        (b"", "HEADERS_TIMEOUT_S"),
        (ASK[:-2], "HEADERS_TIMEOUT_S"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf", "BODY_TIMEOUT_S"),
    ],
)
def test_what_does_not_come_in_time_ends_the_connection(
    sent: bytes, timeout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, timeout, 0.1)

    async def test() -> None:
        async with served() as connect:
            wire = await connect()
            wire[1].write(sent)
            assert await is_ended(wire)

    in_a_listener_loop(test)


def test_a_long_body_is_waited_for_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body may be long as long as parts keep coming; a trickle of bytes is cut off."""
    waits: list[float | None] = []
    wait = TimedHttp._wait

    heard = asyncio.Event()

    def noted(protocol: TimedHttp, timeout_s: float | None) -> None:
        waits.append(timeout_s)
        heard.set()
        wait(protocol, timeout_s)

    monkeypatch.setattr(TimedHttp, "_wait", noted)
    monkeypatch.setattr(timeouts, "BODY_PART_BYTES", 1_000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"

    async def test() -> None:
        async with served() as connect:
            wire = await connect()
            for part in (head, *4 * [b"x" * 1_250]):
                heard.clear()
                wire[1].write(part)
                await asyncio.wait_for(heard.wait(), SOON_S)
            assert b"hello 5000" in await asyncio.wait_for(wire[0].read(1_000), SOON_S)

    in_a_listener_loop(test)
    assert waits.count(timeouts.BODY_TIMEOUT_S) == 4  # once for the head, and for each part but the last


def test_an_empty_line_between_requests_does_not_make_a_connection_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "HEADERS_TIMEOUT_S", 0.2)

    async def test() -> None:
        async with served() as connect:
            wire = await connect()
            assert (await answer_of(wire)).startswith(b"HTTP/1.1 200")
            wire[1].write(b"\r\n")
            assert await is_ended(wire)

    in_a_listener_loop(test)


def test_a_handshake_that_does_not_come_is_given_up(tls: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_TIMEOUT_S", 0.1)

    async def test() -> None:
        async with served(tls) as connect:
            assert await is_ended(await connect(False))

    in_a_listener_loop(test)


def test_a_slow_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "HEADERS_TIMEOUT_S", 0.05)
    monkeypatch.setattr(timeouts, "BODY_TIMEOUT_S", 0.05)

    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.2)  # longer than both timeouts
        return PlainTextResponse("late")

    monkeypatch.setitem(globals(), "hello", slow)

    async def test() -> None:
        async with served() as connect:
            assert b"late" in await answer_of(await connect())

    in_a_listener_loop(test)


def test_connections_leave_descriptors_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for allowed, most in ((256, 128), (512, 384), (1_000_000, 512)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, allowed=allowed: (allowed, allowed))
        assert most_connections(50) == most
