"""The tables of a run's database, declared as SQLModel classes.

One database holds one run, so no key repeats the run. Time is in whole UTC epoch seconds or ticks, money in micro-USD,
power in W and energy in Wh. REAL is used only for observations, which must come back bit for bit. The classes serve as
declarations: rows are written as tuples (`mara.store.schema.rows`) and read by column name, never as instances.
"""

from functools import cache
from typing import Any, ClassVar, Final, TypeAlias

import sqlalchemy
from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

NamedRow: TypeAlias = "sqlalchemy.Row[*tuple[Any, ...]]"  # text, because SQLAlchemy 2.0 takes a single type
"""A row of a query's result, whose columns are read by name."""
WHOLE: Final[Any] = BigInteger().with_variant(Integer(), "sqlite")
EXACT: Final[Any] = Double().with_variant(REAL(), "sqlite")
NOW: Final = text("(CAST(strftime('%s', 'now') AS INTEGER))")
"""Wall time stamped by the database; a run never reads it back."""

BY_ROWID: Final = {"sqlite_strict": True}
BY_KEY: Final = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Row(SQLModel):
    """Base class of every table, with the naming convention of constraints.

    Migrations find a constraint again by its conventional name.
    """

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(row: type[Row]) -> Table:
    """The SQLAlchemy table behind a row class."""
    table: Table = row.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    return table


@cache
def columns_of(row: type[Row]) -> tuple[str, tuple[str, ...]]:
    """A table's name and its columns in order, without those that the database stamps."""
    table = table_of(row)
    return table.name, tuple(column.name for column in table.columns if column.server_default is None)


def one_row() -> tuple[Any, ...]:
    """Table arguments that allow a single row, numbered 1."""
    return CheckConstraint("number = 1", name="one_row"), BY_ROWID


def key() -> Any:
    """An integer column of the primary key, never autoincremented."""
    return Field(primary_key=True, sa_type=WHOLE, sa_column_kwargs={"autoincrement": False})


def whole(**column: Any) -> Any:
    """A 64-bit integer column."""
    return Field(sa_type=WHOLE, sa_column_kwargs=column)


def maybe_whole() -> Any:
    """A nullable 64-bit integer column, for values that an older Mara did not store."""
    return Field(sa_type=WHOLE, nullable=True)


def exact(*, nullable: bool = False) -> Any:
    """A double-precision column; it keeps every bit except the sign of zero."""
    return Field(sa_type=EXACT, nullable=nullable)


def words(*, unique: bool = False, nullable: bool = False) -> Any:
    """A text column of any length."""
    return Field(sa_type=Text, unique=unique, nullable=nullable)


def binary(*, nullable: bool = False) -> Any:
    """A column of bytes: a record encoded by `codec`, or a hash."""
    return Field(sa_type=LargeBinary, nullable=nullable)


def contract_number() -> Any:
    """A primary key column that refers to the contract a row belongs to."""
    return Field(
        primary_key=True,
        sa_type=WHOLE,
        sa_column_args=(ForeignKey("sla_contracts.number"),),
        sa_column_kwargs={"autoincrement": False},
    )


class Run(Row, table=True):
    """The run's fixed identity and configuration; enough to resume and replay it."""

    __tablename__ = "runs"
    __table_args__ = one_row()
    number: int = key()
    run_id: str = words()
    seed: int = whole()
    fleet_name: str = words()
    fleet_hash: str = words()
    start_epoch_s: int = whole()
    tick_minutes: int = whole()
    optimizer: str = words()
    feed: str = words()
    history_hash: str = words()
    terms: str = words()
    charter: bytes = binary()
    version: str = words()
    stored_at: int = whole(server_default=NOW)


class SiteInventory(Row, table=True):
    """The sites in the order of every site index, with their limits and machines."""

    __tablename__ = "site_inventories"
    __table_args__ = BY_ROWID
    site: int = key()
    site_id: str = words(unique=True)
    name: str = words()
    country: str = words()
    timezone: str = words()
    price_zone: str = words()
    cooling: str = words()
    grid_limit_w: int = whole()
    hedge_w: int = whole()
    hedge_price_usd_per_mwh: float = exact()
    air_miner_count: int = whole()
    hydro_miner_count: int = whole()
    immersion_miner_count: int = whole()
    gpu_count: int = whole()
    asic_count: int = whole()


class EngineStateRow(Row, table=True):
    """The position of the run and the number of its writer.

    `seq` is the next tick. `writer_run` is a fencing token: each writer that opens the database raises it.
    """

    __tablename__ = "engine_state"
    __table_args__ = one_row()
    number: int = key()
    seq: int = whole()
    writer_run: int = whole()
    tick_hash: bytes = binary()


class EnginePart(Row, table=True):
    """Parts of the engine's state before tick `seq`, by name.

    The part `world` changes every tick, `book` (its contracts) only when a contract is booked or ends. Other parts are
    kept for callers, opaque and overwritten; `content_hash` is their SHA-256.
    """

    __tablename__ = "engine_parts"
    __table_args__ = BY_ROWID
    part: str = Field(primary_key=True, sa_type=Text)
    content: bytes = binary()
    content_hash: bytes | None = binary(nullable=True)


class Checkpoint(Row, table=True):
    """A whole world before `tick`, from which a replay can start.

    The first and each month's are `kept` for ever; daily ones are pruned with the raw rows.
    """

    __tablename__ = "checkpoints"
    __table_args__ = BY_ROWID
    tick: int = key()
    kept: int = whole()
    content: bytes = binary()


class Tick(Row, table=True):
    """A tick: fleet totals, commands, its link in the hash chain and its seal.

    The seal covers every row of the tick (`mara.store.encoding.seal`); it is null in ticks of an older Mara.
    """

    __tablename__ = "ticks"
    __table_args__ = BY_ROWID
    tick: int = key()
    epoch_s: int = whole(unique=True)
    revenue_micro_usd: int = whole()
    cost_micro_usd: int = whole()
    energy_cost_micro_usd: int = whole()
    commands: bytes | None = binary(nullable=True)
    raw_hash: bytes = binary()
    kept_hash: bytes = binary()
    world_hash: bytes = binary()
    tick_hash: bytes = binary()
    seal: bytes | None = binary(nullable=True)


class PriceRow(Row, table=True):
    """A site's observed prices, grid mix, weather and availability in a tick.

    `day_ahead_usd_per_mwh` is null at a site without an auction on the day before.
    """

    __tablename__ = "prices"
    __table_args__ = BY_KEY
    tick: int = key()
    site: int = key()
    energy_price_usd_per_mwh: float = exact()
    carbon_intensity_g_per_kwh: float = exact()
    renewable_share: float = exact()
    dry_bulb_c: float = exact()
    wet_bulb_c: float = exact()
    availability_share: float = exact()
    day_ahead_usd_per_mwh: float | None = exact(nullable=True)


class Market(Row, table=True):
    """The observations of a tick that concern the whole fleet; lists are JSON.

    `negative_zeros` lists the flat indices into the tick's first six columns of `prices` that held -0.0, because a REAL
    column returns 0.0 for it. `power` is an encoded `PowerObservation`, `import_limit` has 8 bytes for each site.
    """

    __tablename__ = "markets"
    __table_args__ = BY_ROWID
    tick: int = key()
    hashprice_usd_per_ph_day: float = exact()
    token_price_usd_per_mtok: float = exact()
    demand: str = words()
    arrivals: str = words()
    stale_sources: str = words()
    negative_zeros: bytes | None = binary(nullable=True)
    power: bytes | None = binary(nullable=True)
    import_limit: bytes | None = binary(nullable=True)


class AllocationRow(Row, table=True):
    """A site's power in a tick; from `position_w` on null in ticks of an older Mara."""

    __tablename__ = "allocations"
    __table_args__ = BY_KEY
    tick: int = key()
    site: int = key()
    site_power_w: int = whole()
    bought_w: int = whole()
    sold_w: int = whole()
    air_miner_w: int = whole()
    hydro_miner_w: int = whole()
    immersion_miner_w: int = whole()
    gpu_w: int = whole()
    asic_w: int = whole()
    premium_w: int = whole()
    standard_w: int = whole()
    flexible_w: int = whole()
    spot_w: int = whole()
    reserve_w: int = whole()
    available_w: int = whole()
    emissions_g: int = whole()
    revenue_micro_usd: int = whole()
    cost_micro_usd: int = whole()
    energy_cost_micro_usd: int = whole()
    position_w: int | None = maybe_whole()
    battery_w: int | None = maybe_whole()
    stored_wh: int | None = maybe_whole()
    exported_w: int | None = maybe_whole()
    award_w: int | None = maybe_whole()
    called_w: int | None = maybe_whole()


class SlaContractRow(Row, table=True):
    """A booked contract, numbered in the order of booking."""

    __tablename__ = "sla_contracts"
    __table_args__ = BY_ROWID
    number: int = key()
    contract_id: str = words(unique=True)
    tier: int = whole()
    customer: str = words()
    power_mw: float = exact()
    rate_usd_per_mwh: float = exact()
    starts_tick: int = whole()
    ends_tick: int = whole()
    timezone: str = words()
    booked_tick: int = whole()


class SlaInterval(Row, table=True):
    """The state of a contract's ticks from `from_tick` until its next row or its end.

    0 is bad, 1 good, 2 excluded.
    """

    __tablename__ = "sla_intervals"
    __table_args__ = BY_KEY
    number: int = contract_number()
    from_tick: int = key()
    state: int = whole()


class SlaWindow(Row, table=True):
    """A closed measurement window of a contract, with its charge and SLA credit."""

    __tablename__ = "sla_windows"
    __table_args__ = BY_KEY
    number: int = contract_number()
    window_start_tick: int = key()
    window_end_tick: int = whole()
    site: int = whole()
    good_ticks: int = whole()
    bad_ticks: int = whole()
    excluded_ticks: int = whole()
    charge_micro_usd: int = whole()
    credit_micro_usd: int = whole()
    closed_tick: int = whole()


class PlanStepRow(Row, table=True):
    """The plan step in force from this tick on; written when it changes."""

    __tablename__ = "plans"
    __table_args__ = BY_ROWID
    from_tick: int = key()
    optimizer: str = words()
    made_tick: int = whole()
    content: bytes = binary()


class OptimizationRun(Row, table=True):
    """A plan that came into force: its optimizer, objective, bound and reasons.

    `reasons` and `provenance` are JSON; `shadow` holds compressed dual prices (`mara.store.write.plan_record`). Columns
    that an older Mara did not store are null.
    """

    __tablename__ = "optimization_runs"
    __table_args__ = BY_ROWID
    adopted_tick: int = key()
    made_tick: int = whole()
    optimizer: str = words()
    status: str = words()
    horizon_ticks: int = whole()
    objective_usd: float | None = exact(nullable=True)
    bound_usd: float | None = exact(nullable=True)
    note: str = words()
    headline: str | None = words(nullable=True)
    reasons: str | None = words(nullable=True)
    shadow: bytes | None = binary(nullable=True)
    provenance: str | None = words(nullable=True)
    baseline_usd: float | None = exact(nullable=True)
    solve_wall_s: float | None = exact(nullable=True)


class EventRow(Row, table=True):
    """An event shown to the operator."""

    __tablename__ = "events"
    __table_args__ = BY_KEY
    tick: int = key()
    number: int = key()
    severity: str = words()
    site: int = whole()
    kind: str = words()
    text: str = words()


class Audit(Row, table=True):
    """A command in the audit trail; a hash chain covers every column but `stored_at`."""

    __tablename__ = "audit"
    __table_args__ = BY_ROWID
    number: int = key()
    tick: int = whole()
    actor: str = words()
    address: str = words()
    action: str = words()
    before_hash: bytes = binary()
    after_hash: bytes = binary()
    previous_hash: bytes = binary()
    entry_hash: bytes = binary()
    stored_at: int = whole(server_default=NOW)
