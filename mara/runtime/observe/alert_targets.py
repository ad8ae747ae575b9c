"""Delivery of alerts to people: webhooks, and services that Apprise knows.

Source of the addresses of services: https://github.com/caronc/apprise/wiki.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, Self

from mara.core.alert import KINDS, Alert, AlertChange
from mara.errors import ConfigError

MAX_WAITING: Final = 100
POST_TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, and for each part of an answer."""
RESOLVED: Final = "resolved"
"""Severity of the message that an alert is over."""
_WEBHOOKS: Final = ("http://", "https://")

log = logging.getLogger("mara.alerts")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """Message to a target about an alert or its end.

    Attributes:
        severity: critical, warning or resolved.
        at: time of the fleet's clock, ISO 8601 in UTC.
        path: path on this server that shows the alert.
    """

    kind: str
    severity: str
    subject: str
    text: str
    tick: int
    at: str
    alert: int
    at_risk_usd: float | None
    advice: str
    path: str

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """Tell of an alert that stands."""
        return cls(
            kind=alert.kind,
            severity=alert.severity,
            subject=alert.subject,
            text=alert.text,
            tick=alert.began_tick,
            at=alert.began_at.isoformat(),
            alert=alert.number,
            at_risk_usd=alert.at_risk_usd,
            advice=alert.advice,
            path=path_of(alert.number),
        )

    @classmethod
    def of_end(cls, change: AlertChange) -> Self:
        """Tell that an alert is over."""
        found = change.trouble
        return cls(
            kind=found.kind,
            severity=RESOLVED,
            subject=found.subject,
            text=f"over: {found.text}",
            tick=change.tick,
            at=change.at.isoformat(),
            alert=change.number,
            at_risk_usd=None,
            advice="",
            path=path_of(change.number),
        )


class Target(Protocol):
    """A receiver of alerts; `send` never waits and never raises.

    The methods are described at `QueuedTarget`.
    """

    def send(self, message: AlertMessage) -> None: ...
    def close(self) -> None: ...


class QueuedTarget:
    """Sends messages from a thread of its own, so that the caller never waits.

    Args:
        name: name of the target in the log, without anything secret.
        deliver: sends one message, and returns the reason why it failed, empty on success.
    """

    def __init__(self, name: str, deliver: Callable[[AlertMessage], str]) -> None:
        self._name = name
        self._deliver = deliver
        self._waiting: queue.Queue[AlertMessage | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name=f"mara-{name}", daemon=True)
        self._thread.start()

    def send(self, message: AlertMessage) -> None:
        """Queue a message; where the queue is full it is logged and dropped."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            log.warning("alert dropped", extra={"alert": message.text, "target": self._name})

    def close(self) -> None:
        """Stop sending; harmless when repeated."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def _work(self) -> None:
        while (message := self._waiting.get()) is not None:
            reason = self._deliver(message)
            if reason:
                fields = {"alert": message.text, "target": self._name, "reason": reason}
                log.warning("alert not delivered", extra=fields)


def targets_of(addresses: Sequence[str]) -> tuple[QueuedTarget, ...]:
    """Make a target of each http(s) address, and one of all services of Apprise.

    Raises:
        ConfigError: an address is none that Apprise knows, or Apprise is not installed.
    """
    webhooks = [address for address in addresses if address.lower().startswith(_WEBHOOKS)]
    services = [address for address in addresses if address not in webhooks]
    made = [webhook(address) for address in webhooks]
    return (*made, *([QueuedTarget("apprise", _apprise_of(services))] if services else []))


def webhook(url: str) -> QueuedTarget:
    """Make a target that posts each message as JSON."""
    return QueuedTarget("webhook", lambda message: _post(url, json.dumps(asdict(message)).encode()))


def path_of(number: int) -> str:
    """Return the path on this server that shows an alert."""
    return f"/alerts?alert={number}"


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


def _apprise_of(addresses: Sequence[str]) -> Callable[[AlertMessage], str]:
    """Make the delivery to services, whose addresses hold passwords.

    Raises:
        ConfigError: see `targets_of`.
    """
    try:
        import apprise  # an extra, and slow to import: only where it is asked for
    except ImportError as error:
        raise ConfigError(
            "MARA_ALERT_TARGETS names services besides http(s), for which Apprise is needed: pip install 'mara[alerts]'"
        ) from error
    services = apprise.Apprise()
    for place, address in enumerate(addresses, start=1):
        if not services.add(address):
            scheme = address.partition("://")[0] if "://" in address else "no scheme"
            raise ConfigError(
                f"MARA_ALERT_TARGETS, service {place} of {len(addresses)} ({scheme}) is no address that Apprise knows; "
                "it is not repeated: see https://github.com/caronc/apprise/wiki"
            )
    kinds = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}

    def deliver(message: AlertMessage) -> str:
        body = "\n".join(part for part in (message.text, message.advice) if part)
        kind = kinds.get(message.severity, apprise.NotifyType.SUCCESS)
        label = KINDS[message.kind].label if message.kind in KINDS else message.kind
        is_sent: Any = services.notify(body=body, title=f"Mara, {message.severity}: {label}", notify_type=kind)
        return "" if is_sent else "a service refused it, or did not answer"

    return deliver
