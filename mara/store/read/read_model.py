"""What is stored, read without holding up the writer: short queries, read-only connections, a limit on each answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from mara.core.events import STORY_KINDS, Event, stored_event, worth_showing
from mara.core.plan import PlanStep
from mara.core.snapshot import SeriesPoint
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_HOUR
from mara.core.world import Observation, World
from mara.errors import StoreError, StoreRefused
from mara.store.backends.database import Database, database_of
from mara.store.encoding import rows
from mara.store.encoding.chain import Digests
from mara.store.encoding.codec import bytes_of, commands_of, record_of
from mara.store.encoding.records import RunRecord, StoredTick
from mara.store.schema import tables
from mara.store.schema.columns import FLEET
from mara.store.write import resume
from mara.store.write.rules_in_force import RulesInForce, rules_in

MOST_TICK_HOURS: Final = 48
"""A series up to this long is drawn tick by tick, a longer one from hourly roll-ups."""
MOST_SERIES_HOURS: Final = 3 * 8_784
MOST_SERIES_POINTS: Final = 600
MOST_EVENTS: Final = 1_000
STORY: Final = f"(severity = 'critical' OR kind IN ({', '.join(repr(kind) for kind in STORY_KINDS)}))"
"""Which events tell the story of a run, in SQL."""


class ReadModel:
    """A read-only view of a database, live or not. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._engine = database.reader()
        self._run: RunRecord | None = None
        self._is_closed = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Look at a database without locking it.

        Raises:
            StoreRefused: there is none, it is empty, or it is of another version.
        """
        database = database_of(url)
        database.refuse_unreadable()
        return cls(database)

    @property
    def name(self) -> str:
        """Of the database, for messages."""
        return self.database.name

    def close(self) -> None:
        """Let go of the connections; who still asks is refused. Harmless when repeated."""
        self._is_closed = True
        self._engine.dispose()

    def ask(self, query: str, *values: object) -> Sequence[Sequence[Any]]:
        """All rows of one query."""
        with self._connection("reading") as connection:
            return connection.exec_driver_sql(query, values).all()

    @contextmanager
    def _connection(self, doing: str) -> Iterator[Connection]:
        if self._is_closed:
            raise StoreError(f"{self.name} was closed at {doing}: open it again")
        with self.database.answering(doing), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def one_state(self) -> Iterator[Connection]:
        """One committed state for several queries. The write-ahead log grows meanwhile: keep it short."""
        with self._engine.connect() as connection, self.database.one_state(connection):
            yield connection

    def run(self) -> RunRecord:
        """The run in the database.

        Raises:
            StoreRefused: it holds none yet.
        """
        if self._run is None:  # once begun it never changes, and a large fleet takes its time to read
            with self._connection("reading") as connection:
                self._run = resume.run_in(connection)
        if self._run is None:
            raise StoreRefused(f"{self.name} holds no run yet: run `mara simulate` or `mara run` first")
        return self._run

    def world(self) -> World:
        """The world before the next tick; only where a run has begun."""
        with self._connection("reading") as connection:
            return resume.world_in(connection)

    def rules(self) -> tuple[RulesInForce, ...]:
        """Which rules made the run, from which tick on."""
        with self._connection("reading") as connection:
            return rules_in(connection)

    def next_tick(self) -> int:
        """The first tick that is not stored."""
        return int(self.ask("SELECT seq FROM engine_state")[0][0])

    def world_before(self, tick: int) -> tuple[int, World]:
        """The newest stored world at or before the start of `tick`, and its tick: replay from there.

        Raises:
            StoreRefused: the run began later.
        """
        found = self.ask("SELECT tick, content FROM checkpoints WHERE tick <= ? ORDER BY tick DESC LIMIT 1", tick)
        if not found:
            raise StoreRefused(f"the run in {self.name} begins after tick {tick}: ask for a later one")
        return found[0][0], record_of(World, found[0][1])

    def world_after(self, tick: int) -> tuple[int, World]:
        """The oldest stored world after `tick`, and the tick that it is before."""
        found = self.ask("SELECT tick, content FROM checkpoints WHERE tick > ? ORDER BY tick LIMIT 1", tick)
        return (found[0][0], record_of(World, found[0][1])) if found else (self.next_tick(), self.world())

    def is_of_older_layout(self, tick: int) -> bool:
        """Whether the world stored before `tick` was written by a Mara whose records had other fields."""
        content: bytes = self.ask("SELECT content FROM checkpoints WHERE tick = ?", tick)[0][0]
        return bytes_of(record_of(World, content)) != content

    def stored_tick(self, tick: int) -> StoredTick:
        """What went into a tick.

        Raises:
            StoreRefused: no such tick is stored.
        """
        found = self.ask("SELECT commands, raw_hash, kept_hash, world_hash, tick_hash FROM ticks WHERE tick = ?", tick)
        if not found:
            raise StoreRefused(f"tick {tick} is not in {self.name}, which goes up to tick {self.next_tick() - 1}")
        commands, raw, kept, world, link = found[0]
        plan = self.ask("SELECT content FROM plans WHERE from_tick <= ? ORDER BY from_tick DESC LIMIT 1", tick)
        return StoredTick(
            tick=tick,
            observation=self._observation(tick),
            plan_step=record_of(PlanStep, plan[0][0]),
            commands=commands_of(commands),
            digests=Digests(raw=raw, kept=kept, world=world),
            tick_hash=link,
            plan_content=plan[0][0],
            commands_content=commands,
        )

    def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        """The fleet's money over the last simulated hours: ticks when they are few, else whole clock hours.

        More than `MOST_SERIES_POINTS` hours are gathered, several to a point.
        """
        if not self.ask("SELECT 1 FROM runs"):
            return ()
        grid, asked = self.run().config.grid, min(hours, MOST_SERIES_HOURS)
        if asked <= MOST_TICK_HOURS:
            found = self.ask(
                "SELECT epoch_s, 1, revenue_micro_usd, cost_micro_usd, energy_cost_micro_usd"
                " FROM ticks ORDER BY tick DESC LIMIT ?",
                grid.ticks_of_hours(asked),
            )
        else:
            end_h = grid.epoch_s(self.next_tick()) // SECONDS_PER_HOUR
            first_h = max(end_h - asked, grid.start_epoch_s // SECONDS_PER_HOUR)
            width_h = max(1, -(-(end_h - first_h) // MOST_SERIES_POINTS))
            found = self.ask(_MONEY, FLEET, *(SECONDS_PER_HOUR * hours for hours in (first_h, first_h, width_h)))
        return tuple(_point(*(int(cell) for cell in row), dt_h=grid.dt_h) for row in reversed(found))

    def events(self, limit: int) -> tuple[Event, ...]:
        """The newest events that are worth showing, newest first: the story, and the last hour's routine."""
        config, last_tick = self.run().config, self.next_tick() - 1
        per_hour = config.grid.ticks_per_hour
        found = self.ask(
            f"SELECT tick, severity, site, kind, text FROM events WHERE {STORY} OR tick > ?"  # noqa: S608  # words of ours
            " ORDER BY tick DESC, number DESC LIMIT ?",
            last_tick - per_hour,
            min(limit, MOST_EVENTS),
        )
        events = [stored_event(t, s, i, k, x, config) for t, s, i, k, x in found]
        return worth_showing(reversed(events), last_tick, per_hour)[::-1]

    def counts(self) -> dict[str, int]:
        """Rows of each table; slow on a large database."""
        with self._connection("counting") as connection:
            found = sorted(tables.Row.metadata.tables.items())
            return {n: connection.execute(select(func.count()).select_from(t)).scalar_one() for n, t in found}

    def _observation(self, tick: int) -> Observation | None:
        """None once the raw rows have gone."""
        market = self.ask(_MARKET, tick)
        if not market:
            return None
        prices = self.ask(_PRICES, tick)
        return rows.observation_of(tick, np.array([tuple(row) for row in prices]), market[0])


_MONEY: Final = (
    "SELECT min(hour_epoch_s), sum(ticks_count), sum(revenue_micro_usd), sum(cost_micro_usd),"
    " sum(energy_cost_micro_usd) FROM hourly WHERE site = ? AND hour_epoch_s >= ? GROUP BY (hour_epoch_s - ?) / ?"
    " ORDER BY 1 DESC"
)
_MARKET: Final = (
    "SELECT hashprice_usd_per_ph_day, token_price_usd_per_mtok, demand, arrivals, stale_sources, negative_zeros"
    " FROM markets WHERE tick = ?"
)
_PRICES: Final = (
    "SELECT energy_price_usd_per_mwh, carbon_intensity_g_per_kwh, renewable_share, dry_bulb_c, wet_bulb_c,"
    " availability_share FROM prices WHERE tick = ? ORDER BY site"
)


def _point(epoch_s: int, ticks: int, revenue: int, cost: int, energy_cost: int, *, dt_h: float) -> SeriesPoint:
    """Micro-dollars over some ticks as dollars per hour."""
    scale = MICRO_USD_PER_USD * ticks * dt_h
    return SeriesPoint(
        at=datetime.fromtimestamp(epoch_s, UTC),
        revenue_usd_per_h=revenue / scale,
        profit_usd_per_h=(revenue - cost) / scale,
        energy_cost_usd_per_h=energy_cost / scale,
    )
