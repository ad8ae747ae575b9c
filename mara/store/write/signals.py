"""Telemetry and the log of modes and device writes, stored between ticks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from mara.core.history import SignalEntry
from mara.core.metering import Reading
from mara.core.units import W_PER_MW
from mara.errors import CommandError
from mara.store.schema.signal_tables import SignalLine, TelemetryRow
from mara.store.schema.tables import NamedRow, table_of
from mara.store.write.chained_log import append_lines
from mara.store.write.orders import Aside

KEPT_DAYS: Final = 90
"""Age at which telemetry is deleted, counted back from the newest that came."""
MODE: Final = "mode"
"""Kind of the lines that change a site's mode."""
_MS_PER_S: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignal:
    """A line to write; see `mara.core.history.SignalEntry`."""

    at: datetime
    tick: int
    kind: str
    site_id: str
    reason: str
    before: str
    after: str
    group: str = ""
    actor: str = ""
    address: str = ""


class Signals:
    """Telemetry and the signal log of a store, for use from any thread.

    Every call is one short transaction.

    Raises, from every method: StoreError, nothing was stored, or it is not known whether it was.
    """

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._announced: list[NewSignal] = []
        self._one_at_a_time = Lock()

    def add_readings(self, readings: Sequence[Reading], site_ids: Sequence[str]) -> int:
        """Store readings, all or none; returns how many of them were not stored before.

        Raises:
            CommandError: another reading of the same meter and instant is stored.
        """
        rows = [_values_of(reading, site_ids) for reading in readings]
        with self._aside("telemetry") as connection:
            new = [row for row in rows if not _is_stored(connection, row)]
            number = int(connection.execute(select(func.coalesce(func.max(_READING.number), 0))).scalar_one())
            for row in new:
                number += 1
                connection.execute(insert(TelemetryRow).values(number=number, **row))
            if new:
                newest = max(row["known_at_epoch_ms"] for row in new)
                limit = newest - int(timedelta(days=KEPT_DAYS).total_seconds()) * _MS_PER_S
                connection.execute(delete(TelemetryRow).where(_READING.at_epoch_ms < limit))
        return len(new)

    def readings_since(self, at: datetime, site_ids: Sequence[str]) -> tuple[Reading, ...]:
        """Read what was measured from an instant on, by instant."""
        asked = select(table_of(TelemetryRow)).where(_READING.at_epoch_ms >= _epoch_ms(at))
        with self._aside("telemetry") as connection:
            found = connection.execute(asked.order_by(_READING.at_epoch_ms)).all()
        return tuple(_reading_of(row, site_ids) for row in found)

    def newest_readings(self, site_ids: Sequence[str]) -> tuple[Reading, ...]:
        """Read the newest reading of each meter."""
        last = (
            select(_READING.site, _READING.machine_group, func.max(_READING.at_epoch_ms).label("at_epoch_ms"))
            .group_by(_READING.site, _READING.machine_group)
            .subquery()
        )
        asked = select(table_of(TelemetryRow)).join(
            last,
            (last.c.site == _READING.site)
            & (last.c.machine_group == _READING.machine_group)
            & (last.c.at_epoch_ms == _READING.at_epoch_ms),
        )
        with self._aside("telemetry") as connection:
            return tuple(_reading_of(row, site_ids) for row in connection.execute(asked))

    def write(self, *lines: NewSignal) -> None:
        """Write lines of the log, all or none, after those that were announced."""
        with self._one_at_a_time:
            self._append(lines)

    def announced(self, line: NewSignal) -> Callable[[], None]:
        """Announce a line, and return the function that writes it.

        Lines that are written from now on come after it: it is the cause of theirs, and counts before it is stored.
        Another thread that writes one of them first writes this one as well. Never waits.
        """
        self._announced.append(line)

        def write() -> None:
            with self._one_at_a_time:
                place = next((n for n, other in enumerate(self._announced) if other is line), None)
                if place is None:
                    return
                try:
                    self._append(())
                except BaseException:  # whoever announced it learns that it is not stored
                    del self._announced[place]
                    raise

        return write

    def _append(self, lines: Sequence[NewSignal]) -> None:
        announced = tuple(self._announced)
        with self._aside("the signal log") as connection:
            append_lines(connection, SignalLine, map(_columns_of, (*announced, *lines)))
        del self._announced[: len(announced)]

    def modes(self) -> dict[str, str]:
        """Read the mode of each site that was ever given one."""
        last = select(func.max(_LINE.number)).where(_LINE.kind == MODE).group_by(_LINE.site_id)
        asked = select(_LINE.site_id, _LINE.after_state).where(_LINE.number.in_(last))
        with self._aside("modes") as connection:
            return {row.site_id: row.after_state for row in connection.execute(asked)}


def signal_entry(row: NamedRow) -> SignalEntry:
    """Convert a row of the log for the outside."""
    return SignalEntry(
        number=row.number,
        at=_instant(row.at_epoch_ms),
        tick=row.tick,
        kind=row.kind,
        site_id=row.site_id,
        group=row.machine_group,
        actor=row.actor,
        address=row.address,
        reason=row.reason,
        before=row.before_state,
        after=row.after_state,
    )


def _columns_of(line: NewSignal) -> dict[str, Any]:
    return {
        "at_epoch_ms": _epoch_ms(line.at),
        "tick": line.tick,
        "kind": line.kind,
        "site_id": line.site_id,
        "machine_group": line.group,
        "actor": line.actor,
        "address": line.address,
        "reason": line.reason,
        "before_state": line.before,
        "after_state": line.after,
    }


def _values_of(reading: Reading, site_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "site": site_ids.index(reading.site_id),
        "machine_group": reading.group,
        "at_epoch_ms": _epoch_ms(reading.at),
        "known_at_epoch_ms": _epoch_ms(reading.known_at or reading.at),
        "power_w": round(reading.power_mw * W_PER_MW),
        "hashrate_ths": reading.hashrate_ths,
        "rate_tokens_per_s": reading.rate_tokens_per_s,
        "quality": reading.quality,
    }


def _is_stored(connection: Connection, row: dict[str, Any]) -> bool:
    """Tell whether a reading is stored already.

    Raises:
        CommandError: another reading of the same meter and instant is.
    """
    same = [_READING[name] == row[name] for name in ("site", "machine_group", "at_epoch_ms")]
    told = ("power_w", "hashrate_ths", "rate_tokens_per_s", "quality")
    found = connection.execute(select(*(_READING[name] for name in told)).where(*same)).one_or_none()
    if found is not None and tuple(found) != tuple(row[name] for name in told):
        raise CommandError(
            f"{_instant(row['at_epoch_ms']).isoformat()}: another reading of this meter and instant is stored, of"
            f" {found.power_w / W_PER_MW:g} MW: a correction needs an instant of its own; nothing was stored"
        )
    return found is not None


def _reading_of(row: NamedRow, site_ids: Sequence[str]) -> Reading:
    return Reading(
        site_id=site_ids[row.site],
        group=row.machine_group,
        at=_instant(row.at_epoch_ms),
        known_at=_instant(row.known_at_epoch_ms),
        power_mw=row.power_w / W_PER_MW,
        hashrate_ths=row.hashrate_ths,
        rate_tokens_per_s=row.rate_tokens_per_s,
        quality=row.quality,
    )


def _epoch_ms(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _instant(epoch_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=epoch_ms)


_READING: Final = table_of(TelemetryRow).c
_LINE: Final = table_of(SignalLine).c
