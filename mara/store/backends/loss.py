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
    now = _high_water_in(path)
    if now is None or now.run_id != before.run_id or now.next_tick >= before.next_tick:
        return ""
    said = (
        f"{path} ends at tick {now.next_tick - 1}, and tick {before.next_tick - 1} had been stored: its write-ahead log"
        " was lost or damaged, or the power failed, or an older copy was put here; the run goes on from tick"
        f" {now.next_tick}"
    )
    kept = _kept_aside(files_of(path)[1], before.next_tick - 1)
    return f"{said}; what is left of the log is kept as {kept.name}" if kept else said


def _high_water_in(path: Path) -> HighWater | None:
    with suppress(sqlite3.Error, StoreError), closing(open_to_read(path)) as connection:
        run = connection.execute("SELECT run_id, seq FROM runs CROSS JOIN engine_state").fetchone()
        return None if run is None else HighWater(process=0, run_id=run[0], next_tick=run[1])
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
