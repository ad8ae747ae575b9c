"""What measures the lateness of ticks finds a loop that is held up."""

import asyncio
import time

from mara.runtime.clock import SystemClock
from tests.runtime.made_up import TICK_S, running, stage, until
from tests.scenarios.punctuality import MOST_LATE_S, Watch

PERIOD_S = 0.1
HELD_UP_S = 0.6
"""Much longer than a process may wait for a core meanwhile, which does not count."""


async def test_a_loop_that_is_held_up_is_found_to_be_late() -> None:
    watch, here = Watch(), stage(clock=SystemClock(), speed_factor=TICK_S / PERIOD_S)
    watch.look_at(here.platform)
    async with running(here):
        await until(lambda: len(watch.started_s) > 3)
        asyncio.get_running_loop().call_later(PERIOD_S / 2, time.sleep, HELD_UP_S)
        await until(lambda: len(watch.started_s) > 8)
    assert watch.lateness_s(PERIOD_S).max() > MOST_LATE_S
