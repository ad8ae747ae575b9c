"""Worker processes for blocks, each stage of work within a time limit."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final, TypeVar

from mara.errors import PlanInfeasible, PlanTimeout

MAX_WORKERS: Final = 8

T = TypeVar("T")

_under_way: Final[set[Executor]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPool:
    """Workers for one solve, and the deadline of which each stage gets a share [s]."""

    executor: Executor
    deadline_s: float

    def of_all(self, share: float, work: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
        """Do a piece of work for every block within a share of the deadline.

        The time limit is the work's last argument.

        Raises:
            PlanTimeout: the stage took longer.
        """
        limit_s = share * self.deadline_s
        limits_s = [limit_s] * len(arguments[0])
        try:
            return list(self.executor.map(work, *arguments, limits_s, timeout=limit_s))
        except FuturesTimeout as error:
            raise PlanTimeout(
                f"{len(limits_s)} blocks took longer than {limit_s:g} s: allow more, or look less far ahead"
            ) from error


@contextmanager
def block_pool(blocks: int, *, workers: int | None, deadline_s: float) -> Iterator[BlockPool]:
    """Open a pool for a number of blocks.

    It has as many workers as there are processors unless told.

    Raises:
        PlanInfeasible: a worker died.
    """
    executor = _executor_of(min(workers or os.cpu_count() or 1, MAX_WORKERS, blocks))
    _under_way.add(executor)
    try:
        yield BlockPool(executor=executor, deadline_s=deadline_s)
        executor.shutdown()
    except BrokenProcessPool as error:
        raise PlanInfeasible(
            "a process that solved a block died: is there memory? A script needs a __main__ guard, or one worker"
        ) from error
    finally:
        # After a failure, blocks that still run stop at their own time limit; nobody waits for them.
        executor.shutdown(wait=False, cancel_futures=True)
        _under_way.discard(executor)


def end_pools() -> None:
    """End the processes of every solve under way, which then fails.

    It is meant for the end of the program.
    """
    for executor in tuple(_under_way):
        # The pool knows its processes by id, and before Python 3.14 has no public word for ending them.
        for process_id in tuple(getattr(executor, "_processes", None) or {}):
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGTERM)


def _executor_of(workers: int) -> Executor:
    """Open a thread where one worker is enough, else fresh processes.

    A thread rather than a call, because only a future keeps a deadline.
    """
    if workers == 1:
        return ThreadPoolExecutor(max_workers=1)
    return ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn"))
