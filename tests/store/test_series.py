"""Time series agree with the ticks, whatever the size of their buckets."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mara.core.plan import Plan
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import Step
from mara.errors import CommandError
from mara.store import maintenance
from mara.store.backends.upgrade import MIGRATIONS, known_revisions
from mara.store.read import series
from mara.store.read.metrics import Metric, MetricPoint
from mara.store.read.read_model import ReadModel
from mara.store.read.series import history, site_series
from mara.store.schema.hourly import EXTREMES
from mara.store.store import Store
from tests.store.databases import KINDS, asked, connected, tamper, url_of
from tests.store.runs import START, first_steps, small_charter, stored_run

PRICE_EXTREMES = ("energy_price_low_usd_per_mwh", "energy_price_high_usd_per_mwh")
CHARTER = small_charter()
TICKS = 60
"""Ticks of five whole hours."""


@pytest.fixture(scope="module")
def taken() -> list[Step]:
    return [step for step, _, _ in first_steps(CHARTER, TICKS)]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = stored_run(tmp_path_factory.mktemp("series") / f"mara.{request.param}", TICKS, CHARTER)
    yield opened
    opened.close()


@pytest.fixture
def reading(store: Store) -> ReadModel:
    return store.read_model


def test_a_few_hours_of_a_site_come_tick_by_tick(reading: ReadModel, taken: list[Step]) -> None:
    points = site_series(reading, "site1", CHARTER.grid.at(TICKS - 24))
    assert [p.at for p in points] == [CHARTER.grid.at(t) for t in range(TICKS - 24, TICKS)]
    for point, step in zip(points, taken[-24:], strict=True):
        running = step.allocation
        assert point.energy_price_usd_per_mwh == step.observation.energy_price_usd_per_mwh[1]
        assert point.energy_price_low_usd_per_mwh == point.energy_price_high_usd_per_mwh
        assert point.air_miner_mw == pytest.approx(running.miners_mw[1, 0], abs=1e-6)
        assert point.contracts_mw == pytest.approx(running.contracts_mw[1].sum(), abs=4e-6)
        assert point.profit_usd_per_h == pytest.approx(step.settlement.lines_micro_usd[1].sum() * 12 / 1e6)
        ran = running.site_mining_it_mw[1] + running.site_merchant_it_mw[1] + running.site_contracts_it_mw[1]
        assert point.pue == (pytest.approx(running.site_power_mw[1] / ran, rel=1e-4) if ran else None)


def test_points_of_hours_say_the_same_as_their_ticks(
    reading: ReadModel, taken: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_ROWS", 12)
    points = site_series(reading, "site2")
    assert [p.at for p in points] == [START + timedelta(hours=h) for h in range(5)]
    hour = taken[12:24]
    prices = [step.observation.energy_price_usd_per_mwh[2] for step in hour]
    assert points[1].energy_price_usd_per_mwh == pytest.approx(np.mean(prices))
    assert (points[1].energy_price_low_usd_per_mwh, points[1].energy_price_high_usd_per_mwh) == (
        min(prices),
        max(prices),
    )
    assert points[1].gpu_mw == pytest.approx(np.mean([s.allocation.merchant_mw[:, 2, 0].sum() for s in hour]), abs=2e-6)
    earned = sum(int(s.settlement.lines_micro_usd[2].sum()) for s in hour)
    assert points[1].profit_usd_per_h == pytest.approx(earned / 1e6)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("site_id", [None, "site0"])
def test_ticks_and_hours_agree_on_every_metric(
    reading: ReadModel, monkeypatch: pytest.MonkeyPatch, metric: Metric, site_id: str | None
) -> None:
    by_ticks = history(reading, metric, site_id, max_points=5)
    monkeypatch.setattr(series, "MOST_ROWS", 0)
    by_hours = history(reading, metric, site_id, max_points=5)
    assert by_ticks.bucket_minutes == by_hours.bucket_minutes == 60
    assert [p.at for p in by_ticks.points] == [p.at for p in by_hours.points]
    assert len(by_ticks.points) == 5
    for fine, coarse in zip(by_ticks.points, by_hours.points, strict=True):
        assert fine.mean == pytest.approx(coarse.mean, rel=1e-6, abs=2e-6)
        assert low_of(coarse) == pytest.approx(low_of(fine), rel=1e-9)
        assert high_of(coarse) == pytest.approx(high_of(fine), rel=1e-9)
        assert low_of(fine) <= fine.mean + 1e-9
        assert fine.mean <= high_of(fine) + 1e-9
    assert any(low_of(point) < high_of(point) for point in by_hours.points)


def low_of(point: MetricPoint) -> float:
    assert point.low is not None
    return point.low


def high_of(point: MetricPoint) -> float:
    assert point.high is not None
    return point.high


def test_a_bucket_keeps_the_extremes_that_its_mean_hides(reading: ReadModel, taken: list[Step]) -> None:
    (one,) = history(reading, "energy_price_usd_per_mwh", "site0", max_points=1).points
    prices = [step.observation.energy_price_usd_per_mwh[0] for step in taken]
    assert (one.low, one.high) == (min(prices), max(prices))
    assert one.mean == pytest.approx(np.mean(prices))


def test_a_fleet_s_power_is_the_sum_of_its_sites(reading: ReadModel) -> None:
    fleet = history(reading, Metric.SITE_POWER, max_points=7).points
    sites = [history(reading, Metric.SITE_POWER, f"site{i}", max_points=7).points for i in range(3)]
    for together, *each in zip(fleet, *sites, strict=True):
        assert together.mean == pytest.approx(sum(p.mean for p in each))


def test_the_fleet_s_renewable_share_is_that_of_its_energy_live_in_a_tick_and_in_an_hour(
    reading: ReadModel, taken: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(optimizer="rules", made_tick=TICKS - 1, steps=())
    live = [snapshot_of(step, plan, (), CHARTER, "a").renewable_share for step in taken[-24:-12]]
    power = [step.allocation.site_power_mw.sum() for step in taken[-24:-12]]
    begin, end = CHARTER.grid.at(TICKS - 24), CHARTER.grid.at(TICKS - 12)
    of_ticks = history(reading, "renewable_share", from_=begin, to=end).points
    assert [point.mean for point in of_ticks] == pytest.approx(live, abs=1e-6)
    plain = float(np.mean([step.observation.renewable_share.mean() for step in taken[-24:-12]]))
    monkeypatch.setattr(series, "MOST_ROWS", 12)
    hour = history(reading, "renewable_share", from_=begin).points[0]
    assert hour.mean == pytest.approx(np.average(live, weights=power), abs=1e-6)
    assert hour.mean != pytest.approx(plain, abs=1e-3)
    assert [hour.low, hour.high] == pytest.approx([min(live), max(live)], abs=1e-6)


def test_a_history_begins_and_ends_where_it_is_asked_to(reading: ReadModel) -> None:
    found = history(reading, "dry_bulb_c", "site0", START + timedelta(minutes=7), START + timedelta(minutes=20))
    assert [p.at for p in found.points] == [START + timedelta(minutes=m) for m in (10, 15)]
    assert history(reading, "dry_bulb_c", "site0", to=START).points == ()
    assert history(reading, "dry_bulb_c", None, START + timedelta(days=400)).points == ()


def test_a_sites_series_begins_and_ends_where_it_is_asked_to(reading: ReadModel) -> None:
    found = site_series(reading, "site0", START + timedelta(minutes=7), START + timedelta(minutes=20))
    assert [p.at for p in found] == [START + timedelta(minutes=m) for m in (10, 15)]
    assert site_series(reading, "site0", to=START) == ()


def test_no_answer_has_more_points_than_it_may(reading: ReadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_POINTS", 7)
    assert len(history(reading, "pue", max_points=1_000_000).points) <= 7
    assert len(site_series(reading, "site0")) <= 7


def test_ticks_past_their_retention_are_drawn_from_hours(tmp_path: Path) -> None:
    store = stored_run(tmp_path / "mara.db", 24 * 12 + 30, CHARTER, raw_days=1)
    old = history(store.read_model, "it_power_mw", "site0", START, START + timedelta(hours=2))
    new = history(store.read_model, "it_power_mw", "site0", START + timedelta(hours=24), START + timedelta(hours=26))
    store.close()
    assert (old.bucket_minutes, new.bucket_minutes) == (60, 5)
    assert len(old.points) == 2


def test_hours_that_do_not_know_their_workloads_are_left_out_of_a_site_s_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stored_run(tmp_path / "mara.db", 36, CHARTER)
    monkeypatch.setattr(series, "MOST_ROWS", 12)
    first = "hour_epoch_s < (SELECT start_epoch_s + 3600 FROM runs)"
    tamper(tmp_path / "mara.db", [f"UPDATE hourly SET contracts_w = NULL, gpu_w = NULL WHERE {first}"])
    assert len(site_series(store.read_model, "site0")) == 2
    assert len(history(store.read_model, "site_power_mw", "site0").points) == 3
    assert [p.at.hour for p in history(store.read_model, "gpu_mw", "site0").points] == [23, 0]
    store.close()


def test_an_hour_whose_extremes_were_not_kept_has_none_and_no_invented_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stored_run(tmp_path / "mara.db", 36, CHARTER)
    monkeypatch.setattr(series, "MOST_ROWS", 0)
    first = "hour_epoch_s < (SELECT start_epoch_s + 3600 FROM runs)"
    gone = ", ".join(f"{name} = NULL" for name in (*EXTREMES, *PRICE_EXTREMES))
    tamper(tmp_path / "mara.db", [f"UPDATE hourly SET {gone} WHERE {first}"])
    for metric in Metric:
        old, *new = history(store.read_model, metric, "site0").points
        assert (old.low, old.high) == (None, None)
        assert all(point.low is not None and point.high is not None for point in new)
        (whole,) = history(store.read_model, metric, "site0", max_points=1).points
        assert (whole.low, whole.high) == (None, None)
    assert site_series(store.read_model, "site0")[0].energy_price_low_usd_per_mwh is None
    store.close()


def test_hours_of_an_older_mara_get_their_extremes_from_the_ticks_that_are_still_there(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    stored_run(path, 24 * 12 + 30, CHARTER, raw_days=1).close()
    query = f"SELECT site, hour_epoch_s, {', '.join(EXTREMES)} FROM hourly ORDER BY 1, 2"
    kept = asked(path, query)
    with connected(path) as connection:
        for name in EXTREMES:
            connection.execute(f"ALTER TABLE hourly DROP COLUMN {name}")
        added = ("position_w", "battery_w", "stored_wh", "exported_w", "award_w", "called_w")
        later = [
            ("prices", "day_ahead_usd_per_mwh"),
            ("markets", "power"),
            ("markets", "import_limit"),
            *(("allocations", name) for name in added),
        ]
        for table, column in later:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for table in ("alert_log", "signal_log", "telemetry", "daily_gains", "meters", "ledger_days"):
            connection.execute(f"DROP TABLE {table}")
        revisions = known_revisions(MIGRATIONS)
        connection.execute(f"UPDATE alembic_version SET version_num = '{revisions[revisions.index('0009') - 1]}'")
    maintenance.upgrade(url_of(path))
    filled = asked(path, query)
    first_h = int(asked(path, "SELECT min(epoch_s) FROM ticks JOIN markets USING (tick)")[0][0]) // 3600 * 3600
    assert [row for row in filled if row[1] > first_h] == [row for row in kept if row[1] > first_h]
    assert all(value is None for row in filled if row[1] < first_h for value in row[2:])
    assert 0 < sum(row[1] < first_h for row in filled) < len(filled)
    with connected(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE hourly SET ticks_count = 1")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda r: history(r, "money"), "no metric 'money': ask for one of energy_price"),
        (lambda r: history(r, "pue", "atlantis"), "no site 'atlantis': ask for one of site0, site1, site2"),
        (lambda r: history(r, "pue", None, datetime(2025, 7, 1)), "with a time zone"),  # noqa: DTZ001
        (lambda r: history(r, "pue", max_points=0), "at least 1"),
        (lambda r: site_series(r, "atlantis"), "no site 'atlantis'"),
    ],
)
def test_a_question_about_nothing_is_refused_in_words(reading: ReadModel, question: object, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        question(reading)  # type: ignore[operator]


def test_moments_are_utc(reading: ReadModel) -> None:
    assert site_series(reading, "site0")[0].at.tzinfo == UTC
