"""Notice that a database, or the ticks in its write-ahead log, went missing."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mara.errors import StoreError
from mara.store.backends.integrity import refusal
from mara.store.backends.sqlite_connection import open_to_read
from mara.store.files.lock import HighWater
from mara.store.files.private import files_of


def refuse_missing(path: Path, before: HighWater) -> None:
    """Refuse to create a database where one has been before.

    Raises:
        StoreRefused: its write-ahead log is left, or the lock file remembers a run.
    """
    log = files_of(path)[1]
    if log.exists() and log.stat().st_size:
        raise refusal(path, f"is missing, but its write-ahead log {log.name} is there")
    if before.next_tick:
        raise refusal(path, f"is missing: run {before.run_id} was stored here up to tick {before.next_tick - 1}")


def loss_of(path: Path, before: HighWater) -> str:
    """Describe ticks that the last writer stored and that are missing; empty for none.

    What is left of the write-ahead log is copied aside first, because the next tick would overwrite it.
    """
    run_id, next_tick = _position_of(path) or ("", 0)
    if not run_id or run_id != before.run_id or next_tick >= before.next_tick:
        return ""
    said = (
        f"{path} ends at tick {next_tick - 1}, and tick {before.next_tick - 1} had been stored: its write-ahead log"
        " was lost or damaged, or the power failed, or an older copy was put here; the run goes on from tick"
        f" {next_tick}"
    )
    kept = _kept_aside(files_of(path)[1], before.next_tick - 1)
    return f"{said}; what is left of the log is kept as {kept.name}" if kept else said


def stored_position(connection: sqlite3.Connection) -> tuple[str, int] | None:
    """Read the id of a run and its next tick; None where no run has begun."""
    found = connection.execute("SELECT run_id, seq FROM runs CROSS JOIN engine_state").fetchone()
    if found is None:
        return None
    run_id, next_tick = found
    return str(run_id), int(next_tick)


def _position_of(path: Path) -> tuple[str, int] | None:
    """Read the position of a database; None where it cannot be read."""
    with suppress(sqlite3.Error, StoreError), closing(open_to_read(path)) as connection:
        return stored_position(connection)
    return None


def _kept_aside(log: Path, last_tick: int) -> Path | None:
    """Copy a write-ahead log aside, once.

    SQLite holds no locks on the log, so it may be read as a plain file.
    """
    copy = log.with_name(f"{log.name}.lost-{last_tick}")
    if copy.exists():
        return copy
    if not log.exists() or not log.stat().st_size:
        return None
    try:
        shutil.copyfile(log, copy)
        copy.chmod(0o600)
    except OSError:
        copy.unlink(missing_ok=True)
        return None
    return copy
