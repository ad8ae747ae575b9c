"""Programs of Mara that are forks of the process of `tests/forks`, which saves their imports.

An import takes two seconds, a copy none. Tests of Mara's start begin a Python of their own.
"""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

from tests.browser.nursery import become
from tests.forks import FORKS, begun

LONGEST_S = 60.0


@dataclass(frozen=True)
class ForkedProgram:
    """A program that was forked, with what `subprocess.Popen` offers of a process."""

    process: BaseProcess
    stdin: TextIO
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
    words: Sequence[str], folder: Path, environment: Mapping[str, str], *, stderr: Path | None = None
) -> Iterator[ForkedProgram]:
    """Run a module or `-c` and code, with arguments, as `python` does; kill it at the end, if it still runs.

    Args:
        words: the module and its arguments, or ``-c``, code and arguments.
        folder: where it runs.
        environment: its environment.
        stderr: file to which it complains, of what goes wrong at the end of the interpreter too.
    """
    far_in, near_in = FORKS.Pipe(duplex=False)
    process, near_out = begun(_run, list(words), str(folder), dict(environment), stderr, far_in)
    far_in.close()
    with (
        open(os.dup(near_in.fileno()), "w", encoding="utf-8") as stdin,
        open(os.dup(near_out.fileno()), encoding="utf-8") as stdout,
    ):
        near_in.close()
        near_out.close()
        try:
            yield ForkedProgram(process, stdin, stdout)
        finally:
            process.kill()
            process.join()


def ended(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a module or code, with arguments, that is expected to end by itself."""
    with tempfile.TemporaryDirectory() as beside:
        stderr = Path(beside, "stderr")
        with forked(words, folder, environment, stderr=stderr) as program:
            stdout = program.stdout.read()
            code = program.wait(LONGEST_S)
        return subprocess.CompletedProcess(words, code, stdout, stderr.read_text(encoding="utf-8"))


def _run(
    words: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    stderr: Path | None,
    stdin: Connection,
    stdout: Connection,
) -> None:
    for descriptor, connection in enumerate((stdin, stdout)):
        os.dup2(connection.fileno(), descriptor)
        connection.close()
    if stderr:
        with stderr.open("wb") as file:
            os.dup2(file.fileno(), 2)
    # what was there may be files, which are sought in
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for good
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    from nicegui.storage import Storage

    multiprocessing.current_process().name = "MainProcess"  # NiceGUI serves in no other
    Storage.path = Path(folder, environment.get("NICEGUI_STORAGE_PATH", ".nicegui")).resolve()
    code = _code_of(words, folder, environment)
    if stderr:
        ctypes.pythonapi.Py_Exit(code)  # a fork else ends without an end of the interpreter
    raise SystemExit(code)


def _code_of(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> int:
    """Run a program as `python` does; return its exit code."""
    try:
        become(words, folder, environment)
    except SystemExit as exit_:
        if exit_.code is None or isinstance(exit_.code, int):
            return exit_.code or 0
        sys.stderr.write(f"{exit_.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  told as the interpreter tells it
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
