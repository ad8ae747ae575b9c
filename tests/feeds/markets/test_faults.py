"""Faults of public readers in stamps, zones and steps, none of which passes here.

Each test names the public thread that reported the fault; the table of them stands in docs/import.md.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mara.errors import FeedInvalid
from mara.feeds.markets.reading.clocks import utc_text
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.cases import EU_AUTUMN, US_AUTUMN, Case
from tests.feeds.markets.reading import read_whole, readings_of, written
from tests.feeds.markets.rows import Row, rows_of
from tests.feeds.markets.specs import built, prices, spec_text
from tests.feeds.markets.texts import lines_of, put

BERLIN = "Europe/Berlin"
SUMMER = date(2024, 7, 1)


def test_a_stamp_that_ends_its_interval_is_not_read_as_its_beginning(tmp_path: Path) -> None:
    """electricitymaps-contrib PR#8834: Australia was one step late for years."""
    rows = rows_of("UTC+10", date(2026, 8, 1), 1, 5)
    series = read_whole(
        written(tmp_path, other.aemo(rows)), Case("aemo-price-and-demand", "", other.aemo, rows, "NSW1")
    )
    assert utc_text(series.begin_s[0]) == "2026-07-31T14:00Z"


def test_a_file_that_starts_an_interval_after_midnight_is_refused(tmp_path: Path) -> None:
    """gridstatus PR#946: with stamps at interval ends, a day seems to begin late."""
    rows = am.shifted(rows_of("America/Chicago", SUMMER, 1, 60), 60)[:-1]
    with pytest.raises(FeedInvalid, match=r"local day 2024-07-01 .* stamps of the other side"):
        read_whole(written(tmp_path, am.ercot_dam(rows)), Case("ercot-dam-spp", "", am.ercot_dam, rows, "HB_NORTH"))


def test_market_time_knows_no_daylight_time(tmp_path: Path) -> None:
    """opennem#559: market time read in Sydney's zone shifted weeks of each October."""
    rows = rows_of("UTC+10", date(2021, 10, 3), 1, 5)  # the day on which Sydney's clock goes on
    series = read_whole(
        written(tmp_path, other.aemo(rows)), Case("aemo-price-and-demand", "", other.aemo, rows, "NSW1")
    )
    assert len(series.begin_s) == 288


def test_a_utc_column_that_disagrees_with_the_local_one_is_not_believed(tmp_path: Path) -> None:
    """pudl#5217, #5335, #5337: wrong zones and a wrong UTC column."""
    name, lines = lines_of(other.eia_930(rows_of("America/Chicago", SUMMER, 1, 60)))
    lines[5] = lines[5].replace(",07/01/2024 10:00:00 AM,", ",07/01/2024 3:00:00 PM,")
    with pytest.raises(FeedInvalid, match=r"line 6: UTC Time at End of Hour should be the same instant as Local Time"):
        readings_of([put(tmp_path, name, lines)])


@pytest.mark.parametrize(("writer", "column"), [(am.pjm, "datetime_beginning_ept"), (am.spp, "Interval")])
def test_prevailing_time_beside_utc_must_be_the_same_instant(tmp_path: Path, writer: object, column: str) -> None:
    """electricitymaps-contrib#4052."""
    zone = am.EASTERN if writer is am.pjm else am.CENTRAL
    name, lines = lines_of(writer(rows_of(zone, SUMMER, 1, 60)))  # type: ignore[operator]
    stamps = (
        ("7/1/2024 2:00:00 AM", "7/1/2024 3:00:00 AM") if writer is am.pjm else ("01/2024 02:00:00", "01/2024 03:00:00")
    )
    broken = [line.replace(*stamps) for line in lines]
    with pytest.raises(FeedInvalid, match=f"should be the same instant as {column}"):
        readings_of([put(tmp_path, name, broken)])


def test_an_hour_25_counts_the_day_through(tmp_path: Path) -> None:
    """gridstatus#473: the column HourEnding has a value 25."""
    rows = rows_of(am.CENTRAL, US_AUTUMN, 1, 60)
    name, lines = lines_of(am.ercot_dam(rows))
    counted = [f"11/03/2024,{hour:02d}:00,HB_NORTH,{row.value},N" for hour, row in enumerate(rows, start=1)]
    series = read_whole(
        [put(tmp_path, name, [lines[0], *counted])], Case("ercot-dam-spp", "", am.ercot_dam, rows, "HB_NORTH")
    )
    assert series.values["price"].tolist() == [row.value for row in rows]
    assert len(series.begin_s) == 25


def test_the_repeated_hour_is_an_hour_of_its_own_though_its_ends_look_equal(tmp_path: Path) -> None:
    """The reader dropped the repeated hour, because its start and end look the same.

    custom-components/nordpool#427.
    """
    rows = rows_of("Europe/Oslo", EU_AUTUMN, 1, 60)
    assert b"26.10.2025 02:00:00;26.10.2025 02:00:00;" in next(iter(eu.nordpool(rows).values()))
    series = read_whole(written(tmp_path, eu.nordpool(rows)), Case("nordpool-portal", "", eu.nordpool, rows, "SE3"))
    assert len(series.begin_s) == 25


def test_a_repeated_hour_that_is_there_once_is_missed(tmp_path: Path) -> None:
    """HiDiHo01/home_assistant_frank_energie#108: the source drops the repeated hour."""
    rows = rows_of(am.EASTERN, US_AUTUMN, 1, 60)
    short = [row for row in rows if row.begin != datetime(2024, 11, 3, 6, tzinfo=UTC)]
    with pytest.raises(
        FeedInvalid, match=r"local day 2024-11-03 .* should have 25 h .* has 24 h.* repeats is there once"
    ):
        read_whole(written(tmp_path, am.nyiso_dam(short)), Case("nyiso-lbmp", "", am.nyiso_dam, rows, "WEST"))


def test_two_auctions_of_one_area_are_two_series(tmp_path: Path) -> None:
    """entsoe-py#445, #461, #422: SDAC and EXAA mixed under one area."""
    rows = rows_of(BERLIN, EU_AUTUMN, 1, 15)
    written(tmp_path, eu.entsoe_gui_utc(rows))
    _, first = built(tmp_path, spec_text('files = "*.csv"\npoint = "DE-LU"', step=15))
    _, second = built(tmp_path, spec_text('files = "*.csv"\npoint = "DE-LU"\nsequence = "Sequence 2"', step=15))
    assert prices(first) == [row.value for row in rows]
    assert prices(second) == pytest.approx([row.value + 1 for row in rows])


def test_a_name_of_two_types_is_not_averaged(tmp_path: Path) -> None:
    """ERCOT lists a name as LZ and as LZEW, in two rows a quarter."""
    rows = rows_of(am.CENTRAL, SUMMER, 1, 15)
    written(tmp_path, am.ercot_rtm(rows))
    asked = 'files = "*.csv"\npoint = "LZ_WEST"'
    with pytest.raises(
        FeedInvalid, match=r"LZ_WEST, type LZ, USD; LZ_WEST, type LZEW, USD: name the point and its type"
    ):
        built(tmp_path, spec_text(asked, step=15, zone=am.CENTRAL))
    _, found = built(tmp_path, spec_text(f'{asked}\ntype = "LZEW"', step=15, zone=am.CENTRAL))
    assert prices(found) == pytest.approx([row.value + 2 for row in rows])


def test_the_grain_is_read_and_not_looked_up_in_the_calendar(tmp_path: Path) -> None:
    """Steps follow from the file: some areas sent quarters before the official day.

    entsoe-py#378: Italy did so. ha_epex_spot#200, #223: the switch itself.
    """
    early, late = rows_of(BERLIN, date(2025, 9, 20), 1, 15), rows_of(BERLIN, date(2025, 10, 2), 1, 60)
    for rows, count in ((early, 96), (late, 24)):
        folder = tmp_path / str(count)
        folder.mkdir()
        case = Case("entsoe-py-frame", "", eu.entsoe_py, rows, "0")
        assert len(read_whole(written(folder, eu.entsoe_py(rows)), case).begin_s) == count


def test_a_curve_a03_repeats_and_a01_misses(tmp_path: Path) -> None:
    """Curve A03 repeats a value until the next one, curve A01 has a gap there.

    evcc#16519, krose/entsoeapi#39: A03 read as missing; entsoe-py#520: values repeated in a curve that does not say
    so.
    """
    rows = [Row(row.begin, row.end, float(row.number // 4), row.number) for row in rows_of(BERLIN, EU_AUTUMN, 1, 15)]
    case = Case("entsoe-xml", "", eu.a44, rows, "10Y1001A1001A82H")
    paths = written(tmp_path, eu.a44(rows))
    assert read_whole(paths, case).values["price"].tolist() == [row.value for row in rows]
    missing = paths[0].read_bytes().replace(b"A03</curveType>", b"A01</curveType>")
    paths[0].write_bytes(missing)
    with pytest.raises(FeedInvalid, match=r"local day 2025-10-26 .* has 6\.5 h|nothing stands for"):
        read_whole(paths, case)


def test_an_hour_stays_an_hour_where_nothing_says_that_it_repeats(tmp_path: Path) -> None:
    """entsoe-py#520: hourly prices resampled to quarters by the rule of A03."""
    rows = rows_of(BERLIN, SUMMER, 1, 60)
    series = read_whole(
        written(tmp_path, eu.a44(rows, "A01")), Case("entsoe-xml", "", eu.a44, rows, "10Y1001A1001A82H")
    )
    assert set(((series.end_s - series.begin_s) // 60).tolist()) == {60}


def test_an_empty_cell_is_a_gap_and_a_zero_is_a_price(tmp_path: Path) -> None:
    """entsoe-py#288: hours not yet published came back as 0."""
    rows = [Row(row.begin, row.end, 0.0, row.number) for row in rows_of(BERLIN, SUMMER, 1, 60)]
    case = Case("entsoe-gui-old", "", eu.entsoe_gui_old, rows, "BZN|DE-LU")
    name, lines = lines_of(eu.entsoe_gui_old(rows))
    assert read_whole([put(tmp_path, name, lines)], case).values["price"].tolist() == [0.0] * 24
    there = lines[8]
    for missing in ("n/e", "-", "N/A", ""):
        lines[8] = there.replace('"0.0"', f'"{missing}"')
        with pytest.raises(
            FeedInvalid, match=r"local day 2024-07-01 .* has 23 h: .*: 1 rows of the files have no value"
        ):
            read_whole([put(tmp_path, name, lines)], case)


def test_filling_is_asked_for_and_every_filled_stretch_is_listed(tmp_path: Path) -> None:
    """Gaps are filled only with `--fill carry`, and the provenance lists each fill."""
    rows = rows_of(BERLIN, SUMMER, 1, 60)
    written(tmp_path, eu.entsoe_gui_old(rows[:5] + rows[7:]))
    text = spec_text('files = "*.csv"', step=15)
    with pytest.raises(FeedInvalid, match="--fill carry"):
        built(tmp_path, text)
    report, found = built(tmp_path, text, fill="carry")
    assert report["filled"] == 8
    assert prices(found)[20:28] == [rows[4].value] * 8
    provenance = (tmp_path / "out" / "provenance.json").read_text(encoding="utf-8")
    assert utc_text(int(rows[5].begin.timestamp())) in provenance


def test_a_carried_value_does_not_last_for_ever(tmp_path: Path) -> None:
    rows = rows_of(BERLIN, SUMMER, 4, 60)
    written(tmp_path, eu.entsoe_gui_old(rows[:24] + rows[60:]))
    with pytest.raises(FeedInvalid, match="carried over at most 24 h"):
        built(tmp_path, spec_text('files = "*.csv"'), fill="carry")


def test_dispatch_at_irregular_times_is_weighted_and_a_missing_mark_is_still_missed(tmp_path: Path) -> None:
    """NYISO posts an extra interval when the power system is in trouble.

    The next regular mark ends the rest of the five minutes.
    """
    rows = rows_of(am.EASTERN, SUMMER, 1, 5)
    name, lines = lines_of(am.nyiso_real_time(rows))
    extra = lines[4].replace("00:10:00", "00:07:31").replace(f"{rows[1].value}", "999.0")
    case = Case("nyiso-lbmp", "", am.nyiso_real_time, rows, "WEST")
    series = read_whole([put(tmp_path, name, [*lines[:3], extra, *lines[3:]])], case)
    assert ((series.end_s - series.begin_s)[:4]).tolist() == [300, 151, 149, 300]
    text = spec_text('files = "*.csv"\npoint = "WEST"', step=5, zone=am.EASTERN)
    second = prices(built(tmp_path, text)[1])[1]
    assert second == pytest.approx((151 * 999.0 + 149 * rows[1].value) / 300, abs=1e-6)
    with pytest.raises(FeedInvalid, match="nothing stands for 2024-07-01T04:10Z to 2024-07-01T04:15Z"):
        read_whole([put(tmp_path, name, [*lines[:5], *lines[7:]])], case)
