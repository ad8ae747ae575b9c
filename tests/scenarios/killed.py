"""A process that stores a run and is killed at a chosen point, without a warning.

The signal is SIGKILL, or SIGALRM without a handler.
"""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlalchemy import event

from mara.core.timegrid import TimeGrid
from mara.core.world import first_world
from mara.store.backends import upgrade
from mara.store.backends.sqlite_connection import pragma
from mara.store.backends.sqlite_file import SqliteBatch
from mara.store.encoding.seal import Marks
from mara.store.files.lock import WriterLock
from mara.store.store import Store
from mara.store.write import statements
from mara.store.write.tick_write import TickWrite
from tests.forks import begun
from tests.store.databases import url_of
from tests.store.runs import parts_at, record, small_charter, steps

AFTER_BEGIN = "after BEGIN"
BETWEEN_GROUPS = "between row groups"
BEFORE_COMMIT = "before COMMIT"
AFTER_COMMIT = "after COMMIT, before publishing"
ANYWHERE = "anywhere"
IN_CHECKPOINT = "anywhere, most of the time in a checkpoint"
IN_MIGRATION = "in a migration"
BEFORE_RENAME = "before the rename of a new database"
NOWHERE = "nowhere"

KILLED = {-signal.SIGKILL, -signal.SIGALRM}
SLOWEST_CHILD_S = 60.0


@dataclass(frozen=True)
class Death:
    """Time of a kill: in the transaction of a tick, or after some seconds.

    They are `after_ticks` and `after_s`.
    """

    point: str
    after_ticks: int = 0
    statement: int = 0
    after_s: float = 0.0


@dataclass(frozen=True)
class Witness:
    """Observations of a process: acknowledged ticks with their hashes, and its end."""

    acknowledged: dict[int, bytes]
    in_transaction: bool
    exit_code: int | None

    @property
    def was_killed(self) -> bool:
        return self.exit_code in KILLED


def lived(database: Path, ticks: int, death: Death, *, torn: bool = False) -> Witness:
    """Let a process store the run up to `ticks` and die.

    With `torn` it commits rows apart from the sequence, which is a fault on purpose.
    """
    child, here = begun(_life, database, ticks, death, torn)
    acknowledged: dict[int, bytes] = {}
    in_transaction = False
    try:
        while True:
            said = here.recv()
            if said == "in transaction":
                in_transaction = True
            else:
                acknowledged[said[0]] = said[1]
    except (EOFError, OSError):
        pass  # the process died between two messages, or within one
    child.join(SLOWEST_CHILD_S)
    here.close()
    return Witness(acknowledged, in_transaction, child.exitcode)


def _life(database: Path, ticks: int, death: Death, torn: bool, parent: Connection) -> None:
    if death.point == BEFORE_RENAME:
        _die_at_rename()
    if death.point == IN_MIGRATION:
        lock = WriterLock.taken(database)
        upgrade.upgrade(database, _deadly_migrations(database))
        lock.release()
    store = Store.open(url_of(database))
    if store.load() is None:
        config = small_charter()
        store.begin(record(config), first_world(config))
    loaded = store.load()
    assert loaded
    run, world, _ = loaded
    due = world.tick + death.after_ticks
    _arm(store, death, due, parent)
    if torn:
        _tear()
    for step, plan, events in steps(run.config, world, ticks - world.tick, run.seed):
        store.append(step, plan, events, parts_at(step.tick))
        if death.point == AFTER_COMMIT and step.tick == due:
            _die()
        assert store._state
        parent.send((step.tick, store._state.tick_hash))
    store.close()


def _arm(store: Store, death: Death, due: int, parent: Connection) -> None:
    """Watch the store's engine for tick `due`; production code has no part in it."""
    write, engine = store._write, store._engine
    writing, spoken = -1, 0

    def noted(tick_write: TickWrite, grid: TimeGrid) -> Marks:
        nonlocal writing, spoken
        writing, spoken = tick_write.tick, 0
        return write(tick_write, grid)

    def die_inside(point: str) -> None:
        if death.point == point and writing == due:
            parent.send("in transaction")
            _die()

    def executed(*_: Any) -> None:
        nonlocal spoken
        spoken += 1
        if spoken == death.statement:
            die_inside(BETWEEN_GROUPS)

    store._write = noted  # type: ignore[method-assign]
    event.listen(engine, "begin", lambda _: die_inside(AFTER_BEGIN))
    event.listen(engine, "after_cursor_execute", executed)
    for name in ("run", "insert", "ask"):
        _call_after(SqliteBatch, name, executed)
    event.listen(engine, "commit", lambda _: die_inside(BEFORE_COMMIT))
    if death.point == IN_CHECKPOINT:
        pragma(store._connection, "wal_autocheckpoint = 4")
    if death.point in (ANYWHERE, IN_CHECKPOINT):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, death.after_s)


def _call_after(kind: type, name: str, heard: Callable[[], None]) -> None:
    """Have `heard` called after each call of a method of a class."""
    method = getattr(kind, name)

    def called(*given: Any) -> Any:
        answer = method(*given)
        heard()
        return answer

    setattr(kind, name, called)


def _tear() -> None:
    """Commit the rows before the world and the sequence on their own, on purpose."""
    write_parts = statements.write_parts

    def torn_write(batch: Any, tick_write: Any) -> None:
        batch.run("COMMIT")
        batch.run("BEGIN IMMEDIATE")
        write_parts(batch, tick_write)

    statements.write_parts = torn_write


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at_rename() -> None:
    rename = Path.replace

    def deadly(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            _die()
        return rename(self, target)

    Path.replace = deadly  # type: ignore[method-assign,assignment]


def _deadly_migrations(database: Path) -> Path:
    """Add a migration that changes much and kills its process before it ends."""
    folder = database.with_name("deadly_migrations")
    if not folder.exists():
        shutil.copytree(upgrade.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "9999_deadly.py").write_text(_DEADLY, encoding="utf-8")
    return folder


_DEADLY = """
import os
import signal

from alembic import op
from mara.store.backends.upgrade import HEAD as down_revision

revision = "9999"


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN colour TEXT")
    op.execute("DELETE FROM prices")
    op.execute("DROP TABLE audit")
    op.execute("DROP TRIGGER ledger_no_delete")
    op.execute("DELETE FROM ledger")
    os.kill(os.getpid(), signal.SIGKILL)
"""
