"""A solver that takes far too long does not delay the program's end.

This is measured: `make alone`.
"""

import subprocess
import sys
import time
from pathlib import Path

MOST_TO_END_S = 5.0
ENDS = """
import asyncio, sys, time
import numpy as np
from tests import builders
from mara.core.world import first_world
from mara.optimizers.registry import in_background, optimizer_of
from mara.runtime.live.planner import WaitLimits, Planner

def problem():
    sites = tuple(builders.site(f"s{n}") for n in range(100))
    of = builders.config(builders.fleet(units=[(2000, 0, 1000, 600, 400)] * 100, sites=sites))
    price = 50.0 + 40.0 * np.sin(np.arange(100))
    return builders.problem(of, first_world(of), builders.observation(of, price=price, demand=1e11), 168)

async def main():
    asked = in_background(optimizer_of("lp", deadline_s=300.0))
    planner = Planner(asked.optimizer, asked.horizon, 300.0, cancel=asked.cancel, first_patience_s=0.0)
    await planner.plan_for(problem(), WaitLimits(wait_s=0.03))
    await asyncio.sleep(1.0)
    assert not planner.is_idle, "the solver was too quick for this test"
    planner.close()
    print("closed", flush=True)

asyncio.run(main())
"""


def test_a_program_ends_within_five_seconds_though_a_solve_is_under_way() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", ENDS], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "closed\n"
        closed_s = time.monotonic()
        assert process.wait(60.0) == 0
        assert time.monotonic() - closed_s < MOST_TO_END_S
