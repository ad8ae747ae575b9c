"""The watchdog logs the function that blocks the event loop."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from mara.runtime.clock import SystemClock
from mara.runtime.observe import watchdog
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.observe.watchdog import Watchdog
from tests.runtime.made_up import PATIENCE_S, until

BLOCKED_S = 0.2


class Told(logging.Handler):
    """Handler that keeps what is logged, and says when the first came."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.came = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.came.set()


@pytest.fixture
def told() -> Iterator[Told]:
    handler, log = Told(), logging.getLogger("mara.watchdog")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


async def test_a_blocked_loop_is_told_with_the_stack_that_blocks_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr(watchdog, "BLOCKED_S", BLOCKED_S)
    metrics = EngineMetrics()

    def lags() -> dict[str, float]:
        return {sample.name: sample.value for sample in next(iter(metrics.loop_lags.collect())).samples}

    dog = Watchdog(metrics, SystemClock())
    dog.start()
    await until(lambda: lags()["mara_loop_lag_seconds_count"] >= 1)
    assert told.records == []
    wait_on_the_loop(told)
    await until(lambda: lags()["mara_loop_lag_seconds_sum"] >= 2 * BLOCKED_S)
    dog.stop()
    assert [record.getMessage() for record in told.records] == ["event loop blocked"]
    assert "wait_on_the_loop" in vars(told.records[0])["stack"]


def wait_on_the_loop(told: Told) -> None:
    """Block the loop until that is told, and for a while longer, which is not told again."""
    assert told.came.wait(PATIENCE_S)
    time.sleep(2.5 * BLOCKED_S)
