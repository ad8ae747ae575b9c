"""Read a stored run without blocking its writer.

Queries are short, connections read-only, and each answer is limited in size.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Self

import numpy as np
from sqlalchemy import BindParameter, Executable, bindparam, func, literal_column, select
from sqlalchemy.engine import Connection

from mara.core.events import STORY_KINDS, Event, stored_event, worth_showing
from mara.core.plan import PlanStep
from mara.core.snapshot import SeriesPoint
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_HOUR
from mara.core.world import Observation, World
from mara.errors import StoreError, StoreRefused
from mara.store.backends.database import Database, database_of
from mara.store.encoding.chain import Digests
from mara.store.encoding.codec import bytes_of, commands_of, record_of
from mara.store.encoding.records import RunRecord, StoredTick
from mara.store.schema import rows, tables
from mara.store.schema.hourly import FLEET
from mara.store.schema.signal_tables import MeterRow
from mara.store.schema.tables import NamedRow, table_of
from mara.store.write import resume
from mara.store.write.rules_in_force import RulesInForce, rules_in

MOST_TICK_HOURS: Final = 48
"""Length [h] up to which a series is of ticks; a longer one is of clock hours."""
MOST_SERIES_HOURS: Final = 3 * 8_784
MOST_SERIES_POINTS: Final = 600
MOST_EVENTS: Final = 1_000
TICKS_AT_ONCE: Final = 48
"""Most ticks whose inputs are read together."""
STORY: Final = f"(severity = 'critical' OR kind IN ({', '.join(repr(kind) for kind in STORY_KINDS)}))"
"""SQL condition of the events that stay worth showing: critical and rare ones."""


class ReadModel:
    """A read-only view of a database, live or not; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._engine = database.reader()
        self._run: RunRecord | None = None
        self._is_closed = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database for reading, without locking it.

        Raises:
            StoreRefused: the database is missing, empty, or of another version.
            ConfigError: the URL names no database.
        """
        database = database_of(url)
        database.refuse_unreadable()
        return cls(database)

    @property
    def name(self) -> str:
        """The name of the database in messages."""
        return self.database.name

    def close(self) -> None:
        """Close the connections and refuse later queries; harmless when repeated."""
        self._is_closed = True
        self._engine.dispose()

    def ask(self, query: Executable | str, *values: object) -> Sequence[NamedRow]:
        """Run one query and return all its rows, whose columns are read by name.

        Args:
            query: an SQLAlchemy statement, or SQL text with question marks.
            values: what the question marks stand for.
        """
        with self._connection("reading") as connection:
            if isinstance(query, str):
                return connection.exec_driver_sql(query, values).all()
            return connection.execute(query).all()

    @contextmanager
    def _connection(self, doing: str) -> Iterator[Connection]:
        if self._is_closed:
            raise StoreError(f"{self.name} was closed at {doing}: open it again")
        with self.database.answering(doing), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def one_state(self) -> Iterator[Connection]:
        """Show several queries the same committed state.

        Keep it short, because the write-ahead log grows meanwhile.
        """
        with self._engine.connect() as connection, self.database.one_state(connection):
            yield connection

    def run(self) -> RunRecord:
        """Read the run of the database, once.

        Raises:
            StoreRefused: the database holds no run yet.
        """
        if self._run is None:  # kept, because a begun run never changes and a large fleet is slow to decode
            with self._connection("reading") as connection:
                self._run = resume.run_in(connection)
        if self._run is None:
            raise StoreRefused(f"{self.name} holds no run yet: run `mara simulate` or `mara run` first")
        return self._run

    def world(self) -> World:
        """Read the world before the next tick of a run that has begun."""
        with self._connection("reading") as connection:
            return resume.world_in(connection)

    def parts(self) -> dict[str, bytes]:
        """Read the parts that the run keeps beside its world for a restart, by name."""
        with self._connection("reading") as connection:
            return resume.parts_in(connection)

    def rules(self) -> tuple[RulesInForce, ...]:
        """List the versions of the rules that made the run, oldest first."""
        with self._connection("reading") as connection:
            return rules_in(connection)

    def next_tick(self) -> int:
        """The first tick that is not stored."""
        (state,) = self.ask(select(_STATE.seq))
        return int(state.seq)

    def world_before(self, tick: int) -> tuple[int, World]:
        """Read the newest checkpoint at or before `tick`, to replay from; and its tick.

        Raises:
            StoreRefused: the run began later.
        """
        found = self.ask(_WORLDS.where(_CHECKPOINT.tick <= tick).order_by(_CHECKPOINT.tick.desc()).limit(1))
        if not found:
            raise StoreRefused(f"the run in {self.name} begins after tick {tick}: ask for a later one")
        return found[0].tick, record_of(World, found[0].content)

    def world_after(self, tick: int) -> tuple[int, World]:
        """Read the oldest stored world after `tick`, and the tick that it precedes.

        Raises:
            StoreRefused: the world cannot be read, or is of a newer Mara.
        """
        found = self.ask(_WORLDS.where(_CHECKPOINT.tick > tick).order_by(_CHECKPOINT.tick).limit(1))
        return (found[0].tick, record_of(World, found[0].content)) if found else (self.next_tick(), self.world())

    def is_of_older_layout(self, tick: int) -> bool:
        """True when the checkpoint of `tick` was written with other fields than today's."""
        (world,) = self.ask(_WORLDS.where(_CHECKPOINT.tick == tick))
        content: bytes = world.content
        return bytes_of(record_of(World, content)) != content

    def stored_tick(self, tick: int) -> StoredTick:
        """Read the inputs and digests of a tick.

        Raises:
            StoreRefused: no such tick is stored.
        """
        (stored,) = self.stored_ticks(tick, tick + 1)
        return stored

    def stored_ticks(self, first: int, end: int) -> Iterator[StoredTick]:
        """Read the inputs and digests of ticks ``[first, end)``, many with each query.

        Raises:
            StoreRefused: one of them is not stored, or not whole.
        """
        for begin in range(first, end, TICKS_AT_ONCE):
            part_end = min(begin + TICKS_AT_ONCE, end)
            with self._connection("reading") as connection:
                try:
                    found = _ticks_in(connection, begin, part_end)
                except (LookupError, ValueError, TypeError) as error:
                    which = f"ticks {begin} to {part_end - 1}" if part_end - begin > 1 else f"tick {begin}"
                    raise StoreRefused(
                        f"rows of {which} are missing or misshapen in {self.name}: stop, and run `mara db check`"
                    ) from error
            for tick in range(begin, part_end):
                if tick not in found:
                    stands = f"which goes up to tick {self.next_tick() - 1}"
                    raise StoreRefused(f"tick {tick} is not in {self.name}, {stands}")
                yield found[tick]

    def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        """Read the fleet's money over the last simulated hours, oldest first.

        Up to `MOST_TICK_HOURS` a point is a tick, else a clock hour; above `MOST_SERIES_POINTS` hours several hours.
        """
        if not self.ask(select(_RUN.number)):
            return ()
        grid, asked = self.run().config.grid, min(hours, MOST_SERIES_HOURS)
        if asked <= MOST_TICK_HOURS:
            found = self.ask(
                select(
                    _TICK.epoch_s,
                    literal_column("1").label("ticks_count"),
                    _TICK.revenue_micro_usd,
                    _TICK.cost_micro_usd,
                    _TICK.energy_cost_micro_usd,
                )
                .order_by(_TICK.tick.desc())
                .limit(grid.ticks_of_hours(asked))
            )
        else:
            end_h = grid.epoch_s(self.next_tick()) // SECONDS_PER_HOUR
            first_h = max(end_h - asked, grid.start_epoch_s // SECONDS_PER_HOUR)
            width_h = max(1, -(-(end_h - first_h) // MOST_SERIES_POINTS))
            found = self.ask(_MONEY, FLEET, *(SECONDS_PER_HOUR * hours for hours in (first_h, first_h, width_h)))
        return tuple(_point(row, grid.dt_h) for row in map(_Money._make, reversed(found)))

    def events(self, limit: int) -> tuple[Event, ...]:
        """List the newest events worth showing, newest first.

        They are the events of `STORY`, and those of any kind in the last hour.
        """
        config, last_tick = self.run().config, self.next_tick() - 1
        per_hour = config.grid.ticks_per_hour
        found = self.ask(
            f"SELECT tick, severity, site, kind, text FROM events WHERE {STORY} OR tick > ?"  # noqa: S608  # words of ours
            " ORDER BY tick DESC, number DESC LIMIT ?",
            last_tick - per_hour,
            min(limit, MOST_EVENTS),
        )
        events = [stored_event(row.tick, row.severity, row.site, row.kind, row.text, config) for row in found]
        return worth_showing(reversed(events), last_tick, per_hour)[::-1]

    def counts(self) -> dict[str, int]:
        """Count the rows of each table; slow on a large database."""
        with self._connection("counting") as connection:
            found = sorted(tables.Row.metadata.tables.items())
            return {n: connection.execute(select(func.count()).select_from(t)).scalar_one() for n, t in found}


_RUN: Final = table_of(tables.Run).c
_STATE: Final = table_of(tables.EngineStateRow).c
_CHECKPOINT: Final = table_of(tables.Checkpoint).c
_TICK: Final = table_of(tables.Tick).c
_PLAN: Final = table_of(tables.PlanStepRow).c
_PRICE: Final = table_of(tables.PriceRow).c
_MARKET: Final = table_of(tables.Market).c
_METER: Final = table_of(MeterRow).c
_FIRST: Final[BindParameter[Any]] = bindparam("first")
_END: Final[BindParameter[Any]] = bindparam("end")
_TICKS: Final = (
    select(_TICK.tick, _TICK.commands, _TICK.raw_hash, _TICK.kept_hash, _TICK.world_hash, _TICK.tick_hash)
    .where(_TICK.tick >= _FIRST, _TICK.tick < _END)
    .order_by(_TICK.tick)
)
_IN_FORCE: Final = select(func.max(_PLAN.from_tick)).where(_PLAN.from_tick <= _FIRST).correlate(None)
_PLANS: Final = (
    select(_PLAN.from_tick, _PLAN.content)
    .where(_PLAN.from_tick >= _IN_FORCE.scalar_subquery(), _PLAN.from_tick < _END)
    .order_by(_PLAN.from_tick)
)
_MARKETS: Final = select(_MARKET.tick, *(_MARKET[name] for name in rows.MarketValues._fields)).where(
    _MARKET.tick >= _FIRST, _MARKET.tick < _END
)
_PRICES: Final = (
    select(_PRICE.tick, *(_PRICE[name] for name in rows.SITE_FIELDS))
    .where(_PRICE.tick >= _FIRST, _PRICE.tick < _END)
    .order_by(_PRICE.tick, _PRICE.site)
)
_METERS: Final = (
    select(_METER.tick, _METER.is_metered, _METER.power_mw, _METER.down_kinds)
    .where(_METER.tick >= _FIRST, _METER.tick < _END)
    .order_by(_METER.tick, _METER.site)
)
_SITES_COUNT: Final = select(func.count()).select_from(table_of(tables.SiteInventory))
_WORLDS: Final = select(_CHECKPOINT.tick, _CHECKPOINT.content)
_MONEY: Final = (
    "SELECT min(hour_epoch_s) AS epoch_s, sum(ticks_count) AS ticks_count, sum(revenue_micro_usd) AS revenue_micro_usd,"
    " sum(cost_micro_usd) AS cost_micro_usd, sum(energy_cost_micro_usd) AS energy_cost_micro_usd"
    " FROM hourly WHERE site = ? AND hour_epoch_s >= ? GROUP BY (hour_epoch_s - ?) / ? ORDER BY 1 DESC"
)


def _ticks_in(connection: Connection, first: int, end: int) -> dict[int, StoredTick]:
    """Read the inputs and digests of the stored ones of ticks ``[first, end)``.

    Ticks in which the same plan step was in force share it.
    """
    span = {"first": first, "end": end}
    plans = connection.execute(_PLANS, span).all()
    steps = [(record_of(PlanStep, plan.content), plan.content) for plan in plans]
    begins = [plan.from_tick for plan in plans]
    observed = _observations_in(connection, span)
    stored = {}
    for row in connection.execute(_TICKS, span).all():
        step, content = steps[bisect_right(begins, row.tick) - 1]
        stored[row.tick] = StoredTick(
            tick=row.tick,
            observation=observed.get(row.tick),
            plan_step=step,
            commands=commands_of(row.commands),
            digests=Digests(raw=row.raw_hash, kept=row.kept_hash, world=row.world_hash),
            tick_hash=row.tick_hash,
            plan_content=content,
            commands_content=row.commands,
        )
    return stored


def _observations_in(connection: Connection, span: dict[str, int]) -> dict[int, Observation]:
    """Read the observations of the ticks whose raw rows are kept.

    Raises:
        LookupError: rows of a site are missing.
    """
    markets = connection.execute(_MARKETS, span).all()
    prices, told = (_by_tick(connection.execute(query, span)) for query in (_PRICES, _METERS))
    sites_count = connection.execute(_SITES_COUNT).scalar_one()
    for tick, *_ in markets:
        if len(prices[tick]) != sites_count or len(told.get(tick, ())) not in (0, sites_count):
            raise LookupError(f"rows of a site are missing at tick {tick}")
    return {
        tick: rows.observation_of(
            tick,
            np.array(prices[tick], dtype=np.float64),
            rows.MarketValues._make(values),
            rows.metering_of(told.get(tick, [])),
        )
        for tick, *values in markets
    }


def _by_tick(found: Iterable[Sequence[Any]]) -> dict[int, list[Sequence[Any]]]:
    """Group rows by their first column, which is left out."""
    by_tick: dict[int, list[Sequence[Any]]] = {}
    for tick, *values in found:
        by_tick.setdefault(tick, []).append(values)
    return by_tick


class _Money(NamedTuple):
    """The fleet's money over some ticks, as the queries of a series select it."""

    epoch_s: int
    ticks_count: int
    revenue_micro_usd: int
    cost_micro_usd: int
    energy_cost_micro_usd: int


def _point(row: _Money, dt_h: float) -> SeriesPoint:
    """Convert money over some ticks [micro-USD] to dollars per hour."""
    scale = MICRO_USD_PER_USD * int(row.ticks_count) * dt_h
    revenue, cost = int(row.revenue_micro_usd), int(row.cost_micro_usd)
    return SeriesPoint(
        at=datetime.fromtimestamp(int(row.epoch_s), UTC),
        revenue_usd_per_h=revenue / scale,
        profit_usd_per_h=(revenue - cost) / scale,
        energy_cost_usd_per_h=int(row.energy_cost_micro_usd) / scale,
    )
