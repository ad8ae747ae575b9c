"""The watchdog logs the function that blocks the event loop."""

import asyncio
import logging
import time

import pytest

from mara.runtime.clock import SystemClock
from mara.runtime.observe import watchdog
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.observe.watchdog import Watchdog


async def test_a_blocked_loop_is_told_with_the_stack_that_blocks_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr(watchdog, "BLOCKED_S", 0.05)
    metrics = EngineMetrics()
    dog = Watchdog(metrics, SystemClock())
    with caplog.at_level(logging.ERROR, "mara.watchdog"):
        dog.start()
        await asyncio.sleep(0.05)
        sleep_on_the_loop()
        await asyncio.sleep(0.1)
    dog.stop()
    assert [record.message for record in caplog.records] == ["event loop blocked"]
    assert "sleep_on_the_loop" in vars(caplog.records[0])["stack"]
    lags = {sample.name: sample.value for sample in next(iter(metrics.loop_lags.collect())).samples}
    assert lags["mara_loop_lag_seconds_count"] >= 2
    assert lags["mara_loop_lag_seconds_sum"] >= 0.1


def sleep_on_the_loop() -> None:
    time.sleep(0.3)
