"""Reads of a run while it is written: series, replay inputs, and retention."""

from datetime import timedelta
from pathlib import Path

import pytest

from mara.core.step import advance
from mara.core.timegrid import TimeGrid
from mara.core.units import MICRO_USD_PER_USD
from mara.errors import StoreRefused
from mara.store import maintenance
from mara.store.encoding.codec import bytes_of
from mara.store.read import read_model as reading_module
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from mara.store.write.tick_write import digests_of
from tests.store.databases import KINDS, tamper, url_of
from tests.store.runs import START, first_steps, go_on, small_charter, stored_run

HALF_HOURS = 30


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"mara.{request.param}"


def test_a_reader_needs_a_database(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="there is none"):
        ReadModel.open(url_of(tmp_path / "mara.db"))


def test_a_reader_needs_a_run(path: Path) -> None:
    Store.open(url_of(path)).close()
    reading = ReadModel.open(url_of(path))
    with pytest.raises(StoreRefused, match="holds no run"):
        reading.run()
    reading.close()


def test_a_reader_sees_each_tick_as_soon_as_it_is_stored(path: Path) -> None:
    store = stored_run(path, 3)
    reading = ReadModel.open(url_of(path))
    assert reading.next_tick() == 3
    go_on(store, 2)
    assert reading.next_tick() == 5
    reading.close()
    store.close()


def test_a_stored_tick_is_recomputed_bit_for_bit_from_the_database_alone(path: Path) -> None:
    stored_run(path, 120).close()
    reading = ReadModel.open(url_of(path))
    config = reading.run().config
    for asked in (0, 23, 24, 86, 119):
        start, world = reading.world_before(asked)
        assert start <= asked
        for tick in range(start, asked + 1):
            stored = reading.stored_tick(tick)
            assert stored.observation
            step = advance(world, stored.observation, stored.plan_step, config, stored.commands)
            assert digests_of(step) == stored.digests
            world = step.world
    reading.close()


def test_a_world_is_kept_at_the_start_at_each_midnight_and_replayed_from_there(path: Path) -> None:
    config = small_charter(tick_minutes=HALF_HOURS)
    store = stored_run(path, 120, config)
    for step, _, _ in first_steps(config, 120):
        if step.tick in (4, 52):
            at, kept = store.read_model.world_before(step.tick + 3)
            assert at == step.tick
            assert bytes_of(kept) == bytes_of(step.before if not step.commands else kept)
    store.close()


def test_a_tick_that_is_not_there_is_refused(path: Path) -> None:
    store = stored_run(path, 3)
    with pytest.raises(StoreRefused, match="goes up to tick 2"):
        store.read_model.stored_tick(3)
    with pytest.raises(StoreRefused, match="begins after"):
        store.read_model.world_before(-1)
    store.close()


@pytest.mark.parametrize(
    "lost",
    ["prices WHERE tick = 1", "prices WHERE tick = 1 AND site = 1", "plans"],
)
def test_a_tick_that_has_lost_rows_is_refused_in_one_line(path: Path, lost: str) -> None:
    stored_run(path, 3).close()
    tamper(path, [f"DELETE FROM {lost}"])
    reading = ReadModel.open(url_of(path))
    with pytest.raises(StoreRefused, match=r"^rows of ticks 0 to 2 are missing .* run `mara db check`$"):
        tuple(reading.stored_ticks(0, 3))
    reading.close()


def test_a_short_series_is_drawn_by_ticks_and_a_long_one_by_clock_hours(path: Path) -> None:
    config = small_charter(tick_minutes=HALF_HOURS)
    store = stored_run(path, 0, config)
    earned: list[tuple[int, int]] = []
    for step, plan, events in first_steps(config, 121):
        store.append(step, plan, events)
        earned.append((step.settlement.revenue_micro_usd, step.settlement.profit_micro_usd))
    by_tick, by_hour = store.read_model.series(10), store.read_model.series(60)
    store.close()

    assert [point.at for point in by_tick] == [config.grid.at(tick) for tick in range(101, 121)]
    assert by_tick[-1].revenue_usd_per_h == pytest.approx(2 * earned[-1][0] / MICRO_USD_PER_USD)
    assert len(by_hour) == 60
    assert by_hour[-1].at == config.grid.at(118)
    assert by_hour[-1].profit_usd_per_h == pytest.approx((earned[118][1] + earned[119][1]) / MICRO_USD_PER_USD)
    assert by_hour[0].revenue_usd_per_h == pytest.approx((earned[0][0] + earned[1][0]) / MICRO_USD_PER_USD)


def test_a_series_of_many_hours_gathers_several_to_a_point_and_loses_no_money(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_charter(tick_minutes=HALF_HOURS)
    store = stored_run(path, 122, config)
    fine = store.read_model.series(60)
    monkeypatch.setattr(reading_module, "MOST_SERIES_POINTS", 9)
    coarse = store.read_model.series(60)
    assert len(store.read_model.series(24 * 365)) == 9
    store.close()
    assert len(coarse) == 9
    assert coarse[1].at - coarse[0].at == timedelta(hours=7)
    assert [p.profit_usd_per_h for p in coarse[:8]] == pytest.approx(
        [sum(p.profit_usd_per_h for p in fine[i : i + 7]) / 7 for i in range(0, 56, 7)]
    )


def test_a_run_that_begins_within_an_hour_has_a_short_first_hour(path: Path) -> None:
    config = small_charter(start=START.replace(minute=35))
    store = stored_run(path, 20, config)
    found = store.read_model.ask("SELECT hour_epoch_s, ticks_count FROM hourly WHERE site = -1 ORDER BY 1")
    store.close()
    assert [row.ticks_count for row in found] == [5, 12]
    assert found[0].hour_epoch_s == TimeGrid(start=START, tick_minutes=5).epoch_s(0)


def test_the_newest_events_come_first_and_no_more_than_asked_for(path: Path) -> None:
    store = stored_run(path, 31)
    told = store.read_model.events(4)
    store.close()
    assert [event.tick for event in told] == [30, 27, 24, 21]
    assert told[0].text == "=tick, 30"


def test_of_the_routine_only_the_last_hour_is_listed_and_of_the_story_all(path: Path) -> None:
    store = stored_run(path, 61)
    told = store.read_model.events(100)
    store.close()
    assert [event.tick for event in told if event.kind == "tick"] == [60, 54]
    assert [event.tick for event in told if event.kind == "outage"] == list(range(57, 0, -6))


def test_raw_rows_go_after_their_time_and_everything_else_stays(path: Path) -> None:
    config = small_charter(tick_minutes=60)
    store = stored_run(path, 24 * 6, config, raw_days=2)
    reading = store.read_model
    oldest = {
        table: reading.ask(f"SELECT min(tick), count(DISTINCT tick) FROM {table}")[0]
        for table in ("prices", "markets", "allocations", "ledger", "ticks")
    }
    days = [row[0] for row in reading.ask("SELECT tick FROM checkpoints ORDER BY tick")]
    gone, there = store.read_model.stored_tick(20), store.read_model.stored_tick(100)
    assert reading.ask("SELECT count(*) FROM hourly WHERE site = 0")[0][0] == 144
    store.close()

    for table in ("prices", "markets", "allocations"):
        assert oldest[table] == (143 - 48, 49)
    assert oldest["ledger"] == oldest["ticks"] == (0, 144)
    assert days == [
        0,
        26,
        74,
        98,
        122,
    ]  # the run's start, the month's, and the midnights that raw rows are replayed from
    assert gone.observation is None
    assert gone.plan_step is not None
    assert there.observation
    assert maintenance.check(url_of(path), raw_days=2).is_sound
    assert maintenance.check(url_of(path)).findings[0] == "prices, tick 0 site 0, 1, 2: missing"
