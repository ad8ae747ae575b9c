"""Fifty may look at once; whoever comes after them is told so."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from mara.api.room import SOCKETS_A_CLIENT, Room
from mara.settings import Settings

PAGE = {"accept": "text/html,*/*"}


@dataclass
class House:
    """How many look, and a browser that comes as well."""

    looking_count: int
    browser: TestClient


async def page(_: Request) -> Response:
    return HTMLResponse("a page")


async def follow(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive()


@pytest.fixture
def house() -> Iterator[House]:
    routes = [Route("/", page), Route("/api/snapshot", page), WebSocketRoute("/_nicegui_ws/socket.io", follow)]
    made: list[House] = []
    room = Room(Starlette(routes=routes), most_clients=3, clients_count=lambda: made[0].looking_count)
    with TestClient(room) as browser:
        made.append(House(0, browser))
        yield made[0]


def test_whoever_comes_when_all_places_are_taken_is_told_so_and_comes_in_when_one_is_free(house: House) -> None:
    house.looking_count = 3
    answer = house.browser.get("/", headers=PAGE)
    assert answer.status_code == 503
    assert "3 browsers look at Mara already" in answer.text
    assert int(answer.headers["retry-after"]) > 0
    house.looking_count = 2
    assert house.browser.get("/", headers=PAGE).text == "a page"


def test_programs_are_answered_though_all_places_are_taken(house: House) -> None:
    house.looking_count = 3
    assert house.browser.get("/api/snapshot", headers=PAGE).text == "a page"


def test_connections_beyond_any_that_pages_could_need_are_closed(house: House) -> None:
    socket = "/_nicegui_ws/socket.io"
    with ExitStack() as opened:
        for _ in range(3 * SOCKETS_A_CLIENT):
            opened.enter_context(house.browser.websocket_connect(socket))
        with pytest.raises(WebSocketDisconnect) as closed, house.browser.websocket_connect(socket):
            pass
        assert closed.value.code == 1013
    with house.browser.websocket_connect(socket):
        pass


def test_fifty_may_look_unless_it_is_set_otherwise() -> None:
    assert Settings().max_clients == 50
