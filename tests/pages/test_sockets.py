"""A websocket message acts as the user of its connection, not the one it names.

A real server with a login is sent raw messages.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import httpx
import pytest
import socketio

from mara.api.security.authenticator import COOKIE
from mara.api.security.credentials import TOKEN_PREFIX, digest_of, new_session
from mara.assembly.people import people_of
from mara.settings import Settings
from mara.store.access.users import AccessEvent, Session, Token, User
from tests.browser.conftest import END_TIMEOUT_S
from tests.forked_program import forked
from tests.servers import ROOT, environment, free_port

ROLES = {"ada": "operator", "bob": "operator", "vic": "viewer", "eve": "admin"}
BY = AccessEvent(at_epoch_s=0, actor="test", address="", action="prepared")
CLIENT_ID = re.compile(r"'client_id': '([0-9a-f-]+)'")
ELEMENTS = re.compile(r"parseElements\(String\.raw`(.*?)`\)", re.DOTALL)
SOCKET_PATH = "/_nicegui_ws/socket.io"
Web: TypeAlias = list[aiohttp.ClientSession]
"""The connections that a test has open."""
HEARD_S = 0.3
"""Longest time that a message takes to have its effect [s]."""


@dataclass
class Server:
    address: str
    database: Path

    def session_of(self, name: str) -> str:
        """Make a new session of a user without the login form, whose use is limited."""
        people, secret = people_of(Settings(database_url=f"sqlite:///{self.database}")), new_session()
        until = int(datetime.now(UTC).timestamp()) + 3_600
        people.issue(Session, digest_of(secret), User(name=name, role=ROLES[name]), until=until, by=BY)
        people.close()
        return secret

    def token_of(self, role: str) -> str:
        """Make a token of the API with a role."""
        people, secret = people_of(Settings(database_url=f"sqlite:///{self.database}")), TOKEN_PREFIX + new_session()
        until = int(datetime.now(UTC).timestamp()) + 3_600
        people.issue(Token, digest_of(secret), User(name="ada", role=role), until=until, by=BY)
        people.close()
        return secret

    def logged(self) -> list[tuple[str, str, str, str]]:
        """Lines of the log of signals: site, state before and after, and author."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("SELECT site_id, before_state, after_state, actor FROM signal_log").fetchall()

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sockets")
    people = people_of(Settings(database_url=f"sqlite:///{folder / 'mara.db'}"))
    for name, role in ROLES.items():
        people.add(User(name=name, role=role), "no password fits", by=BY)
    people.close()
    port = free_port()
    env = environment() | {"MARA_AUTH": "on", "PYTHONPATH": str(ROOT)}
    words = ["pages", "run", "--no-browser", "--optimizer", "rules", "--speed", "60", "--port", str(port)]
    with forked(words, folder, env) as app:
        try:
            assert f"http://127.0.0.1:{port}" in app.stdout.readline()
            yield Server(f"http://127.0.0.1:{port}", folder / "mara.db")
        finally:
            app.terminate()
            app.wait(END_TIMEOUT_S)


@dataclass
class LoggedInUser:
    """A logged-in user with an open page, and its elements as the server sent them."""

    server: Server
    name: str
    web: Web
    cookie: str = ""
    client_id: str = ""
    elements: dict[str, Any] = field(default_factory=dict)
    socket: Any = None

    async def arrive(self, path: str = "/") -> "LoggedInUser":
        """Load a page in a session of this user, and connect its websocket."""
        self.cookie = f"{COOKIE}={self.server.session_of(self.name)}"
        async with httpx.AsyncClient(base_url=self.server.address) as browser:
            page = (await browser.get(path, headers={"cookie": self.cookie, "accept": "text/html"})).text
        found = CLIENT_ID.search(page)
        assert found is not None
        self.client_id = found[1]
        self.elements = json.loads(unescaped(page))
        self.socket = await self.connected(self.client_id)
        return self

    async def connected(self, client_id: str, tab: str = "") -> Any:
        """Open a websocket in this user's session, shaking hands for a page or for none."""
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.web.append(session)
        socket = socketio.AsyncClient(reconnection=False, http_session=session)
        tab = tab or f"tab-{self.name}"
        is_bare = not client_id
        query = f"client_id={client_id}&next_message_id=0&implicit_handshake=true&tab_id={tab}&document_id=d"
        headers = {"cookie": self.cookie, "origin": self.server.address}
        address = self.server.address if is_bare else f"{self.server.address}?{query}"
        await socket.connect(address, headers=headers, socketio_path=SOCKET_PATH, transports=["websocket"])
        return socket

    def click_on(self, label: str, page: "LoggedInUser | None" = None) -> dict[str, Any]:
        """Make the message of a button press, on this page or on another user's."""
        page = page or self
        for number, element in page.elements.items():
            if element.get("props", {}).get("aria-label") == label:
                (listener,) = (one for one in element["events"] if one["type"] == "click")
                return {
                    "id": int(number),
                    "client_id": page.client_id,
                    "listener_id": listener["listener_id"],
                    "args": ["{}"],
                }
        raise AssertionError(f"no {label} on the page of {page.name}")

    def submission(self, label: str, **entered: str) -> dict[str, Any] | None:
        """Make the message of a form's submission; None where this page has no such form to submit."""
        for number, element in self.elements.items():
            if element.get("props", {}).get("aria-label") == label:
                for listener in element.get("events", []):
                    if listener["type"] == "submit":
                        return {
                            "id": int(number),
                            "client_id": self.client_id,
                            "listener_id": listener["listener_id"],
                            "args": [json.dumps(list(entered.items()))],
                        }
        return None


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    """List of connections that is closed at the end of a test, refused ones included."""
    sessions: Web = []
    yield sessions
    for session in sessions:
        await session.close()


def unescaped(page: str) -> str:
    """Decode the elements of a page, which NiceGUI sends as JSON with HTML entities."""
    found = ELEMENTS.search(page)
    assert found is not None
    text = found[1]
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#96;", "`"), ("&#36;", "$"), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return text


async def is_paused(somebody: LoggedInUser) -> bool:
    """True if simulated time stands still, after a short wait."""
    await asyncio.sleep(HEARD_S)
    async with httpx.AsyncClient(base_url=somebody.server.address) as browser:
        return bool((await browser.get("/api/ready", headers={"cookie": somebody.cookie})).json()["state"] == "paused")


async def test_a_socket_that_names_the_page_of_somebody_else_is_cut_and_changes_nothing(
    server: Server, web: Web
) -> None:
    ada, vic = await LoggedInUser(server, "ada", web).arrive(), await LoggedInUser(server, "vic", web).arrive()
    await vic.socket.emit("event", vic.click_on("Pause", ada))
    assert not await is_paused(vic)
    assert not vic.socket.connected
    with pytest.raises(socketio.exceptions.ConnectionError):
        await vic.connected(ada.client_id, "tab-ada")
    other = await vic.connected("")
    shaken = {"client_id": ada.client_id, "tab_id": "tab-ada", "document_id": "d"}
    answers: asyncio.Queue[Any] = asyncio.Queue()
    await other.emit("handshake", shaken, callback=answers.put)
    await other.emit("event", vic.click_on("Pause", ada))
    assert not await is_paused(vic)
    assert not other.connected
    assert answers.empty() or answers.get_nowait() is False
    assert ada.socket.connected
    await ada.socket.emit("event", ada.click_on("Pause"))
    assert await is_paused(ada), "its own page's socket does what it may"
    await ada.socket.emit("event", ada.click_on("Resume"))
    assert not await is_paused(ada)
    assert "named a page that is not its own" in (server.database.parent / "app.log").read_text(encoding="utf-8")


async def test_another_operators_page_is_not_ones_own_either(server: Server, web: Web) -> None:
    """Otherwise an order of one operator would be recorded under another's name."""
    ada, bob = await LoggedInUser(server, "ada", web).arrive(), await LoggedInUser(server, "bob", web).arrive()
    await bob.socket.emit("event", bob.click_on("Pause", ada))
    assert not await is_paused(bob)
    assert not bob.socket.connected


async def test_a_viewers_page_has_no_order_and_a_role_that_was_taken_counts_from_the_next_message(
    server: Server, web: Web
) -> None:
    vic, ada = await LoggedInUser(server, "vic", web).arrive("/sla"), await LoggedInUser(server, "ada", web).arrive()
    heard = {event["type"] for element in vic.elements.values() for event in element.get("events", [])}
    assert not [name for name in heard if name.startswith("order") and name != "orderUndo"]
    server.change("UPDATE users SET role = 'viewer' WHERE name = 'ada'")
    await ada.socket.emit("event", ada.click_on("Pause"))
    assert not await is_paused(vic)
    server.change("UPDATE users SET role = 'operator' WHERE name = 'ada'")
    ada = await LoggedInUser(server, "ada", web).arrive()
    await ada.socket.emit("event", ada.click_on("Pause"))
    assert await is_paused(vic)
    server.change("DELETE FROM sessions WHERE name = 'ada'")
    await ada.socket.emit("event", ada.click_on("Resume"))
    assert await is_paused(vic), "the session is over, and so is what it may"
    ada = await LoggedInUser(server, "ada", web).arrive()
    await ada.socket.emit("event", ada.click_on("Resume"))
    assert not await is_paused(vic), "other tests begin with a run that goes on"


async def test_a_socket_without_a_session_is_not_opened(server: Server, web: Web) -> None:
    ada = await LoggedInUser(server, "ada", web).arrive()
    ada.cookie = ""
    with pytest.raises(socketio.exceptions.ConnectionError):
        await ada.connected(ada.client_id, "tab-ada")


ARM = "Let the plan reach the devices of a site"
DISARM = "Take a site back to shadow or advise"
SHADOW = {"site": "oslo", "mode": "shadow", "reason": "meters first"}


async def test_no_message_arms_a_site_without_right_reason_and_executor(server: Server, web: Web) -> None:
    vic, ada, eve = [await LoggedInUser(server, name, web).arrive("/operations") for name in ("vic", "ada", "eve")]
    assert (vic.submission(ARM), ada.submission(ARM), vic.submission(DISARM)) == (None, None, None)
    act = {"site": "oslo", "mode": "act", "reason": "because"}
    for sent in (
        eve.submission(ARM, **act),
        eve.submission(ARM, **act | {"reason": ""}),
        eve.submission(DISARM, **act),
    ):
        assert sent is not None
        await eve.socket.emit("event", sent)
    assert await modes_of(eve) == {"advise"}
    disarm = ada.submission(DISARM, **SHADOW)
    assert disarm is not None
    await vic.socket.emit("event", disarm)
    assert await modes_of(eve) == {"advise"}, "a page of somebody else"
    server.change("UPDATE users SET role = 'viewer' WHERE name = 'ada'")
    await ada.socket.emit("event", disarm)
    assert await modes_of(eve) == {"advise"}, "a role that was taken"
    server.change("UPDATE users SET role = 'operator' WHERE name = 'ada'")
    await eve.socket.emit("event", eve.submission(DISARM, **SHADOW))
    assert await modes_of(eve) == {"advise", "shadow"}, "who may is heard"
    assert server.logged() == [("oslo", "advise", "shadow", "eve")]


async def test_a_token_tells_telemetry_only_with_that_scope_which_arms_nothing_and_no_token_is_logged(
    server: Server,
) -> None:
    reading = {"site_id": "oslo", "at": datetime.now(UTC).isoformat(), "power_mw": 5.0, "quality": "good"}
    telemetry, act = {"readings": [reading]}, {"site_id": "oslo", "mode": "act", "reason": "because"}
    tokens = {role: server.token_of(role) for role in ("viewer", "operator", "meter")}
    statuses = {}
    async with httpx.AsyncClient(base_url=server.address) as program:
        for role, token in {**tokens, "nobody": "", "guess": TOKEN_PREFIX + "guessed"}.items():
            headers = {"authorization": f"Bearer {token}"} if token else {}
            answers = [
                await program.post(f"/api/{call}", json=body, headers=headers)
                for call, body in (("telemetry", telemetry), ("modes", act), ("sites/oslo/emergency", STOP))
            ]
            statuses[role] = [answer.status_code for answer in answers]
    assert statuses == {
        "viewer": [403] * 3,
        "operator": [403] * 3,
        "meter": [200, 403, 403],
        "nobody": [401] * 3,
        "guess": [401] * 3,
    }
    written = b"".join(path.read_bytes() for path in server.database.parent.iterdir() if path.is_file())
    assert [role for role, token in tokens.items() if token.encode() in written] == []


STOP = {"action": "stop", "reason": "smoke"}


async def modes_of(somebody: LoggedInUser) -> set[str]:
    await asyncio.sleep(HEARD_S)
    async with httpx.AsyncClient(base_url=somebody.server.address) as browser:
        return {row["mode"] for row in (await browser.get("/api/modes", headers={"cookie": somebody.cookie})).json()}
