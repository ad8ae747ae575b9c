"""The only place that asks the machine for the time. Everybody else is told."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Real time, as the platform needs it: monotonic for pacing, CPU for figures, UTC for stamps."""

    def monotonic_s(self) -> float: ...

    def cpu_s(self) -> float: ...

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own. Pacing never uses `now`, so that a step of the wall clock moves nothing."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary origin; never steps back."""
        return time.monotonic()

    def cpu_s(self) -> float:
        """Processor seconds used by this process."""
        return time.process_time()

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)
