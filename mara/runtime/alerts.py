"""Whom to wake: changes of the engine's state, and promises whose error budget burns too fast, by webhook.

Rules fit the tick. Premium counts bad ticks, because a rate says nothing of a budget of a few; Standard and Flexible
use burn rates over two windows. Source: Google SRE workbook, chapter 5, with windows and factors for our budgets.
"""

import json
import logging
import queue
import threading
import urllib.request
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import Final

from mara.core.contract import TARGET_PPM, TIER_KEYS
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.units import MINUTES_PER_HOUR, PPM
from mara.runtime.latest import EngineState, Published

PREMIUM_BAD_IN_AN_HOUR: Final = 2
PREMIUM_BUDGET_USED: Final = 4
BURN_RULES: Final = {"standard": ((14.4, 1), (6.0, 6)), "flexible": ((6.0, 1), (3.0, 6))}
"""Burn rate and the hours that it is measured over. Flexible's burn is 10 at most: 14.4 could never be seen."""
LONGEST_WINDOW_H: Final = 6
MAX_WAITING: Final = 100
POST_TIMEOUT_S: Final = 5.0
_WORRYING: Final = frozenset({EngineState.DEGRADED, EngineState.HALTED})

log = logging.getLogger("mara.alerts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that somebody should see to, or that is over."""

    kind: str
    """state | burn_rate"""
    severity: str
    """critical | warning | resolved"""
    subject: str
    text: str
    tick: int


class Watch:
    """Compares each published state with the one before; alerts are said once, and again when they are over."""

    def __init__(self) -> None:
        self._state = EngineState.STARTING
        self._open: dict[str, Alert] = {}
        self._bad_ticks: dict[str, deque[tuple[int, int]]] = {}
        self._tick = -1

    def alerts(self, published: Published) -> tuple[Alert, ...]:
        """What is new since the last look."""
        snapshot = published.snapshot
        tick = snapshot.tick if snapshot is not None else 0
        found = list(self._state_alerts(published, tick))
        if snapshot is not None and snapshot.tick != self._tick:
            self._tick = snapshot.tick
            found += self._burn_alerts(snapshot)
        return tuple(found)

    def _state_alerts(self, published: Published, tick: int) -> list[Alert]:
        before, self._state = self._state, published.state
        if before is published.state:
            return []
        if published.state in _WORRYING:
            severity = "critical" if published.state is EngineState.HALTED else "warning"
            return [_state_alert(severity, f"the engine is {published.state}: {published.reason}", tick)]
        return [_state_alert("resolved", f"the engine is {published.state} again", tick)] if before in _WORRYING else []

    def _burn_alerts(self, snapshot: Snapshot) -> list[Alert]:
        per_hour = MINUTES_PER_HOUR // snapshot.tick_minutes
        live = {contract.id: contract for contract in snapshot.contracts}
        self._bad_ticks = {name: seen for name, seen in self._bad_ticks.items() if name in live}
        burning: dict[str, Alert] = {}
        for contract in snapshot.contracts:
            seen = self._bad_ticks.setdefault(contract.id, deque(maxlen=LONGEST_WINDOW_H * per_hour + 1))
            if seen and seen[-1][1] > contract.bad_ticks:
                seen.clear()  # a new measurement window
            seen.append((snapshot.tick, contract.bad_ticks))
            why = _reason_of(contract, seen, per_hour)
            if why:
                text = f"{contract.customer or contract.id}, {contract.tier}: {why}"
                burning[contract.id] = Alert(
                    kind="burn_rate", severity="critical", subject=contract.id, text=text, tick=snapshot.tick
                )
        new = [alert for name, alert in burning.items() if name not in self._open]
        over = [
            Alert(kind="burn_rate", severity="resolved", subject=name, text=f"over: {alert.text}", tick=snapshot.tick)
            for name, alert in self._open.items()
            if name not in burning
        ]
        self._open = burning
        return new + over


def _state_alert(severity: str, text: str, tick: int) -> Alert:
    return Alert(kind="state", severity=severity, subject="engine", text=text, tick=tick)


def _reason_of(contract: ContractSnapshot, seen: deque[tuple[int, int]], per_hour: int) -> str:
    """Why a contract's budget burns too fast; empty when it does not."""
    if contract.tier == "premium":
        bad = _bad_within(seen, per_hour)
        if bad >= PREMIUM_BAD_IN_AN_HOUR:
            return f"{bad} bad ticks in the last hour"
        if contract.bad_ticks >= PREMIUM_BUDGET_USED:
            return f"{contract.bad_ticks} bad ticks of {contract.budget_ticks} in its window"
        return ""
    for factor, hours in BURN_RULES.get(contract.tier, ()):
        ticks = hours * per_hour
        spare_share = (PPM - TARGET_PPM[TIER_KEYS.index(contract.tier)]) / PPM
        burn = _bad_within(seen, ticks) / ticks / spare_share
        if burn >= factor and len(seen) > ticks:
            return f"its budget burns {burn:.1f} times too fast over {hours} h"
    return ""


def _bad_within(seen: deque[tuple[int, int]], ticks: int) -> int:
    """Bad ticks among the last so many."""
    newest = seen[-1]
    before = next((bad for tick, bad in seen if tick >= newest[0] - ticks), newest[1])
    return newest[1] - before


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
        self._watch = Watch()
        self._webhook = webhook

    def __call__(self, published: Published) -> None:
        """Look at a change."""
        for alert in self._watch.alerts(published):
            log.warning(alert.text, extra={"kind": alert.kind, "severity": alert.severity, "subject": alert.subject})
            if self._webhook is not None:
                self._webhook.send(alert)
