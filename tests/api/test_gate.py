"""The gate of a server with users: logins, refusals, and the log of both."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from mara.api.gateway.gate import REQUESTS_PER_MINUTE, Gate
from mara.api.security.authenticator import (
    AUTHENTICATOR_KEY,
    COOKIE,
    SCOPE_KEY,
    Authenticator,
    Identity,
    identity_in,
    is_still_known,
)
from mara.api.security.credentials import digest_of, hash_of, new_token
from mara.api.security.headers import SafeHeaders
from mara.api.security.login import LOGINS_PER_MINUTE, SESSION_S
from mara.api.security.origins import Origins
from mara.api.security.permissions import NotAllowedError, Permission, permit
from mara.errors import StoreError
from mara.store import maintenance
from mara.store.access.users import AccessEvent, Token, User, UserStore
from tests.api.conftest import codes_of
from tests.clocks import HandClock

URL = "https://mara.example"
SOCKET = "wss://mara.example/ws"
PASSWORD = "correct horse battery"
BY = AccessEvent(at_epoch_s=0, actor="test", address="", action="prepared")
PAGE = {"accept": "text/html"}


@dataclass
class Site:
    clock: HandClock
    people: UserStore
    browser: TestClient

    def log_in(self, password: str = PASSWORD, name: str = "ada", onward: str = "/") -> Any:
        form = {"name": name, "password": password, "next": onward}
        return self.browser.post("/login", data=form, headers={"origin": URL})

    def post_login(self, form: dict[str, str], **headers: str) -> Any:
        return self.browser.post("/login", data=form, headers={"origin": URL} | headers)

    def token(self, role: str = "operator", days: int = 1) -> str:
        secret = new_token()
        until = int(self.clock.now().timestamp()) + days * 86_400
        self.people.issue(Token, digest_of(secret), User(name="ada", role=role), until=until, by=BY)
        return secret


async def who(request: Request) -> Response:
    identity = identity_in(request.scope)
    return JSONResponse([identity.name, identity.role])


async def still(request: Request) -> Response:
    known = await is_still_known(request.scope)
    request.scope["headers"] = []
    return JSONResponse([known, await is_still_known(request.scope)])


async def public(request: Request) -> Response:
    identity = identity_in(request.scope)
    return JSONResponse([identity.name, identity.may("operator")])


async def page(request: Request) -> Response:
    return HTMLResponse("<html><head><script>1</script></head><body><script src='/static/x.js'></script></body></html>")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json([identity_in(socket.scope).name])
    await socket.close()


HASH = hash_of(PASSWORD)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path / 'm.db'}"
    maintenance.make_ready(url)
    people = UserStore.open(url)
    people.add(User(name="ada", role="operator"), HASH, by=BY)
    clock = HandClock()
    routes = [
        Route("/who", who, methods=["GET", "POST"]),
        Route("/", page),
        Route("/still", still),
        Route("/api/health", public),
        WebSocketRoute("/ws", echo),
    ]
    origins = Origins.of(host="mara.example", scheme="https", allowed_hosts=(), is_open=True)
    gate = Gate(
        Starlette(routes=routes),
        origins=origins,
        clock=clock,
        authenticator=Authenticator(people, clock, ""),
        limited=True,
    )
    browser = TestClient(SafeHeaders(gate, is_secure=True), base_url=URL, follow_redirects=False)
    yield Site(clock=clock, people=people, browser=browser)
    people.close()


def test_whoever_is_not_known_gets_the_login_and_nothing_else(site: Site) -> None:
    to_login = site.browser.get("/", headers=PAGE)
    assert (to_login.status_code, to_login.headers["location"]) == (303, "/login?next=/")
    told = site.browser.get("/who")
    assert told.status_code == 401
    assert told.headers["content-type"] == "application/problem+json"
    with pytest.raises(WebSocketDisconnect) as closed, site.browser.websocket_connect(SOCKET, headers={"origin": URL}):
        pass
    assert "log in" in closed.value.reason


def test_whoever_logs_in_is_known_by_a_cookie_that_scripts_cannot_read(site: Site) -> None:
    answer = site.log_in(onward="/who")
    assert (answer.status_code, answer.headers["location"]) == (303, "/who")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"))
    assert site.browser.get("/who").json() == ["ada", "operator"]
    with site.browser.websocket_connect(SOCKET, headers={"origin": URL}) as socket:
        assert socket.receive_json() == ["ada"]


def test_the_cookie_is_nowhere_in_the_database(site: Site, tmp_path: Path) -> None:
    site.log_in()
    secret = site.browser.cookies[COOKIE]
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.name.startswith("m.db"))
    assert secret.encode() not in stored
    assert PASSWORD.encode() not in stored


def test_a_wrong_password_and_an_unknown_name_are_told_apart_by_nothing(site: Site) -> None:
    wrong, unknown = site.log_in("wrong wrong wrong"), site.log_in(name="eve")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("ada", "") == unknown.text.replace("eve", "")
    assert [visit.action for visit in site.people.access_events(2)] == ["login refused", "login refused"]


def test_the_sixth_attempt_within_a_minute_waits(site: Site) -> None:
    codes = [site.log_in("wrong wrong wrong").status_code for _ in range(LOGINS_PER_MINUTE + 1)]
    assert codes == [401] * LOGINS_PER_MINUTE + [429]
    assert site.log_in().status_code == 429, "the right password waits too"
    site.clock.passed_s += 60
    assert site.log_in().status_code == 303


def test_after_logging_out_the_same_cookie_is_worth_nothing(site: Site) -> None:
    site.log_in()
    secret = site.browser.cookies[COOKIE]
    assert site.browser.post("/logout", headers={"origin": URL}).status_code == 303
    site.browser.cookies.set(COOKIE, secret)
    assert site.browser.get("/who").status_code == 401


async def test_whoever_is_being_answered_is_known_until_the_session_ends(site: Site) -> None:
    token = site.token()
    scope: dict[str, Any] = {
        "type": "http",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": ("testclient", 1),
    }
    authenticator = Authenticator(site.people, site.clock, "")
    assert await is_still_known(scope), "where nobody logs in"
    scope |= {AUTHENTICATOR_KEY: authenticator, SCOPE_KEY: await authenticator.identity_of(scope)}
    assert await is_still_known(scope)
    await asyncio.to_thread(site.people.remove, "ada", by=BY)
    site.clock.passed_s += 20
    assert not await is_still_known(scope)


def test_what_the_gate_lets_through_can_be_asked_for_again(site: Site) -> None:
    answer = site.browser.get("/still", headers={"authorization": f"Bearer {site.token()}"})
    assert answer.json() == [True, False]


def test_a_session_ends_by_itself(site: Site) -> None:
    site.log_in()
    site.clock.passed_s += SESSION_S
    assert site.browser.get("/who").status_code == 401


def test_a_bearer_token_needs_no_origin_and_may_no_more_than_it_says(site: Site) -> None:
    token = site.token(role="viewer")
    assert site.browser.post("/who", headers={"authorization": f"Bearer {token}"}).json() == ["ada", "viewer"]


def test_an_expired_or_invented_token_is_refused(site: Site) -> None:
    token = site.token(days=1)
    site.clock.passed_s += 86_400
    for text in (token, "mara_invented", "something else"):
        assert site.browser.get("/who", headers={"authorization": f"Bearer {text}"}).status_code == 401


def test_a_wrong_bearer_token_beside_a_good_cookie_is_refused(site: Site) -> None:
    site.log_in()
    answer = site.browser.post("/who", headers={"authorization": "Bearer mara_invented", "origin": "https://evil"})
    assert answer.status_code == 401, "else a page that adds one would pass without an origin check"


def test_a_change_from_another_site_is_refused_with_a_good_cookie(site: Site) -> None:
    site.log_in()
    assert site.browser.post("/who", headers={"origin": "https://evil.example"}).status_code == 403


async def test_a_role_that_was_changed_counts_from_the_next_change_on(site: Site) -> None:
    """Changing calls obey a changed role at once; reads may cache it for seconds."""
    site.log_in()
    authenticator = Authenticator(site.people, site.clock, "")
    cookie = f"{COOKIE}={site.browser.cookies[COOKIE]}".encode()
    operator = Identity(name="ada", role="operator")
    scope = {"headers": [(b"cookie", cookie)], AUTHENTICATOR_KEY: authenticator, SCOPE_KEY: operator}
    token = {"headers": [(b"authorization", f"Bearer {site.token()}".encode())], AUTHENTICATOR_KEY: authenticator}
    assert await permit(scope, Permission.PAUSE) == operator
    assert (await permit(token, Permission.PAUSE)).role == "operator"
    become(site, "viewer")
    for sent in (scope, token):
        with pytest.raises(NotAllowedError, match="needs the role operator, ada is viewer"):
            await permit(sent, Permission.PAUSE)
    become(site, "admin")
    assert (await permit(scope, Permission.PAUSE)).role == "admin"
    assert (await permit(token, Permission.PAUSE)).role == "operator", "a token may no more than it was made for"
    site.people.remove("ada", by=BY)
    with pytest.raises(NotAllowedError, match="the session is over"):
        await permit(scope, Permission.PAUSE)


def become(site: Site, role: str) -> None:
    with site.people._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE users SET role = '{role}'")


def test_a_removed_user_is_out_within_seconds(site: Site) -> None:
    site.log_in()
    assert site.browser.get("/who").status_code == 200
    site.people.remove("ada", by=BY)
    site.clock.passed_s += 20
    assert site.browser.get("/who").status_code == 401


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_the_login_leads_to_no_other_site(site: Site, onward: str) -> None:
    assert site.log_in(onward=onward).headers["location"] == "/"


def test_what_was_typed_comes_back_as_text_and_not_as_markup(site: Site) -> None:
    answer = site.log_in(name='"><script>x</script>', onward='/"><img src=x>')
    assert "<script>x" not in answer.text
    assert "<img" not in answer.text


def test_too_many_requests_are_told_when_to_come_back(site: Site) -> None:
    token = {"authorization": f"Bearer {site.token()}"}
    codes = codes_of(site.browser.app, f"{URL}/who", [token] * (REQUESTS_PER_MINUTE + 1))
    assert codes.count(429) == 1
    assert codes[-1] == 429
    assert int(site.browser.get("/who", headers=token).headers["retry-after"]) >= 1


def test_each_page_has_its_own_nonce_on_every_script_and_no_inline_handler_runs(site: Site) -> None:
    site.log_in()
    first, second = site.browser.get("/"), site.browser.get("/")
    policy = first.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert first.text.count(f'<script nonce="{nonce}"') == first.text.count("<script") == 2
    assert nonce not in second.headers["content-security-policy"]
    assert "script-src-attr 'none'" in policy
    assert int(first.headers["content-length"]) == len(first.content)


def test_what_is_refused_carries_the_safe_headers_too(site: Site) -> None:
    answer = site.browser.get("/who", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["x-frame-options"] == "DENY"
    assert "max-age" in answer.headers["strict-transport-security"]


def test_whoever_is_not_known_is_nobody_also_where_no_login_is_asked_for(site: Site) -> None:
    assert site.browser.get("/api/health").json() == ["nobody", False]


def test_the_way_to_the_login_keeps_what_was_asked_for(site: Site) -> None:
    to_login = site.browser.get("/who?contract=a%2Fb&x=1", headers=PAGE).headers["location"]
    form = site.browser.get(to_login).text
    assert 'value="/who?contract=a%2Fb&amp;x=1"' in form
    assert site.log_in(onward="/who?contract=a%2Fb&x=1").headers["location"] == "/who?contract=a%2Fb&x=1"


@pytest.mark.parametrize("onward", ["//[", "https://[", "/\x00"])
def test_an_address_that_cannot_be_read_leads_to_the_first_page(site: Site, onward: str) -> None:
    assert 'value="/"' in site.browser.get("/login", params={"next": onward}).text


def test_a_form_with_too_many_fields_is_refused(site: Site) -> None:
    assert site.post_login({f"field{number}": "" for number in range(20)}).status_code == 413


def test_whoever_may_not_try_any_more_keeps_nobody_else_out(site: Site) -> None:
    for _ in range(3 * LOGINS_PER_MINUTE):
        site.log_in("wrong wrong wrong", name="eve")
        site.post_login({"name": "ada", "password": "wrong wrong wrong"})
    elsewhere = TestClient(site.browser.app, base_url=URL, follow_redirects=False, client=("192.0.2.7", 1))
    form = {"name": "ada", "password": PASSWORD}
    assert elsewhere.post("/login", data=form, headers={"origin": URL}).status_code == 303


def test_a_refused_name_is_kept_short_and_printable(site: Site) -> None:
    site.log_in(name="\x00eve\u202e" + "x" * 5_000)
    visit = site.people.access_events(1)[0]
    assert visit.action == "login refused"
    assert visit.actor.isprintable()
    assert len(visit.actor) <= 64


def test_another_programs_cookies_on_the_same_host_do_not_hide_ours(site: Site) -> None:
    site.log_in()
    both = f"odd; empty=; {COOKIE}={site.browser.cookies[COOKIE]}"
    site.browser.cookies.clear()
    assert site.browser.get("/who", headers={"cookie": both}).status_code == 200


def test_a_request_during_the_logout_does_not_keep_the_session_alive(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.log_in()
    secret, end = site.browser.cookies[COOKIE], site.people.end
    other = TestClient(site.browser.app, base_url=URL, cookies={COOKIE: secret})

    def end_slowly(*words: object, **named: object) -> None:
        assert other.get("/who").status_code == 200
        end(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(site.people, "end", end_slowly)
    site.browser.post("/logout", headers={"origin": URL})
    assert other.get("/who").status_code == 401


def test_guesses_are_counted_by_address_before_the_database_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    bearer = site.people.bearer

    def noted(*words: Any) -> User | None:
        asked.append(words[1])
        return bearer(*words)

    monkeypatch.setattr(site.people, "bearer", noted)
    guesses = [{"authorization": f"Bearer mara_{number}"} for number in range(REQUESTS_PER_MINUTE + 5)]
    codes = codes_of(site.browser.app, f"{URL}/who", guesses)
    assert codes == [401] * REQUESTS_PER_MINUTE + [429] * 5
    assert len(asked) == REQUESTS_PER_MINUTE


def test_while_the_database_does_not_answer_whoever_was_known_stays_and_others_are_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.log_in()
    assert site.browser.get("/who").status_code == 200

    def locked(*words: object) -> None:
        raise StoreError("the database is locked: ask again")

    monkeypatch.setattr(site.people, "bearer", locked)
    monkeypatch.setattr(site.people, "credentials", locked)
    site.clock.passed_s += 60
    assert site.browser.get("/who").status_code == 200
    told = site.browser.get("/who", headers={"authorization": "Bearer mara_x"})
    assert (told.status_code, told.json()["detail"]) == (503, "the database is locked: ask again")
    assert site.log_in().status_code == 503


def test_a_token_for_telemetry_reads_and_changes_nothing_else(site: Site) -> None:
    bearer = {"authorization": f"Bearer {site.token('meter')}"}
    for method, path in (("GET", "/who"), ("POST", "/who"), ("GET", "/")):
        refused = site.browser.request(method, path, headers=bearer)
        assert (refused.status_code, "may only post to /api/telemetry" in refused.text) == (403, True)
    with pytest.raises(WebSocketDisconnect), site.browser.websocket_connect(SOCKET, headers=bearer):
        pass
    assert site.browser.post("/api/telemetry", headers=bearer).status_code == 404
