"""Restore a backup in place of a database, which is kept under another name."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mara.errors import StoreError, StoreRefused
from mara.store.backends.backup import fault_of, newest_good, sync, write_copy
from mara.store.backends.integrity import APPLICATION_ID
from mara.store.backends.loss import stored_position
from mara.store.backends.sqlite_connection import open_to_read, refusal_of
from mara.store.files.lock import WriterLock
from mara.store.files.private import files_of
from mara.store.files.unfinished import unfinished


def restored(path: Path, backup: Path | None, lock: WriterLock) -> tuple[Path, str | None]:
    """Put a sound backup in place of a database.

    Returns the backup, and the new name of what was there, if anything was.

    Args:
        backup: the newest automatic backup where None.
        lock: the held writer lock, which remembers the restored position.

    Raises:
        StoreRefused: there is no sound backup.
        StoreError: the write failed.
    """
    good = newest_good(path) if backup is None else _seen_to_be_good(backup)
    if good is None:
        raise StoreRefused(
            f"no good backup is beside {path}: name one, as in `mara db restore FILE`,"
            " or begin anew with `mara db init --force`"
        )
    try:
        with unfinished(path) as copy:
            write_copy(good, copy)
            aside = set_aside(path)
            copy.replace(path)
        sync(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{good} could not be put back as {path} ({error}): mend that, and try again") from error
    lock.remember(*_position_of(path))
    return good, None if aside is None else str(aside)


def set_aside(path: Path) -> Path | None:
    """Rename a database with its write-ahead log and index; None for no file."""
    present = [file for file in files_of(path) if file.exists()]
    if not present:
        return None
    number = 1
    while any(file.exists() for file in files_of(path.with_name(f"{path.name}.set-aside-{number}"))):
        number += 1
    aside = path.with_name(f"{path.name}.set-aside-{number}")
    for file in present:
        file.replace(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    return aside


def _seen_to_be_good(backup: Path) -> Path:
    """Check a backup that the operator named, and return it.

    Raises:
        StoreRefused: the backup is missing, not sound, or of another program.
    """
    if not backup.is_file():
        raise StoreRefused(f"a backup was expected at {backup}, there is none: name another")
    fault = fault_of(backup)
    if fault:
        raise StoreRefused(f"{backup} is damaged ({fault}): name another backup")
    with closing(open_to_read(backup)) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            raise StoreRefused(f"{backup} is a database of another program: name a backup of Mara's")
    return backup


def _position_of(path: Path) -> tuple[str, int]:
    """The run and next tick of a restored database, as the lock file remembers them."""
    try:
        with closing(open_to_read(path)) as connection:
            return stored_position(connection) or ("", 0)
    except sqlite3.Error as error:
        raise refusal_of(path, "a look at what was put back", str(error)) from error
