"""Processes forked from one in which all of Mara is imported, which saves imports.

An import takes two seconds, a copy none. Tests of Mara's start begin a Python of their own.
"""

import multiprocessing
from multiprocessing.context import ForkServerContext
from typing import Final

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


def forks(_: str) -> ForkServerContext:
    """Stand in for `multiprocessing.get_context`, whatever is asked for."""
    return FORKS
