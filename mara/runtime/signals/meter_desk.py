"""Meters of a live run besides the API: what they tell comes by the same door."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mara.core.fleet import machines_of
from mara.core.metering import Reading
from mara.core.world import RunConfig
from mara.errors import CommandError, EngineStopped, StoreError
from mara.runtime.clock import Clock
from mara.runtime.signals.desk import SignalsDesk
from mara.signals.meters.base import MeterListener
from mara.signals.meters.registry import meters_in

LONGEST_TAKE_S: Final = 30.0
"""Longest wait for readings to be stored."""


class MeterDesk:
    """Listens to the meters of a file while a run is open, each in its own thread.

    All methods but `_take` belong to the event loop's thread.

    Args:
        path: the meters file; None where there is none.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._listeners: tuple[MeterListener, ...] = ()
        self._signals: SignalsDesk | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, config: RunConfig, run_id: str, signals: SignalsDesk) -> None:
        """Read the file, and begin to listen.

        Raises:
            ConfigError: the file, or what it names, cannot be used.
        """
        if self._path is None:
            return
        sources = meters_in(self._path, machines_of(config.fleet), f"mara-{run_id}", self._clock.now)
        self._signals, self._loop = signals, asyncio.get_running_loop()
        self._listeners = tuple(MeterListener(source, self._take) for source in sources)

    async def close(self) -> None:
        """Listen no more; harmless when repeated."""
        listeners, self._listeners = self._listeners, ()
        await asyncio.gather(*(asyncio.to_thread(listener.close) for listener in listeners))

    def _take(self, readings: Sequence[Reading]) -> str:
        """Store readings, or return why they are refused; called in listeners' threads.

        Raises:
            StoreError: they are not stored, and may be sent again.
        """
        assert self._signals is not None
        assert self._loop is not None
        stored = asyncio.run_coroutine_threadsafe(self._signals.receive(readings), self._loop)
        try:
            stored.result(LONGEST_TAKE_S)
        except EngineStopped as error:
            raise StoreError(str(error)) from error
        except CommandError as error:
            return str(error)
        except TimeoutError as error:
            raise StoreError(f"readings were not stored within {LONGEST_TAKE_S:g} s") from error
        return ""
