"""What a database file must not look like: it is refused, never overwritten, and the message names the way back."""

import os
from pathlib import Path
from typing import Final

from mara.errors import StoreRefused
from mara.store.backup import fault_of, newest_good

APPLICATION_ID: Final = int.from_bytes(b"MARA", "big")
"""In the header of each database of ours, at byte 68 (https://www.sqlite.org/fileformat.html)."""
SQLITE_MAGIC: Final = b"SQLite format 3\0"
HEADER_BYTES: Final = 100
EMPTY: Final = "is empty (0 bytes), which no database of ours ever is"
MOST_CHECKED_BYTES: Final = 512 * 1024**2
"""Every page of a smaller database is looked at when it is opened; of a larger one by `mara db check` only."""


def refuse_orphan(path: Path) -> None:
    """A write-ahead log without its database means that the database was taken away.

    Raises:
        StoreRefused: there is one; a new database under this name would swallow it.
    """
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise refusal(path, f"is missing, but its write-ahead log {log.name} is there")


def refuse_damage(path: Path) -> None:
    """Look at a database file before it is opened for writing.

    Raises:
        StoreRefused: a folder, empty, of another program, cut short, damaged, or not writable.
    """
    if not path.is_file():
        raise StoreRefused(f"{path} should be a file, a folder or device came: set MARA_DATABASE_URL to a file")
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if not header:
        raise refusal(path, EMPTY)
    if header[:16] != SQLITE_MAGIC or len(header) < HEADER_BYTES:
        raise refusal(path, "is not an SQLite database")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise StoreRefused(f"{path} is a database of another program: set MARA_DATABASE_URL to another file")
    if not (_may_write(path) and _may_write(path.parent)):
        raise StoreRefused(f"{path} and its folder must be writable, they are read-only: change that, or copy it")
    if path.stat().st_size <= MOST_CHECKED_BYTES:
        fault = fault_of(path)
        if fault:
            raise refusal(path, f"is damaged ({fault})")


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def refusal(path: Path, what: str) -> StoreRefused:
    """One line: what is wrong, and how to go on without losing more."""
    good = newest_good(path)
    way_back = f"newest good backup is {good.name}: copy it over {path.name}" if good else "no good backup is beside it"
    return StoreRefused(f"{path} {what}; it was not touched; {way_back}, or start anew with `mara db init --force`")
