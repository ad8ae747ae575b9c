"""A solver that takes far too long delays no tick.

Ticks start on time on the plan in force, which says how old it is. These tests measure punctuality: `make alone`.
"""

from threading import Event

import numpy as np
import pytest

from mara.runtime.clock import SystemClock
from tests.runtime.made_up import TICK_S, Stubborn, running, stage, until
from tests.runtime.sluggish import Sluggish

pytestmark = pytest.mark.usefixtures("solved_anew")

PERIOD_S = 0.1
TICKS = 20
MOST_LATE_S = 0.05


async def test_with_a_solver_of_twenty_seconds_ticks_start_on_time_and_the_snapshot_says_how_old_the_plan_is() -> None:
    slow = Sluggish(Event())
    here = stage(optimizer=slow, clock=SystemClock(), speed_factor=TICK_S / PERIOD_S)
    async with running(here):
        await until(lambda: len(here.store.steps) >= TICKS, within_s=TICKS * PERIOD_S * 4)
        begun_s = [here.feed.seen_at_s[tick] for tick in range(TICKS)]
        lateness_s = np.diff(begun_s) - PERIOD_S
        assert np.quantile(lateness_s, 0.95) < MOST_LATE_S, np.sort(lateness_s)[-5:]
        await until(lambda: here.shown.tick >= TICKS - 1)
        shown = here.shown.plan
        slow.let_go.set()
    assert slow.asked == 2
    assert (shown.optimizer, shown.status) == ("lp", "optimal")
    assert shown.age_ticks == here.shown.tick - shown.made_tick >= 12
    assert shown.solve_wall_s is not None
    assert shown.solve_wall_s > 0.0


async def test_a_blocked_optimizer_makes_no_tick_late_and_the_plan_says_what_it_is() -> None:
    slow, period_s, ticks = Stubborn(), 0.05, 16
    here = stage(optimizer=slow, clock=SystemClock(), speed_factor=TICK_S / period_s)
    async with running(here):
        await here.stored(ticks)
        begun_s = [here.feed.seen_at_s[tick] for tick in range(ticks)]
        lateness_s = sorted(at - begun_s[0] - n * period_s for n, at in enumerate(begun_s))
        assert lateness_s[-3] < 0.05, lateness_s
        assert here.shown.plan.status == "fallback"
        assert here.shown.plan.optimizer == "rules"
        assert "stubborn is still at its first plan" in here.shown.plan.note
    slow.gate.set()
