"""Fixtures of a live run with its API, in the test's process and on a socket."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from mara.api.gateway.gate import Gate
from mara.api.routes.app import PathDispatcher, api_of
from mara.api.security.headers import SafeHeaders
from mara.api.security.origins import Origins
from mara.bootstrap import platform_of
from mara.runtime.clock import SystemClock
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.settings import Settings

FIRST_TICKS = 3
PATIENCE_S = 20.0


def new_run(folder: Path) -> Platform:
    """Make a run on the default fleet that has not begun."""
    settings = Settings(database_url=f"sqlite:///{folder / 'm.db'}", optimizer="rules", speed=1.0)
    return platform_of(settings, RetryPolicy(first_wait_s=0.001, longest_wait_s=0.002))


def served(platform: Platform, port: int) -> ASGIApp:
    """Make an app of a run and its API behind the gate; it starts and stops the run."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await platform.start()
        platform.step(FIRST_TICKS)
        yield
        await platform.stop()

    origins = Origins.of(host="127.0.0.1", scheme="http", allowed_hosts=("testserver",), is_open=False)
    beside = PathDispatcher(Starlette(lifespan=lifespan), api=api_of(platform))
    return SafeHeaders(Gate(beside, origins=origins, clock=SystemClock(), authenticator=None, limited=False))


def wait_for_ticks(client: TestClient | httpx.Client, last: int = FIRST_TICKS - 1) -> None:
    """Wait until the tick `last` is shown."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        answer = client.get("/api/snapshot")
        if answer.status_code == 200 and answer.json()["tick"] >= last:
            return
        time.sleep(0.02)
    raise AssertionError(f"tick {last} did not come")


def codes_of(app: ASGIApp, url: str, requests: Sequence[dict[str, str]]) -> list[int]:
    """Codes of many requests by their headers, one after the other in one event loop.

    A `TestClient` has its loop in a thread, with eight hand-overs for each request.
    """

    async def asked() -> list[int]:
        wire = httpx.ASGITransport(app, client=("testclient", 50_000))
        async with httpx.AsyncClient(transport=wire) as browser:
            return [(await browser.get(url, headers=headers)).status_code for headers in requests]

    return asyncio.run(asked())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the run of `client` is stored."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    """Client of a run that is paused after its first ticks."""
    with TestClient(served(new_run(folder), 8080), raise_server_exceptions=False) as client:
        wait_for_ticks(client)
        yield client


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a run that is paused after its first ticks, served on a socket."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = served(new_run(tmp_path_factory.mktemp("served")), port)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while not server.started and time.monotonic() < deadline_s:
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
