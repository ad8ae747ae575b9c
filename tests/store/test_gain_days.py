"""Gains over other policies are stored by UTC day, and add up to those since the start."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.core.day_gains import DayGains
from mara.core.snapshot import ShadowGains
from mara.runtime.tick.engine import simulate
from mara.settings import Settings
from mara.store import maintenance
from mara.store.read.money.gain_days import daily_gains
from mara.store.read.read_model import ReadModel
from tests.store.databases import tamper, url_of

FIRST_TICKS, LATER_TICKS = 20, 33
"""Hours before and after the restart: from 21:00, so that two midnights pass, one in each run."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run of two evenings and the day between, restarted on the way, with its gain over static since the start."""
    path = tmp_path_factory.mktemp("gains") / "mara.db"
    settings = Settings(database_url=url_of(path), optimizer="rules", start="2025-07-01T21:00:00Z", tick_minutes=60)
    gone_on(settings, FIRST_TICKS)
    gains = gone_on(settings, LATER_TICKS)
    return path, gains.optimizer_vs_static_usd - gains.optimizer_vs_static_today_usd


def gone_on(settings: Settings, ticks: int) -> ShadowGains:
    """Open the run, advance it, and close it; returns its gains."""
    store, engine = open_run(settings)
    try:
        simulate(engine, store, ticks)
    finally:
        store.close()
    gains = engine.shadow_gains
    assert gains is not None
    return gains


def stored(path: Path, *bounds: datetime | None) -> tuple[DayGains, ...]:
    reading = ReadModel.open(url_of(path))
    try:
        return daily_gains(reading, *bounds)
    finally:
        reading.close()


def test_each_day_that_is_over_has_one_row_whether_or_not_the_run_was_restarted_in_it(ran: tuple[Path, float]) -> None:
    path, _ = ran
    days = stored(path)
    assert [(day.day.day, day.from_tick, day.ticks_count) for day in days] == [(1, 0, 3), (2, 3, 24), (3, 27, 24)]
    assert all(day.is_over for day in days)


def test_the_days_add_up_to_the_gain_since_the_start(ran: tuple[Path, float]) -> None:
    path, before_today_usd = ran
    total_usd = sum(day.vs_static_micro_usd for day in stored(path)) / 1e6
    assert total_usd == pytest.approx(before_today_usd, abs=1e-6)
    assert total_usd != 0.0


def test_a_range_finds_the_days_that_overlap_it(ran: tuple[Path, float]) -> None:
    path, _ = ran
    noon, midnight = datetime(2025, 7, 2, 12, tzinfo=UTC), datetime(2025, 7, 3, tzinfo=UTC)
    assert [day.day.day for day in stored(path, noon)] == [2, 3]
    assert [day.day.day for day in stored(path, noon, midnight)] == [2]
    assert [day.day.day for day in stored(path, midnight)] == [3]
    assert [day.day.day for day in stored(path, None, noon)] == [1, 2]


def test_a_changed_day_is_found_by_the_seal_of_the_tick_that_wrote_it(ran: tuple[Path, float], tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    path.write_bytes(ran[0].read_bytes())
    assert maintenance.check(url_of(path)).findings == ()
    tamper(path, ["UPDATE daily_gains SET vs_rules_micro_usd = vs_rules_micro_usd + 1 WHERE from_tick = 3"])
    assert any("daily_gains" in found for found in maintenance.check(url_of(path)).findings)
