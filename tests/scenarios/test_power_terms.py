"""A fleet with all power terms over days: planned, settled, stored, and replayed.

It is also resumed and checked by `mara db check`.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.assembly.worlds import outside_of
from mara.core.finance import Line
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest
from mara.runtime.replay_check import replayed
from mara.runtime.run_totals import RunTotals
from mara.runtime.tick.engine import simulate
from mara.settings import Settings
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from tests.store.databases import KINDS, asked, tamper, url_of

FLEET = """
[fleet]
name = "instruments"
[[site]]
id = "tx"
name = "Texas"
country = "US"
lat = 32
lon = -97
timezone = "America/Chicago"
price_zone = "ERCOT real-time"
cooling = "air"
grid_limit_mw = 60.0
export_limit_mw = 5.0
[site.inventory]
air_miner = 9_000
gpu = 1_000
[[site.supply]]
kind = "block"
power_mw = 5
price_usd_per_mwh = 30
shape = "5x16"
[[site.charge]]
kind = "adder"
usd_per_mwh = 4
[[site.charge]]
kind = "demand"
usd_per_mw_month = 6_000
[[site.charge]]
kind = "coincident_peak"
usd_per_mw_year = 60_000
months = [6, 7, 8, 9]
[site.battery]
power_mw = 10
energy_mwh = 20
wear_usd_per_mwh = 5
[[site]]
id = "no"
name = "Oslo"
country = "Norway"
lat = 60
lon = 10
timezone = "Europe/Oslo"
price_zone = "NO1 day-ahead"
cooling = "air"
grid_limit_mw = 30.0
[site.inventory]
air_miner = 4_000
"""
PRODUCTS = """
[[product]]
id = "drill"
kind = "emergency"
price = 5.0
response_s = 600
duration_minutes = 120
expected_deployment_share = 0.3
deployment_price_usd_per_mwh = 100.0
penalty_share = 1.0
"""


def settings_of(folder: Path, **others: object) -> Settings:
    (folder / "fleet.toml").write_text(FLEET, encoding="utf-8")
    (folder / "products.toml").write_text(PRODUCTS, encoding="utf-8")
    start = datetime(2025, 7, 10, 12, tzinfo=UTC)
    given = {"fleet": str(folder / "fleet.toml"), "start": start, "tick_minutes": 60, "optimizer": "rules"} | others
    return Settings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_all_terms_stops_goes_on_and_comes_out_the_same_again(tmp_path: Path, kind: str) -> None:
    path, straight = tmp_path / f"mara.{kind}", tmp_path / f"straight.{kind}"
    run_id = ""
    for ticks in (9, 9):
        store, engine = open_run(settings_of(tmp_path, database_url=url_of(path)))
        simulate(engine, store, ticks)
        run_id = store.run.run_id if store.run is not None else ""
        store.close()
    store, engine = open_run(settings_of(tmp_path, database_url=url_of(straight)))
    simulate(engine, store, 18)
    wanted = store.read_model.stored_tick(17).tick_hash
    store.close()
    assert maintenance.check(url_of(path)).findings == ()
    reading = ReadModel.open(url_of(path))
    assert reading.stored_tick(17).tick_hash == wanted
    assert [replayed(reading, run_id, tick).differs for tick in (0, 4, 8, 9, 17)] == [()] * 5
    reading.close()
    texts = [text for (text,) in asked(path, "SELECT text FROM events WHERE kind = 'called'")]
    assert any(text.startswith("drill called ") for text in texts)


def test_plans_under_a_demand_charge_that_stop_in_mid_month_go_on_as_if_they_had_not(tmp_path: Path) -> None:
    """The month's peak so far is stored, so that no peak is paid twice."""
    hashes = []
    for name, parts in (("stopped", (5, 5)), ("straight", (10,))):
        url = url_of(tmp_path / f"{name}.db")
        for ticks in parts:
            store, engine = open_run(settings_of(tmp_path, database_url=url, optimizer="lp"))
            simulate(engine, store, ticks)
            hashes.append(store.read_model.stored_tick(engine.world.tick - 1).tick_hash)
            store.close()
    assert hashes[-1] == hashes[1]


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE allocations SET stored_wh = stored_wh + 1 WHERE tick = 3", "allocations, tick 3"),
        ("UPDATE markets SET power = NULL WHERE tick = 3", "markets, tick 3"),
        (
            "UPDATE ledger SET supply_micro_usd = supply_micro_usd - 5, cfd_micro_usd = 5 WHERE tick = 3",
            "ledger",
        ),
    ],
)
def test_the_check_finds_what_was_changed_of_the_terms(tmp_path: Path, statement: str, finding: str) -> None:
    path = tmp_path / "mara.db"
    store, engine = open_run(settings_of(tmp_path, database_url=url_of(path)))
    simulate(engine, store, 5)
    store.close()
    tamper(path, [statement])
    assert any(said.startswith(finding) for said in maintenance.check(url_of(path)).findings)


def totals_of(settings: Settings, optimizer: str, ticks: int) -> RunTotals:
    outside = outside_of(settings)
    totals, _ = backtest(
        outside.config,
        outside.feed,
        optimizer_of(optimizer),
        outside.world,
        ticks,
        horizon_hours=settings.horizon_hours,
    )
    return totals


def test_the_program_earns_more_with_the_terms_than_rules_do_and_the_bill_adds_up(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    by_rules, by_lp = (totals_of(settings, name, 48) for name in ("rules", "lp"))
    assert by_lp.lines_micro_usd.sum() > by_rules.lines_micro_usd.sum()
    figures = by_lp.power_figures()
    report = by_lp.report()
    ordinary = sum(report["revenue_usd"].values()) - sum(report["cost_usd"].values())  # type: ignore[arg-type]
    terms = sum(figures.values()) - figures["energy_usd"]  # type: ignore[arg-type]
    assert ordinary + terms == pytest.approx(report["profit_usd"])
    assert by_lp.lines_micro_usd[Line.RESERVE_REVENUE] > 0
    assert by_lp.lines_micro_usd[Line.DEPLOYMENT_REVENUE] > 0
    assert by_lp.lines_micro_usd[Line.RESERVE_PENALTY] == 0, "what is sold is there when it is called"


def test_a_backtest_counts_the_peaks_of_each_month_and_the_hours_curtailed_for_them(tmp_path: Path) -> None:
    """July is over and August has begun with the run's last days: each has a peak so far."""
    settings = settings_of(tmp_path, start=datetime(2025, 7, 28, 12, tzinfo=UTC))
    totals = totals_of(settings, "rules", 120)
    assert totals.peaks is not None
    texas = totals.peaks.report(outside_of(settings).config.fleet)["tx"]
    assert list(texas["months"]) == ["2025-07", "2025-08"]
    assert texas["peaks_count"] == sum(month["peaks_count"] for month in texas["months"].values()) == 2
    assert texas["curtailed_h"] == sum(month["curtailed_h"] for month in texas["months"].values()) > 0.0


def test_a_fleet_without_coincident_peaks_counts_none(tmp_path: Path) -> None:
    assert totals_of(Settings(fleet="global_ten", start=datetime(2025, 7, 10, tzinfo=UTC)), "rules", 1).peaks is None
