"""Processes forked from one in which all of Mara is imported, which saves imports.

An import takes two seconds, a copy none. Tests of Mara's start begin a Python of their own.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.scenarios.order_server",
        "tests.scenarios.killed",
        "tests.scenarios.killed_executors",
        "pages.serving.job_runner",
        "mara.assembly.imports.builder",
        "mara.bootstrap",
        "mara.cli.app",
        "pages.server",
        "pages.serving.middleware",
        "tests.forking_work",
        # Imported by Mara where it first needs them, which is in nearly every such process.
        "alembic.command",
        "scipy.sparse",
        "scipy.special",
        "psycopg",
        "sqlalchemy.dialects.postgresql.psycopg",
        "tests.built_api",
    ]
)


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
    """Let backtests, studies and builds begin their processes by another context."""
    from mara.runtime import spawned_work, worker_pool

    for module in (spawned_work, worker_pool):
        patched.setattr(module, "get_context", get_context)
