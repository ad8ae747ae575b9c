"""The seals of ticks, walked beside the rows that they know: what was changed, is missing or came from elsewhere."""

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


@dataclass(slots=True)
class SealWalk:
    """Walks the seals in order. `hours` ends before the first moment that no seal knows the roll-up of."""

    of: Inspection
    last: bytes = b""
    last_marks: Marks = field(default_factory=dict)
    sealed_hours_end_s: int = -1
    unsealed_count: int = 0

    def findings(self) -> Iterator[str]:
        streams = {sealed: RowStream(self.of.rows(sealed.query()), _column(sealed)) for sealed in (*BY_ROW, HOURLY)}
        heads = _Heads(self.of)
        hour_s = 0
        for tick, epoch_s, tick_hash, seal in self.of.rows(_SEALS):
            if seal is None and not self.last:
                self.unsealed_count += 1
                hour_s = epoch_s - epoch_s % SECONDS_PER_HOUR
                continue
            marks = yield from self._marks(tick, tick_hash, seal)
            if not self.last:
                # The hour of the tick before is rolled up by now only where it ended with that tick.
                is_over = epoch_s - epoch_s % SECONDS_PER_HOUR > hour_s
                yield from self._first(tick, hour_s + 1 if is_over else hour_s, marks, streams)
            for sealed in BY_ROW:
                yield from self._compared(sealed, tick, streams[sealed].take(tick), marks)
            if "hourly" in marks:
                yield from self._compared(HOURLY, tick, streams[HOURLY].take(hour_s), marks)
                self.sealed_hours_end_s = hour_s + SECONDS_PER_HOUR
            yield from heads.findings(tick, marks)
            self.last, self.last_marks, hour_s = seal or b"?", marks, epoch_s - epoch_s % SECONDS_PER_HOUR
        if self.last:
            yield from self._ends(streams)

    def _marks(self, tick: int, tick_hash: bytes, seal: bytes | None) -> Generator[str, None, Marks]:
        """The digests of a seal that follows the last one."""
        marks: Marks = {}
        try:
            marks = marks_in(seal or b"")
        except UNREADABLE:
            yield f"ticks, tick {tick}: its seal cannot be read"
        if seal is None or seal[:LINK_BYTES] != seal_link(self.last, tick_hash):
            yield f"ticks, tick {tick}: its seal does not follow from the tick before"
        return marks

    def _first(self, tick: int, hours_end_s: int, marks: Marks, streams: dict[Sealed, RowStream]) -> Iterator[str]:
        """What was there before there were seals, and what the run is."""
        for sealed, stream in streams.items():
            end = hours_end_s if sealed is HOURLY else tick
            rows = list(chain.from_iterable(stream.before(end)))
            gone = sealed.name == _EVENTS and self.of.first_tick < self.of.oldest_raw_tick
            if (rows_digest(rows),) != marks.get(OLDER + sealed.name, (rows_digest(()),)) and not gone:
                yield f"{sealed.name}, before tick {tick}: not what stood there when that tick was written"
        self.sealed_hours_end_s = hours_end_s
        yield from _one_row("runs", self.of.ask(RUN.query()), marks)
        yield from _one_row("checkpoints", self.of.ask(FIRST_CHECKPOINT), marks)

    def _compared(self, sealed: Sealed, tick: int, rows: Rows, marks: Marks) -> Iterator[str]:
        known = marks.get(sealed.name, ())
        if not rows and sealed.name == _EVENTS and tick < self.of.oldest_raw_tick:
            return
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
        if missing > 0:
            yield f"{sealed.name}, tick {tick}: {missing} of {len(known)} rows {MISSING}"

    def _ends(self, streams: dict[Sealed, RowStream]) -> Iterator[str]:
        """What no seal knows: rows out of place, and the parts that stand beside the world."""
        for sealed, stream in streams.items():
            for row in stream.finish():
                if sealed is not HOURLY or row[sealed.columns.index("hour_epoch_s")] < self.sealed_hours_end_s:
                    yield f"{_named(sealed, row)}: {FOREIGN}"
        parts = self.of.ask("SELECT part, content_hash FROM engine_parts WHERE part NOT IN (?, ?)", WORLD, BOOK)
        digests = {part_digest(part, content_hash or b""): part for part, content_hash in parts}
        known = self.last_marks.get("engine_parts", ())
        yield from (f"engine_parts, part {part}: {CHANGED}" for d, part in digests.items() if d not in known)
        if len(parts) < len(known):
            yield f"engine_parts: {len(known) - len(parts)} of {len(known)} rows beside the world {MISSING}"


class _Heads:
    """How far the logs beside the run had come, compared with how far they go."""

    def __init__(self, of: Inspection) -> None:
        self._access: dict[int, Any] = dict(of.ask("SELECT number, entry_hash FROM access_log"))
        self._runs: dict[int, Any] = dict(of.ask("SELECT number, row_hash FROM claude_runs"))
        self._requests: dict[int, Any] = dict(of.ask("SELECT number, NULL FROM claude_requests"))
        self._orders: dict[int, Any] = dict(of.ask("SELECT number, entry_hash FROM orders"))
        self._rules: dict[int, Any] = dict(of.ask("SELECT number, entry_hash FROM rules_in_force"))

    def findings(self, tick: int, marks: Marks) -> Iterator[str]:
        for name, lines in (
            ("access_log", self._access),
            ("claude_runs", self._runs),
            ("claude_requests", self._requests),
            ("rules_in_force", self._rules),
            ("orders", self._orders),
        ):
            for mark in marks.get(name, ()):
                number = head_number(mark)
                if number not in lines or head_mark(number, lines[number] or b"") != mark:
                    yield f"{name}, number {number}: {MISSING} or {CHANGED}, tick {tick} knows it"


def _one_row(name: str, rows: Sequence[Sequence[object]], marks: Marks) -> Iterator[str]:
    if tuple(row_digest(row) for row in rows) != marks.get(name, ()):
        yield f"{name}, the first row: {CHANGED if rows else MISSING}"


def _column(sealed: Sealed) -> int:
    return sealed.columns.index(sealed.tick)


def _named(sealed: Sealed, row: Sequence[object]) -> str:
    return f"{sealed.name}, " + " ".join(f"{name} {row[sealed.columns.index(name)]}" for name in sealed.key)
