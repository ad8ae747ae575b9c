"""Refuse a database file that is unusable or damaged, and name the way back.

A refused file is never overwritten.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from mara.errors import StoreRefused
from mara.store.backends.backup import fault_of, is_corruption, newest_good
from mara.store.backends.sqlite_connection import open_to_read, refusal_of

APPLICATION_ID: Final = int.from_bytes(b"MARA", "big")
"""SQLite's application id of Mara, at byte 68 of the file header.

Source: https://www.sqlite.org/fileformat.html
"""
EMPTY: Final = "is empty (0 bytes), which no database of ours ever is"
MOST_CHECKED_BYTES: Final = 512 * 1024**2
"""Size [bytes] up to which every page is checked on opening."""


def refuse_unusable(path: Path) -> None:
    """Check that a path is a usable file, without opening it.

    Raises:
        StoreRefused: the path is a folder or device, an empty file, or a file with several names (hard links).
    """
    if not path.is_file():
        raise StoreRefused(f"{path} should be a file, a folder or device came: set MARA_DATABASE_URL to a file")
    found = path.stat()
    if not found.st_size:
        raise refusal(path, EMPTY)
    if found.st_nlink > 1:
        raise StoreRefused(
            f"{path} has {found.st_nlink} names (hard links), and its write-ahead log belongs to one of them alone:"
            " remove the other names, or set MARA_DATABASE_URL to a copy made by `mara db backup`"
        )


def refuse_corrupt(path: Path) -> None:
    """Check a database file and its write-ahead log before opening them for writing.

    Raises:
        StoreRefused: the file is of another program, truncated, damaged, or not writable.
        StoreError: the file could not be read.
    """
    application_id = _application_id_of(path)
    if application_id is None:
        raise refusal(path, "is not an SQLite database")
    if application_id != APPLICATION_ID:
        raise StoreRefused(f"{path} is a database of another program: set MARA_DATABASE_URL to another file")
    if not (_may_write(path) and _may_write(path.parent)):
        raise StoreRefused(f"{path} and its folder must be writable, they are read-only: change that, or copy it")
    if path.stat().st_size <= MOST_CHECKED_BYTES:
        fault = fault_of(path)
        if fault:
            raise refusal(path, f"is damaged ({fault})")


def _application_id_of(path: Path) -> int | None:
    """Read SQLite's application_id from the file header; None for no database.

    It is not read as a plain file, because closing that would drop every lock of this process on it, also a live run's.
    """
    try:
        with closing(open_to_read(path)) as connection:
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            return int(application_id)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            return None
        if is_corruption(error):
            raise refusal(path, f"is damaged ({error})") from error
        raise refusal_of(path, "a look at it", str(error)) from error


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def refusal(path: Path, what: str) -> StoreRefused:
    """Make a refusal that says what is wrong and how to go on without losing more."""
    good = newest_good(path)
    if good is None:
        way_back = "no good backup is beside it: `mara db init --force` sets it aside and begins anew"
    else:
        way_back = (
            f"newest good backup is {good.name}: `mara db restore` sets aside what is there and puts that back,"
            " `mara db init --force` begins anew"
        )
    return StoreRefused(f"{path} {what}; it was not touched; {way_back}")
