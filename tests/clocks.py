"""Clocks that tests move by hand."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class HandClock:
    """A clock that stands still until a test moves it."""

    passed_s: float = 0.0
    begun: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def monotonic_s(self) -> float:
        return self.passed_s

    def cpu_s(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return self.begun + timedelta(seconds=self.passed_s)

    async def wait(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)
