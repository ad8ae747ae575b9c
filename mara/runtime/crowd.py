"""Many independent pieces of work on local processes or on a Dask cluster: a worker that dies costs none of them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Final, Protocol, TypeVar

from mara.errors import CommandError, ConfigError

MAX_WORKERS: Final = 256
MAX_TRIES: Final = 4
"""Of a piece on a cluster whose worker died."""
MAX_BARREN: Final = 4
"""Pools of local workers that died one after the other before any result; what kills them all must come to an end."""
CLUSTER_TIMEOUT_S: Final = 10

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Crowd(Protocol):
    """Does pieces of work somewhere, and gives results as they come, in any order."""

    def results(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Result]]: ...


class Processes:
    """Local processes, started anew for every call, so that a result depends on nothing but its piece."""

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
        """Results until all are there, or a worker has died: that takes its pool with it."""
        with ProcessPoolExecutor(self._workers, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(work, pieces[number]): number for number in numbers}
            waiting = set(futures)
            try:
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        if not isinstance(future.exception(), BrokenProcessPool):
                            yield futures[future], future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


class Cluster:
    """A Dask cluster that runs already; it brings lost pieces to other workers by itself."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ConfigError(
                "--cluster needs the package distributed: install mara[cluster], or leave --cluster out"
            ) from error
        try:
            self._client: Any = Client(address, timeout=CLUSTER_TIMEOUT_S)
        except (OSError, ValueError, TimeoutError) as error:
            raise ConfigError(f"no Dask scheduler answers at {address}: correct --cluster, or start one") from error

    def results(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Result]]:
        """Results as they come."""
        from distributed import as_completed

        client = self._client
        futures = {
            client.submit(work, piece, key=f"mara-{number}-{id(self)}", retries=MAX_TRIES): piece
            for number, piece in enumerate(pieces)
        }
        try:
            for future in as_completed(list(futures)):
                yield futures[future], future.result()
        finally:
            client.close()
