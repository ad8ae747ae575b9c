"""Check the seals of ticks against the rows that they cover."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from mara.core.units import SECONDS_PER_HOUR
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, UNREADABLE, Inspection, Rows, RowStream
from mara.store.encoding.seal import (
    LINK_BYTES,
    OLDER,
    Marks,
    head_mark,
    head_number,
    marks_in,
    part_digest,
    row_digest,
    rows_digest,
    seal_link,
)
from mara.store.schema.sealed import BY_ROW, FIRST_CHECKPOINT, HOURLY, RUN, Sealed
from mara.store.write.tick_write import BOOK, WORLD

_SEALS: Final = "SELECT tick, epoch_s, tick_hash, seal FROM ticks ORDER BY tick"
_EVENTS: Final = "events"
_LOGS: Final = {
    "access_log": "entry_hash",
    "claude_runs": "row_hash",
    "claude_requests": "NULL",
    "rules_in_force": "entry_hash",
    "orders": "entry_hash",
    "alert_log": "entry_hash",
    "signal_log": "entry_hash",
}
"""Column of the hash of a line in each log; NULL where lines may change."""


@dataclass(slots=True)
class SealWalk:
    """A walk over the seals in order.

    Attributes:
        last, last_marks: the last seal and its digests; empty before the first.
        sealed_hours_end_s: end [epoch s] of the hours whose roll-up a seal covers.
        unsealed_count: ticks of an older Mara, which wrote no seals.
    """

    inspection: Inspection
    last: bytes = b""
    last_marks: Marks = field(default_factory=dict)
    sealed_hours_end_s: int = -1
    unsealed_count: int = 0

    def findings(self) -> Iterator[str]:
        """Report rows that were changed, are missing, or were not written by Mara."""
        rows_of = self.inspection.rows
        streams = {sealed: RowStream(rows_of(sealed.query()), sealed.tick) for sealed in (*BY_ROW, HOURLY)}
        heads = _Heads(self.inspection)
        hour_s = 0
        for row in rows_of(_SEALS):
            tick, seal, tick_hour_s = row.tick, row.seal, row.epoch_s - row.epoch_s % SECONDS_PER_HOUR
            if seal is None and not self.last:
                self.unsealed_count += 1
                hour_s = tick_hour_s
                continue
            marks = yield from self._marks(tick, row.tick_hash, seal)
            if not self.last:
                # The hour of the tick before is rolled up by now only where it ended with that tick.
                is_over = tick_hour_s > hour_s
                yield from self._first(tick, hour_s + 1 if is_over else hour_s, marks, streams)
            for sealed in BY_ROW:
                yield from self._compared(sealed, tick, streams[sealed].take(tick), marks)
            if "hourly" in marks:
                yield from self._compared(HOURLY, tick, streams[HOURLY].take(hour_s), marks)
                self.sealed_hours_end_s = hour_s + SECONDS_PER_HOUR
            yield from heads.findings(tick, marks)
            self.last, self.last_marks, hour_s = seal or b"?", marks, tick_hour_s
        if self.last:
            yield from self._ends(streams)

    def _marks(self, tick: int, tick_hash: bytes, seal: bytes | None) -> Generator[str, None, Marks]:
        """Read the digests of a seal, and check that it follows the last one."""
        marks: Marks = {}
        try:
            marks = marks_in(seal or b"")
        except UNREADABLE:
            yield f"ticks, tick {tick}: its seal cannot be read"
        if seal is None or seal[:LINK_BYTES] != seal_link(self.last, tick_hash):
            yield f"ticks, tick {tick}: its seal does not follow from the tick before"
        return marks

    def _first(self, tick: int, hours_end_s: int, marks: Marks, streams: dict[Sealed, RowStream]) -> Iterator[str]:
        """Check the rows before the first seal, the run's row and its first checkpoint."""
        for sealed, stream in streams.items():
            end = hours_end_s if sealed is HOURLY else tick
            rows = list(chain.from_iterable(stream.before(end)))
            gone = sealed.name == _EVENTS and self.inspection.first_tick < self.inspection.oldest_raw_tick
            if (rows_digest(rows),) != marks.get(OLDER + sealed.name, (rows_digest(()),)) and not gone:
                yield f"{sealed.name}, before tick {tick}: not what stood there when that tick was written"
        self.sealed_hours_end_s = hours_end_s
        yield from _one_row("runs", self.inspection.ask(RUN.query()), marks)
        yield from _one_row("checkpoints", self.inspection.ask(FIRST_CHECKPOINT), marks)

    def _compared(self, sealed: Sealed, tick: int, rows: Rows, marks: Marks) -> Iterator[str]:
        """Compare the rows of a tick with the digests of its seal."""
        known = marks.get(sealed.name, ())
        digests = [row_digest(row) for row in rows]
        if (*digests,) == known:
            return
        left = Counter(known)
        others: Rows = []
        for row, digest in zip(rows, digests, strict=True):
            if left[digest]:
                left[digest] -= 1
            else:
                others.append(row)
        missing = left.total()
        for row in others:
            yield f"{_named(sealed, row)}: {CHANGED if missing > 0 else FOREIGN}"
            missing -= 1
        are_pruned = sealed.name == _EVENTS and tick < self.inspection.oldest_raw_tick
        if missing > 0 and not are_pruned:
            yield f"{sealed.name}, tick {tick}: {missing} of {len(known)} rows {MISSING}"

    def _ends(self, streams: dict[Sealed, RowStream]) -> Iterator[str]:
        """Report rows that no seal covers, and parts beside the world that were changed."""
        for sealed, stream in streams.items():
            for row in stream.finish():
                if sealed is not HOURLY or row.hour_epoch_s < self.sealed_hours_end_s:
                    yield f"{_named(sealed, row)}: {FOREIGN}"
        parts = self.inspection.ask("SELECT part, content_hash FROM engine_parts WHERE part NOT IN (?, ?)", WORLD, BOOK)
        digests = {part_digest(row.part, row.content_hash or b""): row.part for row in parts}
        known = self.last_marks.get("engine_parts", ())
        yield from (f"engine_parts, part {part}: {CHANGED}" for d, part in digests.items() if d not in known)
        if len(parts) < len(known):
            yield f"engine_parts: {len(known) - len(parts)} of {len(known)} rows beside the world {MISSING}"


class _Heads:
    """The lines of the logs beside the run, to compare with those in seals."""

    def __init__(self, inspection: Inspection) -> None:
        self._lines: dict[str, dict[int, Any]] = {
            table: {
                row.number: row.entry_hash
                for row in inspection.ask(f"SELECT number, {own} AS entry_hash FROM {table}")  # noqa: S608  # names of ours
            }
            for table, own in _LOGS.items()
        }

    def findings(self, tick: int, marks: Marks) -> Iterator[str]:
        """Report lines that the seal of a tick knows and that are missing or changed."""
        for name, lines in self._lines.items():
            for mark in marks.get(name, ()):
                number = head_number(mark)
                if number not in lines or head_mark(number, lines[number] or b"") != mark:
                    yield f"{name}, number {number}: {MISSING} or {CHANGED}, tick {tick} knows it"


def _one_row(name: str, rows: Sequence[Sequence[object]], marks: Marks) -> Iterator[str]:
    if tuple(row_digest(row) for row in rows) != marks.get(name, ()):
        yield f"{name}, the first row: {CHANGED if rows else MISSING}"


def _named(sealed: Sealed, row: Any) -> str:
    """Name a row by its table and key."""
    return f"{sealed.name}, " + " ".join(f"{name} {getattr(row, name)}" for name in sealed.key)
