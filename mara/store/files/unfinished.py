"""Files that get their name when they are complete; what a killed process left unfinished is swept away.

Who writes holds a lock on the unfinished file, which the kernel lets go of when it dies: an unlocked one is left over.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mara.errors import StoreRefused
from mara.store.files.private import OWNER_ONLY

SUFFIX: Final = ".mara-part"


@contextmanager
def unfinished(target: Path, mode: int = OWNER_ONLY) -> Iterator[Path]:
    """An empty file beside `target` to fill and rename; whatever is left of it at the end is removed.

    Raises:
        StoreRefused: another process is writing the same target.
        OSError: the folder cannot be written.
    """
    sweep(target.parent)
    path = target.with_name(target.name + SUFFIX)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        if not (_is_locked(descriptor) and _is_named(descriptor, path)):
            raise StoreRefused(f"{target} is being written by another process: wait for that, or name another file")
        os.ftruncate(descriptor, 0)
        try:
            yield path
        finally:
            if _is_named(descriptor, path):
                path.unlink()
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> tuple[str, ...]:
    """Remove what nobody writes any more; returns the names."""
    swept = []
    with suppress(OSError):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            with suppress(OSError):
                if _is_left_over(path):
                    path.unlink()
                    swept.append(path.name)
    return tuple(swept)


def _is_left_over(path: Path) -> bool:
    """Where the file system knows no locks nothing is known to be: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)
    return True


def _is_locked(descriptor: int) -> bool:
    """Whether nobody else has the lock; where the file system knows no locks, nobody is asked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether the open file still has its name: a sweep may come between the two."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
