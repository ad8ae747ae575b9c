"""The writer of a run: one transaction a tick, stored as a whole or not at all.

Methods work in the calling thread, one at a time. `Store.executor` is the store's own thread, for callers with an event
loop: ``await loop.run_in_executor(store.executor, store.append, step, plan, events)``.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import RLock
from types import MappingProxyType
from typing import Final, Literal, Self

from sqlalchemy.engine import Connection

from mara.core.day_gains import DayGains
from mara.core.events import Event
from mara.core.plan import Plan
from mara.core.rules_version import RULES_VERSION
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY
from mara.core.world import RunConfig, World
from mara.errors import StoreBlocked, StoreError, StoreLost, StoreRefused, StoreWentBack
from mara.store.backends.database import Database, WriterLease, database_of
from mara.store.encoding.records import RunRecord
from mara.store.encoding.seal import Marks
from mara.store.read.read_model import ReadModel
from mara.store.schema.sealed import HEADS, OF_HOUR, hour_marks
from mara.store.schema.tables import columns_of
from mara.store.write import resume, statements
from mara.store.write.alert_log import AlertLog
from mara.store.write.orders import Orders, Outcome
from mara.store.write.rules_in_force import are_ours_in, write_ours
from mara.store.write.signals import Signals
from mara.store.write.statements import RAW_DAYS
from mara.store.write.tick_write import BOOK, WORLD, TickWrite, WriterState, digests_of, tick_write_of

Durability = Literal["normal", "full"]
MB: Final = 1_000_000
LEAST_FREE_BYTES: Final = 500 * MB
"""Free space [bytes] below which ticks stop that come faster than they are shown."""
ANSWER_S: Final = 10.0
"""Time [s] without an answer after which a database counts as unreachable."""
RESUME_S: Final = 120.0
"""Time [s] without an answer after which loading a run, which reads much, fails."""
NO_PARTS: Final[Mapping[str, bytes]] = MappingProxyType({})


log = logging.getLogger("mara.store")


class Store:
    """The one writer of a database, from `open` to `close`.

    Attributes:
        executor: a thread of the store's own.
        read_model: what is stored, for reading while this store writes.
        orders: orders, open quotes and first answers.
        signals: telemetry, and the log of modes and device writes.
        alerts: every change of an alert.
        loss: a sentence about ticks that had been stored and are missing; empty where nothing is.
        run: the run of the database; None before one has begun.
    """

    def __init__(self, database: Database, lease: WriterLease, durability: Durability, raw_days: int) -> None:
        self.database = database
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="mara-store")
        self.read_model = ReadModel(database)
        self.orders = Orders(partial(self.aside, full=True))
        self.signals = Signals(partial(self.aside, full=True))
        self.alerts = AlertLog(self.aside)
        self._lease = lease
        self._always_full = durability == "full"
        self._waits: bool | None = None
        self._raw_days = raw_days
        self._one_at_a_time = RLock()
        self._engine = lease.engine
        self._state: WriterState | None = None
        self.loss = lease.loss
        self.run: RunRecord | None = None
        self._connection: Connection = self._take_over()

    @classmethod
    def open(cls, url: str, *, durability: Durability = "normal", raw_days: int = RAW_DAYS) -> Self:
        """Open a database for writing; create it if missing, upgrade it if older.

        Raises:
            ConfigError: `url` is not the URL of a database.
            StoreRefused: the database is locked by another process, damaged, empty, read-only, or of a newer Mara.
            StoreError: the write failed.
        """
        database = database_of(url)
        lease = database.lease()
        try:
            return cls(database, lease, durability, raw_days)
        except BaseException:
            lease.release()
            raise

    def begin(self, run: RunRecord, world: World) -> None:
        """Begin the run of an empty database at `world`.

        Raises:
            StoreRefused: the database holds a run already.
            StoreError: the write failed; nothing was stored.
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
        """Load the run, the world before its next tick and the callers' parts.

        None in an empty database.
        """
        with self._one_at_a_time, self._noticing(RESUME_S), self.database.answering("its resumption"):
            connection, run = self._connection, self.run
            with connection.begin():
                return None if run is None else (run, resume.world_in(connection), resume.parts_in(connection))

    def take_again(self) -> None:
        """Become the writer again at the database's present position.

        Called after the database lost ticks or another process wrote it.

        Raises:
            StoreRefused: the database holds no run any more or another one, or another Mara writes it.
            StoreError: the database cannot be reached.
        """
        assert self.run is not None
        with self._one_at_a_time, self._noticing(RESUME_S), self.database.answering("its resumption"):
            self._state = None
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
        closed_day: DayGains | None = None,
    ) -> None:
        """Store a tick; a repeated, unchanged tick is ignored.

        A tick is acknowledged once this returns.

        Args:
            parts: opaque bytes to keep with the world for a restart, by name; each replaces the part of that name,
                parts that are left out stay.
            outcomes: outcomes of orders in this tick.
            closed_day: gains of the UTC day that ended before this tick; None for none.

        Raises:
            StoreError: nothing was stored; the same call may be tried again.
            StoreWentBack: another tick was expected: load the run again.
            StoreRefused: another writer went on with this run, or the run is gone.
        """
        with self._one_at_a_time, self._noticing(), self.database.answering(f"tick {step.tick}"):
            assert not {WORLD, BOOK} & parts.keys(), "the world and its book are the store's own parts"
            state = self._state or self._read_state()
            if step.tick != state.next_tick:
                self._refuse_other(step, state.next_tick)
                return
            tick_write = tick_write_of(
                step, plan, events, parts, state, self._config, outcomes=outcomes, closed_day=closed_day
            )
            self._state = None  # unknown until the commit: after a failure the next call reads it back
            to_seal = self._write(tick_write, self._config.grid)
            self._state = replace(tick_write.state, to_seal=to_seal)
            self._lease.acknowledge(self._run_id, tick_write.state.next_tick)

    @contextmanager
    def aside(self, doing: str, *, full: bool = False) -> Iterator[Connection]:
        """Open a short transaction beside the ticks, for rows that are no part of the run.

        Args:
            doing: its purpose, for messages.
            full: wait at the end until it would survive a power cut.

        Raises:
            StoreError: the write failed; nothing was stored.
        """
        with self._one_at_a_time, self._noticing(), self.database.answering(doing):
            self._wait_for_disk(self._always_full or full)
            with self._connection.begin():
                yield self._connection

    @contextmanager
    def _noticing(self, timeout_s: float | None = None) -> Iterator[None]:
        """Limit the wait for the database, and forget its known state after a failure.

        Afterwards the database may be another one, or at another tick.
        """
        try:
            with self._lease.bounded(timeout_s or ANSWER_S):
                yield
        except BaseException:
            self._state, self._waits = None, None
            self._lease.let_go_if_lost(self._connection)
            raise

    def refuse_lost(self) -> None:
        """Check that the database is still the one that was opened.

        Every transaction does so before it begins.

        Raises:
            StoreLost: the database was removed, replaced or truncated.
        """
        fault = self._lease.fault()
        if fault:
            raise StoreLost(fault)

    def refuse_little_room(self, tick: int) -> None:
        """Check that there is room for more than a few ticks.

        Called before ticks that come faster than they are shown, which nobody could stop in time.

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
        """Checkpoint the write-ahead log and release the database; harmless when repeated."""
        self._end(self._lease.release)

    def discard(self) -> None:
        """Close the database, and delete it if this writer created it and stored nothing."""
        is_empty = self._lease.is_new and self.run is None
        with suppress(StoreError):
            is_empty = is_empty and not self.read_model.ask("SELECT 1 FROM access_log LIMIT 1")
        self._end(self._lease.discard if is_empty else self._lease.release)

    def _end(self, let_go: Callable[[], None]) -> None:
        self.executor.shutdown(wait=True)
        with self._one_at_a_time:
            self.read_model.close()
            if not self._connection.closed:
                self.database.flush_log(self._connection)
                self._connection.close()
            let_go()

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
        """List the newest events worth showing, oldest first; none before a run has begun."""
        return () if self.run is None else self.read_model.events(limit)[::-1]

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

    def _read_state(self) -> WriterState:
        run_id = self._run.run_id
        with self._connection.begin():
            resume.refuse_another_run(self._connection, self.database.name, run_id)
            return resume.writer_state_in(self._connection, self._config)

    def _refuse_other(self, step: Step, expected_tick: int) -> None:
        """Accept a repeated append if the stored tick has the same digests, else refuse.

        A caller repeats a tick whose acknowledgement was lost.
        """
        if step.tick < expected_tick and self.read_model.stored_tick(step.tick).digests == digests_of(step):
            return
        raise StoreWentBack(
            f"{self.database.name} expected tick {expected_tick}, tick {step.tick} came:"
            " load the run again and go on from there"
        )

    def _write(self, tick_write: TickWrite, grid: TimeGrid) -> Marks:
        """Run a tick's transaction; returns the digests of its roll-up for the next seal."""
        self._wait_for_disk(self._always_full or tick_write.binding)
        connection = self._connection
        with connection.begin():
            if not self._are_rules_ours:
                write_ours(connection, tick_write.tick)
            with self.database.batch(connection) as batch:
                for table, values in tick_write.inserts:
                    batch.insert(*columns_of(table), values)
                hour, told = tick_write.hour_epoch_s, None
                if hour is not None:
                    statements.roll_up(batch, hour, tick_write.tick, grid)
                    told = batch.ask(OF_HOUR, (hour, hour)), batch.ask(HEADS)
                statements.prune(batch, tick_write.tick - self._raw_days * HOURS_PER_DAY * grid.ticks_per_hour, grid)
                statements.write_parts(batch, tick_write)
                advanced = statements.advance_sequence(batch, tick_write, self._writer_run)
            if advanced.rowcount != 1:
                self._refuse_fenced(tick_write.tick)
            to_seal = {} if told is None else hour_marks(*(answer.fetchall() for answer in told))
        if not self._are_rules_ours:
            self._are_rules_ours = True
            log.warning("other rules hold", extra={"from_tick": tick_write.tick, "rules": RULES_VERSION})
        return to_seal

    def _refuse_fenced(self, tick: int) -> None:
        """Raise the error for a sequence that is not where this writer left it."""
        name, position = self.database.name, resume.position_in(self._connection)
        if position.writer_run == self._writer_run:
            raise StoreWentBack(
                f"{name} expected tick {position.next_tick}, tick {tick} came: load the run again and go on from there"
            )
        raise StoreRefused(f"{name}: another writer has gone on from tick {tick}: stop this one")

    def _wait_for_disk(self, full: bool) -> None:
        """Set whether commits wait for the disk, and so survive a power cut.

        A killed process loses nothing either way.
        """
        if self._connection.closed:
            raise StoreError(f"{self.database.name} is closed: open it again")
        if full is not self._waits:
            self._waits = None  # stays unknown if the next line fails
            self.database.wait_for_disk(self._connection, full=full)
            self._waits = full
