"""Watchdog process: brings devices back when their Mara dies or hangs.

It reads beats from its standard input. Their end means that Mara has died, their absence for the lease that it hangs;
either way every hold is released. The word `done` ends it without releasing anything. What is heavy is imported when
it is needed, so that the process is there at once.
"""

import os
import select
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from mara.errors import MaraError
from mara.signals.executors.hold import HOLD, Hold, hold_in, mark_released
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


def watch(beats: int, lease_s: float, prepare: Callable[[], None] | None = None) -> bool:
    """Wait while beats come; True where the lease ended, False after `done`.

    Args:
        prepare: called once it is quiet, so that a release has nothing to wait for.
    """
    waiting = b""
    while True:
        quiet_s = min(QUIET_S, lease_s) if prepare is not None else 0.0
        ready, _, _ = select.select([beats], [], [], quiet_s or lease_s)
        if not ready and prepare is not None:
            prepare()
            prepare = None
            ready, _, _ = select.select([beats], [], [], lease_s - quiet_s)
        part = os.read(beats, 65_536) if ready else b""
        if not part:
            return True
        waiting = (waiting + part)[-len(DONE) :]
        if waiting == DONE:
            return False


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
) -> list[str]:
    """Release the holds of a folder; try again where devices do not answer.

    Args:
        lease: only what was written under it, so that a Mara that has begun since keeps its own; None for all.
    """
    said: list[str] = []
    wait_s = FIRST_WAIT_S
    for left in range(tries - 1, -1, -1):
        failures = []
        for path in sorted(folder.glob(f"*{HOLD}")):
            try:
                hold = hold_in(path)
                if lease in {None, hold.lease}:
                    said.append(f"{hold.name}: {_released(path, hold, secret, now, monotonic_s)}")
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
    done = released(executor, hold, lambda _: None)
    mark_released(path, done)
    return done
