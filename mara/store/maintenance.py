"""What operators do to a database as a whole: ``mara db upgrade | check | backup FILE | restore | init --force``."""

from dataclasses import dataclass
from pathlib import Path

from mara.errors import ConfigError
from mara.store.backends.backup import fault_of
from mara.store.backends.database import database_of
from mara.store.backends.sqlite_file import SqliteFile
from mara.store.backends.upgrade import HEAD
from mara.store.check.audit_trail import findings_in
from mara.store.read.read_model import ReadModel
from mara.store.write.rules_in_force import notes_on, rules_in
from mara.store.write.statements import RAW_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What `check` found: sentences, none when all is well. `run_id` is empty where no run has begun.

    Attributes:
        notes: what is no fault, such as ticks that other rules made.
        unsealed_count: ticks of an older Mara, which wrote no seals.
    """

    name: str
    findings: tuple[str, ...]
    run_id: str = ""
    ticks_count: int = 0
    unsealed_count: int = 0
    notes: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        return not self.findings


def upgrade(url: str) -> str | None:
    """Bring a database to this Mara's schema, or make it; returns the backup made first, if any.

    Raises:
        StoreRefused: locked, damaged, or of a newer Mara.
        StoreError: a migration failed; the database is as it was.
    """
    return database_of(url).upgrade()


def make_ready(url: str, *, make: bool = True) -> bool:
    """See that a database is there and of this Mara's schema, also while another process writes it.

    Returns:
        Whether it is there: where none is, none is made unless `make`.

    Raises:
        ConfigError, StoreError: it cannot be made or upgraded, or is being written and older.
    """
    database = database_of(url)
    is_there = database.is_there()
    if (make and not is_there) or (is_there and database.revision() != HEAD):
        database.upgrade()
    return make or is_there


def check(url: str, *, raw_days: int = RAW_DAYS) -> CheckReport:
    """Look at everything that `mara.store.check.coverage` tells of. A run may go on meanwhile.

    Args:
        raw_days: how long the run keeps its raw rows; what is older has lawfully gone.

    Raises:
        StoreRefused: there is no database, or it is of another version.
    """
    database = database_of(url)
    if isinstance(database, SqliteFile) and database.path.is_file():
        fault = fault_of(database.path)
        if fault:
            return CheckReport(name=database.name, findings=(f"page fault: {fault}",))
    reading = ReadModel.open(url)
    try:
        with database.answering("its check"), reading.one_state() as connection:
            found = findings_in(database, connection, raw_days)
            end = 0 if found.said else connection.exec_driver_sql("SELECT seq FROM engine_state").scalar() or 0
            notes = () if found.said else tuple(notes_on(rules_in(connection), end))
    finally:
        reading.close()
    return CheckReport(
        name=database.name,
        findings=found.said,
        run_id=found.run_id,
        ticks_count=found.ticks_count,
        unsealed_count=found.unsealed_count,
        notes=notes,
    )


def backup(url: str, target: Path) -> None:
    """A verified copy of a database, live or not, in a new file.

    Raises:
        ConfigError: it is on a server, whose own tool is for that.
        StoreRefused: there is no database, or the target exists.
        StoreError: it could not be written.
    """
    database_of(url).back_up(target)


def restore(url: str, backup: Path | None = None) -> tuple[str, str | None]:
    """Put a sound backup in the place of a database, by default the newest beside it; what is there is set aside.

    Returns:
        The backup that was put back, and the name that what was there has now, if anything was.

    Raises:
        ConfigError: it is on a server, whose own tools are for that.
        StoreRefused: there is no sound backup, or another process writes the database.
        StoreError: the disk refused.
    """
    database = database_of(url)
    if not isinstance(database, SqliteFile):
        raise ConfigError(f"{database.name} is on a PostgreSQL server: restore it with pg_restore, its own tool")
    good, aside = database.restore(backup)
    return str(good), aside


def init(url: str, *, force: bool = False) -> str | None:
    """Make a new, empty database; with `force` whatever is there is set aside, never deleted. Returns where to.

    Raises:
        StoreRefused: something is there and `force` was not given, or another process writes it.
    """
    return database_of(url).set_aside(force=force)
