"""Processes that begin as copies of one in which all of Mara was imported: an import takes two seconds, a copy none.

Tests of how Mara starts begin a Python of their own.
"""

import multiprocessing
from typing import Final

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.scenarios.order_server", "tests.scenarios.killed"])
