"""Read the gains over other policies of the days that are over."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select

from mara.core.day_gains import DayGains
from mara.core.units import SECONDS_PER_DAY
from mara.errors import RangeTooLong
from mara.store.read.balance import MOST_DAYS
from mara.store.read.query_scope import refuse_without_zone
from mara.store.read.read_model import ReadModel
from mara.store.schema.gain_table import DayGainsRow, day_gains_of
from mara.store.schema.tables import table_of

_TABLE: Final = table_of(DayGainsRow)
_DAY: Final = timedelta(days=1)


def daily_gains(
    read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None
) -> tuple[DayGains, ...]:
    """Read the gains of each stored UTC day, oldest first.

    Days that overlap ``[from_, to)`` are read; None is no bound.

    Raises:
        CommandError: a time has no time zone.
        RangeTooLong: more than `MOST_DAYS` days are stored in the range.
    """
    asked = select(_TABLE).order_by(_TABLE.c.day).limit(MOST_DAYS + 1)
    if from_ is not None:
        refuse_without_zone(from_)
        asked = asked.where(_TABLE.c.day > _days_of(from_ - _DAY))
    if to is not None:
        refuse_without_zone(to)
        asked = asked.where(_TABLE.c.day * SECONDS_PER_DAY < int(to.timestamp()))
    found = tuple(day_gains_of(row) for row in read_model.ask(asked))
    if len(found) > MOST_DAYS:
        raise RangeTooLong(
            f"gains by day are told of at most {MOST_DAYS} days: ask for a shorter time, with from and to"
        )
    return found


def _days_of(moment: datetime) -> int:
    """Count whole days since 1970 at a moment."""
    return int(moment.astimezone(UTC).timestamp()) // SECONDS_PER_DAY
