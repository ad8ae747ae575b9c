"""How many may look at once: each open page costs every tick, so the door closes before the pages grow slow for all."""

from collections.abc import Callable
from typing import Final

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SOCKETS_A_CLIENT: Final = 2
"""A browser that lost its connection comes back before the old one is given up."""
TRY_AGAIN_S: Final = 10
TRY_AGAIN_LATER: Final = 1013
"""Close code, IANA's registry of RFC 6455."""
NOT_PAGES: Final = ("/static/", "/_nicegui", "/api/", "/metrics", "/login", "/logout")


class Room:
    """ASGI wrapper before the pages.

    Args:
        most_clients: browsers that may look at once.
        clients_count: those that do now.
    """

    def __init__(self, app: ASGIApp, *, most_clients: int, clients_count: Callable[[], int]) -> None:
        self._app = app
        self._most_clients = most_clients
        self._clients_count = clients_count
        self._sockets_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the app while there is room."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif _asks_for_a_page(scope) and self._clients_count() >= self._most_clients:
            told = _PAGE.format(most=self._most_clients, seconds=TRY_AGAIN_S)
            await HTMLResponse(told, 503, {"retry-after": str(TRY_AGAIN_S)})(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._sockets_count >= SOCKETS_A_CLIENT * self._most_clients:
            await receive()
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "too many look at once"})
            return
        self._sockets_count += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets_count -= 1


def _asks_for_a_page(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and not str(scope["path"]).startswith(NOT_PAGES)
        and any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
    )


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mara: no room</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="dark light">
<meta http-equiv="refresh" content="{seconds}">
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText;
  font: 15px/1.5 Inter, system-ui, sans-serif }}
main {{ width: min(28rem, 92vw) }} h1 {{ font-size: 20px }}
</style></head>
<body><main role="alert"><h1>{most} browsers look at Mara already</h1>
<p>That is as many as this server takes at once, so that it stays quick for them. This page tries again every
{seconds} seconds. Close a window of Mara that nobody needs, or have MARA_MAX_CLIENTS raised.</p></main></body></html>
"""
