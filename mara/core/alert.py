"""Alerts: conditions that need an operator's attention, from beginning to end.

An alert is the sum of its changes, which the store keeps in the order in which they came.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

CRITICAL: Final = "critical"
WARNING: Final = "warning"
SEVERITIES: Final = (CRITICAL, WARNING)
"""Severities, the worst first."""

AlertState = Literal["open", "acknowledged", "silenced", "ended"]
ChangeKind = Literal["began", "rose", "ended", "acknowledged", "reopened", "silenced", "unsilenced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertKind:
    """A kind of alert: its name for people, and advice to whoever reads it.

    Attributes:
        about: what its subject is the id of: site, contract, or empty for neither.
    """

    key: str
    label: str
    advice: str
    about: str = ""


KINDS: Final = {
    kind.key: kind
    for kind in (
        AlertKind(
            key="premium",
            label="Premium promise broken",
            about="contract",
            advice="See in its sheet why it was off. Bring a site back that was taken down, or cancel Flexible "
            "or Spot load, so that it has room.",
        ),
        AlertKind(
            key="state",
            label="Engine",
            advice="Nothing is decided while the engine stands. Put right what the reason names, then resume.",
        ),
        AlertKind(
            key="late",
            label="Engine late",
            advice="See that the database and the planner answer, or lower the speed.",
        ),
        AlertKind(
            key="clock",
            label="Clock set back",
            advice="A live world keeps this machine's clock. Set that right; if the newest ticks are of a wrong time, "
            "begin a new run.",
        ),
        AlertKind(
            key="disk",
            label="Disk",
            advice="Free space beside the database, or move it: when the disk is full, no tick can be stored.",
        ),
        AlertKind(
            key="sites",
            label="Several sites down",
            advice="Look for a common cause, such as a network. Premium moves by itself while there is room.",
        ),
        AlertKind(
            key="burn_rate",
            label="Promise in danger",
            about="contract",
            advice="Give it room before its budget is used up: bring a site back, or cancel load with lesser promises.",
        ),
        AlertKind(
            key="promise",
            label="Promise broken",
            about="contract",
            advice="A credit falls due when its window closes. See in the contract's sheet which ticks were bad.",
        ),
        AlertKind(
            key="site",
            label="Site down",
            about="site",
            advice="If an operator took it down, bring it back from the outage dialog (o), or release it on "
            "the operations page if it was stopped there. If not, ask the site.",
        ),
        AlertKind(
            key="grid_limit",
            label="Grid limit",
            about="site",
            advice="The grid's operator lets the site draw less. If promised load is off, cancel lesser load.",
        ),
        AlertKind(
            key="grid_alert",
            label="Grid alert",
            advice="The grid's operator warns. Nothing is changed by it: lower load or announce exclusions if it asks.",
        ),
        AlertKind(
            key="feed",
            label="Stale values",
            advice="The last good values stand in for an hour. See that the source answers and that its key is valid.",
        ),
        AlertKind(
            key="telemetry",
            label="Meter unknown",
            about="site",
            advice="What the site draws is unknown, which counts as bad. See that its meter and the way from it work.",
        ),
        AlertKind(
            key="disarmed",
            label="Site disarmed",
            about="site",
            advice="Its devices are back in their owner's state. Put right what the reason names, then arm it again on "
            "the operations page.",
        ),
        AlertKind(
            key="override",
            label="Manual override",
            about="site",
            advice="Somebody set a device after Mara. Ask the site who did and why; arm it again when that is over.",
        ),
        AlertKind(
            key="unreached",
            label="Devices not reached",
            about="site",
            advice="Its devices cannot be told the plan, and keep what they were told last. See the reason, their link "
            "and their account; `mara executor check SITE` tries it again.",
        ),
        AlertKind(
            key="slow",
            label="Slow response",
            about="site",
            advice="An order that could not wait was not read back in its time. Ask the site, or use its own switch.",
        ),
        AlertKind(
            key="still",
            label="Machines stand still",
            about="site",
            advice="Its meter shows nothing where machines are set to run, so that the plan does without them. Ask the "
            "site; they count again when the meter shows them.",
        ),
        AlertKind(
            key="metered",
            label="Site deviates",
            about="site",
            advice="The site does not follow its plan. See on the operations page what was last written to it.",
        ),
    )
}
"""Kinds by key, in the order in which alerts of one severity are listed."""
_RANKS: Final = {key: rank for rank, key in enumerate(KINDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A condition of this moment that needs an operator's attention.

    Attributes:
        kind: key of one of `KINDS`.
        subject: id of the site or contract, or the name of what is concerned.
        at_risk_usd: money that is owed, or will be at the next bad tick; None where it is not about money.
    """

    kind: str
    severity: str
    subject: str
    text: str
    at_risk_usd: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Kind and subject, which a trouble has in common with itself at other times."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """A change of an alert; times are on the fleet's clock.

    Attributes:
        number: number of the alert.
        until: end of the silence, for a change to silenced.
        by, address: user who ordered it; empty for what the engine saw.
    """

    number: int
    change: ChangeKind
    trouble: Trouble
    tick: int
    at: datetime
    until: datetime | None = None
    by: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A trouble from its beginning to its end, and what people ordered about it.

    Attributes:
        ended_tick, ended_at: None while it stands.
        acknowledged_by: user who has seen it; empty for nobody.
        silenced_until: end of its silence; None for none.
        label, advice: name of its kind, and what to do about it.
        about: what its subject is the id of: site, contract, or empty for neither.
    """

    number: int
    kind: str
    severity: str
    subject: str
    text: str
    at_risk_usd: float | None
    began_tick: int
    began_at: datetime
    ended_tick: int | None = None
    ended_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    silenced_by: str = ""
    silenced_until: datetime | None = None
    label: str = ""
    advice: str = ""
    about: str = ""

    @property
    def is_quiet(self) -> bool:
        """Return whether a person has seen or silenced it, or it has ended."""
        return self.state != "open"

    @property
    def state(self) -> AlertState:
        """Return what an operator has to do with it: nothing, unless it is open."""
        if self.ended_at is not None:
            return "ended"
        if self.silenced_until is not None:
            return "silenced"
        return "acknowledged" if self.acknowledged_by else "open"

    @property
    def trouble(self) -> Trouble:
        return Trouble(
            kind=self.kind,
            severity=self.severity,
            subject=self.subject,
            text=self.text,
            at_risk_usd=self.at_risk_usd,
        )


def ranked(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Order alerts by severity, then by kind, then by the most money at risk."""
    return tuple(sorted(alerts, key=_rank))


def is_worse(severity: str, than: str) -> bool:
    """Return whether one severity is worse than another."""
    return SEVERITIES.index(severity) < SEVERITIES.index(than)


def begun(change: AlertChange) -> Alert:
    """Return the alert that a change to `began` begins."""
    found = change.trouble
    kind = KINDS.get(found.kind) or AlertKind(key=found.kind, label=found.kind, advice="")
    return Alert(
        number=change.number,
        kind=found.kind,
        severity=found.severity,
        subject=found.subject,
        text=found.text,
        at_risk_usd=found.at_risk_usd,
        began_tick=change.tick,
        began_at=change.at,
        label=kind.label,
        advice=kind.advice,
        about=kind.about,
    )


def changed(alert: Alert, change: AlertChange) -> Alert:
    """Return an alert after a change; one that rises has to be seen again."""
    seen_again = replace(alert, acknowledged_by="", acknowledged_at=None)
    not_silenced = replace(alert, silenced_by="", silenced_until=None)
    match change.change:
        case "rose":
            return as_found(replace(seen_again, silenced_by="", silenced_until=None), change.trouble)
        case "ended":
            return as_found(replace(alert, ended_tick=change.tick, ended_at=change.at), change.trouble)
        case "acknowledged":
            return replace(alert, acknowledged_by=change.by, acknowledged_at=change.at)
        case "reopened":
            return seen_again
        case "silenced":
            return replace(alert, silenced_by=change.by, silenced_until=change.until)
        case "unsilenced":
            return not_silenced
        case "began":
            return begun(change)


def as_found(alert: Alert, trouble: Trouble) -> Alert:
    """Return an alert with the severity, text and money of its trouble as it is now."""
    return replace(alert, severity=trouble.severity, text=trouble.text, at_risk_usd=trouble.at_risk_usd)


def alerts_of(changes: Iterable[AlertChange]) -> dict[int, Alert]:
    """Sum up changes, in the order in which they came, as alerts by number."""
    alerts: dict[int, Alert] = {}
    for change in changes:
        alert = alerts.get(change.number)
        if alert is not None:
            alerts[change.number] = changed(alert, change)
        elif change.change == "began":
            alerts[change.number] = begun(change)
    return alerts


def _rank(alert: Alert) -> tuple[int, int, float, int]:
    kind = _RANKS.get(alert.kind, len(_RANKS))
    return SEVERITIES.index(alert.severity), kind, -(alert.at_risk_usd or 0.0), alert.number
