"""`mara replay`: computes a stored tick again, and reports a changed database."""

import shutil
from pathlib import Path

import pytest

from tests.cli.console import ran
from tests.cli.databases import STORED_TICKS, run_in, tampered


@pytest.mark.parametrize("tick", [0, 17, STORED_TICKS - 1])
def test_a_stored_tick_comes_out_identical(database: Path, tick: int) -> None:
    report = ran("replay", "--run", run_in(database), "--tick", tick, "--json").report
    assert report["identical"] is True
    assert report["differs"] is None
    assert report["tick"] == tick
    assert report["replayed_ticks"] == tick + 1
    assert len(report["tick_hash"]) == 64


def test_for_people_it_says_so_in_a_line(database: Path) -> None:
    outcome = ran("replay", "--run", run_in(database), "--tick", 3)
    assert outcome.exit_code == 0
    assert "identical                          yes" in outcome.out


@pytest.mark.parametrize(
    ("statement", "differs"),
    [
        (
            "UPDATE prices SET energy_price_usd_per_mwh = energy_price_usd_per_mwh + 1 WHERE tick = 20 AND site = 2",
            "raw",
        ),
        ("UPDATE ticks SET kept_hash = zeroblob(32) WHERE tick = 20", "kept"),
        ("UPDATE ticks SET world_hash = zeroblob(32) WHERE tick = 20", "world"),
    ],
    ids=["price", "ledger", "world"],
)
def test_a_tick_that_was_tampered_with_is_told_apart(database: Path, statement: str, differs: str) -> None:
    tampered(database, statement)
    outcome = ran("replay", "--run", run_in(database), "--tick", 20, "--json")
    assert outcome.exit_code == 1
    assert f'"differs": "{differs}' in outcome.out
    assert '"identical": false' in outcome.out


@pytest.mark.parametrize(
    ("run", "tick", "exit_code", "said"),
    [
        ("", 3, 2, "was asked for"),
        ("nobody", 3, 2, "nobody was asked for"),
        (None, STORED_TICKS, 4, f"tick {STORED_TICKS - 1}"),
    ],
    ids=["no run", "another run", "a tick to come"],
)
def test_a_tick_that_is_not_there_is_named(
    database: Path, run: str | None, tick: int, exit_code: int, said: str
) -> None:
    outcome = ran("replay", "--run", run_in(database) if run is None else run, "--tick", tick)
    assert outcome.exit_code == exit_code
    assert said in outcome.complaint


def test_a_replayed_history_is_computed_again_from_the_database_alone(history: Path, here: Path) -> None:
    (history / "contracts.csv").write_text(
        "contract_id,tier,power_mw,starts_at_utc,hours\na,standard,2,2023-01-01T00:00:00Z,1\n", encoding="utf-8"
    )
    assert ran("simulate", "--ticks", 20, "--history", history).exit_code == 0
    shutil.rmtree(history)
    report = ran("replay", "--run", run_in(here / "mara.db"), "--tick", 15, "--json").report
    assert report["identical"] is True


def test_without_a_name_the_stored_run_is_replayed(database: Path) -> None:
    report = ran("replay", "--tick", 3, "--json").report
    assert report["run"] == run_in(database)
    assert report["identical"] is True
