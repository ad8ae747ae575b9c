"""Read the log of modes and device writes, and the modes of a past tick."""

from typing import Final

from sqlalchemy import func, select

from mara.core.history import SignalEntry
from mara.store.read.query_scope import site_number
from mara.store.read.read_model import ReadModel
from mara.store.schema.signal_tables import SignalLine
from mara.store.schema.tables import columns_of, table_of
from mara.store.write.signals import MODE, signal_entry

MOST_SIGNALS: Final = 500
_LINE: Final = table_of(SignalLine).c
_COLUMNS: Final = tuple(_LINE[name] for name in columns_of(SignalLine)[1])


def signals(
    read_model: ReadModel, site_id: str | None = None, kind: str | None = None, limit: int = MOST_SIGNALS
) -> tuple[SignalEntry, ...]:
    """List lines of the log, newest first, of a site or of all.

    Raises:
        CommandError: there is no such site.
    """
    asked = select(*_COLUMNS).order_by(_LINE.number.desc()).limit(min(limit, MOST_SIGNALS))
    if site_id is not None:
        fleet = read_model.run().config.fleet
        asked = asked.where(_LINE.site_id == fleet.site_ids[site_number(read_model, site_id)])
    if kind is not None:
        asked = asked.where(_LINE.kind == kind)
    return tuple(signal_entry(row) for row in read_model.ask(asked))


def modes_in(read_model: ReadModel, tick: int) -> dict[str, str]:
    """Read the modes that sites had in a tick; sites that never had one are left out."""
    is_mode = (_LINE.kind == MODE) & (_LINE.tick <= tick)
    last = select(func.max(_LINE.number)).where(is_mode).group_by(_LINE.site_id)
    found = read_model.ask(select(_LINE.site_id, _LINE.after_state).where(_LINE.number.in_(last)))
    return {row.site_id: row.after_state for row in found}
