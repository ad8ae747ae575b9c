"""List of alerts with filters, history, and the orders about them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES
from components.shared.view_model import Channel, Row
from mara.core.alert import SEVERITIES, Alert, ranked
from mara.errors import CommandError, MaraError

MOST_STANDING: Final = 200
"""Standing alerts that are listed, the worst; the API has them all."""
SILENCES_H: Final = (1, 4, 24, 168)
"""Offered lengths of a silence on the fleet's clock."""
STATES: Final = (
    ("open", "Open"),
    ("acknowledged", "Acknowledged"),
    ("silenced", "Silenced"),
    ("ended", "Over"),
    ("", "All"),
)
SEVERITY_LABELS: Final = {"critical": "Critical", "warning": "Warning"}
ABOVE_ENDED: Final = 1_000_000_000
"""Rank of standing alerts; those that are over rank below, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertActions:
    """Functions that the list calls, each with the numbers of alerts.

    Attributes:
        find: reads the alerts of a time, the newest first.
        silence: also takes the end of the silence.
        why_not: reason why the user may not order anything; empty where they may.
    """

    find: Callable[[datetime | None, datetime | None], Awaitable[Sequence[Alert]]]
    acknowledge: Callable[[Sequence[int]], Awaitable[object]]
    reopen: Callable[[Sequence[int]], Awaitable[object]]
    silence: Callable[[Sequence[int], datetime], Awaitable[object]]
    unsilence: Callable[[Sequence[int]], Awaitable[object]]
    why_not: str = ""


class AlertList(ui.element, component="alert_list.js", esm=BROWSER_MODULES):
    """List that follows the channels `alerts` and `moment`.

    Args:
        chosen: number of the alert that the page was opened for; 0 for none.
    """

    def __init__(self, first: Channel, actions: AlertActions, chosen: int = 0) -> None:
        super().__init__()
        self._actions = actions
        self.props["rows"] = dict(first)
        self.props["found"] = None
        self.props["refusal"] = ""
        self.props["chosen"] = chosen
        self.props["forbidden"] = actions.why_not
        self.props["states"] = [{"key": key, "label": label} for key, label in STATES]
        self.props["severities"] = [{"key": key, "label": SEVERITY_LABELS[key]} for key in SEVERITIES]
        self.props["silences"] = [{"hours": hours, "label": text.duration(60 * hours)} for hours in SILENCES_H]
        self.on("show-alerts", self._find)
        if not actions.why_not:
            self.on("order-acknowledge", lambda event: actions.acknowledge(_numbers_of(event)))
            self.on("order-reopen", lambda event: actions.reopen(_numbers_of(event)))
            self.on("order-silence", self._silence)
            self.on("order-unsilence", lambda event: actions.unsilence(_numbers_of(event)))
        self.mark("alert-list")

    async def _find(self, event: GenericEventArguments) -> None:
        """Show the alerts of a time, or why they cannot be read.

        Without a time, those that stand are shown.
        """
        given = event.args if isinstance(event.args, dict) else {}
        try:
            since, until = (time_of(given.get(name)) for name in ("since", "until"))
            if since and until and since >= until:
                raise CommandError("the first time should lie before the second: swap them")
            found = await self._actions.find(since, until) if since or until else None
        except MaraError as error:
            self.props["refusal"] = str(error)
        else:
            self.props["refusal"] = ""
            self.props["found"] = None if found is None else alert_channel(found)
        self.update()

    async def _silence(self, event: GenericEventArguments) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        try:
            until = time_of(given.get("until"))
            if until is None:
                raise CommandError("a silence needs the time at which it ends: choose one")
        except CommandError as error:
            self.props["refusal"] = str(error)
            self.update()
        else:
            await self._actions.silence(_numbers_of(event), until)


def alert_channel(alerts: Iterable[Alert]) -> Channel:
    """Return a row for each alert: those that stand, the worst first, then the others."""
    known = {alert.number: alert for alert in alerts}
    standing = ranked(alert for alert in known.values() if alert.ended_at is None)[:MOST_STANDING]
    rows: Channel = {str(alert.number): _row(alert, ABOVE_ENDED - place) for place, alert in enumerate(standing)}
    over = (alert for alert in known.values() if alert.ended_at is not None)
    return {**rows, **{str(alert.number): _row(alert, alert.number) for alert in over}}


def time_of(given: Any) -> datetime | None:
    """Parse a UTC time that was entered; None where nothing was.

    Raises:
        CommandError: it is no time.
    """
    entered = str(given or "").strip()
    if not entered:
        return None
    try:
        at = datetime.fromisoformat(entered)
    except ValueError as error:
        raise CommandError(
            f"a UTC time like 2025-07-05 14:00 was expected, got {entered[:40]!r}: correct it"
        ) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def question_path(alert: Alert) -> str:
    """Return the path of the question about the tick in which an alert began."""
    at = f"{alert.began_at:%Y-%m-%d %H:%M} UTC"
    asked = f"Why was contract {alert.subject} off at {at}?" if alert.about == "contract" else f"What happened at {at}?"
    return f"/optimizer?ask={quote(asked)}"


def _row(alert: Alert, rank: int) -> Row:
    return {
        "rank": rank,
        "number": alert.number,
        "state": alert.state,
        "severity": alert.severity,
        "label": alert.label,
        "text": alert.text,
        "advice": alert.advice if alert.ended_at is None else "",
        "began_s": int(alert.began_at.timestamp()),
        "ended_s": 0 if alert.ended_at is None else int(alert.ended_at.timestamp()),
        "since": text.utc_moment(alert.began_at),
        "over": "" if alert.ended_at is None else text.utc_moment(alert.ended_at),
        "at_risk": "" if not alert.at_risk_usd else text.usd(alert.at_risk_usd),
        "who": _who(alert),
        "links": [{"label": label, "path": path} for label, path in _links(alert)],
    }


def _who(alert: Alert) -> str:
    """Say who has seen or silenced an alert."""
    seen = f"Acknowledged by {alert.acknowledged_by}." if alert.acknowledged_by else ""
    if alert.silenced_until is None:
        return seen
    return f"Silenced by {alert.silenced_by} until {text.utc_moment(alert.silenced_until)}. {seen}".strip()


def _links(alert: Alert) -> Iterable[tuple[str, str]]:
    match alert.about:
        case "site":
            yield "Open the site", f"/sites/{quote(alert.subject)}"
        case "contract":
            yield "Open the contract", f"/sla?contract={quote(alert.subject)}"
    what = "Why it was off" if alert.about == "contract" else "What happened"
    yield f"{what} in tick {text.number(alert.began_tick)}", question_path(alert)


def _numbers_of(event: GenericEventArguments) -> list[int]:
    """Return the numbers that a browser sent; the platform refuses unknown ones."""
    sent = event.args.get("numbers", []) if isinstance(event.args, dict) else []
    return [int(number) for number in sent if isinstance(number, int)] if isinstance(sent, list) else []
