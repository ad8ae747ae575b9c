"""Servers of Mara that are forks of the process of `tests/forks`, which saves their imports.

An import takes two seconds, a copy none. Tests of Mara's start begin a Python of their own.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

from tests.browser.nursery import become
from tests.forks import begun


@dataclass(frozen=True)
class ForkedProgram:
    """A program that was forked, with what `subprocess.Popen` offers of a process."""

    process: BaseProcess
    stdout: TextIO

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def terminate(self) -> None:
        self.process.terminate()

    def wait(self, timeout_s: float) -> int:
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            raise TimeoutError(f"process {self.pid} has not ended within {timeout_s:g} s")
        return self.process.exitcode


@contextmanager
def forked(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], complaints: Path | None = None
) -> Iterator[ForkedProgram]:
    """Run a module and its arguments in a folder, as `python -m` does; kill it at the end, if it still runs.

    Args:
        complaints: file for its standard error; None for that of the tests.
    """
    process, here = begun(_run, list(words), str(folder), dict(environment), complaints)
    with open(os.dup(here.fileno()), encoding="utf-8") as stdout:
        here.close()
        try:
            yield ForkedProgram(process, stdout)
        finally:
            process.kill()
            process.join()


def _run(
    words: Sequence[str], folder: str, environment: Mapping[str, str], complaints: Path | None, stdout: Connection
) -> None:
    os.dup2(stdout.fileno(), 1)
    stdout.close()
    if complaints is not None:
        with complaints.open("wb") as opened:
            os.dup2(opened.fileno(), 2)
    # what was there may be a file, which is sought in
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  for good
    multiprocessing.current_process().name = "MainProcess"  # NiceGUI serves in no other
    become(words, folder, environment)
