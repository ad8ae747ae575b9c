"""Detect that an open database file was removed, replaced or truncated.

SQLite itself would go on writing to it.
"""

import os
from pathlib import Path
from typing import Final

from mara.errors import StoreLost
from mara.store.files.private import files_of

_WHAT_NOW: Final = "nothing was stored since: stop, then put it back or run `mara db restore`"


class FileWatch:
    """Watches the identity and size of a database file and its write-ahead log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = files_of(path)[1]
        self._file: tuple[int, int] | None = None
        self._size_bytes = 0
        self._log_file: tuple[int, int] | None = None

    def begin(self) -> None:
        """Remember the file as it is now; call it after opening."""
        found = self._path.stat()
        self._file, self._size_bytes, self._log_file = (found.st_dev, found.st_ino), found.st_size, None

    def refuse_lost(self) -> None:
        """Check the file again; costs two system calls.

        Raises:
            StoreLost: the file was removed, replaced or truncated.
        """
        fault = self.fault()
        if fault:
            raise StoreLost(fault)

    def fault(self) -> str:
        """Describe the loss of the file in a sentence; empty for none."""
        if self._file is None:
            return ""
        found, log = _found(self._path), _found(self._log)
        if found is None:
            return f"{self._path} was removed while it was in use; {_WHAT_NOW}"
        if (found.st_dev, found.st_ino) != self._file:
            return f"{self._path} was replaced while it was in use; {_WHAT_NOW}"
        if found.st_size < self._size_bytes:
            return f"{self._path} was cut short while it was in use; {_WHAT_NOW}"
        self._size_bytes = found.st_size
        if log is not None and self._log_file is None:
            self._log_file = (log.st_dev, log.st_ino)
        elif self._log_file is not None and (log is None or (log.st_dev, log.st_ino) != self._log_file):
            return f"{self._log}, the write-ahead log, was removed while it was in use; {_LOG_WHAT_NOW}"
        return ""

    @property
    def log_bytes(self) -> int:
        """Size of the write-ahead log [bytes]."""
        found = _found(self._log)
        return 0 if found is None else found.st_size


_LOG_WHAT_NOW: Final = "nothing was stored since: stop, which saves what it held, and start again"


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
