"""A process that writes to devices as fast as it can, takes telemetry, and waits to be killed."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, cycle
from multiprocessing.connection import Connection
from pathlib import Path

import httpx  # noqa: F401  imported once, before processes are forked

from mara.core.metering import Reading
from mara.runtime.clock import SystemClock
from tests.runtime.desks import Desks, desks_in
from tests.signals.rigs import SITE

LIMITS_MW = (1.0, 0.0, 1_000.0, 0.7, None, 0.5)
"""Limits in turn: within what devices take, beyond it, nothing, and none."""
ARMED = "armed"


def acted(folder: Path, parent: Connection) -> None:
    """Act until somebody kills this process; tell the parent each reading that was acknowledged."""
    asyncio.run(_acted(folder, parent))


async def _acted(folder: Path, parent: Connection) -> None:
    clock = SystemClock()
    async with desks_in(folder, clock) as desks:
        ticks, limits = count(), cycle(LIMITS_MW)
        desks.publish(next(ticks), next(limits))
        await desks.arm()
        parent.send(ARMED)
        await asyncio.gather(_written(desks, ticks, limits), _metered(desks, clock, parent))


async def _written(desks: Desks, ticks: Iterator[int], limits: Iterator[float | None]) -> None:
    while True:
        told = desks.status()
        desks.publish(next(ticks), next(limits))
        await desks.until(lambda told=told: desks.status() is not told)  # type: ignore[misc]


async def _metered(desks: Desks, clock: SystemClock, parent: Connection) -> None:
    at: datetime = clock.now() - timedelta(hours=1)
    for number in count():
        at = max(clock.now() - timedelta(hours=1), at + timedelta(milliseconds=1))
        reading = Reading(site_id=SITE, at=at, power_mw=1.0 + number % 7 / 10)
        await desks.signals.receive([reading])
        parent.send((at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) // timedelta(milliseconds=1))
