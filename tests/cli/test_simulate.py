"""`mara simulate`: goes on from where the database stands, the same for the same seed, and says what it earned."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import mara
from tests.cli.console import everything_in, ran, small_history
from tests.cli.reports import SIMULATION, faults_of, imbalance_usd, same_run

TICKS = 60


def simulated(ticks: int = TICKS, *more: object, **env: str) -> dict[str, Any]:
    return ran("simulate", "--ticks", ticks, "--json", *more, **env).report


def everything_stored(here: Path, database: str = "mara.db") -> list[str]:
    """Every table as text, and the hash of the newest tick, which covers the rest."""
    found = []
    for table in ("prices", "steps", "ledger", "commitments", "optimizations"):
        out = here / "exported.csv"
        assert ran("export", table, "--out", out, database_url=f"sqlite:///{database}").exit_code == 0
        found.append(out.read_text(encoding="utf-8"))
    with closing(sqlite3.connect(here / database)) as connection:
        found += connection.execute("SELECT hex(tick_hash) FROM engine_state").fetchone()
    return found


def test_a_simulation_reports_every_promised_field(here: Path) -> None:
    report = simulated()
    assert list(faults_of(report, SIMULATION)) == []
    assert report["ticks"] == TICKS
    assert report["sites"] == 10
    assert report["seed"] == 7
    assert report["optimizer"] in {"rules", "lp"}


def test_profit_is_revenue_less_cost_to_the_micro_dollar() -> None:
    assert imbalance_usd(simulated(300, "--no-store")) == pytest.approx(0.0, abs=1e-6)


def test_same_seed_same_run_and_another_seed_another_run() -> None:
    assert same_run(simulated(TICKS, "--no-store")) == same_run(simulated(TICKS, "--no-store"))
    assert simulated(TICKS, "--no-store", "--seed", 8)["profit_usd"] != simulated(TICKS, "--no-store")["profit_usd"]


def test_two_simulations_make_the_run_of_one_twice_as_long(here: Path) -> None:
    apart = [simulated(n, database_url="sqlite:///apart.db") for n in (25, 35)]
    whole = simulated(60, database_url="sqlite:///whole.db")
    assert everything_stored(here, "apart.db") == everything_stored(here, "whole.db")
    assert apart[1]["from"] == apart[0]["to"]
    assert apart[1]["to"] == whole["to"]
    for name in ("profit_usd", "energy_mwh", "emissions_t"):
        assert sum(report[name] for report in apart) == pytest.approx(whole[name], abs=1e-6)


def test_a_simulation_that_is_not_stored_leaves_no_file(here: Path) -> None:
    simulated(5, "--no-store")
    assert everything_in(here) == {}


def test_a_simulation_that_is_not_stored_leaves_the_stored_run_alone(here: Path) -> None:
    simulated(5)
    before = everything_stored(here)
    assert simulated(5, "--no-store")["from"] == "2025-07-01T00:00:00+00:00"
    assert everything_stored(here) == before


def test_a_new_run_starts_at_the_first_of_july_2025_and_not_now() -> None:
    report = simulated(12, "--no-store")
    assert (report["from"], report["to"]) == ("2025-07-01T00:00:00+00:00", "2025-07-01T01:00:00+00:00")


def test_the_start_of_a_new_run_can_be_set() -> None:
    report = simulated(12, "--no-store", start="2024-02-29T01:00:00+01:00")
    assert report["from"] == "2024-02-29T00:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (("--seed", 8), {}, "has the seed 7, 8 was asked for"),
        (("--fleet", "other.toml"), {}, "fleet's contents"),
        ((), {"start": "2025-07-02T00:00Z"}, "start"),
        ((), {"tick_minutes": "15"}, "tick minutes"),
        ((), {"carbon_price_usd_per_t": "80"}, "terms"),
        (("--history", "../past"), {}, "has the fleet global-ten, past was asked for"),
    ],
    ids=["seed", "fleet", "start", "tick", "terms", "history"],
)
def test_a_stored_run_is_not_gone_on_with_as_another_one(
    here: Path, history: Path, words: tuple[object, ...], env: dict[str, str], said: str
) -> None:
    simulated(5)
    shipped = Path(mara.__file__).parent / "data" / "fleets" / "global_ten.toml"
    other = shipped.read_text(encoding="utf-8").replace("grid_limit_mw = 60.0", "grid_limit_mw = 61.0", 1)
    (here / "other.toml").write_text(other, encoding="utf-8")
    before = everything_stored(here)
    outcome = ran("simulate", "--ticks", 5, *words, **env)
    assert outcome.exit_code == 2
    assert said in outcome.complaint
    assert everything_stored(here) == before


def test_a_history_is_simulated_from_its_own_beginning(history: Path) -> None:
    report = simulated(12, "--history", history)
    assert report["history"] == str(history)
    assert report["from"] == "2023-01-01T00:00:00+00:00"
    assert report["sites"] == 2


def test_a_history_that_ends_stops_the_run_there_and_keeps_it(tmp_path: Path) -> None:
    history = small_history(tmp_path / "day", hours=24)
    outcome = ran("simulate", "--ticks", 30, "--history", history, tick_minutes="60")
    assert outcome.exit_code == 3
    assert "covers 2023-01-01T00:00Z up to 2023-01-02T00:00Z" in outcome.complaint
    assert "24 ticks" in ran("db", "check").out
