"""A process that writes to devices of every kind as fast as it can, takes telemetry, and waits to be killed."""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, cycle
from multiprocessing.connection import Connection
from operator import is_not
from pathlib import Path

import httpx  # noqa: F401  imported once, before processes are forked

from mara.core.metering import Reading
from mara.runtime.clock import SystemClock
from tests.runtime.desks import Desks, desks_in
from tests.signals.gpus import reach_gpus
from tests.signals.rigs import SITE

LIMITS_MW = (1.0, 0.0, 1_000.0, 0.7, None, 0.5)
"""Limits in turn: within what devices take, beyond it, nothing, and none."""
ARMED = "armed"
LIBRARY = "library"
"""Folder of the stand-in for pyasic-rs."""


def acted(folder: Path, gpus: Path | None, parent: Connection) -> None:
    """Act until somebody kills this process; tell the parent each reading that was acknowledged.

    Args:
        gpus: state of imitated GPUs, if there are any.
    """
    reach_library(folder)
    if gpus is not None:
        reach_gpus(gpus)
    asyncio.run(_acted(folder, parent))


def reach_library(folder: Path) -> None:
    """Have this process and its watchdog find the stand-in for pyasic-rs first."""
    library, root = str(folder / LIBRARY), str(Path(__file__).parents[2])
    sys.path.insert(0, library)
    os.environ["PYTHONPATH"] = os.pathsep.join((library, root))


def publish(desks: Desks, tick: int, limit_mw: float | None) -> None:
    """Show a tick whose document leaves so much to every site, and to each group of its machines."""
    sites = tuple(
        replace(
            site,
            site_limit_mw=limit_mw,
            groups=tuple(replace(group, power_mw=limit_mw or 0.0) for group in site.groups),
        )
        for site in desks.document.sites
    )
    document = replace(desks.document, tick=tick, sites=sites)
    desks.publisher.publish(replace(desks.snapshot, tick=tick), dispatch=document)


async def _acted(folder: Path, parent: Connection) -> None:
    clock = SystemClock()
    async with desks_in(folder, clock) as desks:
        ticks, limits = count(), cycle(LIMITS_MW)
        publish(desks, next(ticks), next(limits))
        for site in desks.document.sites:
            await desks.signals.set_mode(site.site_id, "act", "a test")
        parent.send(ARMED)
        await asyncio.gather(_written(desks, ticks, limits), _metered(desks, clock, parent))


async def _written(desks: Desks, ticks: Iterator[int], limits: Iterator[float | None]) -> None:
    while True:
        told = desks.publisher.read().executors
        publish(desks, next(ticks), next(limits))
        await desks.until(lambda told=told: all(map(is_not, told, desks.publisher.read().executors)))  # type: ignore[misc]


async def _metered(desks: Desks, clock: SystemClock, parent: Connection) -> None:
    at: datetime = clock.now() - timedelta(hours=1)
    for number in count():
        at = max(clock.now() - timedelta(hours=1), at + timedelta(milliseconds=1))
        reading = Reading(site_id=SITE, at=at, power_mw=1.0 + number % 7 / 10)
        await desks.signals.receive([reading])
        parent.send((at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) // timedelta(milliseconds=1))
