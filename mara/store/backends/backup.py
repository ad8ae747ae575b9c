"""Back up a database, live or not, and verify the copy before it gets its name.

Copying the file of a live database with `cp` loses what is still in its write-ahead log; `VACUUM INTO` does not.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from mara.errors import StoreError, StoreRefused
from mara.store.backends.sqlite_connection import open_to_read, refusal_of
from mara.store.files.private import files_of
from mara.store.files.unfinished import unfinished

KEPT_BACKUPS: Final = 5
"""Number of automatic backups kept beside the database."""


def back_up(database: Path, target: Path) -> None:
    """Write a verified copy of a database, live or not, to a new file.

    Raises:
        StoreRefused: the target exists.
        StoreError: the copy could not be written, or is not sound.
    """
    if target.exists():
        raise StoreRefused(f"{target} exists already: name a new file for the backup, or move that one away")
    try:
        with unfinished(target) as copy:
            write_copy(database, copy)
            copy.replace(target)
            sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{database} could not be backed up to {target} ({error}): free the disk or mend it"
        ) from error


def write_copy(database: Path, copy: Path) -> None:
    """Copy a database with its write-ahead log to an empty file; verify and sync it.

    Raises:
        StoreError: the copy is not sound.
        sqlite3.Error, OSError: the copy could not be written.
    """
    with closing(open_to_read(database)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    fault = fault_of(copy)
    if fault:
        raise StoreError(f"the copy of {database} is not sound ({fault}): check the disk, then try again")
    sync(copy)


def back_up_beside(database: Path) -> Path:
    """Make the next automatic backup, and delete the oldest beyond `KEPT_BACKUPS`.

    Raises:
        StoreError: the copy cannot be made, or is not sound; see `back_up`.
    """
    present = backups_of(database)
    number = 1 + (_number(present[0]) if present else 0)
    target = database.with_name(f"{database.name}.backup-{number:04d}")
    back_up(database, target)
    for old in backups_of(database)[KEPT_BACKUPS:]:
        old.unlink()
    return target


def backups_of(database: Path) -> list[Path]:
    """List the automatic backups, newest first."""
    found = database.parent.glob(f"{database.name}.backup-*")
    return sorted((path for path in found if path.name.rpartition("-")[2].isdigit()), key=_number, reverse=True)


def _number(backup: Path) -> int:
    return int(backup.name.rpartition("-")[2])


def newest_good(database: Path) -> Path | None:
    """Find the newest automatic backup that is sound."""
    return next((path for path in backups_of(database) if _is_good(path)), None)


def _is_good(backup: Path) -> bool:
    """True for a sound backup; one that cannot be read is not sound either."""
    try:
        return fault_of(backup) is None
    except StoreError:
        return False


def put_back(backup: Path, database: Path) -> None:
    """Replace a closed database by its backup, which stays.

    The old write-ahead log is deleted first, because SQLite would apply it to the restored database.
    """
    with unfinished(database) as copy:
        with backup.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        sync(copy)
        for file in files_of(database)[1:]:
            file.unlink(missing_ok=True)
        copy.replace(database)
    sync(database.parent)


def fault_of(path: Path) -> str | None:
    """Run SQLite's quick check on a file with its log; None if it is sound.

    After a crash the file alone may name more pages than it has, because the log holds the rest.

    Raises:
        StoreError: the file could not be read, which says nothing about its content.
    """
    try:
        if path.stat().st_size == 0:
            return "empty file"
        with closing(open_to_read(path)) as connection:
            found = [str(said) for (said,) in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        if is_corruption(error):
            return str(error)
        raise refusal_of(path, "a look at it", str(error)) from error
    except UnicodeDecodeError as error:  # a name in the file is no valid text
        return str(error)
    except OSError as error:
        raise StoreError(f"{path} could not be looked at ({error.strerror}): mend that and try again") from error
    return None if found == ["ok"] else found[0].replace("\n", " ")


def is_corruption(error: sqlite3.Error) -> bool:
    """True when SQLite found the content corrupt.

    False for a full disk, a lock or missing permissions, which say nothing about the content.
    """
    return error.sqlite_errorcode & 0xFF in _CORRUPTION


_CORRUPTION: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
