"""Servers that are copies of one process, in which all of Mara is imported.

An import takes more than two seconds, a copy none. Tests of Mara's start begin a Python of their own.
The process takes a request a packet from a socket: to be forked, or to tell how a copy ended.
Usage: `python -m tests.browser.nursery DESCRIPTOR`.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 200_000
LOOK_INTERVAL_S = 0.01
IMPORTED = (
    "mara.api.gateway.listener",
    "mara.api.routes.app",
    "mara.bootstrap",
    "mara.cli.app",
    "mara.runtime.observe.log",
    "pages.server",
    "pages.serving.middleware",
    "tests.ui.platform",
)
"""Modules that servers import, but for those that are run."""


@dataclass
class Copy:
    """A server that was forked, with what `subprocess.Popen` offers of a process."""

    nursery: "Nursery"
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.nursery.ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout_s: float) -> int:
        until_s = time.monotonic() + timeout_s
        while (code := self.poll()) is None:
            if time.monotonic() > until_s:
                raise TimeoutError(f"process {self.pid} has not ended within {timeout_s:g} s")
            time.sleep(LOOK_INTERVAL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The process that forks, seen from the tests; it begins with the first request, or before."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def begin(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], stdout: int) -> Copy:
        """Run a module and its arguments in a folder, as `python -m` does."""
        self.prepare(environment)
        asked = {"words": list(words), "folder": str(folder), "environment": dict(environment)}
        return Copy(self, self.ask(asked, stdout))

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Begin the process, unless it runs; do not wait for its imports."""
        if self._process is not None:
            return
        self._line, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", __name__, str(far_end.fileno())]
        root = Path(__file__).parents[2]
        with far_end:
            self._process = subprocess.Popen(
                command,
                cwd=root,
                env=environment,
                stdout=subprocess.PIPE,  # a pipe as copies get, which cannot be sought in
                pass_fds=[far_end.fileno()],
            )

    def ask(self, asked: dict[str, Any], *descriptors: int) -> Any:
        assert self._line is not None
        socket.send_fds(self._line, [json.dumps(asked).encode()], descriptors)
        return json.loads(self._line.recv(MOST_BYTES))

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.communicate()


def main(descriptor: int) -> None:
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    with socket.socket(fileno=descriptor) as line:
        asked = copied(line)
    if asked is not None:
        become(asked["words"], asked["folder"], asked["environment"])


def copied(line: socket.socket) -> dict[str, Any] | None:
    """Answer requests; return in a copy, with what it is to become, or at the end."""
    while True:
        packet, descriptors, *_ = socket.recv_fds(line, MOST_BYTES, 1)
        if not packet:
            return None
        asked: dict[str, Any] = json.loads(packet)
        if "ended" in asked:
            answer = how_ended(asked["ended"])
        else:
            answer = os.fork()
            if answer == 0:
                os.dup2(descriptors[0], sys.stdout.fileno())
            os.close(descriptors[0])
            if answer == 0:
                return asked
        line.send(json.dumps(answer).encode())


def how_ended(process_id: int) -> int | None:
    """Return a copy's exit code, or None while it runs."""
    ended, status = os.waitpid(process_id, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def become(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
    """Go on as `python -m` with these words would, or as `python` would where they begin with ``-c``."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if words[0] == "-c":
        sys.orig_argv[1:] = words
        sys.argv[:] = ["-c", *words[2:]]
        exec(words[1], {"__name__": "__main__"})
        return
    sys.orig_argv[1:] = ["-m", *words]
    sys.argv[1:] = words[1:]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
