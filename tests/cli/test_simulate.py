"""`mara simulate`: resumes from the database and reports what it earned.

Equal seeds give equal runs.
"""

from pathlib import Path
from typing import Any

import pytest

import mara
from tests.cli.conftest import StoredRun
from tests.cli.console import everything_in, ran, small_history
from tests.cli.databases import STORED_TICKS, hash_in, run_in
from tests.cli.reports import SIMULATION, faults_of, imbalance_usd, same_run

TICKS = 60


def simulated(ticks: int = TICKS, *more: object, **env: str) -> dict[str, Any]:
    return ran("simulate", "--ticks", ticks, "--json", *more, **env).report


@pytest.fixture(scope="module")
def of_seed_seven() -> dict[str, Any]:
    """The report of a simulation of some hours with seed 7 that is not stored."""
    return simulated(TICKS, "--no-store")


def test_a_simulation_reports_every_promised_field(stored: StoredRun) -> None:
    report = stored.report
    assert list(faults_of(report, SIMULATION)) == []
    assert report["ticks"] == TICKS
    assert report["sites"] == 10
    assert report["seed"] == 7
    assert report["optimizer"] in {"rules", "lp"}


def test_a_stored_simulation_names_its_run_so_that_its_ticks_can_be_replayed(database: Path) -> None:
    run = simulated(1)["run"]
    assert run == run_in(database)
    assert ran("replay", "--run", run, "--tick", STORED_TICKS, "--json").report["identical"] is True
    assert simulated(1, "--no-store")["run"] is None


def test_profit_is_revenue_less_cost_to_the_micro_dollar() -> None:
    assert imbalance_usd(simulated(300, "--no-store")) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.usefixtures("solved_anew")
def test_same_seed_same_run_and_another_seed_another_run(of_seed_seven: dict[str, Any]) -> None:
    assert same_run(simulated(TICKS, "--no-store")) == same_run(of_seed_seven)
    assert simulated(TICKS, "--no-store", "--seed", 8)["profit_usd"] != of_seed_seven["profit_usd"]


def test_a_simulation_reports_the_same_be_it_stored_or_not(stored: StoredRun, of_seed_seven: dict[str, Any]) -> None:
    assert same_run(stored.report) | {"run": None} == same_run(of_seed_seven)


def test_two_simulations_make_the_run_of_one_twice_as_long(stored_twice: tuple[Path, Path]) -> None:
    whole, parts = stored_twice
    assert hash_in(whole) == hash_in(parts)


def test_a_simulation_goes_on_where_the_stored_run_stands(database: Path, of_seed_seven: dict[str, Any]) -> None:
    first, then = simulated(5), simulated(7)
    whole = simulated(STORED_TICKS + 12, "--no-store")
    begun = of_seed_seven
    assert begun["ticks"] == STORED_TICKS
    assert first["from"] == begun["to"]
    assert then["from"] == first["to"]
    assert then["to"] == whole["to"]
    for name in ("profit_usd", "energy_mwh", "emissions_t"):
        assert begun[name] + first[name] + then[name] == pytest.approx(whole[name], abs=1e-6)


def test_a_simulation_that_is_not_stored_leaves_no_file(here: Path) -> None:
    simulated(5, "--no-store")
    assert everything_in(here) == {}


def test_a_simulation_that_is_not_stored_leaves_the_stored_run_alone(database: Path) -> None:
    before = database.read_bytes()
    assert simulated(5, "--no-store")["from"] == "2025-07-01T00:00:00+00:00"
    assert database.read_bytes() == before


def test_a_new_run_starts_at_the_first_of_july_2025_and_not_now(of_seed_seven: dict[str, Any]) -> None:
    assert of_seed_seven["from"] == "2025-07-01T00:00:00+00:00"
    assert of_seed_seven["to"] == "2025-07-01T05:00:00+00:00"


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
        ((), {"carbon_price_usd_per_t": "80"}, "carbon_price_usd_per_t 50.0, 80.0 was asked for"),
        (("--history", "../past"), {}, "has the fleet global-ten, past was asked for"),
    ],
    ids=["seed", "fleet", "start", "tick", "carbon price", "history"],
)
def test_a_stored_run_is_not_gone_on_with_as_another_one(
    database: Path, here: Path, history: Path, words: tuple[object, ...], env: dict[str, str], said: str
) -> None:
    shipped = Path(mara.__file__).parent / "data" / "fleets" / "global_ten.toml"
    other = shipped.read_text(encoding="utf-8").replace("grid_limit_mw = 60.0", "grid_limit_mw = 61.0", 1)
    (here / "other.toml").write_text(other, encoding="utf-8")
    before = hash_in(database)
    outcome = ran("simulate", "--ticks", 5, *words, **env)
    assert outcome.exit_code == 2
    assert said in outcome.complaint
    assert hash_in(database) == before
    assert f"{STORED_TICKS} ticks" in ran("db", "check").out


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
