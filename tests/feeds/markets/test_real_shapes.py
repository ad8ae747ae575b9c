"""Shapes of genuine files of publishers that miniatures made by hand had missed."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mara.errors import FeedInvalid
from mara.feeds.markets.inspection import inspected
from mara.feeds.markets.reading.series import series_of
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_demand as load
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.cases import EU_SPRING, Case
from tests.feeds.markets.reading import read_whole, readings_of, written
from tests.feeds.markets.rows import rows_of
from tests.feeds.markets.test_workbooks import workbook
from tests.feeds.markets.texts import lines_of, put

SUMMER = date(2024, 7, 1)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize("count", ["{}", "{} lines"])
def test_the_last_line_of_new_england_may_say_what_it_counts(tmp_path: Path, count: str) -> None:
    rows = rows_of(am.EASTERN, SUMMER, 1, 60)
    name, lines = lines_of(am.isone(rows))
    right, wrong = (f'"T","{count.format(number)}"' for number in (48, 47))
    assert sum(len(one.begin_s) for one in readings_of([put(tmp_path, name, [*lines[:-1], right])])) == 48
    with pytest.raises(FeedInvalid, match="should count the 48 rows before it, counts '47"):
        readings_of([put(tmp_path, name, [*lines[:-1], wrong])])


@pytest.mark.parametrize("minutes", [15, 60])
def test_smard_ends_the_interval_before_the_skipped_hour_on_the_day_before(tmp_path: Path, minutes: int) -> None:
    rows = rows_of(BERLIN, EU_SPRING, 1, minutes)
    name, lines = lines_of(eu.smard_german(rows))
    last = {15: "30.03.2025 01:45;30.03.2025 03:00", 60: "30.03.2025 01:00;30.03.2025 03:00"}[minutes]
    wrong = last.replace(";30.03.2025 03:00", ";29.03.2025 02:00")
    mended = [line.replace(last, wrong) for line in lines]
    assert mended != lines
    case = Case("smard", "", eu.smard_german, rows, "Deutschland/Luxemburg")
    series = read_whole([put(tmp_path, name, mended)], case)
    assert series.begin_s.tolist() == [int(row.begin.timestamp()) for row in rows]


def test_an_interval_that_ends_on_the_day_before_anywhere_else_is_refused(tmp_path: Path) -> None:
    name, lines = lines_of(eu.smard_german(rows_of(BERLIN, SUMMER, 1, 60)))
    lines[5] = lines[5].replace(";01.07.2024 05:00", ";30.06.2024 05:00")
    with pytest.raises(FeedInvalid, match="line 6: the interval should end after it begins"):
        readings_of([put(tmp_path, name, lines)])


def test_spp_may_write_its_columns_in_capitals_and_both_areas_under_one_name(tmp_path: Path) -> None:
    """Files of June 2026 say `SETTLEMENT_LOCATION` without leading zeros; a hub has a row for each of two areas."""
    rows = rows_of(am.CENTRAL, SUMMER, 1, 60)
    lines = ["INTERVAL,GMTINTERVALEND,BAA,SETTLEMENT_LOCATION,PNODE,LMP,MLC,MCC,MEC"]
    for row in rows:
        ends = (row.end.astimezone(ZoneInfo(am.CENTRAL)), row.end)
        local, utc = (f"{at.month}/{at.day}/{at.year} {at.hour}:{at:%M}" for at in ends)
        lines += [
            f"{local},{utc},{area},SPPNORTH_HUB,SPPNORTH_H,{value},0,0,0"
            for area, value in (("SPP", row.value), ("SWPW", 999.0))
        ]
    series = series_of(readings_of([put(tmp_path, "DA-LMP-SL-202606040100.csv", lines)]))
    prices = {dict(one.key.parts)["baa"]: one.values["price"].tolist() for one in series}
    assert prices == {"SPP": [row.value for row in rows], "SWPW": [999.0] * 24}


def test_a_sequence_is_the_same_in_whatever_case_it_is_written(tmp_path: Path) -> None:
    """Exports of early 2025 say `Without sequence`, later ones `Without Sequence`."""
    rows = rows_of("Europe/Brussels", SUMMER, 2, 60)
    name, lines = lines_of(eu.entsoe_gui_cet(rows))
    label = lines[1].split('","')[2]
    for number, said in ((1, "Without sequence"), (2, "Without Sequence")):
        day = [line.replace(f'"{label}"', f'"{said}"') for line in lines[24 * number - 23 : 24 * number + 1]]
        put(tmp_path, f"{number}_{name}", [lines[0], *day])
    (series,) = series_of(readings_of(sorted(tmp_path.iterdir())))
    assert dict(series.key.parts) == {"sequence": "1"}
    assert len(series.begin_s) == 48


def test_kroner_are_not_compared_with_limits_in_euro(tmp_path: Path) -> None:
    rows = rows_of("Europe/Copenhagen", SUMMER, 1, 60)
    name, lines = lines_of(eu.elspotprices(rows))
    cells = lines[3].split(";")
    lines[3] = ";".join([*cells[:3], "6987,000000", "936,590000"])
    (report,) = inspected([put(tmp_path, name, lines)])
    caps = {one["currency"]: one["at_cap"] for one in report["series"] if one["point"] == cells[2]}
    assert caps == {"DKK": 0, "EUR": 0}


def test_a_workbook_of_notes_is_no_frame_of_a_library(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="the extra that reads workbooks is not installed")
    (tmp_path / "notes.xlsx").write_bytes(workbook([[["Public", "", ""], ["", "", ""], ["Explanation", "", ""]]]))
    with pytest.raises(FeedInvalid, match=r"should be in a layout of `mara import layouts`, begins with 'Public"):
        readings_of([tmp_path / "notes.xlsx"])


def test_titles_may_stand_above_the_header_of_a_workbook(tmp_path: Path) -> None:
    """Nord Pool's yearly files, whose first line has the currency."""
    pytest.importorskip("python_calamine", reason="the extra that reads workbooks is not installed")
    rows = rows_of("Europe/Oslo", date(2024, 10, 27), 1, 60)
    (content,) = eu.nordpool_yearly(rows).values()
    cells = [line.split(",") for line in content.decode().replace("EUR/", "SEK/").splitlines()]
    (tmp_path / "elspot.xlsx").write_bytes(workbook([cells]))
    case = Case("nordpool-elspot", "", eu.nordpool_yearly, rows, "SE3", currency="SEK")
    assert read_whole([tmp_path / "elspot.xlsx"], case).values["price"].tolist() == [row.value for row in rows]


def test_the_mark_of_the_second_hour_stands_at_no_other_hour(tmp_path: Path) -> None:
    name, lines = lines_of(load.ercot_native_load(rows_of(am.CENTRAL, SUMMER, 1, 60)))
    lines[3] = lines[3].replace(" 03:00,", " 03:00 DST,")
    with pytest.raises(FeedInvalid, match=r"line 4: local day 2024-07-01 .* has the mark of the repeated hour outside"):
        readings_of([put(tmp_path, name, lines)])


def test_of_an_interventions_two_runs_the_one_that_sets_the_price_is_read(tmp_path: Path) -> None:
    rows = rows_of("UTC+10", date(2018, 4, 30), 1, 5)
    series = read_whole(
        written(tmp_path, other.aemo_dispatch(rows)), Case("aemo-dispatch", "", other.aemo_dispatch, rows, "SA1")
    )
    assert series.values["price"].tolist() == [row.value for row in rows]


def test_thousands_are_read_where_their_marks_stand_between_three_digits(tmp_path: Path) -> None:
    """ERCOT's yearly workbooks, whose sheets are saved as CSV with `1,769.93`."""
    lines = ["Delivery Date,Hour Ending,Repeated Hour Flag,Settlement Point,Settlement Point Price"]
    prices = ['"1,769.93"', "-12.5", '"-1,000"', "0", *["20"] * 20]
    lines += [f"07/01/2024,{hour:02d}:00,N,HB_NORTH,{price}" for hour, price in enumerate(prices, start=1)]
    (reading,) = readings_of([put(tmp_path, "DAM.csv", lines)])
    assert reading.values["price"][:4].tolist() == [1769.93, -12.5, -1000.0, 0.0]
    lines[2] = '07/01/2024,02:00,N,HB_NORTH,"21,81"'
    with pytest.raises(FeedInvalid, match="line 3: Settlement Point Price should be a number, is '21,81'"):
        readings_of([put(tmp_path, "DAM.csv", lines)])


def test_a_decimal_point_is_no_mark_of_thousands_in_a_german_file(tmp_path: Path) -> None:
    name, lines = lines_of(eu.smard_german(rows_of(BERLIN, SUMMER, 1, 60)))
    cells = lines[4].split(";")
    lines[4] = ";".join([*cells[:2], "74.11", *cells[3:]])
    with pytest.raises(FeedInvalid, match=r"line 5: .* should be a number, is '74\.11'"):
        readings_of([put(tmp_path, name, lines)])


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("MTU (CET/CEST),Day-ahead Price [EUR/MWh]", r"entsoe-gui-old \(CET/CEST\) is nearest, and has Currency too"),
        (
            "MTU (CET/CEST);Area;Sequence;Day-ahead Price (EUR/MWh);Intraday Period (CET/CEST)",
            r"those of entsoe-gui \(CET/CEST\), but ';' is between them: was it saved again by a spreadsheet",
        ),
        ("Node,Type,Value,HE 1,HE 2", r"those of miso-lmp \(day-ahead\), but not its title, name or first row"),
        ("date,time_code,area,price", r"is it another report\?"),
    ],
)
def test_a_file_that_was_changed_is_told_the_nearest_layout(tmp_path: Path, header: str, told: str) -> None:
    with pytest.raises(FeedInvalid, match=rf'{told}.* describe it with layout = "csv"$'):
        readings_of([put(tmp_path, "changed.csv", [header, "1,2,3,4,5"])])


def test_stamps_of_pjm_that_a_spreadsheet_shortened_are_read(tmp_path: Path) -> None:
    """Both clocks stand in the file and must agree, so that the form of a stamp misleads nobody."""
    rows = rows_of(am.EASTERN, SUMMER, 1, 60)
    name, lines = lines_of(am.pjm(rows))
    for row in rows:
        for at in (row.begin, eu.local(row.begin, am.EASTERN)):
            short = f"{at.month}/{at.day}/{at.year} {at:%H:%M}"
            lines = [line.replace(f"{am.pjm_stamp(at)},", f"{short},") for line in lines]
    assert not any(" AM," in line or " PM," in line for line in lines)
    case = Case("pjm-lmp", "", am.pjm, rows, "WESTERN HUB", {"type": "HUB"})
    assert read_whole([put(tmp_path, name, lines)], case).values["price"].tolist() == [row.value for row in rows]


def test_dispatch_whose_seconds_a_spreadsheet_dropped_is_not_taken_for_hours(tmp_path: Path) -> None:
    name, lines = lines_of(am.nyiso_real_time(rows_of(am.EASTERN, SUMMER, 1, 5)))
    short = [line.replace(':00",', '",', 1) for line in lines]
    assert short[1] != lines[1]
    with pytest.raises(
        FeedInvalid, match=r"columns are those of nyiso-lbmp \(.*\), but not its title, name or first row"
    ):
        readings_of([put(tmp_path, name, short)])
