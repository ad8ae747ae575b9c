"""Exports: documented columns, exact sums, no spreadsheet formulas, whole files."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import parquet
from sqlalchemy import Executable

from mara.assembly.runs import open_run
from mara.core.units import MICRO_USD_PER_USD
from mara.errors import StoreError
from mara.runtime.tick.engine import simulate
from mara.store.read.export import EXPORT_TABLES, ExportTable, export
from mara.store.read.read_model import ReadModel
from mara.store.read.table_file import EXPORT_FORMATS, harmless, write_export
from tests.scenarios.test_power_terms import settings_of
from tests.store.databases import KINDS, url_of
from tests.store.runs import START, TWO_PRICES, small_charter, stored_run

TICKS = 100
SITES = 3
OF_TERMS: tuple[ExportTable, ...] = ("batteries", "awards")
"""Tables that are empty without power terms."""
OF_ANY_FLEET = tuple(table for table in EXPORT_TABLES if table not in OF_TERMS)


@pytest.fixture(scope="module", params=KINDS)
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    path = tmp_path_factory.mktemp("exported") / f"mara.{request.param}"
    stored_run(path, TICKS, small_charter(name=TWO_PRICES)).close()
    reading = ReadModel.open(url_of(path))
    yield reading
    reading.close()


def csv_of(reading: ReadModel, table: ExportTable, folder: Path) -> list[dict[str, str]]:
    out = folder / f"{table}.csv"
    write_export(reading, table, "csv", out)
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_steps_have_one_row_for_each_tick_and_site_with_the_tick_first(reading: ReadModel, tmp_path: Path) -> None:
    rows = csv_of(reading, "steps", tmp_path)
    lines = (tmp_path / "steps.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(
        "tick,timestamp_utc,site_id,site_power_mw,energy_price_usd_per_mwh,revenue_usd,cost_usd,"
    )
    assert [(int(row["tick"]), row["site_id"]) for row in rows] == [
        (tick, f"site{site}") for tick in range(TICKS) for site in range(SITES)
    ]
    assert rows[0]["timestamp_utc"] == "2025-06-29T22:00:00Z"
    assert {len(line.split(",")) for line in lines} == {len(rows[0])}


def test_what_steps_earn_is_what_the_world_holds(reading: ReadModel, tmp_path: Path) -> None:
    rows = csv_of(reading, "steps", tmp_path)
    profit = sum(round(float(row["profit_usd"]) * MICRO_USD_PER_USD) for row in rows)
    at, world = reading.world_before(TICKS)
    before = sum(round(float(r["profit_usd"]) * MICRO_USD_PER_USD) for r in rows if int(r["tick"]) < at)
    assert before == world.cash_micro_usd
    assert profit == reading.ask("SELECT sum(revenue_micro_usd - cost_micro_usd) FROM ticks")[0][0]


def test_the_legs_of_the_ledger_add_up_to_zero_in_each_unit_under_keys_of_their_own(
    reading: ReadModel, tmp_path: Path
) -> None:
    rows = csv_of(reading, "ledger", tmp_path)
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        sums[row["tick"], row["site_id"], row["unit"]] += int(row["amount"])
    assert len(sums) == 2 * TICKS * SITES
    assert set(sums.values()) == {0}
    assert len({row["entry_key"] for row in rows}) == len(rows)
    assert {"contract", "credit", "mining", "cash", "energy", "hedge", "hedge_energy"} <= {row["kind"] for row in rows}
    assert {"premium", "spot", "none"} <= {row["tier"] for row in rows}


def test_what_positions_gained_is_what_the_ledger_says_and_follows_from_both_prices(
    reading: ReadModel, tmp_path: Path
) -> None:
    rows = csv_of(reading, "positions", tmp_path)
    for row in rows:
        gain_usd = (
            float(row["position_mw"])
            * (float(row["energy_price_usd_per_mwh"]) - float(row["day_ahead_usd_per_mwh"]))
            / 12
        )
        assert float(row["gain_usd"]) == pytest.approx(gain_usd, abs=1e-6)
        assert row["site_id"] != "site0"
    gained = sum(round(float(row["gain_usd"]) * MICRO_USD_PER_USD) for row in rows)
    legs = [row for row in csv_of(reading, "ledger", tmp_path) if row["kind"] == "day_ahead"]
    assert len(rows) >= len(legs) > 0
    assert gained == sum(int(row["amount"]) for row in legs)


def test_prices_come_out_exactly_as_they_were_seen(reading: ReadModel, tmp_path: Path) -> None:
    rows = csv_of(reading, "prices", tmp_path)
    seen = reading.stored_tick(17).observation
    assert seen
    prices = [float(row["energy_price_usd_per_mwh"]) for row in rows if row["tick"] == "17"]
    assert prices == seen.energy_price_usd_per_mwh.tolist()


def test_commitments_tell_what_was_promised_and_how_it_went(reading: ReadModel, tmp_path: Path) -> None:
    rows = csv_of(reading, "commitments", tmp_path)
    assert [row["contract_id"] for row in rows] == [f"c{tick}" for tick in range(0, TICKS, 5)]
    assert {row["customer"] for row in rows} == {"'=Acme; Inc"}
    assert sum(int(row["closed_bad_ticks"]) for row in rows) > 0
    assert rows[1]["starts_at_utc"] == (START + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_optimizations_tell_when_a_plan_came_into_force_and_leave_what_is_unknown_empty(
    reading: ReadModel, tmp_path: Path
) -> None:
    rows = csv_of(reading, "optimizations", tmp_path)
    assert [int(row["adopted_tick"]) for row in rows] == list(range(0, TICKS, 12))
    assert rows[0]["optimizer"] == "turns"
    assert rows[0]["objective_usd"] == ""
    assert rows[0]["note"] == "a; note"


@pytest.fixture(scope="module")
def with_terms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    """Nine hours of a site with a battery that sells to a grid product, and is called."""
    folder = tmp_path_factory.mktemp("terms")
    store, engine = open_run(settings_of(folder, database_url=url_of(folder / "mara.db")))
    simulate(engine, store, 9)
    yield store.read_model
    store.close()


def test_batteries_and_awards_are_told_beside_what_the_ledger_posted_for_them(
    with_terms: ReadModel, tmp_path: Path
) -> None:
    batteries, awards = (csv_of(with_terms, table, tmp_path) for table in OF_TERMS)
    assert {row["site_id"] for row in batteries} == {"tx"}
    before = 10.0
    for row in batteries:
        power, stored = float(row["battery_mw"]), float(row["stored_mwh"])
        change = stored - before
        assert change == 0.0 if power == 0.0 else (change > 0.0) == (power < 0.0)
        assert float(row["battery_wear_usd"]) == pytest.approx(-5.0 * max(power, 0.0))
        before = stored
    assert any(float(row["battery_mw"]) for row in batteries)
    called = [row for row in awards if float(row["called_mw"]) > 0.0]
    assert called[0]["timestamp_utc"] == "2025-07-10T16:00:00Z"
    legs = [row for row in csv_of(with_terms, "ledger", tmp_path) if row["unit"] == "micro_usd"]
    for kind in ("reserve_revenue", "deployment_revenue", "reserve_penalty"):
        posted = sum(int(row["amount"]) for row in legs if row["kind"] == kind)
        assert round(sum(float(row[f"{kind}_usd"]) for row in awards) * MICRO_USD_PER_USD) == posted
    assert sum(float(row["reserve_revenue_usd"]) for row in awards) > 0.0


@pytest.mark.parametrize("table", OF_TERMS)
def test_a_fleet_without_power_terms_has_no_batteries_and_awards(reading: ReadModel, table: ExportTable) -> None:
    header, values = export(reading, table)
    assert ([column.name for column in header[:3]], list(values)) == (["tick", "timestamp_utc", "site_id"], [])


@pytest.mark.parametrize("table", OF_ANY_FLEET)
def test_parquet_holds_the_rows_of_the_csv(reading: ReadModel, tmp_path: Path, table: ExportTable) -> None:
    out = tmp_path / "rows.parquet"
    count = write_export(reading, table, "parquet", out)
    read = parquet.read_table(out)
    rows = csv_of(reading, table, tmp_path)
    assert read.num_rows == count == len(rows)
    assert read.column_names == list(rows[0])
    assert rows
    assert read.column(0).to_pylist() == [int(next(iter(row.values()))) for row in rows]


@pytest.mark.parametrize("table", OF_ANY_FLEET)
def test_from_is_inclusive_and_to_is_not(reading: ReadModel, table: ExportTable) -> None:
    grid = small_charter().grid
    for from_, to, ticks in (
        (grid.at(20), grid.at(40), range(20, 40)),
        (grid.at(20) + timedelta(seconds=1), grid.at(40) + timedelta(seconds=1), range(21, 41)),
        (None, grid.at(0), range(0)),
        (grid.at(-5), None, range(TICKS)),
    ):
        _, values = export(reading, table, from_, to)
        _, everything = export(reading, table, None, None)
        assert list(values) == [row for row in everything if row[0] in ticks]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("@cmd", "'@cmd"),
        ("-2", "'-2"),
        ("\t=1", "' =1"),
        ("\r\n+1", "'  +1"),
        ("＝1", "'＝1"),
        ("a,b\nc", "a;b c"),
        ("1,075,958 USD, at 1,5", "1075958 USD; at 1;5"),
        ("", ""),
    ],
)
def test_text_never_starts_a_formula_or_ends_a_field(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_a_file_that_cannot_be_written_is_refused_and_nothing_is_left(
    reading: ReadModel, tmp_path: Path, form: str
) -> None:
    with pytest.raises(StoreError, match="could not be written"):
        write_export(reading, "steps", form, tmp_path / "no" / "folder.csv")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_device_or_pipe_is_never_replaced_by_an_export(reading: ReadModel, tmp_path: Path) -> None:
    """Whoever may write to its folder, as root to /dev, would put a file in the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match="pipe should be a file, is a folder, a device or a pipe: name another"):
        write_export(reading, "steps", "csv", pipe)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_an_export_that_fails_leaves_the_file_that_was_there(
    reading: ReadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "steps.csv"
    out.write_text("as it was", encoding="utf-8")
    asked = reading.ask

    def failing(query: Executable | str, *values: object) -> object:
        if "allocations" in str(query):
            raise StoreError("the disk is gone")
        return asked(query, *values)

    monkeypatch.setattr(reading, "ask", failing)
    with pytest.raises(StoreError, match="gone"):
        write_export(reading, "steps", "csv", out)
    assert out.read_text(encoding="utf-8") == "as it was"
    assert list(tmp_path.iterdir()) == [out]
