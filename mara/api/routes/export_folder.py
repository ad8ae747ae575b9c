"""Folders that exports are written to before they are sent; what a killed server left is swept when the next starts."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

PREFIX: Final = "mara-export-"


def export_folder() -> "tempfile.TemporaryDirectory[str]":
    """A new one, that says whose it is."""
    return tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-")


def sweep_exports() -> None:
    """Remove those of processes that have ended, and of one that had our number before; called before any is made."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdigit() and (int(process) == os.getpid() or not _lives(int(process))):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
