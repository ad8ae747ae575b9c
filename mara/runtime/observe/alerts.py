"""Whom to wake: what a watch found, told to the log and posted to a webhook."""

import json
import logging
import queue
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from http.client import HTTPException
from typing import Final

from mara.runtime.observe.alert_rules import Alert, AlertRules
from mara.runtime.published_state import PublishedState

MAX_WAITING: Final = 100
POST_TIMEOUT_S: Final = 5.0

log = logging.getLogger("mara.alerts")


class Webhook:
    """Posts alerts as JSON from a thread of its own: whoever raises one never waits for a dead receiver."""

    def __init__(self, url: str, post: Callable[[str, bytes], None] | None = None) -> None:
        self._url = url
        self._post = post or _post
        self._waiting: queue.Queue[Alert | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="mara-webhook", daemon=True)
        self._thread.start()

    def send(self, alert: Alert) -> None:
        """Have it posted; what does not fit any more is logged and dropped."""
        try:
            self._waiting.put_nowait(alert)
        except queue.Full:
            log.warning("alert dropped", extra={"alert": alert.text})

    def close(self) -> None:
        """Post no more; harmless when repeated."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def _work(self) -> None:
        while (alert := self._waiting.get()) is not None:
            try:
                self._post(self._url, json.dumps(asdict(alert)).encode())
            except (HTTPException, OSError, ValueError) as error:
                log.warning("alert not delivered", extra={"alert": alert.text, "reason": str(error)})


def _post(url: str, body: bytes) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("a webhook's address begins with http:// or https://")
    request = urllib.request.Request(url, body, {"content-type": "application/json"}, method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=POST_TIMEOUT_S) as answer:  # noqa: S310  checked above
        answer.read(1)


class Alarm:
    """Listens to what is published, and tells the log, and a webhook where there is one."""

    def __init__(self, webhook: Webhook | None) -> None:
        self._watch = AlertRules()
        self._webhook = webhook

    def __call__(self, published: PublishedState) -> None:
        """Look at a change."""
        for alert in self._watch.alerts(published):
            log.warning(alert.text, extra={"kind": alert.kind, "severity": alert.severity, "subject": alert.subject})
            if self._webhook is not None:
                self._webhook.send(alert)
