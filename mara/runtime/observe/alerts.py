"""Delivery of alerts: to the log, and to a webhook where one is configured."""

import json
import logging
import queue
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from mara.runtime.observe.alert_rules import Alert, AlertRules
from mara.runtime.published_state import PublishedState

MAX_WAITING: Final = 100
POST_TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, and for each part of an answer."""

log = logging.getLogger("mara.alerts")


class Webhook:
    """Posts alerts as JSON from a thread of its own, so that the caller never waits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: queue.Queue[Alert | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="mara-webhook", daemon=True)
        self._thread.start()

    def send(self, alert: Alert) -> None:
        """Queue an alert to be posted; where the queue is full it is logged and dropped."""
        try:
            self._waiting.put_nowait(alert)
        except queue.Full:
            log.warning("alert dropped", extra={"alert": alert.text})

    def close(self) -> None:
        """Stop posting; harmless when repeated."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def _work(self) -> None:
        while (alert := self._waiting.get()) is not None:
            reason = _post(self._url, json.dumps(asdict(alert)).encode())
            if reason:
                log.warning("alert not delivered", extra={"alert": alert.text, "reason": reason})


def _post(url: str, body: bytes) -> str:
    """Post JSON; return the reason why it failed, empty on success.

    Redirects are not followed, and count as failures.
    """
    import httpx  # slow to import and rarely needed: imported in the thread that posts

    headers = {"content-type": "application/json"}
    try:
        with httpx.stream("POST", url, content=body, headers=headers, timeout=POST_TIMEOUT_S) as answer:
            answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


class Alarm:
    """Sends each alert to the log, and to a webhook where one is configured."""

    def __init__(self, webhook: Webhook | None) -> None:
        self._rules = AlertRules()
        self._webhook = webhook

    def __call__(self, current: PublishedState) -> None:
        """Send the alerts that follow from a new published state."""
        for alert in self._rules.alerts(current):
            log.warning(alert.text, extra={"kind": alert.kind, "severity": alert.severity, "subject": alert.subject})
            if self._webhook is not None:
                self._webhook.send(alert)
