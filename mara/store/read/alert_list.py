"""Read alerts of a stored run, those that stand and those that are over."""

from datetime import datetime
from typing import Final

from sqlalchemy import exists, select

from mara.core.alert import Alert, alerts_of
from mara.errors import CommandError
from mara.store.read.read_model import ReadModel
from mara.store.schema.tables import table_of
from mara.store.write.alert_log import LINES, MOST_ALERTS, AlertLine, change_of

_LINE: Final = table_of(AlertLine).c
_LATER: Final = table_of(AlertLine).alias("later")


def alerts(
    read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None, limit: int = MOST_ALERTS
) -> tuple[Alert, ...]:
    """List the alerts that stood at some time in ``[from_, to)``, newest first."""
    began = select(_LINE.alert).where(_LINE.change == "began")
    if to is not None:
        began = began.where(_LINE.epoch_s < int(to.timestamp()))
    if from_ is not None:
        ended = select(_LATER.c.number).where(_LATER.c.alert == _LINE.alert, _LATER.c.change == "ended")
        began = began.where(~exists(ended.where(_LATER.c.epoch_s < int(from_.timestamp()))))
    newest = began.order_by(_LINE.number.desc()).limit(min(limit, MOST_ALERTS))
    return _alerts_of(read_model, [int(row.alert) for row in read_model.ask(newest)])


def alert(read_model: ReadModel, number: int) -> Alert:
    """Read one alert.

    Raises:
        CommandError: there is no alert of that number.
    """
    found = _alerts_of(read_model, [number])
    if not found:
        raise CommandError(f"there is no alert {number}: GET /api/alerts names them")
    return found[0]


def _alerts_of(read_model: ReadModel, numbers: list[int]) -> tuple[Alert, ...]:
    """Sum up the changes of some alerts, in the order of their numbers as given."""
    lines = read_model.ask(LINES.where(_LINE.alert.in_(numbers)).order_by(_LINE.number))
    found = alerts_of(map(change_of, lines))
    return tuple(found[number] for number in numbers if number in found)
