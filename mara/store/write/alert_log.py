"""The log of alerts: every change of one, by the engine or a user.

Its lines form a hash chain like the audit's. They are written beside the ticks, and no tick depends on them.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import exists, func, select
from sqlalchemy.engine import Connection
from sqlmodel import Field

from mara.core.alert import Alert, AlertChange, Trouble, alerts_of
from mara.core.units import MICRO_USD_PER_USD
from mara.store.schema.tables import (
    BY_ROWID,
    NOW,
    WHOLE,
    NamedRow,
    Row,
    binary,
    columns_of,
    key,
    table_of,
    whole,
    words,
)
from mara.store.write.chained_log import append_lines

MOST_ALERTS: Final = 1_000
"""Alerts that are read at once, the newest."""

Aside = Callable[..., AbstractContextManager[Connection]]
"""Opens a short transaction beside the ticks; see `mara.store.store.Store.aside`."""


class AlertLine(Row, table=True):
    """A change of an alert; append-only.

    `alert` is the number of the alert, `epoch_s` and `until_epoch_s` are times on the fleet's clock, `actor` and
    `address` are empty for what the engine saw. A hash chain covers every column but `stored_at`.
    """

    __tablename__ = "alert_log"
    __table_args__ = BY_ROWID
    number: int = key()
    alert: int = Field(sa_type=WHOLE, index=True)
    change: str = words()
    kind: str = words()
    subject: str = words()
    severity: str = words()
    text: str = words()
    at_risk_micro_usd: int | None = Field(sa_type=WHOLE, nullable=True)
    tick: int = whole()
    epoch_s: int = whole()
    until_epoch_s: int | None = Field(sa_type=WHOLE, nullable=True)
    actor: str = words()
    address: str = words()
    previous_hash: bytes = binary()
    entry_hash: bytes = binary()
    stored_at: int = whole(server_default=NOW)


class AlertLog:
    """The log of alerts of a store, for use from any thread.

    Every call is one short transaction.

    Raises, from every method: StoreError, nothing was stored, or it is not known whether it was.
    """

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    def add(self, changes: Sequence[AlertChange], *, full: bool = False) -> None:
        """Store changes, all or none.

        Args:
            full: wait until they would survive a power cut.
        """
        with self._aside("alerts", full=full) as connection:
            append_lines(connection, AlertLine, map(_values_of, changes))

    def standing(self) -> tuple[tuple[Alert, ...], tuple[AlertChange, ...], int]:
        """Read the alerts that stand, the newest silences, and the last number."""
        with self._aside("alerts") as connection:
            last = int(connection.execute(select(func.coalesce(func.max(_LINE.alert), 0))).scalar_one())
            stands = ~exists(select(_LATER.c.number).where(_LATER.c.alert == _LINE.alert, _LATER.c.change == "ended"))
            open_lines = connection.execute(LINES.where(stands).order_by(_LINE.number).limit(_MOST_LINES)).all()
            silences = LINES.where(_LINE.change.in_(("silenced", "unsilenced"))).order_by(_LINE.number.desc())
            silenced = connection.execute(silences.limit(MOST_ALERTS)).all()
        alerts = alerts_of(map(change_of, open_lines))
        return tuple(alerts.values()), tuple(change_of(row) for row in reversed(silenced)), last


def change_of(row: NamedRow) -> AlertChange:
    """Decode a line of the log."""
    at_risk = None if row.at_risk_micro_usd is None else row.at_risk_micro_usd / MICRO_USD_PER_USD
    return AlertChange(
        number=row.alert,
        change=row.change,
        trouble=Trouble(kind=row.kind, severity=row.severity, subject=row.subject, text=row.text, at_risk_usd=at_risk),
        tick=row.tick,
        at=datetime.fromtimestamp(row.epoch_s, UTC),
        until=None if row.until_epoch_s is None else datetime.fromtimestamp(row.until_epoch_s, UTC),
        by=row.actor,
        address=row.address,
    )


def _values_of(change: AlertChange) -> dict[str, Any]:
    found = change.trouble
    at_risk = None if found.at_risk_usd is None else round(found.at_risk_usd * MICRO_USD_PER_USD)
    return {
        "alert": change.number,
        "change": change.change,
        "kind": found.kind,
        "subject": found.subject,
        "severity": found.severity,
        "text": found.text,
        "at_risk_micro_usd": at_risk,
        "tick": change.tick,
        "epoch_s": int(change.at.timestamp()),
        "until_epoch_s": None if change.until is None else int(change.until.timestamp()),
        "actor": change.by,
        "address": change.address,
    }


_MOST_LINES: Final = 10 * MOST_ALERTS
_LINE: Final = table_of(AlertLine).c
_LATER: Final = table_of(AlertLine).alias("later")
LINES: Final = select(*(_LINE[name] for name in columns_of(AlertLine)[1]))
