"""Begin a run in a database, or resume the one that it holds."""

from hashlib import sha256
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.engine import Connection

from mara.core.arrays import Ints
from mara.core.contract import ContractBook
from mara.core.world import RunConfig, World
from mara.errors import StoreRefused
from mara.store.backends.database import Database
from mara.store.encoding.chain import genesis_of
from mara.store.encoding.codec import bytes_of, record_of
from mara.store.encoding.records import RunRecord
from mara.store.schema import rows, tables
from mara.store.schema.ledger import LEGS, SUMS_BY_SITE
from mara.store.schema.sealed import pending_marks
from mara.store.schema.tables import columns_of, table_of
from mara.store.write.plan_record import PlanRecord
from mara.store.write.tick_write import BOOK, WITHOUT_BOOK, WORLD, WriterState


class Position(NamedTuple):
    """The position of a run: its next tick, and the number of its newest writer."""

    next_tick: int
    writer_run: int


def take_over(connection: Connection) -> int:
    """Become the writer, fencing off the one before; returns the new number.

    The number is 0 in a database without a run.
    """
    connection.execute(update(tables.EngineStateRow).values(writer_run=_STATE.writer_run + 1))
    return connection.execute(select(_STATE.writer_run)).scalar() or 0


def position_in(connection: Connection) -> Position:
    """Read the next tick and the number of the newest writer."""
    found = connection.execute(select(_STATE.seq, _STATE.writer_run)).one()
    return Position(next_tick=int(found.seq), writer_run=int(found.writer_run))


def refuse_torn(connection: Connection, name: str) -> None:
    """Check that sequence, ticks and cash agree, as one transaction a tick ensures.

    Raises:
        StoreRefused: sequence, ticks and cash do not agree.
    """
    state = connection.execute(select(_STATE.seq, _STATE.tick_hash)).one_or_none()
    last = connection.execute(_newest(_TICK.tick, _TICK.tick_hash)).one_or_none()
    first_world = connection.execute(_FIRST_WORLD).scalar()
    has_run = connection.execute(select(_RUN.run_id)).first() is not None
    if state is None and first_world is None and last is None and not has_run:
        return
    if state is None or first_world is None or not has_run:
        raise StoreRefused(f"{name} lacks its run, its state or its first world: run `mara db check`")
    if last is not None and (last.tick + 1, last.tick_hash) != (state.seq, state.tick_hash):
        raise StoreRefused(f"{name} stands at tick {state.seq}, its ticks end at {last.tick + 1}: run `mara db check`")
    earned = connection.execute(_EARNED).scalar_one()
    if world_in(connection).cash_micro_usd != record_of(World, first_world).cash_micro_usd + earned:
        raise StoreRefused(f"{name} holds cash that its ticks did not earn: run `mara db check`")


def refuse_another_run(connection: Connection, name: str, run_id: str) -> None:
    """Check that a database that was away still holds the run that was being written.

    Raises:
        StoreRefused: the database holds no run or another one.
    """
    held = connection.execute(select(_RUN.run_id)).scalar()
    if held != run_id:
        what = "no run" if held is None else f"run {held}"
        raise StoreRefused(
            f"{name} holds {what}, run {run_id} was being written: point MARA_DATABASE_URL at the database that holds"
            " it or restore its backup there, then start again"
        )


def run_in(connection: Connection) -> RunRecord | None:
    """Read the run of a database; None before one has begun.

    Raises:
        StoreRefused: its configuration cannot be read, or is of a newer Mara.
    """
    names = ("run_id", "seed", "fleet_hash", "optimizer", "feed", "history_hash", "version", "stored_at")
    row = connection.execute(select(_RUN.charter, *(_RUN[name] for name in names))).mappings().one_or_none()
    if row is None:
        return None
    return RunRecord(config=record_of(RunConfig, row["charter"]), **{name: row[name] for name in names})


def world_in(connection: Connection) -> World:
    """Read the world before the next tick.

    Raises:
        StoreRefused: the world cannot be read, or is of a newer Mara.
    """
    parts = _parts(connection, _PART.part.in_((WORLD, BOOK)))
    return record_of(World, parts[WORLD], book=record_of(ContractBook, parts[BOOK]))


def parts_in(connection: Connection) -> dict[str, bytes]:
    """Read the parts that callers had the store keep with the last tick, by name."""
    return _parts(connection, _PART.part.not_in((WORLD, BOOK)))


def _parts(connection: Connection, which: ColumnElement[bool]) -> dict[str, bytes]:
    found = connection.execute(select(_PART.part, _PART.content).where(which))
    return {row.part: bytes(row.content) for row in found}


def writer_state_in(connection: Connection, config: RunConfig) -> WriterState:
    """Read back the state that a writer keeps between ticks."""
    state = connection.execute(select(_STATE.seq, _STATE.tick_hash)).one()
    audit = connection.execute(
        select(_AUDIT.number, _AUDIT.entry_hash).order_by(_AUDIT.number.desc()).limit(1)
    ).one_or_none()
    live = {contract.id for contract in world_in(connection).book.contracts}
    known = [row for row in connection.execute(_CONTRACT_STATES) if row.contract_id in live]
    plan = select(_PLAN.content).order_by(_PLAN.from_tick.desc()).limit(1)
    book = select(_PART.content).where(_PART.part == BOOK)
    seal = connection.execute(_newest(_TICK.seal)).scalar()
    return WriterState(
        next_tick=state.seq,
        tick_hash=state.tick_hash,
        audit_count=audit.number if audit else 0,
        audit_hash=audit.entry_hash if audit else b"",
        plan_step=None,
        plan_content=connection.execute(plan).scalar() or b"",
        adopted=_last_plan(connection),
        states={row.contract_id: row.state for row in known if row.state is not None},
        numbers={row.contract_id: row.number for row in known},
        contract_count=connection.execute(select(func.count()).select_from(tables.SlaContractRow)).scalar_one(),
        book=None,
        book_hash=sha256(connection.execute(book).scalar_one()).digest(),
        seal=seal or b"",
        to_seal=pending_marks(connection, seal),
        part_hashes={name: sha256(content).digest() for name, content in parts_in(connection).items()},
        day_sums=_day_sums(connection, state.seq, config),
    )


def _day_sums(connection: Connection, next_tick: int, config: RunConfig) -> Ints:
    """Sum the ledger of the UTC day under way by site and leg."""
    sums = np.zeros((config.fleet.site_count, len(LEGS)), dtype=np.int64)
    for site, *legs in connection.exec_driver_sql(SUMS_BY_SITE, (config.grid.first_tick_of_day(next_tick), next_tick)):
        sums[site] = [int(leg) for leg in legs]
    return sums


def _last_plan(connection: Connection) -> PlanRecord:
    columns = (_ADOPTED.adopted_tick, _ADOPTED.made_tick, _ADOPTED.optimizer, _ADOPTED.status, _ADOPTED.note)
    row = connection.execute(select(*columns).order_by(_ADOPTED.adopted_tick.desc()).limit(1)).one_or_none()
    if row is None:
        return PlanRecord()
    return PlanRecord(
        tick=row.adopted_tick, made_tick=row.made_tick, optimizer=row.optimizer, status=row.status, note=row.note
    )


def write_first(database: Database, connection: Connection, run: RunRecord, world: World) -> None:
    """Write the rows that stand before the first tick."""
    config = run.config
    fixed = rows.row_of(
        tables.Run,
        number=1,
        run_id=run.run_id,
        seed=run.seed,
        fleet_name=run.fleet_name,
        fleet_hash=run.fleet_hash,
        start_epoch_s=run.start_epoch_s,
        tick_minutes=run.tick_minutes,
        optimizer=run.optimizer,
        feed=run.feed,
        history_hash=run.history_hash,
        terms=run.terms_json,
        charter=bytes_of(config),
        version=run.version,
    )
    parts = [(WORLD, bytes_of(world, without=WITHOUT_BOOK), None), (BOOK, bytes_of(world.book), None)]
    inserts = (
        (tables.Run, [fixed]),
        (tables.SiteInventory, rows.inventory_rows(config.fleet)),
        (tables.EngineStateRow, [(1, world.tick, 0, genesis_of(run.run_id))]),
        (tables.EnginePart, parts),
        (tables.Checkpoint, [(world.tick, 1, bytes_of(world))]),
        (tables.SlaContractRow, rows.contract_rows(world.book.contracts, 1, world.tick)),
    )
    with database.batch(connection) as batch:
        for table, values in inserts:
            if values:
                batch.insert(*columns_of(table), values)


_RUN: Final = table_of(tables.Run).c
_STATE: Final = table_of(tables.EngineStateRow).c
_PART: Final = table_of(tables.EnginePart).c
_TICK: Final = table_of(tables.Tick).c
_AUDIT: Final = table_of(tables.Audit).c
_PLAN: Final = table_of(tables.PlanStepRow).c
_ADOPTED: Final = table_of(tables.OptimizationRun).c
_CONTRACT: Final = table_of(tables.SlaContractRow).c
_INTERVAL: Final = table_of(tables.SlaInterval).c
_CHECKPOINT: Final = table_of(tables.Checkpoint).c
_FIRST_WORLD: Final = select(_CHECKPOINT.content).order_by(_CHECKPOINT.tick).limit(1)
_EARNED: Final = select(func.coalesce(func.sum(_TICK.revenue_micro_usd - _TICK.cost_micro_usd), 0))
_LAST_STATE: Final = (
    select(_INTERVAL.state)
    .where(_INTERVAL.number == _CONTRACT.number)
    .order_by(_INTERVAL.from_tick.desc())
    .limit(1)
    .scalar_subquery()
)
_CONTRACT_STATES: Final = select(_CONTRACT.contract_id, _CONTRACT.number, _LAST_STATE.label("state"))


def _newest(*columns: Any) -> Select[Any]:
    """Select columns of the newest tick."""
    return select(*columns).order_by(_TICK.tick.desc()).limit(1)
