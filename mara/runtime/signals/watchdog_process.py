"""The process of the watchdog, started as a module with a folder and a lease in s.

Its standard input carries the secret of webhooks on the first line, where no list of processes shows it, then beats.
"""

import sys
from pathlib import Path
from threading import Event

from mara.runtime.clock import SystemClock
from mara.signals.executors.watchdog import first_line, release_all, watch


def main(folder: Path, lease_s: float) -> None:
    """Watch until the end, then release what is held."""
    beats = sys.stdin.fileno()
    secret = first_line(beats)
    if watch(beats, lease_s):
        for said in release_all(folder, secret, SystemClock().now, _pause):
            sys.stderr.write(f"{said}\n")


def _pause(pause_s: float) -> None:
    Event().wait(pause_s)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
