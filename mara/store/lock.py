"""One writer for one database: an advisory lock on a file beside it, which names its holder."""

import fcntl
import os
from pathlib import Path
from typing import Self

from mara.errors import StoreRefused


class WriterLock:
    """Held from open to close, and let go by the kernel if the holder dies. The file stays: removing it would race."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def taken(cls, database: Path) -> Self:
        """Take the lock of a database.

        Raises:
            StoreRefused: another process holds it (its id is named), or the folder cannot be written.
        """
        path = database.with_name(database.name + ".lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreRefused(
                f"{database} needs a lock file beside it, but {path} cannot be written ({error.strerror}):"
                " make the folder writable, or set MARA_DATABASE_URL to another place"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreRefused(
                f"{database} is being written by another Mara (process {holder}):"
                " stop that one, or set MARA_DATABASE_URL to another file"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let the next writer in; harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
