"""One writer for one database: an advisory lock on a file beside it, which names its holder and remembers the run.

The file beside holds while there is no database yet, or another takes its place; the database itself is locked by
`mara.store.files.fence`.
"""

import errno
import fcntl
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from mara.errors import StoreRefused
from mara.store.files.high_water import RECORD_BYTES, HighWater
from mara.store.files.private import OWNER_ONLY


class WriterLock:
    """Held from open to close, and let go by the kernel if the holder dies. The file stays: removing it would race.

    Attributes:
        before: what the last writer left in it.
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
            StoreRefused: another process holds it (its id is named), the folder cannot be written, or knows no locks.
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
        """Note how far the run is stored."""
        self._now = replace(self._now, run_id=run_id, next_tick=next_tick)
        self._write()

    def release(self) -> None:
        """Let the next writer in; harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self) -> None:
        with suppress(OSError):  # a full disk: what is remembered is a help, and not the run
            os.pwrite(self._descriptor, self._now.line, 0)
