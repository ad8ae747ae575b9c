"""Work that kills the process that does it, in a module that worker processes import quickly.

A worker imports the module of its work, and that of the tests takes a second.
"""

import os
import signal
from pathlib import Path


def kill_the_first(piece: tuple[int, str]) -> int:
    """Kill the first worker that takes number 2."""
    number, folder = piece
    mark = Path(folder) / "killed"
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def kill_every(piece: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return piece
