"""A server under a path of a proxy, whether or not the proxy takes the path off before it asks.

Between the two wrappers, where requests are admitted and shared out, paths are those of a server at the root; the
framework within wants them whole, as ASGI says (https://asgi.readthedocs.io/en/latest/specs/www.html).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class UnderPath:
    """Outer ASGI wrapper that answers `/mara/sla` as `/sla`, and has links and redirects begin with `/mara`.

    Args:
        root_path: without a slash at its end; not empty.
    """

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the app, which knows its paths without the root."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [self._onward(*header) for header in message.get("headers", ())]}
            await send(message)

        await self._app(self._within(scope), receive, answer)

    def _within(self, scope: Scope) -> Scope:
        """The same request as if it had been asked at the root; its root path is known to whoever makes links."""
        inside = {**scope, "root_path": self._root_path}
        path = str(scope["path"])
        if path == self._root_path or path.startswith(self._root_path + "/"):
            inside["path"] = path[len(self._root_path) :] or "/"
            raw = scope.get("raw_path")
            if raw is not None:
                inside["raw_path"] = raw[len(self._root_path) :] or b"/"
        # What clients write there themselves would be put before every link a second time.
        inside["headers"] = [header for header in scope["headers"] if header[0] != b"x-forwarded-prefix"]
        return inside

    def _onward(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        """A redirect to a path of ours goes to the same path under the root."""
        root = self._root_path.encode()
        if name.lower() != b"location" or not value.startswith(b"/") or value.startswith((b"//", root + b"/")):
            return name, value
        return name, root + value


class WholePath:
    """Inner ASGI wrapper that puts the root path before the path again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the app."""
        root_path = scope.get("root_path", "")
        if root_path and scope["type"] in {"http", "websocket"}:
            scope = {**scope, "path": root_path + str(scope["path"])}
            if scope.get("raw_path") is not None:
                scope["raw_path"] = root_path.encode() + scope["raw_path"]
        await self._app(scope, receive, send)
