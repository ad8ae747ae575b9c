"""Files that only their owner may read: a database holds digests of passwords and what customers were promised."""

import os
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
OTHERS: Final = 0o007
"""Bits of a mode that concern everybody. Those of the group are left as they are: who shares on purpose uses them."""
BESIDE: Final = ("", "-wal", "-shm")
"""What a database consists of while it is open, by what is appended to its name."""


def files_of(database: Path) -> tuple[Path, ...]:
    """The database, its write-ahead log and the index of that, whether they are there or not."""
    return tuple(database.with_name(database.name + suffix) for suffix in BESIDE)


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone; SQLite gives its log the same rights.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY))


def hide_from_others(database: Path) -> None:
    """Take from everybody else what an older Mara, or a copy, let them have: of the database, and of what lies beside
    it under its name, such as backups.
    """
    name = escape(database.name)
    beside = (file for pattern in (f"{name}-*", f"{name}.*") for file in database.parent.glob(pattern))
    for file in (database, *beside):
        with suppress(OSError):  # not there, or not ours to change
            mode = file.stat().st_mode
            if mode & OTHERS:
                file.chmod(mode & 0o777 & ~OTHERS)
