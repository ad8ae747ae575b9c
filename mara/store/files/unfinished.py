"""Write files under a temporary name, and remove those that a killed process left.

The writer holds a lock on its unfinished file. The kernel frees the lock when the writer dies, so an unlocked file is
left over.
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
    """Create an empty file beside `target` to fill and rename; remove it at the end.

    Raises:
        StoreRefused: another process is writing the same target, or it is no file that may be replaced.
        OSError: the folder is not writable.
    """
    if target.exists() and not target.is_file():
        # whoever may write to its folder would put a file in the place of /dev/null
        raise StoreRefused(f"{target} should be a file, is a folder, a device or a pipe: name another")
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
    """Remove left-over unfinished files of a folder; returns their names."""
    swept = []
    with suppress(OSError):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            with suppress(OSError):
                if _is_left_over(path):
                    path.unlink()
                    swept.append(path.name)
    return tuple(swept)


def _is_left_over(path: Path) -> bool:
    """True when no process holds the file's lock.

    Raises:
        OSError: the file is locked, or the file system has no locks, so that nothing is known.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)
    return True


def _is_locked(descriptor: int) -> bool:
    """Try to take the lock; True when it was taken or the file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_named(descriptor: int, path: Path) -> bool:
    """True while the open file still has its name; a sweep may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
