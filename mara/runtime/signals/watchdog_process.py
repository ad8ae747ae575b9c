"""The watchdog's process, started as a module: folder, length of the lease, name.

Its standard input carries the secret of webhooks on the first line, where no list of processes shows it, then beats.
"""

import signal
import sys
from pathlib import Path
from threading import Event

from mara.runtime.clock import SystemClock
from mara.signals.executors.watchdog import Ending, first_line, prepare_release, release_all, watch


def main(folder: Path, lease_s: float, lease: str) -> None:
    """Watch until the end, then release what is held under the lease."""
    for asked in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(asked, signal.SIG_IGN)  # who ends a whole group of processes ends Mara: that is the moment
    beats, clock = sys.stdin.fileno(), SystemClock()
    secret = first_line(beats)
    ending = watch(beats, lease_s, prepare_release)
    while ending is not Ending.DONE:
        is_hanging = ending is Ending.HANG
        for said in release_all(folder, secret, clock.now, clock.monotonic_s, _pause, lease=lease, is_kept=is_hanging):
            sys.stderr.write(f"{said}\n")
        if not is_hanging:
            return
        ending = watch(beats, None)


def _pause(pause_s: float) -> None:
    Event().wait(pause_s)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
