"""Client address and scheme of requests that come through a reverse proxy.

The proxy speaks TLS and appends the address that asked it to X-Forwarded-For.
"""

from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


class BehindProxy:
    """ASGI wrapper that trusts the nearest proxy, and no proxy before that one.

    Only the last address in X-Forwarded-For is read: those before it may be the client's own invention, and would give
    each client as many addresses as it likes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as if the client had sent it directly, over TLS."""
        if scope["type"] in {"http", "websocket"}:
            scope = {**scope, "scheme": _SECURE.get(scope["scheme"], scope["scheme"])}
            address = forwarded_address(scope)
            if address:
                scope["client"] = (address, 0)
        await self._app(scope, receive, send)


def forwarded_address(scope: Scope) -> str:
    """Read the address that the proxy was asked from; empty where it named none."""
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    host = forwarded[-1].rpartition(",")[2].strip() if forwarded else ""
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return ""
