"""Security headers of every answer, with a content security policy and its nonce.

The policy stops stored text from running should it ever reach the page as markup. NiceGUI evaluates what its server
sends, so that 'unsafe-eval' has to stay; scripts in a page carry a nonce, and inline handlers never run.
Sources: https://www.w3.org/TR/CSP3/, https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header and
https://www.rfc-editor.org/rfc/rfc6797 (strict-transport-security).
"""

import re
from secrets import token_urlsafe
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT: Final = re.compile(rb"<script(?=[\s>])")
NONCE_BYTES: Final = 16
"""Length of a nonce; its bits come from the system, since a seed is predictable."""
MAX_PAGE_BYTES: Final = 8_000_000

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), usb=()"),
)
_KEPT_SECURE: Final = (b"strict-transport-security", b"max-age=31536000")


def policy_of(nonce: str) -> str:
    """Write the content security policy of one answer."""
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; script-src-attr 'none'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class SafeHeaders:
    """ASGI wrapper that adds headers to each answer, and a nonce to a page's scripts."""

    def __init__(self, app: ASGIApp, *, is_secure: bool = False) -> None:
        self._app = app
        self._fixed = (*_ALWAYS, _KEPT_SECURE) if is_secure else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, and add headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(send, self._fixed).send)


class _Answer:
    """Answer being sent: a page is collected until it is whole, all else passes."""

    def __init__(self, send: Send, fixed: tuple[tuple[bytes, bytes], ...]) -> None:
        self._send = send
        self._fixed = fixed
        self._nonce = token_urlsafe(NONCE_BYTES)
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), *self._fixed]
            headers.append((b"content-security-policy", policy_of(self._nonce).encode()))
            message = {**message, "headers": headers}
            if _is_page(headers):
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            await self._hold(message)
            return
        await self._send(message)

    async def _hold(self, message: Message) -> None:
        self._body += message.get("body", b"")
        assert len(self._body) <= MAX_PAGE_BYTES, "no page of Mara is that long"
        if message.get("more_body", False):
            return
        assert self._start is not None
        body = _SCRIPT.sub(b'<script nonce="' + self._nonce.encode() + b'"', bytes(self._body))
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _is_page(headers: list[tuple[bytes, bytes]]) -> bool:
    sent = {name.lower(): value for name, value in headers}
    return sent.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in sent


class NoStore:
    """ASGI wrapper that forbids caches to store answers, each meant for one user.

    Source: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.5.

    Args:
        except_folder: the folder of files that never change.
    """

    def __init__(self, app: ASGIApp, *, except_folder: str) -> None:
        self._app = app
        self._except_folder = except_folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, and mark the answer."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [one for one in message.get("headers", []) if one[0].lower() != b"cache-control"]
                message = {**message, "headers": [*headers, (b"cache-control", b"no-store")]}
            await send(message)

        is_fixed = scope["type"] != "http" or str(scope["path"]).startswith(self._except_folder)
        await self._app(scope, receive, send if is_fixed else marked)
