"""Independent pieces of work, done by local processes or by a Dask cluster.

No piece is lost when a worker dies.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any, Final, Protocol, TypeVar

from mara.errors import CommandError, ConfigError

MAX_WORKERS: Final = 256
MAX_BARREN: Final = 4
"""Pools of local workers that may die in a row without any result."""
CLUSTER_TIMEOUT_S: Final = 10

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class WorkerPool(Protocol):
    """Does pieces of work, and yields results as they come, in any order."""

    def results(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Result]]:
        """Yield each piece with its result, as soon as that comes.

        Raises:
            CommandError: a piece took several workers with it.
        """
        ...


class Processes:
    """Does pieces of work in local processes, started anew for every call.

    A result therefore depends on nothing but its piece.
    """

    def __init__(self, workers: int) -> None:
        if not 1 <= workers <= MAX_WORKERS:
            raise ConfigError(f"there may be 1 to {MAX_WORKERS} workers, got {workers}: correct --workers")
        self._workers = workers

    def results(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Result]]:
        """Results as they come.

        Raises:
            CommandError: a piece took several workers with it.
        """
        left, barren_count = set(range(len(pieces))), 0
        while left:
            before = len(left)
            for number, result in self._until_one_dies(work, pieces, sorted(left)):
                left.discard(number)
                yield pieces[number], result
            barren_count = barren_count + 1 if len(left) == before else 0
            if barren_count >= MAX_BARREN:
                raise CommandError(
                    f"workers died {MAX_BARREN} times in a row before any result: look for lack of memory, or ask for "
                    "fewer workers"
                )

    def _until_one_dies(
        self, work: Callable[[Piece], Result], pieces: Sequence[Piece], numbers: Sequence[int]
    ) -> Iterator[tuple[int, Result]]:
        """Yield results until all are done or a worker has died, which ends its pool."""
        with ProcessPoolExecutor(self._workers, mp_context=get_context("spawn")) as pool:
            futures = dict(_given(pool, work, pieces, numbers))
            waiting = set(futures)
            try:
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        if not isinstance(future.exception(), BrokenProcessPool):
                            yield futures[future], future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _given(
    pool: ProcessPoolExecutor, work: Callable[[Piece], Result], pieces: Sequence[Piece], numbers: Sequence[int]
) -> Iterator[tuple["Future[Result]", int]]:
    """Submit pieces to a pool, until a worker dies and the pool takes no more."""
    with suppress(BrokenProcessPool):
        for number in numbers:
            yield pool.submit(work, pieces[number]), number


class Cluster:
    """Does pieces of work on a Dask cluster that runs already.

    Dask gives lost pieces to other workers by itself, a few times each.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ConfigError(
                "--cluster needs the package distributed: install mara[cluster], or leave --cluster out"
            ) from error
        try:
            self._client: Any = Client(address, timeout=CLUSTER_TIMEOUT_S)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TimeoutError) as error:
            raise ConfigError(f"no Dask scheduler answers at {address}: correct --cluster, or start one") from error

    def results(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Result]]:
        """Yield results as they come; for one call, which disconnects at its end.

        Raises:
            CommandError: a piece took several workers with it, or the scheduler is gone.
        """
        from distributed import KilledWorker, as_completed

        client = self._client
        try:
            # Not pure: each piece gets a key of its own, which other clients' work cannot share.
            futures = {client.submit(work, piece, pure=False): piece for piece in pieces}
            for future in as_completed(list(futures)):  # type: ignore[no-untyped-call]
                yield futures[future], future.result()
        except (KilledWorker, CancelledError, OSError) as error:
            what = " ".join(str(error).split()) or type(error).__name__
            raise CommandError(
                f"the cluster gave up ({what}): look at its workers' memory, then start again"
            ) from error
        finally:
            client.close()
