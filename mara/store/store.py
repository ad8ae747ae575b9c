"""The memory of a run: one writer, one transaction a tick that holds everything of it or nothing.

Methods work in the calling thread, one at a time. `executor` is the store's own thread, for callers with an event loop:
``await loop.run_in_executor(store.executor, store.append, step, plan, events)``.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import RLock
from types import MappingProxyType
from typing import Final, Literal, Self

from sqlalchemy.engine import Connection

from mara.core.events import Event
from mara.core.plan import Plan
from mara.core.rules_version import RULES_VERSION
from mara.core.snapshot import SeriesPoint
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY
from mara.core.world import RunConfig, World
from mara.errors import StoreBlocked, StoreError, StoreLost, StoreRefused, StoreWentBack
from mara.store.backends.database import Database, WriterLease, database_of
from mara.store.encoding.records import RunRecord, StoredTick
from mara.store.encoding.seal import Marks
from mara.store.read.export import ExportTable, Header, Values, export
from mara.store.read.read_model import ReadModel
from mara.store.schema.columns import columns_of
from mara.store.schema.sealed import hour_marks
from mara.store.write import resume, statements
from mara.store.write.orders import Orders, Outcome
from mara.store.write.rules_in_force import are_ours_in, write_ours
from mara.store.write.statements import RAW_DAYS
from mara.store.write.tick_write import BOOK, WORLD, TickWrite, WriterState, digests_of, page_of

Durability = Literal["normal", "full"]
MB: Final = 1_000_000
LEAST_FREE_BYTES: Final = 500 * MB
"""Below it nothing runs ahead of the clock."""
ANSWER_S: Final = 10.0
"""How long a database that says nothing at all is waited for, before it counts as away."""
RESUME_S: Final = 120.0
"""The same where much is read at once."""
NO_PARTS: Final[Mapping[str, bytes]] = MappingProxyType({})


log = logging.getLogger("mara.store")


class Store:
    """The one writer of a database, from `open` to `close`.

    Attributes:
        loss: what had been stored and is not there any more, in a sentence; empty where nothing is missing.
    """

    def __init__(self, database: Database, held: WriterLease, durability: Durability, raw_days: int) -> None:
        self.database = database
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="mara-store")
        self.reading = ReadModel(database)
        self.orders = Orders(partial(self.aside, full=True))
        self._held = held
        self._always_full = durability == "full"
        self._waits: bool | None = None
        self._raw_days = raw_days
        self._one_at_a_time = RLock()
        self._engine = held.engine
        self._tail: WriterState | None = None
        self.loss = held.loss
        self.run: RunRecord | None = None
        self._connection: Connection = self._take_over()

    @classmethod
    def open(cls, url: str, *, durability: Durability = "normal", raw_days: int = RAW_DAYS) -> Self:
        """Open a database for writing; make it when there is none, upgrade it when it is older.

        Raises:
            ConfigError: not the URL of a database.
            StoreRefused: locked by another process, damaged, empty, read-only, or written by a newer Mara.
            StoreError: the disk refused.
        """
        database = database_of(url)
        held = database.hold()
        try:
            return cls(database, held, durability, raw_days)
        except BaseException:
            held.release()
            raise

    def begin(self, run: RunRecord, world: World) -> None:
        """Start the run of an empty database at `world`.

        Raises:
            StoreRefused: the database holds a run already.
            StoreError: the disk refused; nothing was stored.
        """
        with self._one_at_a_time, self.database.answering("the start of the run"):
            if self.run is not None:
                raise StoreRefused(
                    f"{self.database.name} holds run {self.run.run_id} already: use another file for a new one"
                )
            self._wait_for_disk(True)
            with self._connection.begin():
                resume.write_first(self.database, self._connection, run, world)
                write_ours(self._connection, world.tick)
            self._are_rules_ours = True
            with self._connection.begin():
                self._writer_run = resume.take_over(self._connection)
                self.run = resume.run_in(self._connection)

    def load(self) -> tuple[RunRecord, World, dict[str, bytes]] | None:
        """The run, the world before its next tick and the parts kept with it; None in an empty database."""
        with self._one_at_a_time, self._noticing(RESUME_S), self.database.answering("its resumption"):
            connection, run = self._connection, self.run
            with connection.begin():
                return None if run is None else (run, resume.world_in(connection), resume.parts_in(connection))

    def take_again(self) -> None:
        """Become the writer once more, where the database stands now: it lost ticks, or somebody else wrote it.

        Raises:
            StoreRefused: it holds no run any more, another run, or another Mara writes it.
            StoreError: it cannot be reached.
        """
        assert self.run is not None
        with self._one_at_a_time, self._noticing(RESUME_S), self.database.answering("its resumption"):
            self._tail = None
            with self._connection.begin():
                resume.refuse_another_run(self._connection, self.database.name, self.run.run_id)
                resume.refuse_torn(self._connection, self.database.name)
                self._writer_run = resume.take_over(self._connection)

    def append(
        self,
        step: Step,
        plan: Plan,
        events: Sequence[Event],
        parts: Mapping[str, bytes] = NO_PARTS,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        """Store a tick; when this returns it is acknowledged. The same tick again, unchanged, is accepted and ignored.

        Args:
            parts: what else must be there with the world after a restart, opaque, by name: each replaces what the name
                stood for, a name left out goes on standing for what it did.
            outcomes: what becomes of orders in this tick.

        Raises:
            StoreError: nothing was stored; the same call may be tried again.
            StoreWentBack: another tick was expected: take again what is stored.
            StoreRefused: another writer went on with this run, or it is gone.
        """
        with self._one_at_a_time, self._noticing(), self.database.answering(f"tick {step.tick}"):
            assert not {WORLD, BOOK} & parts.keys(), "the world and its book are the store's own parts"
            tail = self._tail or self._read_tail()
            if step.tick != tail.next_tick:
                self._refuse_other(step, tail.next_tick)
                return
            page = page_of(step, plan, events, parts, tail, self._config, outcomes=outcomes)
            self._tail = None  # until the outcome is known; the next call reads what is really there
            to_seal = self._write(page, self._config.grid)
            self._tail = replace(page.tail, to_seal=to_seal)
            self._held.acknowledge(self._run_id, page.tail.next_tick)

    @contextmanager
    def aside(self, doing: str, *, full: bool = False) -> Iterator[Connection]:
        """A short transaction beside the ticks' own, for what is no part of the run; `doing` says what for.

        Args:
            full: whether it must survive a power cut once this returns.

        Raises:
            StoreError: the disk refused; nothing was stored.
        """
        with self._one_at_a_time, self._noticing(), self.database.answering(doing):
            self._wait_for_disk(self._always_full or full)
            with self._connection.begin():
                yield self._connection

    @contextmanager
    def _noticing(self, patience_s: float | None = None) -> Iterator[None]:
        """What was known of the database is asked again after it failed: it may not be what, or where, it was."""
        try:
            with self._held.bounded(patience_s or ANSWER_S):
                yield
        except BaseException:
            self._tail, self._waits = None, None
            self._held.let_go_if_lost(self._connection)
            raise

    def refuse_lost(self) -> None:
        """Look whether the database is still the one that was opened, as every transaction does before it begins.

        Raises:
            StoreLost: it was removed, replaced or cut short.
        """
        fault = self._held.fault()
        if fault:
            raise StoreLost(fault)

    def refuse_little_room(self, tick: int) -> None:
        """Look whether there is room for more than a few ticks, before one that nobody watches.

        Raises:
            StoreBlocked: less than `LEAST_FREE_BYTES` are free where the database is.
        """
        free = self.database.free_bytes()
        if free is not None and free < LEAST_FREE_BYTES:
            raise StoreBlocked(
                f"stopped before tick {tick}: {free // MB} MB are free beside {self.database.name},"
                f" {LEAST_FREE_BYTES // MB} MB were expected; what was stored is kept: free space and go on"
            )

    def close(self) -> None:
        """Empty the write-ahead log into the database and let the next writer in; harmless when repeated."""
        self._end(self._held.release)

    def discard(self) -> None:
        """Close it, and take it away again where this writer made it and nothing came of that."""
        is_empty = self._held.is_new and self.run is None
        with suppress(StoreError):
            is_empty = is_empty and not self.reading.ask("SELECT 1 FROM access_log LIMIT 1")
        self._end(self._held.discard if is_empty else self._held.release)

    def _end(self, let_go: Callable[[], None]) -> None:
        self.executor.shutdown(wait=True)
        with self._one_at_a_time:
            self.reading.close()
            if not self._connection.closed:
                self.database.settle(self._connection)
                self._connection.close()
            let_go()

    def world_before(self, tick: int) -> tuple[int, World]:
        """See `ReadModel`."""
        return self.reading.world_before(tick)

    def stored_tick(self, tick: int) -> StoredTick:
        """See `ReadModel`."""
        return self.reading.stored_tick(tick)

    def export(
        self, table: ExportTable, from_: datetime | None = None, to: datetime | None = None
    ) -> tuple[Header, Iterator[Values]]:
        """See `mara.store.read.export`."""
        return export(self.reading, table, from_, to)

    def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        """See `ReadModel`."""
        return self.reading.series(hours)

    def _take_over(self) -> Connection:
        with self.database.answering("its opening"):
            connection = self._engine.connect()
            with connection.begin():
                resume.refuse_torn(connection, self.database.name)
                self._writer_run = resume.take_over(connection)
                self.run = resume.run_in(connection)
                self._are_rules_ours = are_ours_in(connection)
            return connection

    def recent_events(self, limit: int) -> tuple[Event, ...]:
        """The newest events that are worth showing, oldest first; none before a run began."""
        return () if self.run is None else self.reading.events(limit)[::-1]

    @property
    def _run_id(self) -> str:
        return "" if self.run is None else self.run.run_id

    @property
    def _run(self) -> RunRecord:
        if self.run is None:
            raise StoreRefused(f"{self.database.name} holds no run yet: begin one")
        return self.run

    @property
    def _config(self) -> RunConfig:
        return self._run.config

    def _read_tail(self) -> WriterState:
        run_id = self._run.run_id
        with self._connection.begin():
            resume.refuse_another_run(self._connection, self.database.name, run_id)
            return resume.tail_in(self._connection)

    def _refuse_other(self, step: Step, expected_tick: int) -> None:
        """A tick that is not the next one: right when it is stored just so, because its first answer was lost."""
        if step.tick < expected_tick and self.reading.stored_tick(step.tick).digests == digests_of(step):
            return
        raise StoreWentBack(
            f"{self.database.name} expected tick {expected_tick}, tick {step.tick} came:"
            " load the run again and go on from there"
        )

    def _write(self, page: TickWrite, grid: TimeGrid) -> Marks:
        """Store a tick; returns what the next one seals of what the database itself worked out."""
        self._wait_for_disk(self._always_full or page.binding)
        connection = self._connection
        with connection.begin():
            if not self._are_rules_ours:
                write_ours(connection, page.tick)
            with self.database.batch(connection):
                for table, values in page.inserts:
                    self.database.insert(connection, *columns_of(table), values)
                if page.hour_epoch_s is not None:
                    statements.roll_up(connection, page.hour_epoch_s, page.tick, grid)
                statements.prune(connection, page.tick - self._raw_days * HOURS_PER_DAY * grid.ticks_per_hour, grid)
                statements.turn(connection, page)
            to_seal = {} if page.hour_epoch_s is None else hour_marks(connection, page.hour_epoch_s)
            if not statements.advance_sequence(connection, page, self._writer_run):
                self._refuse_fenced(page.tick)
        if not self._are_rules_ours:
            self._are_rules_ours = True
            log.warning("other rules hold", extra={"from_tick": page.tick, "rules": RULES_VERSION})
        return to_seal

    def _refuse_fenced(self, tick: int) -> None:
        """The sequence was not where this writer left it."""
        name, (seq, writer_run) = self.database.name, resume.place_in(self._connection)
        if writer_run == self._writer_run:
            raise StoreWentBack(
                f"{name} expected tick {seq}, tick {tick} came: load the run again and go on from there"
            )
        raise StoreRefused(f"{name}: another writer has gone on from tick {tick}: stop this one")

    def _wait_for_disk(self, full: bool) -> None:
        """Whether a commit waits until it would survive a power cut; a killed process loses nothing either way."""
        if self._connection.closed:
            raise StoreError(f"{self.database.name} is closed: open it again")
        if full is not self._waits:
            self._waits = None  # unknown, should it fail
            self.database.wait_for_disk(self._connection, full=full)
            self._waits = full
