"""Viewers that come and go get all updates and leave no memory in use."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from bench.soak import slope_mb_per_1000_s
from bench.viewers import memory_mb, viewers
from tests.browser.conftest import END_TIMEOUT_S
from tests.forked_program import forked
from tests.servers import ROOT, environment, free_port

ROUNDS = 3
COUNT = 6
STAY_S = 0.5
TICK_S = 0.02
FORGOTTEN_S = 1.0
MOST_GROWTH_MB = 6.0  # of which four are what an allocator keeps


@pytest.fixture
def app() -> Iterator[tuple[str, int]]:
    """A server with fifty ticks a second, which forgets a closed page after a fifth of a second.

    Snapshots are made up.
    """
    port = free_port()
    words = ["tests.browser.fake_app", "10", str(TICK_S), str(port)]
    with forked(words, ROOT, environment()) as app:
        try:
            assert "Mara is on" in app.stdout.readline()
            yield f"http://127.0.0.1:{port}", app.pid
        finally:
            app.terminate()
            app.wait(END_TIMEOUT_S)


async def come_and_go(address: str, rounds: int) -> list[int]:
    """Count the updates that each viewer got."""
    counts: list[int] = []
    for _ in range(rounds):
        async with viewers(address, COUNT) as looking:
            await asyncio.sleep(STAY_S)
            counts += [len(viewer.pictures) for viewer in looking]
    return counts


@pytest.mark.slow
def test_memory_stays_flat_while_those_who_look_come_and_go(app: tuple[str, int]) -> None:
    address, pid = app
    asyncio.run(come_and_go(address, 2 * ROUNDS))  # caches fill, the allocator takes what it needs
    time.sleep(FORGOTTEN_S)
    before = memory_mb(pid)
    counts = asyncio.run(come_and_go(address, ROUNDS))
    assert min(counts) > 1
    time.sleep(FORGOTTEN_S)
    assert memory_mb(pid) - before < MOST_GROWTH_MB


def test_a_slope_is_taken_after_the_warm_up() -> None:
    samples = [(float(s), 100.0 + (50.0 if s >= 20 else s) + s * 0.002) for s in range(0, 101, 5)]
    assert slope_mb_per_1000_s(samples) == pytest.approx(2.0)
