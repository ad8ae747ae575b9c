"""Pace of ticks by the monotonic clock: paused, stepped, faster, never in a burst."""

import asyncio
import math
from datetime import timedelta

import pytest

from mara.core.commands import Outage
from mara.errors import CommandError
from mara.runtime.live import pace
from mara.runtime.published_state import EngineState
from mara.runtime.tick import order_book
from tests.runtime.made_up import TICK_S, ManualClock, MemoryStore, Stage, quiet, running, stage, until

OUTAGE = Outage(site_id="west", duration_ticks=1)


async def begun(here: Stage) -> None:
    await here.stored(1)
    await quiet()
    assert here.stored_ticks == [0]


def jump(here: Stage, by: timedelta) -> None:
    assert isinstance(here.clock, ManualClock)
    here.clock.wall += by


async def test_a_tick_comes_when_its_time_has_passed_and_not_before() -> None:
    async with running(stage()) as here:
        await begun(here)
        await here.pass_time(TICK_S - 1)
        assert here.stored_ticks == [0]
        await here.pass_time(2)
        assert here.stored_ticks == [0, 1]


async def test_a_wall_clock_that_jumps_an_hour_runs_no_extra_tick() -> None:
    async with running(stage()) as here:
        await begun(here)
        jump(here, timedelta(hours=1))
        await here.pass_time(0)
        jump(here, timedelta(hours=-2))
        await here.pass_time(0)
        assert here.stored_ticks == [0]


async def test_after_a_long_stall_one_tick_is_caught_up_and_the_others_are_let_go() -> None:
    async with running(stage()) as here:
        await begun(here)
        await here.pass_time(1_000 * TICK_S)
        assert here.stored_ticks == [0, 1, 2]
        await here.pass_time(TICK_S + 1)
        assert here.stored_ticks == [0, 1, 2, 3]


async def test_a_short_delay_is_made_up_for() -> None:
    async with running(stage()) as here:
        await begun(here)
        await here.pass_time(1.5 * TICK_S)
        assert here.stored_ticks == [0, 1]
        await here.pass_time(0.5 * TICK_S)
        assert here.stored_ticks == [0, 1, 2]


async def test_a_paused_engine_does_not_tick() -> None:
    async with running(stage()) as here:
        await begun(here)
        here.platform.pause()
        await here.in_state(EngineState.PAUSED)
        await here.pass_time(10 * TICK_S)
        assert here.stored_ticks == [0]
        here.platform.resume()
        await here.stored(2)
        assert here.state is EngineState.RUNNING
        await quiet()
        assert here.stored_ticks == [0, 1]


async def test_time_that_passed_in_a_pause_is_not_caught_up() -> None:
    async with running(stage()) as here:
        await begun(here)
        here.platform.pause()
        await here.in_state(EngineState.PAUSED)
        await here.pass_time(10 * TICK_S)
        here.platform.resume()
        await here.stored(2)
        await here.pass_time(TICK_S - 1)
        assert here.stored_ticks == [0, 1]


async def test_a_step_runs_so_many_ticks_at_once_and_stays_paused() -> None:
    async with running(stage()) as here:
        await begun(here)
        here.platform.step(5)
        await here.stored(6)
        await here.in_state(EngineState.PAUSED)
        await here.pass_time(10 * TICK_S)
        assert here.stored_ticks == [0, 1, 2, 3, 4, 5]
        assert here.shown.tick == 5


async def test_a_pause_ends_a_long_step() -> None:
    store = MemoryStore()
    async with running(stage(store=store)) as here:
        await begun(here)
        here.platform.step(pace.MAX_STEPS)
        await until(lambda: len(store.steps) > 3)
        here.platform.pause()
        await here.in_state(EngineState.PAUSED)
        ticks = len(store.steps)
        await quiet()
        assert ticks == len(store.steps) < pace.MAX_STEPS


async def test_a_resume_ends_a_long_step_and_time_passes_at_its_pace() -> None:
    store = MemoryStore()
    async with running(stage(store=store)) as here:
        await begun(here)
        here.platform.step(pace.MAX_STEPS)
        await until(lambda: len(store.steps) > 3)
        here.platform.resume()
        await quiet()
        ticks = len(store.steps)
        await here.pass_time(0)
        assert ticks == len(store.steps) < pace.MAX_STEPS


async def test_a_higher_speed_takes_effect_at_once() -> None:
    async with running(stage()) as here:
        await begun(here)
        await here.pass_time(2.0)
        here.platform.set_speed(TICK_S)
        await here.stored(2)
        assert here.platform.publisher.read().speed_factor == TICK_S


async def test_the_last_tick_before_a_pause_is_shown_though_ticks_come_fast() -> None:
    async with running(stage()) as here:
        await begun(here)
        for _ in range(3):
            here.platform.resume()
            await here.pass_time(TICK_S)
        here.platform.pause()
        await here.in_state(EngineState.PAUSED)
        assert here.shown.tick == here.stored_ticks[-1]


async def test_a_long_step_is_drawn_as_seldom_as_any_fast_stretch() -> None:
    async with running(stage()) as here:
        await begun(here)
        version = here.platform.publisher.read().version
        here.platform.step(50)
        await here.stored(51)
        await here.in_state(EngineState.PAUSED)
        assert here.shown.tick == 50
        assert here.platform.publisher.read().version - version < 10


async def test_a_step_tries_a_halted_engine_again() -> None:
    here = stage(store=MemoryStore(refusals=[OSError("gone")] * 6))
    async with running(here):
        await here.in_state(EngineState.HALTED)
        here.platform.step(1)
        await here.stored(1)
        await here.in_state(EngineState.PAUSED)
        assert here.stored_ticks == [0]


@pytest.mark.parametrize("ticks", [0, -1, pace.MAX_STEPS + 1])
async def test_a_step_out_of_bounds_is_refused(ticks: int) -> None:
    async with running(stage()) as here:
        await begun(here)
        with pytest.raises(CommandError, match=str(ticks)):
            here.platform.step(ticks)
        await quiet()
        assert here.stored_ticks == [0]
        assert here.state is EngineState.RUNNING


@pytest.mark.parametrize("speed_factor", [0.0, -1.0, math.nan, math.inf, 2 * pace.MAX_SPEED_FACTOR])
async def test_a_speed_out_of_bounds_is_refused(speed_factor: float) -> None:
    async with running(stage()) as here:
        await begun(here)
        with pytest.raises(CommandError, match="speed"):
            here.platform.set_speed(speed_factor)
        assert here.platform.publisher.read().speed_factor == 1.0


async def test_more_orders_than_a_tick_may_hold_are_refused() -> None:
    async with running(stage()) as here:
        await begun(here)
        await here.platform.order(*[OUTAGE] * order_book.MAX_WAITING)
        with pytest.raises(CommandError, match="waiting"):
            await here.platform.order(OUTAGE)
        here.platform.step(1)
        await here.stored(2)
        await here.platform.order(OUTAGE)


@pytest.mark.parametrize("turns", range(4))
async def test_a_wait_that_is_cancelled_as_somebody_steers_is_not_gone_on_with(turns: int) -> None:
    speed = pace.Pace(1.0)
    waiting = asyncio.create_task(speed.until_changed(10.0))
    await asyncio.sleep(0.01)
    speed.set_speed(2.0)
    for _ in range(turns):
        await asyncio.sleep(0)
    was_cancelled = waiting.cancel()  # refused where it is over already
    await asyncio.wait([waiting])
    assert waiting.cancelled() == was_cancelled
