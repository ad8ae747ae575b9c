"""Processes forked from one in which all of Mara is imported, which saves imports.

An import takes two seconds, a copy none. Tests of Mara's start begin a Python of their own. One such process serves all
workers of a test run: it is begun by whoever begins them, and imports Mara when the first of them asks for a fork.
"""

import atexit
import gc
import importlib
import multiprocessing
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from multiprocessing import forkserver, reduction, resource_tracker, util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

FORKS: Final = multiprocessing.get_context("forkserver")
IMPORTED: Final = (
    "tests.scenarios.order_server",
    "tests.scenarios.killed",
    "tests.scenarios.killed_executors",
    "pages.serving.job_runner",
    "mara.assembly.imports.builder",
    "mara.bootstrap",
    "mara.optimizers.lp.decomposition.master",
    "mara.cli.app",
    "pages.server",
    "pages.serving.middleware",
    "tests.forking_work",
    # Imported by Mara where it first needs them, which is in nearly every such process.
    "alembic.command",
    "alembic.config",
    "mara.runtime.observe.log",
    "mara.store.schema.append_only",
    "nicegui.ui_run",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.websockets.auto",
    "uvicorn.protocols.websockets.wsproto_impl",
    "scipy.sparse",
    "scipy.special",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "tests.built_api",
)
"""Modules that forks need."""
END_TIMEOUT_S: Final = 30
OUTPUTS: Final = (1, 2)
"""Descriptors of what a process prints."""


class Forker:
    """The process that forks: begun by the first one that asks for its address, joined by the others."""

    def __init__(self) -> None:
        self._address: str | None = None

    def join(self, address: str) -> None:
        """Let forks be made by a process that somebody else has begun."""
        self._address = address

    def address(self) -> str:
        """Where to ask for forks; begin the process, unless there is one."""
        if self._address is None:
            folder = tempfile.TemporaryDirectory(prefix="mara-forks-")
            self._address = str(Path(folder.name, "socket"))
            alive, end = os.pipe()
            with socket.socket(socket.AF_UNIX) as listener, open(alive):
                listener.bind(self._address)
                listener.listen()
                descriptors = listener.fileno(), alive
                process = subprocess.Popen(
                    [sys.executable, "-m", __name__, *map(str, descriptors)],
                    cwd=Path(__file__).parents[1],
                    env={name: value for name, value in os.environ.items() if not re.match("PYTEST_|MARA_", name)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=descriptors,
                )
            atexit.register(_end, end, process, folder)
        return self._address


def _end(alive: int, process: "subprocess.Popen[bytes]", folder: "tempfile.TemporaryDirectory[str]") -> None:
    os.close(alive)
    process.wait(END_TIMEOUT_S)
    folder.cleanup()


FORKER: Final = Forker()


def _connect(given: Sequence[int]) -> tuple[int, int]:
    """Ask for a fork, as `multiprocessing` asks its own fork server; it prints where this process does.

    Returns descriptors: of what is told about the fork, and of what it is told.
    """
    with socket.socket(socket.AF_UNIX) as asking, ExitStack() as theirs, open(os.devnull, "wb") as alive:
        asking.connect(FORKER.address())
        here, told = os.pipe()
        theirs.callback(os.close, told)
        told_there, there = os.pipe()
        theirs.callback(os.close, told_there)
        tracker = resource_tracker.getfd()
        assert tracker is not None
        reduction.sendfds(asking, [told_there, told, alive.fileno(), tracker, *given, *OUTPUTS])
        return here, there


vars(forkserver)["connect_to_new_process"] = _connect


def serve(listener: int, alive: int) -> None:
    """Fork whoever asks, until the process that has begun this one ends."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    if alive in select.select([listener, alive], [], [])[0]:
        return
    gc.disable()  # of what imports make, nothing is garbage
    for module in IMPORTED:
        with suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()
    gc.enable()
    util.register_after_fork(FORKER, _print_as_asked)
    signal.signal(signal.SIGINT, before)  # for forks; the server itself goes on to ignore it
    forkserver.main(listener, alive, [])


def _print_as_asked(_: Forker) -> None:
    given = forkserver.get_inherited_fds()
    assert given is not None
    for ours, theirs in zip(OUTPUTS, given[-len(OUTPUTS) :], strict=True):
        os.dup2(theirs, ours)


def begun(target: Callable[..., object], *given: object, duplex: bool = False) -> tuple[ForkServerProcess, Connection]:
    """Run a function in a fork; it gets the far end of a pipe as its last argument."""
    here, there = FORKS.Pipe(duplex)
    process = FORKS.Process(target=target, args=(*given, there))
    process.start()
    there.close()
    return process, here


def forks(_: str) -> ForkServerContext:
    """Stand in for `multiprocessing.get_context`, whatever is asked for."""
    return FORKS


def begin_work_by(get_context: Callable[[str], Any], patched: "pytest.MonkeyPatch") -> None:
    """Let backtests, studies, builds and solves in blocks begin their processes by another context."""
    from mara.optimizers.lp.decomposition import pool
    from mara.runtime import spawned_work, worker_pool

    for module in (spawned_work, worker_pool, pool):
        patched.setattr(module, "get_context", get_context)


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
