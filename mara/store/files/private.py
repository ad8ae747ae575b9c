"""Permissions of a database's files, which only their owner may read."""

import os
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
OTHERS: Final = 0o007
"""Mode bits of everybody else; group bits stay, for files shared on purpose."""
BESIDE: Final = ("", "-wal", "-shm")
"""Suffixes of the files that an open database consists of."""


def files_of(database: Path) -> tuple[Path, ...]:
    """The paths of a database, its write-ahead log and the log's index."""
    return tuple(database.with_name(database.name + suffix) for suffix in BESIDE)


def make_private(path: Path) -> None:
    """Create an empty file for its owner only; SQLite gives its log the same mode.

    Raises:
        OSError: the file exists already, or cannot be created.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY))


def hide_from_others(database: Path) -> None:
    """Remove others' permissions from a database and the files named after it.

    An older Mara, or a copy of a backup, may have left them readable.
    """
    name = escape(database.name)
    beside = (file for pattern in (f"{name}-*", f"{name}.*") for file in database.parent.glob(pattern))
    for file in (database, *beside):
        with suppress(OSError):  # missing, or owned by somebody else
            mode = file.stat().st_mode
            if mode & OTHERS:
                file.chmod(mode & 0o777 & ~OTHERS)
