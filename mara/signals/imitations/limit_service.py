"""Imitated web service of a site's owner: signed requests, a limit within bounds."""

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from mara.signals.imitations.serving import serving_http, untold
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

    @contextmanager
    def serving(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve requests, each in a thread; yield the URL."""
        with serving_http(self, host, port) as url:
            yield f"{url}/limit"

    def answer(self, _: str, headers: dict[str, str], body: bytes | None) -> tuple[int, object]:
        """Obey a request; return its status, and the limit as it then is."""
        status = self._obey(headers, body or b"")
        return status, {"limit_mw": self.limit_mw}

    def _obey(self, headers: dict[str, str], body: bytes) -> int:
        timestamp = headers.get(TIMESTAMP, "0")
        if not hmac.compare_digest(signature_of(self._secret, timestamp, body), headers.get(SIGNATURE, "")):
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
