"""Watchdog process: brings devices back when their Mara dies or hangs.

It reads beats from its standard input. Their end means that Mara has died, their absence for the lease that it hangs;
either way every hold is released. One that hangs may go on, and end a write that it had begun: what is held stays held
then, and is released once more when it dies. The word `done` ends the process without releasing anything. What is heavy
is imported when it is needed, so that the process is there at once.
"""

import os
import select
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final

from mara.errors import MaraError
from mara.signals.executors.hold import HOLD, Hold, hold_in, note_released
from mara.signals.executors.ownership import released

BEAT: Final = b"beat\n"
DONE: Final = b"done\n"
QUIET_S: Final = 2.0
"""Time without a beat after which the process prepares for a release."""
TRIES: Final = 1_500
"""Most tries while a device does not answer: about a day."""
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
"""Pauses between tries, each twice as long as the one before."""


def first_line(beats: int) -> str:
    """Read the line that comes before all beats; empty where none comes."""
    line = b""
    while not line.endswith(b"\n") and (part := os.read(beats, 1)):
        line += part
    return line.decode().removesuffix("\n")


class Ending(Enum):
    """End of the beats of a Mara."""

    DONE = "done"
    DEATH = "death"
    HANG = "hang"


def watch(beats: int, lease_s: float | None, prepare: Callable[[], None] | None = None) -> Ending:
    """Wait while beats come, and return how they ended; without a lease no Mara hangs.

    Args:
        prepare: called once it is quiet, so that a release has nothing to wait for.
    """
    waiting = b""
    while True:
        ready = _is_heard(beats, lease_s if prepare is None or lease_s is None else min(QUIET_S, lease_s))
        if not ready and prepare is not None and lease_s is not None:
            prepare()
            prepare = None
            ready = _is_heard(beats, max(lease_s - QUIET_S, 0.0))
        if not ready:
            return Ending.HANG
        part = os.read(beats, 65_536)
        if not part:
            return Ending.DEATH
        waiting = (waiting + part)[-len(DONE) :]
        if waiting == DONE:
            return Ending.DONE


def _is_heard(beats: int, most_s: float | None) -> bool:
    ready, _, _ = select.select([beats], [], [], most_s)
    return bool(ready)


def prepare_release() -> None:
    """Import what a release needs."""
    import httpx  # noqa: F401

    import mara.signals.executors.registry  # noqa: F401


def release_all(
    folder: Path,
    secret: str,
    now: Callable[[], datetime],
    monotonic_s: Callable[[], float],
    pause: Callable[[float], None],
    *,
    lease: str | None = None,
    tries: int = TRIES,
    is_kept: bool = False,
) -> list[str]:
    """Release the holds of a folder; try again where devices do not answer.

    Args:
        lease: only what was written under it, so that a Mara that has begun since keeps its own; None for all.
        is_kept: holds stay, because their Mara may write once more.
    """
    said: list[str] = []
    wait_s = FIRST_WAIT_S
    done: set[Path] = set()
    for left in range(tries - 1, -1, -1):
        failures = []
        for path in sorted(folder.glob(f"*{HOLD}")):
            try:
                hold = hold_in(path)
                if lease in {None, hold.lease} and path not in done:
                    told = _released(path, hold, secret, now, monotonic_s)
                    note_released(path, hold, told, is_kept=is_kept)
                    done.add(path)
                    said.append(f"{hold.name}: {told}")
            except MaraError as error:
                failures.append(f"{path.name}: not released: {error}")
        if not failures:
            return said
        if left:
            pause(wait_s)
            wait_s = min(2.0 * wait_s, LONGEST_WAIT_S)
        else:
            said += failures
    return said


def _released(
    path: Path, hold: Hold, secret: str, now: Callable[[], datetime], monotonic_s: Callable[[], float]
) -> str:
    from mara.signals.executors.registry import executor_of, spec_of  # slow to import

    executor = executor_of(spec_of(hold.spec, str(path)), secret, now, monotonic_s)
    return released(executor, hold, lambda _: None)
