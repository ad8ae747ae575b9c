"""Who asks, where a proxy of ours stands in front and speaks TLS."""

from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


class BehindProxy:
    """ASGI wrapper that believes the proxy right before us, and nobody before that one.

    A proxy adds the address that it was asked from at the end of X-Forwarded-For; what stands before it the client may
    have written itself, so that reading it would give everybody as many addresses as they like.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the app, as if the client had come by itself, over TLS."""
        if scope["type"] in {"http", "websocket"}:
            scope = {**scope, "scheme": _SECURE.get(scope["scheme"], scope["scheme"])}
            address = forwarded_address(scope)
            if address:
                scope["client"] = (address, 0)
        await self._app(scope, receive, send)


def forwarded_address(scope: Scope) -> str:
    """The address that the proxy was asked from; empty where it did not say."""
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    host = told[-1].rpartition(",")[2].strip() if told else ""
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return ""
