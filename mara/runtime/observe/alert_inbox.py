"""Inbox of alerts: those that stand, and what people ordered about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from mara.core.alert import Alert, AlertChange, ChangeKind, Trouble, as_found, begun, changed, is_worse, ranked
from mara.core.timegrid import moment_text
from mara.errors import CommandError

LONGEST_SILENCE: Final = timedelta(days=31)
"""Longest time on the fleet's clock for which an alert can be silenced."""
MOST_AT_ONCE: Final = 200
"""Alerts that one order may concern."""
BEFORE_THIS_START: Final = " (began before this start)"
"""End of an alert's text where the first look of a run found it.

Its begin is thus not known.
"""


Older: TypeAlias = Mapping[tuple[str, str], tuple[int, datetime] | None]
"""Begins of troubles before a start, by kind and subject: tick and time.

None where no stored tick tells it.
"""


class AlertInbox:
    """Alerts that stand, compared with the troubles of each moment.

    Args:
        standing: alerts that stood when the run was closed.
        silences: silences as they were ordered, the oldest first.
        last_number: number of the newest alert so far.
    """

    def __init__(
        self, standing: Iterable[Alert] = (), silences: Iterable[AlertChange] = (), last_number: int = 0
    ) -> None:
        self._standing = {alert.trouble.key: alert for alert in standing}
        self._silences: dict[tuple[str, str], AlertChange] = {}
        self._last_number = last_number
        for silence in silences:
            self._keep_silence(silence)

    def meet(
        self, troubles: Iterable[Trouble], tick: int, at: datetime, older: Older | None = None
    ) -> tuple[AlertChange, ...]:
        """Take in all troubles of a moment; returns what began, rose or ended with it.

        Args:
            older: begins of troubles that may have begun long before, when nobody looked.
        """
        older = older or {}
        now = {trouble.key: self._dated(trouble, older) for trouble in troubles}
        ended = [key for key in self._standing if key not in now]
        changes = [
            self._change("ended", self._standing[key].number, self._standing[key].trouble, tick, at) for key in ended
        ]
        for key, trouble in now.items():
            alert = self._standing.get(key)
            if alert is None:
                self._last_number += 1
                began = older.get(key) or (tick, at)
                changes.append(self._change("began", self._last_number, trouble, *began))
            elif is_worse(trouble.severity, alert.severity):
                changes.append(self._change("rose", alert.number, trouble, tick, at))
            else:
                self._standing[key] = as_found(alert, trouble)
        for change in changes:
            self.apply(change)
        return tuple(changes)

    def _dated(self, trouble: Trouble, older: Older) -> Trouble:
        """Say in a trouble's text that its begin is not known, as long as it stands."""
        alert = self._standing.get(trouble.key)
        is_unknown = trouble.key in older and older[trouble.key] is None
        is_older = is_unknown if alert is None else alert.text.endswith(BEFORE_THIS_START)
        if not is_older or trouble.text.endswith(BEFORE_THIS_START):
            return trouble
        return replace(trouble, text=f"{trouble.text}{BEFORE_THIS_START}")

    def asked(
        self,
        change: ChangeKind,
        numbers: Sequence[int],
        tick: int,
        at: datetime,
        *,
        until: datetime | None = None,
        by: str,
        address: str,
    ) -> tuple[AlertChange, ...]:
        """Make the changes that a user orders for some alerts, without applying them.

        Raises:
            CommandError: an alert does not stand, or a silence would end in the past or too late.
        """
        if not 1 <= len(numbers) <= MOST_AT_ONCE:
            raise CommandError(f"an order concerns 1 to {MOST_AT_ONCE} alerts, {len(numbers)} came: order in parts")
        if until is not None and not at < until <= at + LONGEST_SILENCE:
            raise CommandError(
                f"a silence ends on the fleet's clock within {LONGEST_SILENCE.days} days from {moment_text(at)}, "
                f"{moment_text(until)} came: choose a time between"
            )
        standing = {alert.number: alert for alert in self._standing.values()}
        gone = [number for number in numbers if number not in standing]
        if gone:
            raise CommandError(
                f"alert {gone[0]} does not stand: it has ended, or never began; GET /api/alerts names them"
            )
        return tuple(
            AlertChange(
                number=number,
                change=change,
                trouble=standing[number].trouble,
                tick=tick,
                at=at,
                until=until,
                by=by,
                address=address,
            )
            for number in dict.fromkeys(numbers)
        )

    def apply(self, change: AlertChange) -> None:
        """Apply a change that is stored, or that the engine saw."""
        key = change.trouble.key
        self._keep_silence(change)
        if change.change == "began":
            self._standing[key] = begun(change)
        elif key in self._standing and self._standing[key].number == change.number:
            after = changed(self._standing[key], change)
            if change.change == "ended":
                del self._standing[key]
            else:
                self._standing[key] = after

    def shown(self, at: datetime) -> tuple[Alert, ...]:
        """List the alerts that stand, the worst first, with silences as of a time."""
        return ranked(self._with_silence(alert, at) for alert in self._standing.values())

    def unheard(self, at: datetime) -> frozenset[int]:
        """Number the alerts that began in a silence which holds: nobody was told of them."""
        return frozenset(
            alert.number
            for alert in self.shown(at)
            if alert.silenced_until is not None and self._silences[alert.trouble.key].number != alert.number
        )

    def _with_silence(self, alert: Alert, at: datetime) -> Alert:
        """Return an alert with the silence of its kind and subject, if it holds."""
        silence = self._silences.get(alert.trouble.key)
        holds = (
            silence is not None
            and silence.until is not None
            and silence.until > at
            and not is_worse(alert.severity, silence.trouble.severity)
        )
        if silence is None or not holds:
            return replace(alert, silenced_by="", silenced_until=None)
        return replace(alert, silenced_by=silence.by, silenced_until=silence.until)

    def _keep_silence(self, change: AlertChange) -> None:
        if change.change == "silenced":
            self._silences[change.trouble.key] = change
        elif change.change == "unsilenced":
            self._silences.pop(change.trouble.key, None)

    @staticmethod
    def _change(change: ChangeKind, number: int, trouble: Trouble, tick: int, at: datetime) -> AlertChange:
        return AlertChange(number=number, change=change, trouble=trouble, tick=tick, at=at)
