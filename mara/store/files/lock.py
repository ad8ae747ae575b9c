"""The lock file beside a database, which also remembers how far the run came.

The lock file protects while there is no database yet, or while one is replaced; the database itself is locked by
`mara.store.files.fence`. The remembered position shows when the database is missing or ends earlier than it did.
"""

import errno
import fcntl
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from mara.errors import StoreRefused
from mara.store.files.private import OWNER_ONLY

RECORD_BYTES: Final = 256
"""Fixed length of the record, so that a shorter one leaves no rest of a longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HighWater:
    """The content of the lock file: writing process, run, first tick not stored."""

    process: int
    run_id: str = ""
    next_tick: int = 0

    @property
    def line(self) -> bytes:
        shown = {"process": self.process, "run_id": self.run_id, "next_tick": self.next_tick}
        return json.dumps(shown).encode().ljust(RECORD_BYTES - 1) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """Read a record; None for an empty or unreadable one.

        An older Mara wrote the process number alone.
        """
        try:
            found = json.loads(line)
            if isinstance(found, int):
                return cls(process=found)
            return cls(process=int(found["process"]), run_id=str(found["run_id"]), next_tick=int(found["next_tick"]))
        except (ValueError, TypeError, KeyError):
            return None


class WriterLock:
    """The held lock, from opening to closing; the kernel frees it if the holder dies.

    The file itself stays, because removing it would race with the next writer.

    Attributes:
        before: the record that the last writer left.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.before = HighWater.of(os.pread(descriptor, RECORD_BYTES, 0)) or HighWater(process=0)
        self._now = replace(self.before, process=os.getpid())
        self._write()

    @classmethod
    def taken(cls, database: Path) -> Self:
        """Take the lock of a database.

        Raises:
            StoreRefused: another process holds it (its id is named), the folder is not writable, or has no locks.
        """
        path = database.with_name(database.name + ".lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        except OSError as error:
            raise StoreRefused(
                f"{database} needs a lock file beside it, but {path} cannot be written ({error.strerror}):"
                " make the folder writable, or set MARA_DATABASE_URL to another place"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = HighWater.of(os.pread(descriptor, RECORD_BYTES, 0))
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StoreRefused(
                    f"{path.parent} is on a file system without locks ({error.strerror}), which keep a second writer"
                    " away: set MARA_DATABASE_URL to a file on a local disk"
                ) from error
            raise StoreRefused(
                f"{database} is being written by another Mara (process {holder.process if holder else 'unknown'}):"
                " stop that one, or set MARA_DATABASE_URL to another file"
            ) from error
        return cls(descriptor)

    def remember(self, run_id: str, next_tick: int) -> None:
        """Record how far the run is stored."""
        self._now = replace(self._now, run_id=run_id, next_tick=next_tick)
        self._write()

    def release(self) -> None:
        """Release the lock for the next writer; harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self) -> None:
        with suppress(OSError):  # a full disk: the record only helps to notice losses, the run does not need it
            os.pwrite(self._descriptor, self._now.line, 0)
