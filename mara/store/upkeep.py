"""What operators do to a database as a whole: ``mara db upgrade | check | backup FILE | init --force``."""

from dataclasses import dataclass
from pathlib import Path

from mara.errors import StoreRefused
from mara.store import resume, schema
from mara.store.audit_trail import findings_in
from mara.store.backup import back_up, fault_of
from mara.store.connection import answering, path_of
from mara.store.damage import refusal, refuse_damage, refuse_orphan
from mara.store.lock import WriterLock
from mara.store.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What `check` found: sentences, none when all is well. `run_id` is empty where no run has begun."""

    path: Path
    run_id: str
    ticks_count: int
    findings: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.findings


def upgrade(url: str) -> Path | None:
    """Bring a database to this Mara's schema, or make it; returns the backup made first, if any.

    Raises:
        StoreRefused: locked, damaged, or of a newer Mara.
        StoreError: a migration failed; the database is as it was.
    """
    path = path_of(url)
    lock = WriterLock.taken(path)
    try:
        if not path.exists():
            refuse_orphan(path)
            schema.create(path)
            return None
        refuse_damage(path)
        schema.refuse_newer(path)
        return schema.upgrade(path)
    finally:
        lock.release()


def make_ready(url: str) -> None:
    """See that a database is there and of this Mara's schema, also while another process writes it.

    Raises:
        ConfigError, StoreError: it cannot be made or upgraded, or is being written and older.
    """
    path = path_of(url)
    if not path.exists() or schema.revision_of(path) != schema.HEAD:
        upgrade(url)


def check(url: str) -> CheckReport:
    """Look at everything: pages, hash chain of ticks, audit chain, trial balance. A run may go on meanwhile.

    Raises:
        StoreRefused: there is no database, or it is of another version.
    """
    fault = fault_of(path_of(url)) if path_of(url).is_file() else None
    if fault:
        return CheckReport(path=path_of(url), run_id="", ticks_count=0, findings=(f"page fault: {fault}",))
    reading = Reading.open(url)
    try:
        with answering(reading.path, "its check"), reading.one_state() as connection:
            run = resume.run_in(connection)
            ticks_count, findings = findings_in(connection)
    finally:
        reading.close()
    run_id = run.run_id if run is not None else ""
    return CheckReport(path=reading.path, run_id=run_id, ticks_count=ticks_count, findings=findings)


def backup(url: str, target: Path) -> None:
    """A verified copy of a database, live or not, in a new file.

    Raises:
        StoreRefused: there is no database, or the target exists.
        StoreError: it could not be written.
    """
    path = path_of(url)
    if not path.is_file():
        raise StoreRefused(f"a database was expected at {path}, there is none: nothing was backed up")
    fault = fault_of(path)
    if fault:
        raise refusal(path, f"is damaged ({fault}), nothing was backed up")
    back_up(path, target)


def init(url: str, *, force: bool = False) -> Path | None:
    """Make a new, empty database; with `force` whatever is there is set aside, never deleted. Returns where to.

    Raises:
        StoreRefused: something is there and `force` was not given, or another process writes it.
    """
    path = path_of(url)
    lock = WriterLock.taken(path)
    try:
        present = [p for p in (path, *(path.with_name(path.name + s) for s in ("-wal", "-shm"))) if p.exists()]
        if present and not force:
            raise StoreRefused(f"{path} is there already: `mara db init --force` sets it aside and starts anew")
        aside = _set_aside(path, present) if present else None
        schema.create(path)
        return aside
    finally:
        lock.release()


def _set_aside(path: Path, present: list[Path]) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.set-aside-{number}")).exists():
        number += 1
    for file in present:
        file.replace(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    return aside
