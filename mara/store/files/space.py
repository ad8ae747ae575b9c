"""Find out why a write did not fit: disk, quota or a limit on file sizes.

SQLite reports only a full disk as such; the others are I/O errors to it.
"""

import errno
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

from mara.store.files.private import OWNER_ONLY, files_of

PROBE_BYTES: Final = 64 * 1024
"""Size of the trial write: a few pages of a database and of its log."""
FULL: Final = "disk full"
_REASONS: Final = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the quota of its owner is used up",
    errno.EFBIG: "the file system allows no larger file",
}


def lack_of_room(database: Path) -> str:
    """Describe what keeps a database's files from growing; empty if nothing is found."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit != resource.RLIM_INFINITY and max(_size_of(file) for file in files_of(database)) + PROBE_BYTES > limit:
        return f"the limit on the size of files is reached ({limit:,} bytes, see `ulimit -f`)"
    return _REASONS.get(_probed(database), "")


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _probed(database: Path) -> int:
    """The error number of a small write beside the database; 0 on success."""
    probe = database.with_name(f"{database.name}.probe")
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWNER_ONLY)
        try:
            written = os.write(descriptor, bytes(PROBE_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error.errno or 0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return 0 if written == PROBE_BYTES else errno.ENOSPC
