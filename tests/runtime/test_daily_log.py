"""Log of a run at normal and at high speed, and high speed on a full disk."""

import logging

import pytest

from mara.runtime.live.display import LEAST_PUBLISH_INTERVAL_S
from mara.runtime.live.pace import MAX_SPEED_FACTOR
from mara.runtime.published_state import EngineState
from tests.runtime.made_up import TICK_S, MemoryStore, running, stage, until

TICKS_A_DAY = 288


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "mara.diary"]


async def test_at_a_pace_that_somebody_follows_every_event_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mara.diary"):
        async with running(stage()) as here:
            await here.stored(1)
    snapshot = here.platform.publisher.read().snapshot
    assert snapshot is not None
    events = snapshot.events
    assert [record.message for record in lines(caplog)] == [event.text for event in events]
    assert events


async def test_ahead_of_the_clock_each_day_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mara.diary"):
        async with running(stage(speed_factor=MAX_SPEED_FACTOR)) as here:
            here.platform.step(2 * TICKS_A_DAY)
            await until(lambda: len(here.store.steps) >= 2 * TICKS_A_DAY, within_s=30.0)
            await here.in_state(EngineState.PAUSED)
    days = [vars(record) for record in lines(caplog)]
    assert [day["message"] for day in days] == ["day ended"] * 2
    steps = here.store.steps[:TICKS_A_DAY]
    assert days[0]["ticks_count"] == TICKS_A_DAY
    assert days[0]["profit_usd"] == pytest.approx(sum(step.settlement.profit_micro_usd for step in steps) / 1e6)
    assert sum(sum(day["events"].values()) for day in days) > 0


async def test_what_runs_ahead_of_the_clock_stops_before_the_disk_is_full_and_goes_on_by_itself() -> None:
    here = stage(store=MemoryStore(little_room=True), speed_factor=2 * TICK_S / LEAST_PUBLISH_INTERVAL_S)
    async with running(here):
        await here.in_state(EngineState.DEGRADED)
        assert "free space" in here.reason
        assert here.stored_ticks == []
        here.store.little_room = False
        await here.stored(1)
        assert here.state is EngineState.RUNNING


async def test_at_a_tick_a_second_little_room_stops_nothing() -> None:
    async with running(stage(store=MemoryStore(little_room=True))) as here:
        await here.stored(1)
        assert here.state is EngineState.RUNNING
