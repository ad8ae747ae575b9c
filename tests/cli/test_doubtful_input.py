"""Warnings about doubtful input, and runs without contracts or a writable folder."""

import os
from pathlib import Path

import pytest

from tests.cli.console import ran, small_history

FLEET = (Path(__file__).parents[2] / "mara/data/fleets/global_ten.toml").read_text(encoding="utf-8")
CONTRACTS = "contract_id,tier,power_mw,starts_at_utc,hours\n"
INSIDE, BEFORE, AFTER = (f"{name},premium,1.0,{day}T00:00:00Z,6\n" for name, day in
                         (("now", "2023-01-01"), ("old", "2022-12-01"), ("later", "2023-02-01")))  # fmt: skip
MINERS_ALONE = """[fleet]
name = "miners"
[[site]]
id = "north"
name = "North"
country = "Norway"
lat = 59.9
lon = 10.75
timezone = "Europe/Oslo"
price_zone = "NO1 day-ahead"
cooling = "air"
grid_limit_mw = 20.0
[site.inventory]
air_miner = 1_000
[[site]]
id = "south"
name = "South"
country = "Chile"
lat = -33.4
lon = -70.6
timezone = "America/Santiago"
price_zone = "real-time"
cooling = "air"
grid_limit_mw = 20.0
[site.inventory]
air_miner = 1_000
"""


@pytest.mark.parametrize("optimizer", ["static", "static-breakeven", "rules", "lp"])
def test_a_fleet_without_racks_mines(history: Path, here: Path, optimizer: str) -> None:
    (here / "miners.toml").write_text(MINERS_ALONE, encoding="utf-8")
    words = ("backtest", "--history", history, "--fleet", "miners.toml", "--optimizer", optimizer, "--bound", "--json")
    report = ran(*words).report
    assert report["revenue_usd"]["mining"] > 0.0
    assert report["revenue_usd"]["contracts"] == report["revenue_usd"]["inference"] == 0.0
    assert report["lp_profit_usd"] <= report["bound_usd"] * (1 + 1e-9)


@pytest.mark.parametrize("optimizer", ["static", "rules", "lp"])
def test_without_contracts_there_is_nothing_promised(history: Path, optimizer: str) -> None:
    report = ran("backtest", "--history", history, "--load-share", 0, "--optimizer", optimizer, "--json").report
    assert [tier["promised_mwh"] for tier in report["sla"].values()] == [0.0] * 4
    assert report["revenue_usd"]["inference"] > 0.0


def test_contracts_outside_the_period_are_counted_and_named(history: Path, here: Path) -> None:
    (here / "some.csv").write_text(CONTRACTS + INSIDE + BEFORE + AFTER, encoding="utf-8")
    words = ("backtest", "--history", history, "--contracts", "some.csv", "--optimizer", "rules")
    outcome = ran(*words, "--json")
    (note,) = outcome.report["notes"]
    assert "2 of 3 contracts of some.csv lie outside the period, 2023-01-01T00:00Z up to 2023-01-03T00:00Z" in note
    assert note.endswith("old, later")
    assert note in outcome.err
    assert note in ran(*words).err


def test_contracts_that_all_lie_outside_the_period_are_refused(history: Path, here: Path) -> None:
    (here / "none.csv").write_text(CONTRACTS + AFTER, encoding="utf-8")
    outcome = ran("backtest", "--history", history, "--contracts", "none.csv")
    assert outcome.exit_code == 3
    assert "all 1 lie outside it" in outcome.complaint
    assert "Traceback" not in outcome.err


def test_a_simulation_over_a_history_says_so_too(history: Path, here: Path) -> None:
    (history / "contracts.csv").write_text(CONTRACTS + INSIDE + BEFORE, encoding="utf-8")
    outcome = ran("simulate", "--ticks", 2, "--history", history, "--no-store", "--json", tick_minutes="60")
    assert any("1 of 2 contracts" in note for note in outcome.report["notes"])


def test_a_market_that_is_not_understood_is_told_where_it_matters(history: Path) -> None:
    words = ("backtest", "--history", history, "--optimizer", "rules", "--json")
    sites = (history / "sites.csv").read_text(encoding="utf-8")
    (history / "sites.csv").write_text(sites.replace("day-ahead", "Tomorrow"), encoding="utf-8")
    assert any("Tomorrow" in note for note in ran(*words, "--forecast", "day-ahead").report["notes"])
    assert ran(*words).report["notes"] == []


def test_prices_that_look_like_another_unit_are_taken_from_who_means_them(history: Path) -> None:
    file = history / "history.csv"
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    cells = [row.split(",") for row in rows]
    small = [",".join([*row[:2], str(float(row[2]) / 1e6), *row[3:]]) for row in cells]
    file.write_text("\n".join([head, *small, ""]), encoding="utf-8")
    refused = ran("backtest", "--history", history, "--optimizer", "rules")
    assert refused.exit_code == 3
    assert "looks like USD/kWh" in refused.complaint
    assert ran("backtest", "--history", history, "--optimizer", "rules", trust_units="true").exit_code == 0


def test_a_report_that_cannot_be_written_loses_no_result(
    history: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "old.html").write_text("the old page", encoding="utf-8")
    write_text = Path.write_text

    def full(self: Path, text: str, *args: str, **options: str) -> int:
        write_text(self, text[:10], *args, **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    outcome = ran("backtest", "--history", history, "--optimizer", "rules", "--report", "old.html")
    assert outcome.exit_code == 2
    assert "the report cannot be written to old.html (No space left on device)" in outcome.err
    assert "profit_usd" in outcome.out
    assert (here / "old.html").read_text(encoding="utf-8") == "the old page"
    assert {file.name for file in here.iterdir()} <= {"old.html", "app.log"}


def test_names_that_are_not_utf_8_pass_through(here: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    small_history(folder)
    report = ran("backtest", "--history", folder, "--optimizer", "rules", "--json", "--report", "x.html").report
    assert report["history"] == str(folder)
    assert "caf\\udce9" in (here / "x.html").read_text(encoding="utf-8")
