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
from mara.signals.executors.driver import released
from mara.signals.executors.hold import HOLD, hold_in, mark_released

BEAT: Final = b"beat\n"
DONE: Final = b"done\n"
TRIES: Final = 60
TRY_INTERVAL_S: Final = 5.0
"""Pause between tries while a device does not answer: five minutes in all."""


def first_line(beats: int) -> str:
    """Read the line that comes before all beats; empty where none comes."""
    line = b""
    while not line.endswith(b"\n") and (part := os.read(beats, 1)):
        line += part
    return line.decode().removesuffix("\n")


def watch(beats: int, lease_s: float) -> bool:
    """Wait while beats come; True where the lease ended, False after `done`."""
    waiting = b""
    while True:
        ready, _, _ = select.select([beats], [], [], lease_s)
        part = os.read(beats, 65_536) if ready else b""
        if not part:
            return True
        waiting = (waiting + part)[-len(DONE) :]
        if waiting == DONE:
            return False


def release_all(
    folder: Path, secret: str, now: Callable[[], datetime], pause: Callable[[float], None], tries: int = TRIES
) -> list[str]:
    """Release every hold of a folder; try again where devices do not answer."""
    from mara.signals.executors.registry import executor_of, spec_of

    said: list[str] = []
    for left in range(tries - 1, -1, -1):
        failed = False
        for path in sorted(folder.glob(f"*{HOLD}")):
            try:
                hold = hold_in(path)
                executor = executor_of(spec_of(hold.spec, str(path)), secret, now)
                done = released(executor, hold, lambda _: None)
                mark_released(path, done)
                said.append(f"{hold.site_id}: {done}")
            except MaraError as error:
                failed = True
                if not left:
                    said.append(f"{path.name}: not released: {error}")
        if not failed:
            break
        if left:
            pause(TRY_INTERVAL_S)
    return said
