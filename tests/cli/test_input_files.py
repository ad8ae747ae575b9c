"""Unusable input files: one line with file, line and remedy, and nothing is lost.

The exit code is 3, for fleets 2.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

import mara
from tests.cli.console import ran, small_history

GLOBAL_TEN = Path(mara.__file__).parent / "data" / "fleets" / "global_ten.toml"
Mangle = Callable[[list[str]], list[str]]


def cell(line: int, column: int, value: str) -> Mangle:
    """Replace one value of a CSV file; the header is line 0."""

    def mangled(lines: list[str]) -> list[str]:
        cells = lines[line].split(",")
        cells[column] = value
        return [*lines[:line], ",".join(cells), *lines[line + 1 :]]

    return mangled


MANGLED: list[tuple[str, Mangle, str]] = [
    ("a column is missing", lambda lines: [",".join(line.split(",")[:-1]) for line in lines], "wet_bulb_c"),
    ("a price is not a number", cell(5, 2, "nan"), "line 6: price_usd_per_mwh"),
    ("a price is missing", cell(5, 2, ""), "line 6: price_usd_per_mwh"),
    ("a price is infinite", cell(5, 2, "inf"), "line 6: price_usd_per_mwh"),
    ("a share is a percentage", cell(5, 4, "55"), "line 6: renewable_share"),
    ("an hour is missing", lambda lines: lines[:9] + lines[11:], "hours are missing"),
    ("a row is there twice", lambda lines: [*lines[:9], lines[8], *lines[9:]], "once for each site"),
    ("time is local", cell(5, 0, "2023-01-01T02:00:00+01:00"), "line 6: timestamp_utc"),
    ("time has no zone", cell(5, 0, "2023-01-01T02:00:00"), "line 6: timestamp_utc"),
    ("there are no rows", lambda lines: lines[:1], "line 2"),
    ("there is nothing", lambda lines: [], "history.csv"),
]


@pytest.mark.parametrize(("mangle", "said"), [case[1:] for case in MANGLED], ids=[case[0] for case in MANGLED])
@pytest.mark.parametrize("command", ["backtest", "simulate"])
def test_a_history_that_cannot_be_true_is_refused(history: Path, command: str, mangle: Mangle, said: str) -> None:
    file = history / "history.csv"
    file.write_text("\n".join(mangle(file.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")
    outcome = ran(command, "--history", history, *(("--ticks", 1) if command == "simulate" else ()))
    assert outcome.exit_code == 3
    assert "history.csv" in outcome.complaint
    assert said in outcome.complaint


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("bitcoin_daily.csv", None, "bitcoin_daily.csv"),
        ("bitcoin_daily.csv", "date,hashprice_usd_per_ph_day\n2023-01-01,50\n", "2023-01-02"),
        ("sites.csv", None, "sites.csv is missing"),
        ("sites.csv", "site_id,name,country,lat,lon,timezone,price_zone\nnorth,N,NO,99,0,UTC,NO1\n", "lat"),
        ("sites.csv", "site_id,name,country,lat,lon,timezone,price_zone\nnorth,N,NO,9,0,Mars/Base,NO1\n", "timezone"),
        ("contracts.csv", "contract_id,tier,power_mw,starts_at_utc\na,premium,1,2023-01-01T00:00:00Z\n", "hours"),
        ("contracts.csv", "contract_id,tier,power_mw,starts_at_utc,hours\na,gold,1,2023-01-01T00:00:00Z,5\n", "tier"),
        ("contracts.csv", "contract_id,tier,power_mw,starts_at_utc,hours\na,spot,-1,2023-01-01T00:00:00Z,5\n", "power"),
    ],
)
def test_a_file_beside_the_history_that_cannot_be_used_is_named(
    history: Path, file: str, content: str | None, said: str
) -> None:
    if content is None:
        (history / file).unlink()
    else:
        (history / file).write_text(content, encoding="utf-8")
    outcome = ran("backtest", "--history", history)
    assert outcome.exit_code == 3
    assert file in outcome.complaint
    assert said in outcome.complaint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("grid_limit_mw = 60.0", "grid_limit_mw = -60.0"), "grid_limit_mw"),
        (("grid_limit_mw = 60.0", "grid_limit_mw = nan"), "grid_limit_mw"),
        (("grid_limit_mw = 60.0", "grid_limits_mw = 60.0"), "grid_limits_mw"),
        (('timezone = "Atlantic/Reykjavik"', 'timezone = "Iceland time"'), "timezone"),
        (('cooling = "free_air"', 'cooling = "wishes"'), "cooling"),
        (("air_miner = 70_000", "air_miner = -1"), "air_miner"),
        (("power_w = 3_500.0", "power_w = 0"), "power_w"),
    ],
    ids=lambda change: change[1] if isinstance(change, tuple) else "",
)
def test_a_fleet_file_that_cannot_be_used_is_refused_with_its_line(
    here: Path, change: tuple[str, str], said: str
) -> None:
    (here / "fleet.toml").write_text(GLOBAL_TEN.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    for words in (("fleet", "check", "fleet.toml"), ("simulate", "--ticks", 1, "--no-store", "--fleet", "fleet.toml")):
        outcome = ran(*words)
        assert outcome.exit_code == 2
        assert "fleet.toml line " in outcome.complaint
        assert said in outcome.complaint


def test_a_fleet_file_that_is_no_toml_is_refused_with_its_line(here: Path) -> None:
    (here / "fleet.toml").write_text("[fleet]\nname = 'two'\n[[site]\n", encoding="utf-8")
    outcome = ran("fleet", "check", "fleet.toml")
    assert outcome.exit_code == 2
    assert "line 3" in outcome.complaint


def test_a_good_fleet_file_is_summed_up_with_its_units(here: Path) -> None:
    shipped, copied = ran("fleet", "check", "global_ten"), ran("fleet", "check", str(GLOBAL_TEN))
    assert shipped.exit_code == 0
    assert shipped.out == copied.out
    assert "10 sites" in shipped.out
    assert "500.0 MW of grid" in shipped.out


def test_a_refused_history_leaves_the_stored_run_as_it_is(history: Path, here: Path) -> None:
    assert ran("simulate", "--ticks", 5, "--history", history).exit_code == 0
    (history / "history.csv").write_text("timestamp_utc\n", encoding="utf-8")
    assert ran("simulate", "--ticks", 5, "--history", history).exit_code == 3
    small_history(history)
    assert ran("simulate", "--ticks", 5, "--history", history, "--json").report["from"] == "2023-01-01T00:25:00+00:00"


def test_a_history_that_changed_is_another_world(history: Path) -> None:
    assert ran("simulate", "--ticks", 5, "--history", history).exit_code == 0
    file = history / "history.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",0.5,", ",0.6,"), encoding="utf-8")
    outcome = ran("simulate", "--ticks", 5, "--history", history)
    assert outcome.exit_code == 2
    assert "history" in outcome.complaint
