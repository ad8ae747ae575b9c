"""Imitated web service of a site's owner: signed requests, a limit within bounds."""

import hmac
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from mara.signals.imitations.serving import DROP_S, untold
from mara.signals.outlets.signed_webhook import SIGNATURE, TIMESTAMP, signature_of

OLDEST_S: Final = 300.0
"""Age from which on a signed request is refused, as it may be a repeated one."""
OK, UNKNOWN, REFUSED, BROKEN = 200, 401, 422, 503


class ImitatedService:
    """A service that keeps one limit, null or within its bounds.

    Args:
        told: called with each change of its limit.
    """

    def __init__(
        self,
        secret: str,
        now: Callable[[], datetime],
        most_mw: float = 60.0,
        told: Callable[[str], None] | None = None,
    ) -> None:
        self.limit_mw: float | None = None
        self.most_mw = most_mw
        self.fault = ""
        self.history: list[float | None] = []
        self.outside: list[Any] = []
        """Limits beyond its bounds that somebody tried to set."""
        self._secret = secret
        self._now = now
        self._told = told or untold
        self._is_over = threading.Event()

    @contextmanager
    def serving(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve requests, each in a thread; yield the URL."""
        service = self

        class LimitCall(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.respond(b"")

            def do_PUT(self) -> None:
                self.respond(self.rfile.read(int(self.headers["content-length"])))

            def respond(self, body: bytes) -> None:
                if service.fault == "silent":
                    service._is_over.wait(60.0)
                    return
                status = service._obey(dict(self.headers.items()), body)
                if service.fault == "reboot" and body:
                    return
                said = json.dumps({"limit_mw": service.limit_mw}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                for at in range(len(said)) if service.fault == "slow" else ():
                    self.wfile.write(said[at : at + 1])
                    service._is_over.wait(DROP_S)
                if service.fault != "slow":
                    self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        class LimitServer(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Say nothing of those who have gone."""

        with LimitServer((host, port), LimitCall) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            yield f"http://{host}:{server.server_port}/limit"
            self._is_over.set()
            server.shutdown()
            thread.join()

    def _obey(self, headers: dict[str, str], body: bytes) -> int:
        sent = {name.lower(): value for name, value in headers.items()}
        timestamp = sent.get(TIMESTAMP, "0")
        if not hmac.compare_digest(signature_of(self._secret, timestamp, body), sent.get(SIGNATURE, "")):
            return UNKNOWN
        if abs(self._now().timestamp() - float(timestamp)) > OLDEST_S:
            return UNKNOWN
        return self._put(json.loads(body)) if body else OK

    def _put(self, asked: dict[str, Any]) -> int:
        limit = asked.get("limit_mw", "")
        if set(asked) != {"limit_mw"} or (limit is not None and not 0.0 <= float(limit) <= self.most_mw):
            self.outside.append(limit)
            return REFUSED
        if self.fault == "refuse":
            return BROKEN
        if self.fault != "ignore":
            self.limit_mw = limit
            self.history.append(limit)
            self._told(f"limit_mw = {'none' if limit is None else limit}")
        return OK
