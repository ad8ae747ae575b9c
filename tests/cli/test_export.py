"""`mara export`: every table as CSV and Parquet, with the same rows in both.

Equal runs give equal exports.
"""

import csv
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from mara.store.read.table_file import harmless
from tests.cli.conftest import StoredRun
from tests.cli.console import everything_in, ran
from tests.cli.databases import STORED_TICKS, TABLES

SITES = 10
OF_THE_RUN = ("run", "stored_at", "wall")
"""Words in the names of columns in which equal runs may differ."""


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("table", TABLES)
def test_both_formats_hold_the_same_rows_and_columns(database: Path, here: Path, table: str) -> None:
    assert ran("export", table, "--out", "x.csv").exit_code == 0
    outcome = ran("export", table, "--format", "parquet", "--out", "x.parquet")
    assert outcome.exit_code == 0
    rows, columns = rows_of(here / "x.csv"), parquet.read_table(here / "x.parquet")
    assert outcome.out == f"{len(rows):,} rows in x.parquet\n"
    assert columns.num_rows == len(rows) > 0
    assert columns.column_names == list(rows[0])
    for name in columns.column_names:
        assert [as_in_csv(value) for value in columns[name].to_pylist()] == [row[name] for row in rows]


def as_in_csv(value: object) -> str:
    """Format a value as in a CSV file; no value contains a comma."""
    if isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0)
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return harmless(value) if isinstance(value, str) else "" if value is None else str(value)


def test_times_in_parquet_are_instants_and_no_texts(database: Path, here: Path) -> None:
    assert ran("export", "commitments", "--out", "x.parquet").exit_code == 0
    kinds = {field.name: str(field.type) for field in parquet.read_schema(here / "x.parquet")}
    assert {name for name, kind in kinds.items() if kind == "timestamp[ms, tz=UTC]"} == {
        "booked_at_utc",
        "starts_at_utc",
        "ends_at_utc",
    }


def test_the_files_ending_says_which_format_is_meant(database: Path, here: Path) -> None:
    assert ran("export", "prices", "--out", "X.Parquet").exit_code == 0
    assert (here / "X.Parquet").read_bytes().startswith(b"PAR1")
    outcome = ran("export", "prices", "--format", "csv", "--out", "y.parquet")
    assert outcome.exit_code == 2
    assert "--format csv does not go with --out y.parquet" in outcome.complaint
    assert not (here / "y.parquet").exists()


@pytest.mark.parametrize("table", TABLES)
def test_the_documented_columns_are_those_of_the_export(database: Path, here: Path, table: str) -> None:
    formats = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
    (line,) = (line for line in formats.splitlines() if line.startswith(f"- **{table}**: "))
    assert ran("export", table, "--out", "x.csv").exit_code == 0
    assert re.findall(r"`(\w+)`", line) == (here / "x.csv").read_text(encoding="utf-8").splitlines()[0].split(",")


def test_steps_have_a_row_for_each_tick_and_site_and_say_the_tick_first(database: Path, here: Path) -> None:
    assert ran("export", "steps", "--out", "x.csv").exit_code == 0
    rows = rows_of(here / "x.csv")
    assert list(rows[0])[:3] == ["tick", "timestamp_utc", "site_id"]
    assert len(rows) == STORED_TICKS * SITES
    assert [int(row["tick"]) for row in rows] == [tick for tick in range(STORED_TICKS) for _ in range(SITES)]
    assert rows[SITES]["timestamp_utc"] == "2025-07-01T00:05:00Z"
    assert {"site_power_mw", "energy_price_usd_per_mwh", "revenue_usd", "cost_usd", "profit_usd"} <= set(rows[0])


@pytest.mark.parametrize("table", ["prices", "steps", "ledger"])
def test_no_value_has_a_comma_and_the_tick_comes_first(database: Path, here: Path, table: str) -> None:
    assert ran("export", table, "--out", "x.csv").exit_code == 0
    lines = (here / "x.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("tick,")
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    assert not any('"' in line for line in lines)


@pytest.mark.parametrize("table", TABLES)
def test_equal_runs_give_equal_files_but_for_columns_that_say_so(
    stored_twice: tuple[Path, Path], here: Path, table: str
) -> None:
    files = [here / "one.csv", here / "two.csv"]
    for database, file in zip(stored_twice, files, strict=True):
        assert ran("export", table, "--out", file, database_url=f"sqlite:///{database}").exit_code == 0
    kept = [
        [
            {name: value for name, value in row.items() if not any(word in name for word in OF_THE_RUN)}
            for row in rows_of(file)
        ]
        for file in files
    ]
    assert kept[0] == kept[1]


@pytest.fixture
def report(stored: StoredRun) -> dict[str, Any]:
    """The simulation's report on the stored run."""
    return stored.report


def test_the_ledger_adds_up_to_what_the_simulation_reported(database: Path, here: Path, report: dict[str, Any]) -> None:
    assert ran("export", "ledger", "--out", "x.csv").exit_code == 0
    rows = rows_of(here / "x.csv")
    lines = [row for row in rows if row["unit"] == "micro_usd" and row["kind"] != "cash"]
    assert sum(int(row["amount"]) for row in lines) == round(report["profit_usd"] * 1e6)
    by_unit: dict[str, int] = {}
    for row in rows:
        by_unit[row["unit"]] = by_unit.get(row["unit"], 0) + int(row["amount"])
    assert set(by_unit.values()) == {0}
    assert len({row["entry_key"] for row in rows}) == len(rows)


def test_steps_add_up_to_what_the_simulation_reported(database: Path, here: Path, report: dict[str, Any]) -> None:
    assert ran("export", "steps", "--out", "x.csv").exit_code == 0
    rows = rows_of(here / "x.csv")
    profit = sum(round(float(row["profit_usd"]) * 1e6) for row in rows)
    assert profit == round(report["profit_usd"] * 1e6)
    power_mwh = sum(float(row["site_power_mw"]) for row in rows) / 12
    assert power_mwh == pytest.approx(report["energy_mwh"], rel=1e-6)


def test_from_is_inclusive_and_to_is_exclusive(database: Path, here: Path) -> None:
    words = ("export", "prices", "--out", "x.csv", "--from", "2025-07-01T01:00Z", "--to", "2025-07-01T02:00")
    assert ran(*words).out == f"{12 * SITES} rows in x.csv\n"
    ticks = {int(row["tick"]) for row in rows_of(here / "x.csv")}
    assert ticks == set(range(12, 24))


def test_an_empty_period_is_refused(database: Path, here: Path) -> None:
    outcome = ran("export", "prices", "--out", "x.csv", "--from", "2025-07-02", "--to", "2025-07-01")
    assert outcome.exit_code == 2
    assert "should end after it starts" in outcome.complaint
    assert not (here / "x.csv").exists()


def test_an_export_replaces_the_file_only_when_it_is_complete(database: Path, here: Path) -> None:
    (here / "x.csv").write_text("old", encoding="utf-8")
    assert ran("export", "prices", "--out", "x.csv").exit_code == 0
    assert (here / "x.csv").read_text(encoding="utf-8").startswith("tick,")
    assert not (here / "x.csv.part").exists()


def test_an_export_to_a_folder_that_is_not_there_is_a_misuse(database: Path, here: Path) -> None:
    before = everything_in(here)
    outcome = ran("export", "prices", "--out", "nowhere/x.csv")
    assert outcome.exit_code == 2
    assert "nowhere" in outcome.complaint
    assert everything_in(here) == before


def test_a_database_without_a_run_has_nothing_to_export(here: Path) -> None:
    assert ran("db", "init").exit_code == 0
    outcome = ran("export", "prices", "--out", "x.csv")
    assert outcome.exit_code == 4
    assert "holds no run yet" in outcome.complaint
    assert not (here / "x.csv").exists()
