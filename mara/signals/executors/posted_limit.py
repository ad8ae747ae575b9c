"""Executor for a web service of the site's owner: limits as signed JSON.

`GET URL` answers `{"limit_mw": null | number}`, `PUT URL` takes the same and answers it. Both are signed as posted
dispatch documents are (`mara.signals.outlets.signed_webhook`).
"""

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from math import isfinite
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.base import Capabilities, DeviceState
from mara.signals.executors.http_call import called
from mara.signals.outlets.signed_webhook import SIGNATURE, TIMESTAMP, signature_of

LIMIT: Final = "limit_mw"
DECIMALS: Final = 6
WHO: Final = "the web service of the site"


class PostedLimit:
    """A limit that a web service keeps."""

    kind = "webhook"

    def __init__(self, url: str, secret: str, least_mw: float, most_mw: float, now: Callable[[], datetime]) -> None:
        self._url = url
        self._secret = secret
        self._bounds_mw = least_mw, most_mw
        self._now = now

    def capabilities(self) -> Capabilities:
        least_mw, most_mw = self._bounds_mw
        return Capabilities(device=self._url, least_mw=least_mw, most_mw=most_mw, step_mw=0.0)

    def read(self) -> DeviceState:
        return self._asked("GET", b"")

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        del pinned  # one limit is either heard or not
        own = dict(owners)[LIMIT]
        if limit_mw is None:
            return owners
        return ((LIMIT, round(limit_mw if own is None else min(limit_mw, float(own)), DECIMALS)),)

    def apply(self, changes: DeviceState) -> None:
        self._asked("PUT", json.dumps(dict(changes)).encode())

    def _asked(self, method: str, body: bytes) -> DeviceState:
        timestamp = str(int(self._now().timestamp()))
        headers = {
            "content-type": "application/json",
            TIMESTAMP: timestamp,
            SIGNATURE: signature_of(self._secret, timestamp, body),
        }
        status, content = called(WHO, method, self._url, headers, body)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise DeviceError(
                f"{WHO} does not take the signature ({status}): see that both have the same secret and the right time"
            )
        if status != HTTPStatus.OK:
            asked = "refused the limit" if body else "does not tell its limit"
            raise DeviceError(f"{WHO} {asked}: it answered {status}, 200 was expected")
        return _state_in(content)


def _state_in(content: bytes) -> DeviceState:
    try:
        said: Any = json.loads(content)
    except ValueError as error:
        raise DeviceError(f"{WHO} should answer JSON, something else came: see that the URL is right") from error
    limit = said.get(LIMIT, "") if isinstance(said, dict) else ""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or not isfinite(limit)):
        raise DeviceError(f"{WHO} should answer limit_mw, null or a number, {str(limit)[:60]!r} came")
    return ((LIMIT, None if limit is None else round(float(limit), DECIMALS)),)
