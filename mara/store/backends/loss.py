"""What is missing of a run that was stored here: a whole database, or the ticks that a lost write-ahead log held."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mara.errors import StoreError
from mara.store.backends.integrity import refusal
from mara.store.backends.sqlite_connection import open_to_read
from mara.store.files.high_water import HighWater
from mara.store.files.private import files_of


def refuse_missing(path: Path, before: HighWater) -> None:
    """Where there is no database, look whether there was one.

    Raises:
        StoreRefused: its write-ahead log is left, or a run is remembered; a new database would pass over that.
    """
    log = files_of(path)[1]
    if log.exists() and log.stat().st_size:
        raise refusal(path, f"is missing, but its write-ahead log {log.name} is there")
    if before.next_tick:
        raise refusal(path, f"is missing: run {before.run_id} was stored here up to tick {before.next_tick - 1}")


def loss_of(path: Path, before: HighWater) -> str:
    """What was stored by the last writer and is not there any more, in a sentence; empty where nothing is missing.

    What is left of the write-ahead log is kept aside: the next tick would be written over it.
    """
    now = _standing_in(path)
    if now is None or now.run_id != before.run_id or now.next_tick >= before.next_tick:
        return ""
    said = (
        f"{path} ends at tick {now.next_tick - 1}, and tick {before.next_tick - 1} had been stored: its write-ahead log"
        " was lost or damaged, or the power failed, or an older copy was put here; the run goes on from tick"
        f" {now.next_tick}"
    )
    kept = _kept_aside(files_of(path)[1], before.next_tick - 1)
    return f"{said}; what is left of the log is kept as {kept.name}" if kept else said


def _standing_in(path: Path) -> HighWater | None:
    with suppress(sqlite3.Error, StoreError), closing(open_to_read(path)) as connection:
        run = connection.execute("SELECT run_id, seq FROM runs CROSS JOIN engine_state").fetchone()
        return None if run is None else HighWater(process=0, run_id=run[0], next_tick=run[1])
    return None


def _kept_aside(log: Path, last_tick: int) -> Path | None:
    """A copy of a write-ahead log, once. SQLite holds no locks on it, so that it may be read as a plain file."""
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
