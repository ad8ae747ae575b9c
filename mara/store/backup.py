"""Copies of a database that are known to be good: made while it lives, verified before they get their name.

Copying the file of a live database with `cp` loses what is still in its write-ahead log; `VACUUM INTO` does not.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from mara.errors import StoreError, StoreRefused
from mara.store.connection import reading_uri

KEPT_BACKUPS: Final = 5
"""Automatic backups kept beside the database; the oldest goes."""


def back_up(database: Path, target: Path) -> None:
    """Write a verified copy of a database, live or not, to a file that does not exist yet.

    Raises:
        StoreRefused: the target exists.
        StoreError: it could not be written, or what was written is not sound.
    """
    if target.exists():
        raise StoreRefused(f"{target} exists already: name a new file for the backup, or move that one away")
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(reading_uri(database), uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(unfinished),))
        fault = fault_of(unfinished)
        if fault:
            raise StoreError(f"the backup of {database} is not sound ({fault}): check the disk, then try again")
        sync(unfinished)
        unfinished.replace(target)
        sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{database} could not be backed up to {target} ({error}): free the disk or mend it"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def back_up_beside(database: Path) -> Path:
    """Make the next automatic backup, then let go of the oldest beyond `KEPT_BACKUPS`."""
    present = backups_of(database)
    number = 1 + (_number(present[0]) if present else 0)
    target = database.with_name(f"{database.name}.backup-{number:04d}")
    back_up(database, target)
    for old in backups_of(database)[KEPT_BACKUPS:]:
        old.unlink()
    return target


def backups_of(database: Path) -> list[Path]:
    """Automatic backups, newest first."""
    found = database.parent.glob(f"{database.name}.backup-*")
    return sorted((path for path in found if path.name.rpartition("-")[2].isdigit()), key=_number, reverse=True)


def _number(backup: Path) -> int:
    return int(backup.name.rpartition("-")[2])


def newest_good(database: Path) -> Path | None:
    """The newest automatic backup that is sound."""
    return next((path for path in backups_of(database) if fault_of(path) is None), None)


def put_back(backup: Path, database: Path) -> None:
    """Replace a closed database by its backup, in one step; the backup stays."""
    copy = database.with_name(database.name + ".restored")
    shutil.copyfile(backup, copy)
    sync(copy)
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    copy.replace(database)
    sync(database.parent)


def fault_of(path: Path) -> str | None:
    """What SQLite finds wrong with a file, None when it is sound."""
    try:
        if path.stat().st_size == 0:
            return "empty file"
        with closing(sqlite3.connect(reading_uri(path), uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last: a name in the file that is no text
        return str(error)
    return None if found == ["ok"] else found[0].replace("\n", " ")


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
