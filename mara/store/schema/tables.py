"""The tables of a run's database, as SQLModel rows. One database holds one run, so no key repeats the run.

Integers for time (UTC epoch seconds, ticks), money (micro-USD), power (W) and energy (Wh); REAL only for what came from
outside and must come back bit for bit. `table=True` validates nothing: rows are made by `rows`, and none leaves here.
"""

from typing import Any, ClassVar, Final

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

WHOLE: Final[Any] = BigInteger().with_variant(Integer(), "sqlite")
EXACT: Final[Any] = Double().with_variant(REAL(), "sqlite")
NOW: Final = text("(CAST(strftime('%s', 'now') AS INTEGER))")
"""The database stamps wall time itself; nothing in Mara reads it back into a run."""

BY_ROWID: Final = {"sqlite_strict": True}
BY_KEY: Final = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Row(SQLModel):
    """Root of every table; carries the naming convention that migrations need to find a constraint again."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def one_row() -> tuple[Any, ...]:
    """Arguments of a table that holds a single row, numbered 1."""
    return CheckConstraint("number = 1", name="one_row"), BY_ROWID


def key() -> Any:
    """An integer part of the primary key; it comes from the run, never from a counter of the database."""
    return Field(primary_key=True, sa_type=WHOLE, sa_column_kwargs={"autoincrement": False})


def whole(**column: Any) -> Any:
    """A 64-bit integer."""
    return Field(sa_type=WHOLE, sa_column_kwargs=column)


def maybe_whole() -> Any:
    """A 64-bit integer that an older Mara did not store."""
    return Field(sa_type=WHOLE, nullable=True)


def exact(*, nullable: bool = False) -> Any:
    """A double, kept exactly but for the sign of zero."""
    return Field(sa_type=EXACT, nullable=nullable)


def words(*, unique: bool = False, nullable: bool = False) -> Any:
    """Text of any length."""
    return Field(sa_type=Text, unique=unique, nullable=nullable)


def binary(*, nullable: bool = False) -> Any:
    """Bytes: of `codec`, or a hash."""
    return Field(sa_type=LargeBinary, nullable=nullable)


def contract_number() -> Any:
    """Which contract a row of its history belongs to; part of the primary key."""
    return Field(
        primary_key=True,
        sa_type=WHOLE,
        sa_column_args=(ForeignKey("sla_contracts.number"),),
        sa_column_kwargs={"autoincrement": False},
    )


class Run(Row, table=True):
    """What the run is: everything that is fixed, so that it can be resumed and replayed from the database alone."""

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
    """The sites in the order of every site index, with what stands there."""

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
    """Where the run stands: `seq` is the next tick; `writer_run` grows with every writer, so only one can go on."""

    __tablename__ = "engine_state"
    __table_args__ = one_row()
    number: int = key()
    seq: int = whole()
    writer_run: int = whole()
    tick_hash: bytes = binary()


class EnginePart(Row, table=True):
    """The world before tick `seq`: `world` changes every tick, `book` (its contracts) only when one comes or goes.

    Beside them stands what others have the store keep for a restart, opaque and overwritten. `content_hash` is SHA-256.
    """

    __tablename__ = "engine_parts"
    __table_args__ = BY_ROWID
    part: str = Field(primary_key=True, sa_type=Text)
    content: bytes = binary()
    content_hash: bytes | None = binary(nullable=True)


class Checkpoint(Row, table=True):
    """A whole world before `tick`: daily ones go with the raw rows, the first and each month's are `kept`."""

    __tablename__ = "checkpoints"
    __table_args__ = BY_ROWID
    tick: int = key()
    kept: int = whole()
    content: bytes = binary()


class Tick(Row, table=True):
    """One advanced tick: fleet totals, what operators ordered, its link in the hash chain, and its `seal`.

    The seal knows every row of the tick, see `mara.store.encoding.seal`; an older Mara wrote none.
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
    """What a site saw of the outside world in a tick, exactly."""

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


class Market(Row, table=True):
    """What the fleet saw of the outside world in a tick; the lists are JSON.

    `negative_zeros` names the places in `prices` that held -0.0, which a REAL column gives back as 0.0; null for none.
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


class AllocationRow(Row, table=True):
    """What ran at a site in a tick, and what came of it."""

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


class SlaContractRow(Row, table=True):
    """A booked promise, numbered in the order of booking."""

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
    """From this tick on a contract's ticks are bad, good or excluded (0, 1, 2), until its next row or its end."""

    __tablename__ = "sla_intervals"
    __table_args__ = BY_KEY
    number: int = contract_number()
    from_tick: int = key()
    state: int = whole()


class SlaWindow(Row, table=True):
    """A closed measurement window and the credit it owed."""

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
    """The targets in force from this tick on, written when they change."""

    __tablename__ = "plans"
    __table_args__ = BY_ROWID
    from_tick: int = key()
    optimizer: str = words()
    made_tick: int = whole()
    content: bytes = binary()


class OptimizationRun(Row, table=True):
    """A plan that came into force: who made it, how good it was said to be, why, and why not a better one.

    `reasons` and `provenance` are JSON, `shadow` is of `adoption`; what an older Mara did not store is null.
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
    """Something told to the operator."""

    __tablename__ = "events"
    __table_args__ = BY_KEY
    tick: int = key()
    number: int = key()
    severity: str = words()
    site: int = whole()
    kind: str = words()
    text: str = words()


class Audit(Row, table=True):
    """Who changed what: a chain of hashes over every column but `stored_at`."""

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
