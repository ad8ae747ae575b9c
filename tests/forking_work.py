"""Set-up of the process of `tests/forks`: a study in one of its copies forks its workers.

Each of them would import Mara anew. A copy has one thread when it begins a study, so that it may be copied.
"""

import multiprocessing
from multiprocessing.context import ForkContext

from mara.runtime import worker_pool


def _fork(_: str) -> ForkContext:
    return multiprocessing.get_context("fork")


vars(worker_pool)["get_context"] = _fork
