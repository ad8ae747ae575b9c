"""Server below a path of a reverse proxy, such as `/mara`.

It makes no difference whether the proxy removes that path before it forwards a request. Between the two wrappers of
this module, where requests are admitted and dispatched, paths are those of a server at the root; the framework inside
expects them whole, as ASGI says (https://asgi.readthedocs.io/en/latest/specs/www.html).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class UnderPath:
    """Outer ASGI wrapper that removes the root path; redirects get it back.

    Args:
        root_path: not empty, and without a slash at its end.
    """

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, which knows its paths without the root."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [self._redirected(*header) for header in message.get("headers", ())]}
            await send(message)

        await self._app(self._within(scope), receive, answer)

    def _within(self, scope: Scope) -> Scope:
        """Copy a request as if sent to the root; its `root_path` serves to build links."""
        inside = {**scope, "root_path": self._root_path}
        path = str(scope["path"])
        if path == self._root_path or path.startswith(self._root_path + "/"):
            inside["path"] = path[len(self._root_path) :] or "/"
            raw = scope.get("raw_path")
            if raw is not None:
                inside["raw_path"] = raw[len(self._root_path) :] or b"/"
        # A client's own value would be put before every link a second time.
        inside["headers"] = [header for header in scope["headers"] if header[0] != b"x-forwarded-prefix"]
        return inside

    def _redirected(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        """Add the root path to a redirect to a path of this server; copy any other header."""
        root = self._root_path.encode()
        if name.lower() != b"location" or not value.startswith(b"/") or value.startswith((b"//", root + b"/")):
            return name, value
        return name, root + value


class WholePath:
    """Inner ASGI wrapper that puts the root path in front of the path again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, with its whole path."""
        root_path = scope.get("root_path", "")
        if root_path and scope["type"] in {"http", "websocket"}:
            scope = {**scope, "path": root_path + str(scope["path"])}
            if scope.get("raw_path") is not None:
                scope["raw_path"] = root_path.encode() + scope["raw_path"]
        await self._app(scope, receive, send)
