"""Outlet that posts dispatch documents to a URL, signed with HMAC-SHA256.

A receiver computes HMAC-SHA256 of the header `X-Mara-Timestamp`, a dot and the body with the shared secret, compares
it with `X-Mara-Signature` in constant time, and refuses old timestamps, so that a recorded post is of no use.
Source: https://www.rfc-editor.org/rfc/rfc2104
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mara.core.dispatch_document import DispatchDocument
from mara.signals.document_json import document_bytes

POST_TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, and for each part of an answer."""
TIMESTAMP: Final = "x-mara-timestamp"
SIGNATURE: Final = "x-mara-signature"
TICK: Final = "x-mara-tick"


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """Sign a body and its timestamp: `sha256=` and 64 hexadecimal digits."""
    return "sha256=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


class SignedWebhook:
    """Posts each document; redirects are not followed and count as failures.

    Args:
        now: tells the wall time of a post.
    """

    name = "webhook"

    def __init__(self, url: str, secret: str, now: Callable[[], datetime]) -> None:
        self._url = url
        self._secret = secret
        self._now = now

    def deliver(self, document: DispatchDocument) -> str:
        """Post a document; return the reason why that failed, empty on success."""
        return self.post(document_bytes(document), {TICK: str(document.tick)})

    def post(self, body: bytes, more: dict[str, str]) -> str:
        """Post a signed body; return the reason why that failed, without URL and secret."""
        import httpx  # slow to import and rarely needed: imported in the thread that posts

        timestamp = str(int(self._now().timestamp()))
        headers = {
            "content-type": "application/json",
            TIMESTAMP: timestamp,
            SIGNATURE: signature_of(self._secret, timestamp, body),
            **more,
        }
        try:
            with httpx.stream("POST", self._url, content=body, headers=headers, timeout=POST_TIMEOUT_S) as answer:
                return "" if answer.is_success else f"the receiver answered {answer.status_code}: 200 was expected"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return f"the receiver cannot be reached ({type(error).__name__}): see that it runs at the URL that is set"

    def close(self) -> None:
        """Close nothing: each post has a connection of its own."""
