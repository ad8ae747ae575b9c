"""The commands `mara import inspect`, `layouts` and `build`, in text and JSON."""

import json
from datetime import date
from pathlib import Path

import pytest

from mara.feeds.files.history_file import read_history
from mara.feeds.markets.inspection import inspected, lines_of
from tests.cli.console import ran
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.cases import CASES, US_AUTUMN, Case
from tests.feeds.markets.golden_files import EXPECTED, GOLDEN
from tests.feeds.markets.reading import written
from tests.feeds.markets.rows import Row, rows_of
from tests.feeds.markets.specs import spec_text

SUMMER = date(2024, 7, 1)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", [(), ("inspect",), ("layouts",), ("build",)])
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    outcome = ran("import", *words, "--help")
    assert outcome.exit_code == 0
    assert outcome.out.startswith(f"Usage: mara import {' '.join(words)}".rstrip())
    assert not any(line.endswith("...") for line in outcome.out.splitlines()[1:])


def test_inspecting_a_file_says_what_it_is(here: Path) -> None:
    written(here, am.ercot_rtm(rows_of(am.CENTRAL, US_AUTUMN, 1, 15)))
    report = ran("import", "inspect", "cdr.00012301.csv", "--json").report["reports"][0]
    assert (report["layout"], report["clock"], report["stamp_side"]) == ("ercot-rtm-spp", "America/Chicago", "end")
    one = report["series"][0]
    assert (one["point"], one["key"], one["steps_minutes"], one["intervals"]) == (
        "LZ_WEST",
        {"type": "LZ"},
        [15.0],
        100,
    )
    assert (one["first"], one["last"]) == ("2024-11-03T05:00Z", "2024-11-04T06:00Z")
    assert one["days"]["odd"] == [{"day": "2024-11-03", "hours": 25.0, "intervals": 100, "missing_hours": 0.0}]
    assert one["negative"] > 0
    told = ran("import", "inspect", "cdr.00012301.csv")
    assert "2024-11-03: 25 h, 100 intervals" in told.out


@pytest.mark.parametrize("case", CASES, ids=[case.folder for case in CASES])
def test_every_golden_file_can_be_inspected(case: Case) -> None:
    files = sorted(path for path in (GOLDEN / case.folder).iterdir() if path.name != EXPECTED)
    reports = inspected(files)
    assert case.layout in {report["layout"] for report in reports}
    assert all(lines_of(report) for report in reports)


def test_a_file_of_ones_own_is_inspected_by_its_description(here: Path) -> None:
    (here / "own.txt").write_text("at|usd\n2024-07-01T00:00Z|41.5\n2024-07-01T01:00Z|40\n")
    said = 'time = "at"\nside = "begin"\nclock = "stated"\nsteps_minutes = [60]\nvalue = "usd"\ndelimiter = "|"\n'
    (here / "own.toml").write_text(f"[csv]\n{said}")
    refused = ran("import", "inspect", "own.txt", "--csv", "own.toml")
    assert refused.exit_code == 2
    assert "csv.unit is missing" in refused.err
    (here / "own.toml").write_text(f'quantity = "price"\n[csv]\n{said}unit = "USD/MWh"\n')
    (report,) = ran("import", "inspect", "own.txt", "--csv", "own.toml", "--json").report["reports"]
    assert (report["layout"], report["series"][0]["intervals"]) == ("csv", 2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('encoding = "base64"', "should have an encoding that is known"),
        ("delimiter = '\"'", "should have a delimiter that stands between cells"),
        ('repeat = "flag"', "should have a date and an hour"),
        ("steps_minutes = [99000000]", "csv.steps_minutes.0 should be less than"),
        ('clock = "Nowhere/X"', "should be an IANA zone"),
    ],
)
def test_a_description_that_no_file_could_fit_is_refused_in_one_line(here: Path, line: str, said: str) -> None:
    (here / "own.txt").write_text("at,usd\n2024-07-01T00:00Z,41.5\n")
    usual = {"clock": '"stated"', "steps_minutes": "[60]", "value": '"usd"', "time": '"at"', "side": '"begin"'}
    name, _, value = line.partition(" = ")
    lines = [f"{field} = {text}" for field, text in {**usual, "unit": '"USD/MWh"', name: value}.items()]
    (here / "own.toml").write_text("\n".join(["[csv]", *lines]))
    refused = ran("import", "inspect", "own.txt", "--csv", "own.toml")
    assert refused.exit_code == 2
    assert said in refused.err


def test_a_file_that_is_refused_does_not_keep_others_from_being_reported(here: Path) -> None:
    written(here, am.ercot_dam(rows_of(am.CENTRAL, SUMMER, 1, 60)))
    (name,) = [path.name for path in here.glob("*.csv")]
    (here / "history.csv").write_text("timestamp_utc,site_id,price_usd_per_mwh\n2024-07-01T00:00Z,a,1\n")
    told = ran("import", "inspect", "history.csv", name)
    assert told.exit_code == 3
    assert "ercot-dam-spp" in told.out
    assert "these are rows of a history folder, which need no import" in told.err
    told_json = json.loads(ran("import", "inspect", "history.csv", name, "--json").out)
    assert [one["layout"] for one in told_json["reports"]] == ["ercot-dam-spp"]
    assert [one["files"] for one in told_json["refusals"]] == [["history.csv"]]


def test_a_file_that_contradicts_itself_does_not_keep_others_of_its_layout_from_being_reported(here: Path) -> None:
    rows = rows_of("Europe/Berlin", SUMMER, 1, 60)
    other_price = Row(rows[2].begin, rows[2].end, rows[2].value + 1.0, rows[2].number)
    files = {
        "a.csv": rows,
        "b.csv": rows_of("Europe/Berlin", date(2024, 7, 2), 1, 60),
        "c.csv": [*rows[:3], other_price, *rows[3:]],
    }
    for name, of in files.items():
        (here / name).write_bytes(next(iter(eu.entsoe_gui_old(of).values())))
    told = json.loads(ran("import", "inspect", *files, "--json").out)
    assert [one["files"] for one in told["reports"]] == [["a.csv", "b.csv"]]
    assert [one["files"] for one in told["refusals"]] == [["c.csv"]]
    (here / "c.csv").write_bytes(next(iter(eu.entsoe_gui_old([*rows[:2], other_price, *rows[3:]]).values())))
    told = json.loads(ran("import", "inspect", *files, "--json").out)
    assert [one["files"] for one in told["reports"]] == [["a.csv"], ["b.csv"], ["c.csv"]]
    assert [one["files"] for one in told["refusals"]] == [list(files)]


def test_values_are_reported_with_their_own_unit_and_that_of_the_file(here: Path) -> None:
    """A price of 12 yen by the kilowatt-hour is 12,000 by the megawatt-hour: which of them is shown?"""
    written(here, other.jepx(rows_of("UTC+9", date(2026, 4, 30), 1, 30)))
    (name,) = [path.name for path in here.glob("*.csv")]
    told = ran("import", "inspect", name, "--find", "Tokyo").out
    assert "price in JPY/MWh (in the file: JPY/kWh)" in told
    written(here, other.noaa(rows_of("UTC", US_AUTUMN, 1, 60)))
    assert "weather in C (in the file: C/10)" in ran("import", "inspect", "72259003927.csv").out


def test_inspecting_a_file_with_faults_tells_them_all(here: Path) -> None:
    rows = rows_of("Europe/Berlin", SUMMER, 1, 60)
    written(here, eu.entsoe_gui_old([*rows[:3], rows[2], *rows[5:9], *rows[10:]]))
    report = ran("import", "inspect", "Day-ahead Prices_202410.csv", "--json").report["reports"][0]
    one = report["series"][0]
    assert one["gaps"] == ["2024-07-01T01:00Z to 2024-07-01T03:00Z", "2024-07-01T07:00Z to 2024-07-01T08:00Z"]
    assert one["repeats"] == 1
    assert one["days"]["odd"][0]["missing_hours"] == 3.0


def test_the_table_of_layouts_has_their_conventions() -> None:
    table = ran("import", "layouts", "--json").report["layouts"]
    row = next(row for row in table if row["id"] == "aemo-nemweb")
    assert (row["stamp_side"], row["clock"], row["steps_minutes"], row["currency"]) == (
        "end",
        "UTC+10:00",
        [5, 30],
        "AUD",
    )
    assert all(row["licence"] for row in table)
    assert "ercot-rtm-spp" in ran("import", "layouts").out


def test_building_says_what_was_written(here: Path) -> None:
    written(here, am.ercot_dam(rows_of(am.CENTRAL, US_AUTUMN, 2, 60)))
    text = spec_text('files = "cdr*.csv"\npoint = "HB_NORTH"', zone=am.CENTRAL)
    (here / "spec.toml").write_text(text, encoding="utf-8")
    report = ran("import", "build", "spec.toml", "--out", "history", "--json").report
    assert report == {
        "out": "history",
        "sites": ["north"],
        "from": "2024-11-03T05:00Z",
        "to": "2024-11-05T06:00Z",
        "step_minutes": 60,
        "rows": 49,
        "filled": 0,
        "warnings": [],
    }
    assert read_history(here / "history").step_count == 49
    outcome = ran("import", "build", "spec.toml", "--out", "part", "--from", "2024-11-03T12:00Z", "--to", "2024-11-04")
    assert outcome.exit_code == 0
    assert read_history(here / "part").step_count == 12


def test_bad_data_ends_with_3_and_a_bad_spec_with_2(here: Path) -> None:
    rows = rows_of(am.CENTRAL, SUMMER, 1, 60)
    written(here, am.ercot_dam(rows[:5] + rows[6:]))
    text = spec_text('files = "cdr*.csv"\npoint = "HB_NORTH"', zone=am.CENTRAL)
    (here / "spec.toml").write_text(text, encoding="utf-8")
    outcome = ran("import", "build", "spec.toml", "--out", "history")
    assert outcome.exit_code == 3
    assert (
        "local day 2024-07-01 (America/Chicago) should have 24 h in 24 intervals of 60 min, has 23 h"
        in outcome.complaint
    )
    assert not (here / "history").exists()
    filled = ran("import", "build", "spec.toml", "--out", "history", "--fill", "carry", "--json").report
    assert filled["filled"] == 1
    (here / "bad.toml").write_text("[history]\nstep = 5\n", encoding="utf-8")
    assert ran("import", "build", "bad.toml", "--out", "history").exit_code == 2
    assert ran("import", "inspect", "nothing.csv").exit_code == 3
    assert "nothing.csv is missing" in ran("import", "inspect", "nothing.csv").complaint


def test_the_provenance_is_json_with_hashes_and_licences(here: Path) -> None:
    written(here, am.ercot_dam(rows_of(am.CENTRAL, SUMMER, 1, 60)))
    text = spec_text('files = "cdr*.csv"\npoint = "HB_NORTH"', zone=am.CENTRAL)
    (here / "spec.toml").write_text(text, encoding="utf-8")
    assert ran("import", "build", "spec.toml", "--out", "history").exit_code == 0
    told = json.loads((here / "history" / "provenance.json").read_text(encoding="utf-8"))
    price = told["sites"][0]["price"]
    assert price["layout"] == "ercot-dam-spp"
    assert price["stamp_side"] == "end"
    assert price["licence"].startswith("ERCOT terms of use")
    assert len(price["files"][0]["sha256"]) == 64
