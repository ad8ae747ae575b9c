"""How a run is taken up where it stands: what a writer reads when it opens a database, and writes when a run begins."""

from hashlib import sha256

from sqlalchemy.engine import Connection

from mara.core.contract import ContractBook
from mara.core.world import RunConfig, World
from mara.errors import StoreRefused
from mara.store.backends.database import Database
from mara.store.encoding import rows
from mara.store.encoding.chain import genesis_of
from mara.store.encoding.codec import bytes_of, record_of
from mara.store.encoding.records import RunRecord
from mara.store.schema import tables
from mara.store.schema.columns import columns_of
from mara.store.schema.sealed import pending_marks
from mara.store.write.plan_record import PlanRecord
from mara.store.write.tick_write import BOOK, WITHOUT_BOOK, WORLD, WriterState


def take_over(connection: Connection) -> int:
    """Become the writer: one that thought it was is fenced off. Returns this writer's number, 0 before a run."""
    connection.exec_driver_sql("UPDATE engine_state SET writer_run = writer_run + 1")
    return connection.exec_driver_sql("SELECT writer_run FROM engine_state").scalar() or 0


def place_in(connection: Connection) -> tuple[int, int]:
    """The next tick, and the number of the writer."""
    seq, writer_run = connection.exec_driver_sql("SELECT seq, writer_run FROM engine_state").one()
    return int(seq), int(writer_run)


def refuse_torn(connection: Connection, name: str) -> None:
    """Look whether sequence, ticks and cash tell the same story; one transaction a tick means they always do.

    Raises:
        StoreRefused: they do not.
    """
    ask = connection.exec_driver_sql
    state = ask("SELECT seq, tick_hash FROM engine_state").one_or_none()
    last = ask("SELECT tick + 1, tick_hash FROM ticks ORDER BY tick DESC LIMIT 1").one_or_none()
    first_world = ask("SELECT content FROM checkpoints ORDER BY tick LIMIT 1").scalar()
    has_run = ask("SELECT 1 FROM runs").scalar() is not None
    if state is None and first_world is None and last is None and not has_run:
        return
    if state is None or first_world is None or not has_run:
        raise StoreRefused(f"{name} lacks its run, its state or its first world: run `mara db check`")
    earned = ask("SELECT coalesce(sum(revenue_micro_usd - cost_micro_usd), 0) FROM ticks").scalar_one()
    if last is not None and tuple(last) != tuple(state):
        raise StoreRefused(f"{name} stands at tick {state[0]}, its ticks end at {last[0]}: run `mara db check`")
    if world_in(connection).cash_micro_usd != record_of(World, first_world).cash_micro_usd + earned:
        raise StoreRefused(f"{name} holds cash that its ticks did not earn: run `mara db check`")


def refuse_another_run(connection: Connection, name: str, run_id: str) -> None:
    """Look whether a database that was away still holds the run that was being written.

    Raises:
        StoreRefused: it does not.
    """
    held = connection.exec_driver_sql("SELECT run_id FROM runs").scalar()
    if held != run_id:
        what = "no run" if held is None else f"run {held}"
        raise StoreRefused(
            f"{name} holds {what}, run {run_id} was being written: point MARA_DATABASE_URL at the database that holds"
            " it or restore its backup there, then start again"
        )


def run_in(connection: Connection) -> RunRecord | None:
    """The run of this database."""
    names = ("run_id", "seed", "fleet_hash", "optimizer", "feed", "history_hash", "version", "stored_at")
    row = connection.exec_driver_sql("SELECT * FROM runs").mappings().one_or_none()
    if row is None:
        return None
    return RunRecord(config=record_of(RunConfig, row["charter"]), **{name: row[name] for name in names})


def world_in(connection: Connection) -> World:
    """The world before the next tick."""
    own = connection.exec_driver_sql("SELECT part, content FROM engine_parts WHERE part IN (?, ?)", (WORLD, BOOK))
    parts = {row[0]: row[1] for row in own}
    return record_of(World, parts[WORLD], book=record_of(ContractBook, parts[BOOK]))


def parts_in(connection: Connection) -> dict[str, bytes]:
    """What others had the store keep with the last tick."""
    kept = connection.exec_driver_sql("SELECT part, content FROM engine_parts WHERE part NOT IN (?, ?)", (WORLD, BOOK))
    return {row[0]: row[1] for row in kept}


def tail_in(connection: Connection) -> WriterState:
    """What the writer must know of what is stored, read back."""
    ask = connection.exec_driver_sql
    seq, tick_hash = ask("SELECT seq, tick_hash FROM engine_state").one()
    audit = ask("SELECT number, entry_hash FROM audit ORDER BY number DESC LIMIT 1").one_or_none()
    adopted = ask(
        "SELECT adopted_tick, made_tick, optimizer, status, note FROM optimization_runs"
        " ORDER BY adopted_tick DESC LIMIT 1"
    ).one_or_none()
    live = {contract.id for contract in world_in(connection).book.contracts}
    contracts = ask(
        "SELECT contract_id, number, (SELECT state FROM sla_intervals i WHERE i.number = c.number"
        " ORDER BY from_tick DESC LIMIT 1) FROM sla_contracts c"
    )
    known = [(name, number, state) for name, number, state in contracts if name in live]
    seal = ask("SELECT seal FROM ticks ORDER BY tick DESC LIMIT 1").scalar()
    return WriterState(
        next_tick=seq,
        tick_hash=tick_hash,
        audit_count=audit[0] if audit else 0,
        audit_hash=audit[1] if audit else b"",
        plan_step=None,
        plan_content=ask("SELECT content FROM plans ORDER BY from_tick DESC LIMIT 1").scalar() or b"",
        adopted=PlanRecord(*adopted) if adopted else PlanRecord(),
        states={name: state for name, _, state in known if state is not None},
        numbers={name: number for name, number, _ in known},
        contract_count=ask("SELECT count(*) FROM sla_contracts").scalar_one(),
        book=None,
        book_hash=sha256(ask("SELECT content FROM engine_parts WHERE part = 'book'").scalar_one()).digest(),
        seal=seal or b"",
        to_seal=pending_marks(connection, seal),
        part_hashes={name: sha256(content).digest() for name, content in parts_in(connection).items()},
    )


def write_first(database: Database, connection: Connection, run: RunRecord, world: World) -> None:
    """What is there before the first tick."""
    config = run.config
    fixed = (
        1,
        run.run_id,
        run.seed,
        run.fleet_name,
        run.fleet_hash,
        run.start_epoch_s,
        run.tick_minutes,
        run.optimizer,
        run.feed,
        run.history_hash,
        run.terms_json,
        bytes_of(config),
        run.version,
    )
    parts = [(WORLD, bytes_of(world, without=WITHOUT_BOOK), None), (BOOK, bytes_of(world.book), None)]
    for table, values in (
        (tables.Run, [fixed]),
        (tables.SiteInventory, rows.inventory_rows(config.fleet)),
        (tables.EngineStateRow, [(1, world.tick, 0, genesis_of(run.run_id))]),
        (tables.EnginePart, parts),
        (tables.Checkpoint, [(world.tick, 1, bytes_of(world))]),
        (tables.SlaContractRow, rows.contract_rows(world.book.contracts, 1, world.tick)),
    ):
        if values:
            database.insert(connection, *columns_of(table), values)
