"""Login and logout: a page with a form that needs no script."""

import asyncio
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from mara.api.paths import LOGIN, LOGOUT
from mara.api.security.authenticator import COOKIE, Authenticator, address_of, cookie_of
from mara.api.security.credentials import is_right, new_session
from mara.api.security.rate_limit import Limits, network_of
from mara.store.access.users import AccessEvent, Session, User
from mara.templates import page_of

LOGINS_PER_MINUTE: Final = 5
"""Attempts from one address under one name.

A name alone is not limited: anybody could lock its user out by trying it often enough.
"""
NAMES_PER_MINUTE: Final = 20
"""Attempts from one address under any names; a whole office may share one address."""
SESSION_S: Final = 12 * 3_600
MAX_FORM_BYTES: Final = 10_000
MAX_FIELDS: Final = 10
MAX_NAME_LENGTH: Final = 64
MAX_CHECKS_AT_ONCE: Final = 2
"""Passwords checked at once, each of which takes 64 MiB and a thread for 50 ms."""


class Login:
    """ASGI app that answers `/login` and `/logout`."""

    def __init__(self, authenticator: Authenticator, *, is_secure: bool) -> None:
        self._authenticator = authenticator
        self._is_secure = is_secure
        self._limits = Limits(LOGINS_PER_MINUTE, authenticator.clock)
        self._addresses = Limits(NAMES_PER_MINUTE, authenticator.clock)
        self._checks = asyncio.Semaphore(MAX_CHECKS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a websocket is refused."""
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            answer = HTMLResponse(_page("/"), 400)  # the client left in the middle of its form: nobody reads this
        answer.headers["cache-control"] = "no-store"
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "POST":
            return await (self._out(request) if request.url.path == LOGOUT else self._in(request))
        if request.method in {"GET", "HEAD"} and request.url.path == LOGIN:
            return HTMLResponse(_page(_inside(request.query_params.get("next", "/"))))
        return HTMLResponse(_page("/", "That is not how one logs in or out."), 405, {"allow": "GET, POST"})

    async def _in(self, request: Request) -> Response:
        form = await _form_of(request)
        if form is None:
            return HTMLResponse(_page("/", "That form is too long."), 413)
        name, onward = _name_in(form.get("name", "")), _inside(form.get("next", "/"))
        address = network_of(address_of(request.scope))
        wait_s = self._addresses.wait_s(address) or self._limits.wait_s(f"{address} as {name}")
        if wait_s > 0.0:
            told = f"Too many attempts. Try again in {wait_s:.0f} s."
            return HTMLResponse(_page(onward, told, name), 429, {"retry-after": f"{wait_s:.0f}"})
        async with self._checks:
            user = await asyncio.to_thread(self._checked, name, form.get("password", ""), address_of(request.scope))
        if user is None:
            return HTMLResponse(_page(onward, "Name and password do not fit together.", name), 401)
        secret = new_session()
        await asyncio.to_thread(self._begin, user, secret, address_of(request.scope))
        answer = RedirectResponse(onward, 303)
        answer.set_cookie(
            COOKIE, secret, max_age=SESSION_S, path="/", httponly=True, samesite="strict", secure=self._is_secure
        )
        return answer

    async def _out(self, request: Request) -> Response:
        secret = cookie_of(request.scope)
        if secret:
            identity = await self._authenticator.identity_of(request.scope)
            by = self._event(identity.name if identity else "nobody", address_of(request.scope), "logged out")
            await asyncio.to_thread(self._authenticator.users.end, Session, self._authenticator.digest(secret), by=by)
            self._authenticator.forget(secret)  # last, because requests meanwhile would have it remembered again
        answer = RedirectResponse(LOGIN, 303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=self._is_secure)
        return answer

    def _checked(self, name: str, password: str, address: str) -> User | None:
        found = self._authenticator.users.credentials(name)
        if is_right(password, found[1] if found is not None else None):
            assert found is not None
            return found[0]
        self._authenticator.users.note(self._event(name, address, "login refused"))
        return None

    def _begin(self, user: User, secret: str, address: str) -> None:
        event = self._event(user.name, address, "logged in")
        until = event.at_epoch_s + SESSION_S
        self._authenticator.users.issue(Session, self._authenticator.digest(secret), user, until=until, by=event)

    def _event(self, actor: str, address: str, action: str) -> AccessEvent:
        now_epoch_s = int(self._authenticator.clock.now().timestamp())
        return AccessEvent(at_epoch_s=now_epoch_s, actor=actor, address=address, action=action)


async def _form_of(request: Request) -> dict[str, str] | None:
    """Read the fields of a form; None where it is too long, or has too many fields."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}


def _name_in(typed: str) -> str:
    """Strip what was typed to a possible user name: printable, and of bounded length."""
    return "".join(letter for letter in typed.strip() if letter.isprintable())[:MAX_NAME_LENGTH]


def _inside(path: str) -> str:
    """Return a redirect's target if it is a path of this server; `/` otherwise."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() else "/"


def _page(onward: str, told: str = "", name: str = "") -> str:
    return page_of("login.html", onward=onward, told=told, name=name)
