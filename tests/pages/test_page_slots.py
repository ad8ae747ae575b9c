"""Pages that are requested and never opened take no places on a real server.

Few of them are built.
"""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from bench.viewers import viewers
from mara.api.gateway.connection_limit import UNCONNECTED_PAGES_PER_MINUTE
from pages.serving.browser_log import LINES_PER_MINUTE
from tests.scenarios.live_server import LiveServer, live_server

MOST_CLIENTS = 4
LOST = 3 * MOST_CLIENTS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    options = ["--optimizer", "rules", "--speed", "60"]
    folder = tmp_path_factory.mktemp("slots")
    with live_server(folder, options=options, is_forked=True, MARA_MAX_CLIENTS=str(MOST_CLIENTS)) as server:
        yield server


def page(server: LiveServer, **headers: str) -> int:
    request = urllib.request.Request(server.address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_pages_that_nobody_follows_keep_nobody_out_and_a_browsers_log_is_short(server: LiveServer) -> None:
    assert {page(server) for _ in range(LOST)} == {200}, "the one that nobody came for longest makes room"

    async def look() -> int:
        async with viewers(server.address, MOST_CLIENTS) as looking:
            assert all(viewer.pictures for viewer in looking)
            assert await asyncio.to_thread(page, server) == 503
            one = looking[0]
            for number in range(500):
                line = {"client_id": one._client_id, "level": "error", "message": f"noise {number}"}
                await one._socket.emit("log", line)
            await asyncio.sleep(0.3)
        return (server.folder / "app.log").read_text(encoding="utf-8").count("a browser says: noise")

    assert asyncio.run(look()) == LINES_PER_MINUTE


def test_no_more_pages_are_built_than_somebody_could_look_at(server: LiveServer) -> None:
    codes = [page(server) for _ in range(UNCONNECTED_PAGES_PER_MINUTE + 5)]
    assert codes[-1] == 429


def test_a_frame_gets_no_page(server: LiveServer) -> None:
    frame = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert page(server, **frame) == 403
