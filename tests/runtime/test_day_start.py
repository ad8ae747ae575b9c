"""Today's profit counts from the day's first tick, also after a restart."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.core.timegrid import TimeGrid
from mara.runtime.replay_check import last_result
from mara.runtime.tick.engine import simulate
from mara.settings import Settings


@pytest.mark.parametrize(("tick", "first"), [(0, 0), (8, 0), (9, 9), (10, 9), (9 + 287, 9), (9 + 288, 9 + 288)])
def test_a_day_begins_at_midnight_or_with_the_run(tick: int, first: int) -> None:
    grid = TimeGrid(start=datetime(2025, 7, 1, 23, 15, tzinfo=UTC), tick_minutes=5)
    assert grid.first_tick_of_day(tick) == first


@pytest.mark.parametrize("ticks", [5, 9, 10, 14])
def test_a_run_that_is_begun_again_counts_on(tmp_path: Path, ticks: int) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'm.db'}", optimizer="rules", start="2025-07-01T23:15:00Z")
    store, engine = open_run(settings)
    simulate(engine, store, ticks)
    store.close()
    store, again = open_run(settings)
    assert again.day_start == engine.day_start is not None
    last = last_result(store, again)
    assert last is not None
    shown = again.shown(last, (), "")
    assert shown.profit_today_usd is not None
    assert (shown.profit_today_usd == shown.profit_total_usd) == (ticks <= 9)
    store.close()
