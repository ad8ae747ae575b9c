"""A lock on the database's inode, which keeps out a second writer under any name.

It is an open file description lock (Linux's OFD locks) on a byte that SQLite neither locks nor uses. Its descriptor
must outlive every connection of this process to the file, because closing it would drop their locks (decision 0098).
It therefore stays open when the lock is released, and is used again by the next writer.
"""

import errno
import fcntl
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Self

from mara.errors import StoreRefused

LOCKED_BYTE: Final = 0x4000_0000 + 1_024
"""Offset of the locked byte in SQLite's lock page, behind the bytes that it uses."""
MOST_KEPT: Final = 16
"""Number of unlocked descriptors kept open; a server needs one.

Beyond it, descriptors of files that this process does not read otherwise are closed.
"""

Inode = tuple[int, int]


@dataclass(slots=True)
class _Descriptor:
    number: int
    is_held: bool = False


_DESCRIPTORS: Final[dict[Inode, _Descriptor]] = {}
_ONE_AT_A_TIME: Final = Lock()


class Fence:
    """The lock held from `raised` to `release`; the kernel frees it on death."""

    def __init__(self, inode: Inode | None) -> None:
        self._inode = inode

    @classmethod
    def raised(cls, database: Path) -> Self:
        """Lock an existing database before SQLite opens it for writing.

        Where the system has no such locks, only the lock file beside the database protects it.

        Raises:
            StoreRefused: another writer holds it; its process is named, if it can be seen.
        """
        with _ONE_AT_A_TIME:
            try:
                inode, descriptor = _opened(database)
            except OSError:
                return cls(None)  # a file that cannot be opened for writing is refused later, with its own message
            if descriptor.is_held or not _is_locked(descriptor.number):
                raise StoreRefused(
                    f"{database} is being written by another Mara ({holder_of(inode)}), under this name or another:"
                    " stop that one, or set MARA_DATABASE_URL to another file"
                )
            descriptor.is_held = True
            return cls(inode)

    def release(self) -> None:
        """Release the lock for the next writer; harmless when repeated."""
        inode, self._inode = self._inode, None
        with _ONE_AT_A_TIME:
            if inode is not None:
                descriptor = _DESCRIPTORS[inode]
                _ask(descriptor.number, fcntl.F_UNLCK)
                descriptor.is_held = False
                _close_idle()


def holder_of(inode: Inode) -> str:
    """Name the process that holds the lock on a file, as far as this one may see."""
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            found = file.stat()
            if (found.st_dev, found.st_ino) == inode:
                said = file.parents[1] / "fdinfo" / file.name
                if "OFDLCK" in said.read_text(encoding="ascii"):
                    return f"process {file.parents[1].name}"
    return "a process that cannot be seen from here"


def _opened(database: Path) -> tuple[Inode, _Descriptor]:
    """Open, or find again, this process's only lock descriptor of a file."""
    inode = _inode_of(database.stat())
    if inode not in _DESCRIPTORS:
        number = os.open(database, os.O_RDWR | os.O_CLOEXEC)
        inode = _inode_of(os.fstat(number))
        _DESCRIPTORS[inode] = _Descriptor(number)
    return inode, _DESCRIPTORS[inode]


def _inode_of(found: os.stat_result) -> Inode:
    return found.st_dev, found.st_ino


def _is_locked(descriptor: int) -> bool:
    """Try to take the lock; True when it was taken or the file system has none."""
    try:
        _ask(descriptor, fcntl.F_WRLCK)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)  # any other: the file system has no such locks
    return True


def _ask(descriptor: int, kind: int) -> None:
    if hasattr(fcntl, "F_OFD_SETLK"):
        lock = struct.pack("hhqqi0q", kind, os.SEEK_SET, LOCKED_BYTE, 1, 0)  # struct flock
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)


def _close_idle() -> None:
    """Close the oldest unlocked descriptors beyond `MOST_KEPT`.

    Only where nothing else in this process has the file open, because closing drops its locks too.
    """
    idle = [inode for inode, descriptor in _DESCRIPTORS.items() if not descriptor.is_held]
    for inode in idle[:-MOST_KEPT]:
        number = _DESCRIPTORS[inode].number
        if not any(other != number and _is_of(other, inode) for other in map(int, os.listdir("/dev/fd"))):
            os.close(_DESCRIPTORS.pop(inode).number)


def _is_of(descriptor: int, inode: Inode) -> bool:
    try:
        return _inode_of(os.fstat(descriptor)) == inode
    except OSError:
        return False
