"""Operations on a whole database, as the commands of `mara db` offer them."""

from dataclasses import dataclass
from pathlib import Path

from mara.errors import ConfigError
from mara.store.backends.backup import fault_of
from mara.store.backends.database import database_of
from mara.store.backends.sqlite_file import SqliteFile
from mara.store.backends.upgrade import HEAD
from mara.store.check.findings import findings_in
from mara.store.read.read_model import ReadModel
from mara.store.write.rules_in_force import notes_on, rules_in
from mara.store.write.statements import RAW_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The result of `check`.

    Attributes:
        findings: faults as sentences; empty when the database is sound.
        run_id: empty where no run has begun.
        unsealed_count: ticks of an older Mara, which wrote no seals.
        notes: sentences that are no fault, such as ticks that other rules made.
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
    """Create or upgrade a database; returns the backup made first, if any.

    Raises:
        StoreRefused: the database is locked, damaged, or of a newer Mara.
        StoreError: a migration failed; the database is as it was.
        ConfigError: the URL names no database.
    """
    return database_of(url).upgrade()


def make_ready(url: str, *, make: bool = True) -> bool:
    """Ensure that a database is there and of this schema, also while it is written.

    Args:
        make: create a missing database.

    Returns:
        True when it is there.

    Raises:
        ConfigError, StoreError: the database cannot be created or upgraded, or is older and being written.
    """
    database = database_of(url)
    is_there = database.is_there()
    if (make and not is_there) or (is_there and database.revision() != HEAD):
        database.upgrade()
    return make or is_there


def check(url: str, *, raw_days: int = RAW_DAYS) -> CheckReport:
    """Check all that `mara.store.check.coverage` declares; a run may go on meanwhile.

    Args:
        raw_days: retention of raw rows [simulated days]; older ones may be missing.

    Raises:
        StoreRefused: there is no database, or it is of another version.
        ConfigError: the URL names no database.
        StoreError: the file could not be read.
    """
    database = database_of(url)
    if isinstance(database, SqliteFile) and database.path.is_file():
        fault = fault_of(database.path)
        if fault:
            return CheckReport(name=database.name, findings=(f"page fault: {fault}",))
    read_model = ReadModel.open(url)
    try:
        with database.answering("its check"), read_model.one_state() as connection:
            found = findings_in(database, connection, raw_days)
            end = 0 if found.said else connection.exec_driver_sql("SELECT seq FROM engine_state").scalar() or 0
            notes = () if found.said else tuple(notes_on(rules_in(connection), end))
    finally:
        read_model.close()
    return CheckReport(
        name=database.name,
        findings=found.said,
        run_id=found.run_id,
        ticks_count=found.ticks_count,
        unsealed_count=found.unsealed_count,
        notes=notes,
    )


def backup(url: str, target: Path) -> None:
    """Write a verified copy of a database, live or not, to a new file.

    Raises:
        ConfigError: the database is on a server, which has its own backup tool.
        StoreRefused: there is no database, or the target exists.
        StoreError: the copy could not be written.
    """
    database_of(url).back_up(target)


def restore(url: str, backup: Path | None = None) -> tuple[str, str | None]:
    """Put a sound backup in place of a database, which is renamed.

    Args:
        backup: the newest automatic one beside the database where None.

    Returns:
        The backup, and the new name of what was there, if anything was.

    Raises:
        ConfigError: the database is on a server, which has its own backup tool.
        StoreRefused: there is no sound backup, or another process writes the database.
        StoreError: the write failed.
    """
    database = database_of(url)
    if not isinstance(database, SqliteFile):
        raise ConfigError(f"{database.name} is on a PostgreSQL server: restore it with pg_restore, its own tool")
    good, aside = database.restore(backup)
    return str(good), aside


def init(url: str, *, force: bool = False) -> str | None:
    """Create an empty database; returns the new name of what was there, if any.

    Args:
        force: rename what is there instead of refusing; it is never deleted.

    Raises:
        StoreRefused: something is there and `force` was not given, or another process writes it.
        ConfigError: the URL names no database.
    """
    return database_of(url).set_aside(force=force)
