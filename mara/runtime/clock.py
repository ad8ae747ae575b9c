"""The system clock: the only module that reads the time and waits for it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Real time: monotonic for pacing, CPU time for reports, UTC for time stamps.

    The methods are described at `SystemClock`.
    """

    def monotonic_s(self) -> float: ...

    def cpu_s(self) -> float: ...

    def now(self) -> datetime: ...

    async def wait(self, duration_s: float) -> None: ...


class SystemClock:
    """The machine's own clock.

    Pacing never uses `now`, so that an adjustment of the wall clock does not disturb it.
    """

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary origin; they never step back."""
        return time.monotonic()

    def cpu_s(self) -> float:
        """Return the processor seconds used by this process."""
        return time.process_time()

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    async def wait(self, duration_s: float) -> None:
        """Let real time pass without holding up the event loop."""
        import asyncio  # the watchdog of executors needs a clock, and is to be there at once

        await asyncio.sleep(duration_s)
