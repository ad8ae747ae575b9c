"""Executor for a web service of the site's owner: limits as signed JSON.

`GET URL` answers `{"limit_mw": null | number}`, `PUT URL` takes the same and answers it. Both are signed as posted
dispatch documents are (`mara.signals.outlets.signed_webhook`).
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.base import Capabilities, DeviceState
from mara.signals.outlets.signed_webhook import SIGNATURE, TIMESTAMP, signature_of

TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 10_000
LIMIT: Final = "limit_mw"
DECIMALS: Final = 6


class PostedLimit:
    """A limit that a web service keeps."""

    kind = "webhook"

    def __init__(self, url: str, secret: str, least_mw: float, most_mw: float, now: Callable[[], datetime]) -> None:
        self._url = url
        self._secret = secret
        self._bounds_mw = least_mw, most_mw
        self._now = now

    def capabilities(self) -> Capabilities:
        self.read()
        least_mw, most_mw = self._bounds_mw
        return Capabilities(device=self._url, least_mw=least_mw, most_mw=most_mw, step_mw=0.0)

    def read(self) -> DeviceState:
        return self._asked("GET", b"")

    def state_for(self, limit_mw: float | None, owners: DeviceState) -> DeviceState:
        own = dict(owners)[LIMIT]
        if limit_mw is None:
            return owners
        return ((LIMIT, round(limit_mw if own is None else min(limit_mw, float(own)), DECIMALS)),)

    def apply(self, state: DeviceState) -> None:
        self._asked("PUT", json.dumps(dict(state)).encode())

    def release(self, owners: DeviceState) -> None:
        self.apply(owners)

    def _asked(self, method: str, body: bytes) -> DeviceState:
        import httpx  # slow to import and rarely needed

        timestamp = str(int(self._now().timestamp()))
        headers = {
            "content-type": "application/json",
            TIMESTAMP: timestamp,
            SIGNATURE: signature_of(self._secret, timestamp, body),
        }
        try:
            answer = httpx.request(method, self._url, content=body, headers=headers, timeout=TIMEOUT_S)
            answer.raise_for_status()
            said: Any = json.loads(answer.content[:MOST_BYTES])
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise DeviceError(f"the web service of the site does not answer ({type(error).__name__})") from error
        limit = said.get(LIMIT, "") if isinstance(said, dict) else ""
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
            raise DeviceError(f"the web service of the site should answer limit_mw, null or a number, {limit!r} came")
        return ((LIMIT, None if limit is None else round(float(limit), DECIMALS)),)
