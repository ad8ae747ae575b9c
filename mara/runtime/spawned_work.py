"""One piece of work in a process of its own, whose messages are heard in a thread.

The process has low priority and a group of its own, so that it ends with all the processes that it began.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from threading import Thread
from typing import Any, Final

NICENESS: Final = 10
"""Niceness of the process, so that the live run's ticks come first."""
END_TIMEOUT_S: Final = 2.0
"""Time [s] that a process has to end before it is killed."""


class SpawnedWork:
    """Process that does one piece of work, and sends messages until it is done.

    Args:
        name: of the process, and of the thread that listens to it.
        target: called there with the connection for messages and `args`; must call `step_back` before it works.
        hear: called here with each message, a pair of its kind and content; True while there will be more.
        on_silence: called here where the process ended before its last message.
    """

    def __init__(
        self,
        name: str,
        target: Callable[..., None],
        args: tuple[Any, ...],
        *,
        hear: Callable[["SpawnedWork", str, Any], bool],
        on_silence: Callable[["SpawnedWork"], None],
    ) -> None:
        context = get_context("spawn")
        self._news, theirs = context.Pipe(duplex=False)
        self._hear = hear
        self._on_silence = on_silence
        # Not a daemon, because those may not start worker processes.
        self._process = context.Process(target=target, args=(theirs, *args), name=name, daemon=False)
        self._theirs = theirs

    def start(self) -> None:
        """Begin the work."""
        self._process.start()
        self._theirs.close()  # so that the pipe closes when the process ends
        Thread(target=self._listen, name=f"{self._process.name}-news", daemon=True).start()

    def end(self) -> None:
        """End the process and its worker processes at once."""
        if hasattr(os, "killpg") and self._process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # its group is its own
        self._process.terminate()
        self._process.join(END_TIMEOUT_S)

    def _listen(self) -> None:
        try:
            while self._hear(self, *self._news.recv()):
                pass
        except (EOFError, OSError):
            self._on_silence(self)
            self.end()  # its worker processes may have outlived it
        finally:
            self._news.close()
            self._process.join(END_TIMEOUT_S)


def step_back() -> None:
    """Give this process a group of its own and a low priority."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # its own group, so that its worker processes can be ended with it
    if hasattr(os, "nice"):
        os.nice(NICENESS)
