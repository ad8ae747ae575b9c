"""Command `python -m bench.soak`: checks that a long run's memory does not grow.

Usage: `python -m bench.soak [SECONDS]`. A real run makes a tick a second while five viewers come and go. It fails if
memory grows by more than ten megabytes in a thousand seconds, after the first fifth.
"""

import asyncio
import sys
import time
from typing import Final

import aiohttp
import numpy as np

from bench.served import Served, served
from bench.viewers import Viewer, memory_mb

DEFAULT_SECONDS: Final = 1_000.0
VIEWERS_COUNT: Final = 5
STAY_S: Final = 20.0
SAMPLE_S: Final = 5.0
WARM_SHARE: Final = 0.2
MOST_MB_PER_1000_S: Final = 10.0
ONE_TICK_A_SECOND: Final = ("--speed", "300")


def main() -> None:
    """Run the test, print the result, and exit with 1 if memory grew."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else DEFAULT_SECONDS
    with served(*ONE_TICK_A_SECOND) as app:
        samples = asyncio.run(_watched(app, seconds))
    slope = slope_mb_per_1000_s(samples)
    print(
        f"memory {samples[0][1]:.0f} to {samples[-1][1]:.0f} MB in {samples[-1][0]:.0f} s, slope {slope:.1f} MB/1000 s"
    )
    sys.exit(slope > MOST_MB_PER_1000_S)


def slope_mb_per_1000_s(samples: list[tuple[float, float]]) -> float:
    """Slope of the line fitted to memory after the warm-up [MB per 1,000 s]."""
    warm = [sample for sample in samples if sample[0] >= WARM_SHARE * samples[-1][0]]
    times_s, memory = zip(*warm, strict=True)
    return 1_000.0 * float(np.polyfit(times_s, memory, 1)[0])


async def _watched(app: Served, seconds: float) -> list[tuple[float, float]]:
    """Record the server's memory [MB] by time [s], while viewers come and go."""
    begun_s, samples = time.monotonic(), []
    async with aiohttp.ClientSession() as session:
        comers = [asyncio.create_task(_come_and_go(app.address, session, i)) for i in range(VIEWERS_COUNT)]
        while (passed_s := time.monotonic() - begun_s) < seconds:
            samples.append((passed_s, memory_mb(app.pid)))
            print(f"{passed_s:7.0f} s {samples[-1][1]:8.1f} MB", flush=True)
            await asyncio.sleep(SAMPLE_S)
        for comer in comers:
            comer.cancel()
        await asyncio.gather(*comers, return_exceptions=True)
    return samples


async def _come_and_go(address: str, session: aiohttp.ClientSession, place: int) -> None:
    await asyncio.sleep(place * STAY_S / VIEWERS_COUNT)
    while True:
        viewer = Viewer(address, address.removeprefix("http://"))
        await viewer.open(session)
        try:
            await asyncio.sleep(STAY_S)
        finally:
            await viewer.leave()


if __name__ == "__main__":
    main()
