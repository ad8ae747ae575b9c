"""What every request passes, HTTP and websocket alike: the names we go by, where it comes from, who sent it, how often.

Pure ASGI, because the framework's own middleware never sees a websocket. Deny by default: whoever is not known gets the
login and nothing else.
"""

from typing import Final
from urllib.parse import quote

from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mara.api.gateway.session_end import SessionBoundReceive
from mara.api.security.authenticator import (
    CALLER,
    DOORKEEPER_KEY,
    LOCAL,
    NOBODY,
    SCOPE_KEY,
    Authenticator,
    Identity,
    address_of,
)
from mara.api.security.login import LOGIN_PATH, Login
from mara.api.security.origins import SAFE_METHODS, OriginRefusal, Origins
from mara.api.security.rate_limit import Limits, neighbourhood_of
from mara.errors import StoreError
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.clock import Clock
from mara.runtime.observe.engine_metrics import EngineMetrics

REQUESTS_PER_MINUTE: Final = 600
"""Of one person or address, where other machines reach the server; what a page loads does not count."""
CHANGES_PER_MINUTE: Final = 120
PUBLIC_PATHS: Final = frozenset({"/api/health", "/favicon.ico"})
"""Beside the login, which answers by itself."""
PUBLIC_FOLDERS: Final = ("/static/",)
LOADED_FOLDERS: Final = ("/static/", "/_nicegui/")
POLICY_VIOLATION: Final = 1008
_TITLES: Final = {
    401: "Log in first",
    403: "Not allowed",
    421: "Misdirected request",
    429: "Too many requests",
    503: "Not available now",
}


class Gate:
    """ASGI wrapper around everything the server answers.

    Args:
        doorkeeper: None where no login is asked for; everybody is then `LOCAL`.
        vitals: where refusals are counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Origins,
        clock: Clock,
        authenticator: Authenticator | None,
        limited: bool,
        vitals: EngineMetrics | None = None,
    ) -> None:
        self._app = app
        self._origins = origins
        self._authenticator = authenticator
        self._vitals = vitals or EngineMetrics()
        self._login = Login(authenticator, is_secure=origins.scheme == "https") if authenticator is not None else None
        self._requests = Limits(REQUESTS_PER_MINUTE, clock) if limited else None
        self._changes = Limits(CHANGES_PER_MINUTE, clock) if limited else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the app what may be answered."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "GET")
        refusal = self._origins.refusal(scope["type"], method, scope["headers"])
        if refusal is not None:
            self._vitals.refused_count += 1
            await refuse(refusal, scope, receive, send)
            return
        try:
            if self._login is not None and self._login.answers(str(scope["path"])):
                await self._login(scope, receive, send)
                return
            identity = await self._identity_of(scope)
        except StoreError as error:
            await refuse(OriginRefusal(status=503, detail=str(error)), scope, receive, send)
            return
        await self._admit(identity, method, scope, receive, send)

    async def _identity_of(self, scope: Scope) -> Identity | None:
        """Who asks; an address that has guessed too often is not looked up any more."""
        if self._authenticator is None:
            return LOCAL
        may_ask = self._requests is None or not self._requests.is_spent(neighbourhood_of(address_of(scope)))
        return await self._authenticator.identity_of(scope, may_ask=may_ask)

    async def _admit(self, identity: Identity | None, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        wait_s = self._wait_s(identity, method, scope)
        if wait_s > 0.0:
            await refuse(OriginRefusal(status=429, detail=f"try again in {wait_s:.0f} s"), scope, receive, send, wait_s)
            return
        if identity is None and not (path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDERS)):
            await self._turn_away(scope, receive, send)
            return
        scope[SCOPE_KEY] = identity or NOBODY
        scope[DOORKEEPER_KEY] = self._authenticator
        CALLER.set(scope)
        if identity is not None:
            ACTOR.set(Actor(name=identity.name, address=address_of(scope)))
            if self._authenticator is not None and scope["type"] == "websocket":
                receive = SessionBoundReceive(self._authenticator, identity, scope, receive, send).receive
        await self._app(scope, receive, send)

    def _wait_s(self, identity: Identity | None, method: str, scope: Scope) -> float:
        if self._requests is None or self._changes is None:
            return 0.0
        if identity is None:
            return self._requests.wait_s(neighbourhood_of(address_of(scope)))
        if str(scope["path"]).startswith(LOADED_FOLDERS):
            return 0.0
        who = identity.name
        if scope["type"] == "http" and method not in SAFE_METHODS:
            return self._changes.wait_s(who)
        return self._requests.wait_s(who)

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A browser that opens a page is shown the login, everything else is told."""
        self._vitals.refused_count += 1
        wants_page = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
        if scope["type"] == "http" and scope["method"] == "GET" and wants_page:
            query = scope.get("query_string", b"").decode("latin-1")
            onward = quote(scope["path"]) + (f"?{query}" if query else "")
            await RedirectResponse(f"{LOGIN_PATH}?next={quote(onward)}", 303)(scope, receive, send)
            return
        await refuse(OriginRefusal(status=401, detail="log in, or send a bearer token"), scope, receive, send)


async def refuse(refusal: OriginRefusal, scope: Scope, receive: Receive, send: Send, wait_s: float = 0.0) -> None:
    """Say no: with a problem body (RFC 9457), or by closing a websocket before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.detail})
        return
    body = {
        "type": "about:blank",
        "title": _TITLES[refusal.status],
        "status": refusal.status,
        "detail": refusal.detail,
    }
    headers = {"cache-control": "no-store"}
    if refusal.status == 429:
        headers["retry-after"] = f"{max(wait_s, 1.0):.0f}"
    if refusal.status == 401:
        headers["www-authenticate"] = 'Bearer realm="mara"'
    answer = JSONResponse(body, refusal.status, headers, "application/problem+json")
    await answer(scope, receive, send)
