"""Fifty pages may be open at once; further users get a page that says so."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from mara.api.gateway.connection_limit import (
    SOCKETS_PER_CLIENT,
    UNCONNECTED_PAGES_PER_MINUTE,
    ConnectionLimit,
    PageRate,
    PageSlot,
)
from mara.api.gateway.fair_share import RESERVED_FOR_ADMINS, FairShare
from mara.api.security.authenticator import LOCAL, SCOPE_KEY, Identity
from mara.settings import Settings
from tests.clocks import HandClock

PAGE = {"accept": "text/html,*/*"}


@dataclass
class OpenPages:
    """Open pages of many users, and the requests of one more browser."""

    slots: list[PageSlot]
    browser: TestClient
    clock: HandClock
    who: list[Identity]
    numbers: Iterator[int] = field(default_factory=count)
    known: dict[int, PageSlot] = field(default_factory=dict)

    def slot(self, name: str = "local", *, is_connected: bool = True, many: int = 1) -> None:
        for _ in range(many):
            number = next(self.numbers)
            self.slots.append(PageSlot(name=name, is_connected=is_connected, discard=partial(self.discard, number)))
            self.known[number] = self.slots[-1]

    def discard(self, number: int) -> None:
        self.slots.remove(self.known[number])

    def asked(self, who: Identity = LOCAL) -> int:
        self.who[:] = [who]
        return self.browser.get("/", headers=PAGE).status_code


async def page(_: Request) -> Response:
    return HTMLResponse("a page")


async def follow(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive()


@pytest.fixture
def open_pages() -> Iterator[OpenPages]:
    routes = [Route("/", page), Route("/api/snapshot", page), WebSocketRoute("/_nicegui_ws/socket.io", follow)]
    made: list[OpenPages] = []
    clock = HandClock()
    app = Starlette(routes=routes)
    limit = ConnectionLimit(app, most_clients=3, slots=lambda: list(made[0].slots), pages=PageRate(clock))
    who: list[Identity] = [LOCAL]

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        await limit({**scope, SCOPE_KEY: who[0]}, receive, send)

    with TestClient(known) as browser:
        made.append(OpenPages([], browser, clock, who))
        yield made[0]


def test_whoever_comes_when_all_places_are_taken_is_told_so_and_comes_in_when_one_is_free(
    open_pages: OpenPages,
) -> None:
    open_pages.slot(many=3)
    answer = open_pages.browser.get("/", headers=PAGE)
    assert answer.status_code == 503
    assert "3 browsers look at Mara already" in answer.text
    assert int(answer.headers["retry-after"]) > 0
    open_pages.slots.pop()
    assert open_pages.browser.get("/", headers=PAGE).text == "a page"


def test_programs_are_answered_though_all_places_are_taken(open_pages: OpenPages) -> None:
    open_pages.slot(many=3)
    assert open_pages.browser.get("/api/snapshot", headers=PAGE).text == "a page"


def test_connections_beyond_any_that_pages_could_need_are_closed(open_pages: OpenPages) -> None:
    socket = "/_nicegui_ws/socket.io"
    with ExitStack() as opened:
        for _ in range(3 * SOCKETS_PER_CLIENT):
            opened.enter_context(open_pages.browser.websocket_connect(socket))
        with pytest.raises(WebSocketDisconnect) as closed, open_pages.browser.websocket_connect(socket):
            pass
        assert closed.value.code == 1013
    with open_pages.browser.websocket_connect(socket):
        pass


def test_fifty_may_look_unless_it_is_set_otherwise() -> None:
    assert Settings().max_clients == 50


VIEWER = Identity(name="vic", role="viewer")
ADMIN = Identity(name="ada", role="admin")


def test_a_page_that_nobody_follows_makes_room_for_the_next(open_pages: OpenPages) -> None:
    open_pages.slot(many=2)
    open_pages.slot(is_connected=False)
    assert open_pages.asked() == 200
    assert [slot.is_connected for slot in open_pages.slots] == [True, True]


def test_nobody_takes_more_than_a_share(open_pages: OpenPages) -> None:
    open_pages.slot("vic", many=2)
    assert open_pages.asked(VIEWER) == 503
    assert open_pages.asked(Identity(name="oto", role="viewer")) == 200


def test_ones_own_page_that_is_not_followed_makes_room_for_ones_next(open_pages: OpenPages) -> None:
    open_pages.slot("oto", is_connected=False)
    open_pages.slot("vic")
    open_pages.slot("vic", is_connected=False)
    assert open_pages.asked(VIEWER) == 200
    assert [slot.name for slot in open_pages.slots] == ["oto", "vic"]


def test_an_admin_gets_in_when_it_is_full_for_others(open_pages: OpenPages) -> None:
    open_pages.slot("oto", many=3)
    assert open_pages.asked(VIEWER) == 503
    assert open_pages.asked(ADMIN) == 200
    open_pages.slot("oto", many=RESERVED_FOR_ADMINS)
    assert open_pages.asked(ADMIN) == 503


def test_pages_that_are_asked_for_and_not_looked_at_are_few_a_minute(open_pages: OpenPages) -> None:
    answers = [open_pages.asked(VIEWER) for _ in range(UNCONNECTED_PAGES_PER_MINUTE + 1)]
    assert answers == [200] * UNCONNECTED_PAGES_PER_MINUTE + [429]
    assert open_pages.asked(ADMIN) == 200, "another's pages are counted for another"
    open_pages.clock.passed_s += 60.0
    assert open_pages.asked(VIEWER) == 200


def test_a_page_that_is_looked_at_does_not_count() -> None:
    rate = PageRate(HandClock())
    scope = {"type": "http", "headers": [], SCOPE_KEY: VIEWER}
    for _ in range(3 * UNCONNECTED_PAGES_PER_MINUTE):
        assert rate.wait_s(scope) == 0.0
        rate.connected(scope)


def test_pages_made_by_errors_outside_of_pages_are_forgotten_too(open_pages: OpenPages) -> None:
    open_pages.slot(is_connected=False, many=3 + RESERVED_FOR_ADMINS + 1)
    open_pages.browser.get("/_nicegui/nowhere")
    assert len(open_pages.slots) == 3 + RESERVED_FOR_ADMINS


def test_one_persons_connections_leave_some_for_others() -> None:
    shares = FairShare(50)
    assert sum(shares.acquire(VIEWER) for _ in range(60)) == 10
    assert shares.acquire(ADMIN)
    shares.release(VIEWER)
    assert shares.acquire(VIEWER)
    alone = FairShare(50)
    assert sum(alone.acquire(LOCAL) for _ in range(60)) == 50, "where nobody logs in, all are one person's"
