"""Gate that every request passes, HTTP and websocket alike.

It checks in this order: the host name and the origin, the login, the rate. Access is denied by default: a client
without a login gets the login page and what is public. Pure ASGI, because the framework's own middleware never sees a
websocket.
"""

from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mara.api.paths import LOGIN, TELEMETRY, Service, rule_of
from mara.api.problem_body import problem
from mara.api.security.authenticator import (
    AUTHENTICATOR_KEY,
    CALLER,
    LOCAL,
    NOBODY,
    SCOPE_KEY,
    Authenticator,
    Identity,
    address_of,
)
from mara.api.security.login import Login
from mara.api.security.origins import SAFE_METHODS, OriginRefusal, Origins
from mara.api.security.rate_limit import Limits, network_of
from mara.errors import StoreError
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.clock import Clock
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.store.access.users import METER

REQUESTS_PER_MINUTE: Final = 600
"""Requests of one user or address, limited where other machines reach the server."""
CHANGES_PER_MINUTE: Final = 120
"""Requests of one user by methods that change something."""
POLICY_VIOLATION: Final = 1008
"""Close code of a refused websocket.

Source: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1.
"""
METER_REFUSAL: Final = f"a token of the scope telemetry may only post to {TELEMETRY}: use one of the scope read"
SESSION_OVER: Final = 4401
"""Close code of an ended session; 4000 to 4999 are an application's own.

Source: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2.
"""


class Gate:
    """ASGI wrapper around everything that the server answers.

    Args:
        authenticator: None where no login is asked for; everybody is then `LOCAL`.
        limited: whether rates are limited.
        metrics: counters of the engine, among them the one of refused requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Origins,
        clock: Clock,
        authenticator: Authenticator | None,
        limited: bool,
        metrics: EngineMetrics | None = None,
    ) -> None:
        self._app = app
        self._origins = origins
        self._authenticator = authenticator
        self._metrics = metrics or EngineMetrics()
        self._login = Login(authenticator, is_secure=origins.scheme == "https") if authenticator is not None else None
        self._requests = Limits(REQUESTS_PER_MINUTE, clock) if limited else None
        self._changes = Limits(CHANGES_PER_MINUTE, clock) if limited else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "GET")
        refusal = self._origins.refusal(scope["type"], method, scope["headers"])
        if refusal is not None:
            self._metrics.refused_count += 1
            await refuse(refusal, scope, receive, send)
            return
        try:
            if self._login is not None and rule_of(str(scope["path"])).service is Service.LOGIN:
                await self._login(scope, receive, send)
                return
            identity = await self._identity_of(scope)
        except StoreError as error:
            await refuse(OriginRefusal(status=503, detail=str(error)), scope, receive, send)
            return
        await self._admit(identity, method, scope, receive, send)

    async def _identity_of(self, scope: Scope) -> Identity | None:
        """Identify the client; the database is not asked for an address over its rate."""
        if self._authenticator is None:
            return LOCAL
        may_ask = self._requests is None or not self._requests.is_spent(network_of(address_of(scope)))
        return await self._authenticator.identity_of(scope, may_ask=may_ask)

    async def _admit(self, identity: Identity | None, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        wait_s = self._wait_s(identity, method, scope)
        if wait_s > 0.0:
            await refuse(OriginRefusal(status=429, detail=f"try again in {wait_s:.0f} s"), scope, receive, send, wait_s)
            return
        if identity is None and not rule_of(str(scope["path"])).is_public:
            await self._challenge(scope, receive, send)
            return
        if identity is not None and identity.role == METER and scope["path"] != TELEMETRY:
            self._metrics.refused_count += 1
            await refuse(OriginRefusal(status=403, detail=METER_REFUSAL), scope, receive, send)
            return
        scope[SCOPE_KEY] = identity or NOBODY
        scope[AUTHENTICATOR_KEY] = self._authenticator
        CALLER.set(scope)
        if identity is not None:
            ACTOR.set(Actor(name=identity.name, address=address_of(scope)))
            if self._authenticator is not None and scope["type"] == "websocket":
                receive = SessionBoundReceive(self._authenticator, identity, scope, receive, send).receive
        await self._app(scope, receive, send)

    def _wait_s(self, identity: Identity | None, method: str, scope: Scope) -> float:
        """Count a request against its limit; return the seconds to wait, 0 if it may pass."""
        if self._requests is None or self._changes is None:
            return 0.0
        if identity is None:
            return self._requests.wait_s(network_of(address_of(scope)))
        if not rule_of(str(scope["path"])).is_counted:
            return 0.0
        if scope["type"] == "http" and method not in SAFE_METHODS:
            return self._changes.wait_s(identity.name)
        return self._requests.wait_s(identity.name)

    async def _challenge(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect a browser that opens a page to the login; answer 401 to anything else."""
        self._metrics.refused_count += 1
        wants_page = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
        if scope["type"] == "http" and scope["method"] == "GET" and wants_page:
            query = scope.get("query_string", b"").decode("latin-1")
            target = quote(scope["path"]) + (f"?{query}" if query else "")
            await RedirectResponse(f"{LOGIN}?next={quote(target)}", 303)(scope, receive, send)
            return
        await refuse(OriginRefusal(status=401, detail="log in, or send a bearer token"), scope, receive, send)


async def refuse(refusal: OriginRefusal, scope: Scope, receive: Receive, send: Send, wait_s: float = 0.0) -> None:
    """Answer with a problem body, or close a websocket before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.detail})
        return
    headers = {"cache-control": "no-store"}
    if refusal.status == 429:
        headers["retry-after"] = f"{max(wait_s, 1.0):.0f}"
    if refusal.status == 401:
        headers["www-authenticate"] = 'Bearer realm="mara"'
    await problem(refusal.status, refusal.detail, headers=headers, is_bare=True)(scope, receive, send)


class SessionBoundReceive:
    """Channel of a websocket's messages that closes when its session or token ends.

    The login is checked anew before each message of the browser is passed on. Browsers answer the server's ping every
    half minute, so that a silent one is found out too.
    """

    def __init__(
        self, authenticator: Authenticator, identity: Identity, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._authenticator = authenticator
        self._identity = identity
        self._scope = scope
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """Return the next message; a disconnect in its place once the session is over."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        if await self._authenticator.identity_of(self._scope) == self._identity:
            return message
        await self._send({"type": "websocket.close", "code": SESSION_OVER, "reason": "the session is over: log in"})
        return {"type": "websocket.disconnect", "code": SESSION_OVER}
