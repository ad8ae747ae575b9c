"""A history folder is read whole, or refused with file, line, cases and remedy."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mara.errors import FeedInvalid, FeedUnavailable
from mara.feeds.files.csv_table import numbers_of
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_fleet import fleet_of_history
from tests.feeds.history_text import FIRST, HEADER, bitcoin_rows, history_rows, price_of, write_history

SITES_CSV = """site_id,name,country,lat,lon,timezone,price_zone,cooling
south,Far South,Chile,-53.2,-70.9,America/Punta_Arenas,spot,free_air
north,Far North,Norway,69.6,18.9,Europe/Oslo,NO4 day-ahead,mechanical
"""


def refusal_of(folder: Path) -> str:
    with pytest.raises(FeedInvalid) as caught:
        read_history(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def test_a_folder_becomes_dense_arrays_by_hour_and_site(tmp_path: Path) -> None:
    history = read_history(write_history(tmp_path, history_rows(48)))
    assert history.site_ids == ("north", "south")
    assert history.step_count == 48
    assert (history.start, history.end) == (FIRST, FIRST + timedelta(days=2))
    assert history.energy_price_usd_per_mwh.tolist() == [[price_of(h, 0), price_of(h, 1)] for h in range(48)]
    assert history.carbon_intensity_g_per_kwh[5].tolist() == [100.0, 101.0]
    assert history.renewable_share[5].tolist() == [0.5, 0.5]
    assert history.dry_bulb_c[5].tolist() == [15.0, 15.0]
    assert history.wet_bulb_c[5].tolist() == [5.0, 6.0]
    assert not history.dry_bulb_c.flags.writeable


def test_hashprice_is_the_value_of_the_utc_day(tmp_path: Path) -> None:
    history = read_history(write_history(tmp_path, history_rows(48)))
    assert history.hashprice_usd_per_ph_day.tolist() == [50.0] * 24 + [51.0] * 24


def test_zipped_and_plain_files_hold_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = read_history(write_history(tmp_path / "a", history_rows(24)))
    zipped = read_history(write_history(tmp_path / "b", history_rows(24), zipped=True))
    assert np.array_equal(plain.energy_price_usd_per_mwh, zipped.energy_price_usd_per_mwh)
    assert plain.sha256 != zipped.sha256


def test_sites_may_follow_each_other_and_columns_may_be_mixed_with_others(tmp_path: Path) -> None:
    rows = [row.split(",") for row in history_rows(24)]
    mixed = [",".join(["x", *row[::-1]]) for row in sorted(rows, key=lambda row: row[1])]
    header = ",".join(["notes", *HEADER.split(",")[::-1]])
    history = read_history(write_history(tmp_path, mixed, header="\ufeff" + header))
    assert history.energy_price_usd_per_mwh[3].tolist() == [price_of(3, 0), price_of(3, 1)]


def test_times_may_be_written_with_a_zero_offset(tmp_path: Path) -> None:
    rows = [row.replace("T", " ").replace("Z", "+00:00") for row in history_rows(24)]
    assert read_history(write_history(tmp_path, rows)).start == FIRST


def test_the_content_hash_changes_with_any_file_read(tmp_path: Path) -> None:
    first = read_history(write_history(tmp_path, history_rows(24))).sha256
    assert read_history(tmp_path).sha256 == first
    (tmp_path / "sites.csv").write_text(SITES_CSV, encoding="utf-8")
    assert read_history(tmp_path).sha256 != first


@pytest.mark.parametrize(
    ("line", "column", "value", "expected"),
    [
        (3, 2, "", "price_usd_per_mwh should be a number from -1,000 to 20,000"),
        (4, 2, "NaN", "price_usd_per_mwh should be a number from -1,000 to 20,000"),
        (5, 2, "inf", "price_usd_per_mwh should be a number from -1,000 to 20,000"),
        (6, 2, "20000.01", "price_usd_per_mwh should be a number from -1,000 to 20,000"),
        (7, 2, "-1000.5", "price_usd_per_mwh should be a number from -1,000 to 20,000"),
        (8, 2, "free", "price_usd_per_mwh should be a number from -1,000 to 20,000"),
        (9, 3, "-1", "carbon_g_per_kwh should be a number from 0 to 2,000"),
        (10, 4, "50", "renewable_share should be a number from 0 to 1"),
        (11, 5, "283.15", "dry_bulb_c should be a number from -90 to 60"),
        (12, 6, "-273", "wet_bulb_c should be a number from -90 to 45"),
        (13, 6, "40", "wet_bulb_c should be at most dry_bulb_c"),
        (14, 1, "", "site_id should be the id of a site"),
    ],
)
def test_a_value_that_cannot_be_true_is_named_with_its_line(
    tmp_path: Path, line: int, column: int, value: str, expected: str
) -> None:
    rows = history_rows(24)
    cells = rows[line - 2].split(",")
    cells[column] = value
    rows[line - 2] = ",".join(cells)
    message = refusal_of(write_history(tmp_path, rows))
    assert f"history.csv line {line}: {expected}" in message
    assert f"line {line}: {value!r} ({cells[0]} {cells[1]})" in message


def test_lines_are_named_as_an_editor_counts_them_whatever_the_blank_lines(tmp_path: Path) -> None:
    rows = history_rows(24)
    rows[10] = rows[10].replace(",0.5,", ",,")
    rows.insert(5, "")
    assert "history.csv line 13: renewable_share" in refusal_of(write_history(tmp_path, rows, zipped=False))


def test_only_the_first_few_of_many_cases_are_named(tmp_path: Path) -> None:
    message = refusal_of(write_history(tmp_path, [row.replace(",0.5,", ",50,") for row in history_rows(24)]))
    assert "48 rows are not" in message
    assert message.count("'50'") == 3


def test_a_wet_bulb_just_above_the_dry_bulb_is_rounding(tmp_path: Path) -> None:
    rows = [row.rsplit(",", 2)[0] + ",10.0,10.4" for row in history_rows(24)]
    history = read_history(write_history(tmp_path, rows))
    assert history.wet_bulb_c.max() == 10.0


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2023-01-01T01:00:00", "a time that says its zone, as 2023-01-01T00:00:00Z does: this has no time zone"),
        ("2023-01-01T06:30:00+05:00", "the beginning of a whole hour"),
        ("2023-01-01T01:30:00Z", "the beginning of a whole hour"),
        ("01/01/2023 01:00", "an ISO 8601 time"),
        ("", "an ISO 8601 time"),
    ],
)
def test_a_time_that_is_no_utc_hour_is_refused(tmp_path: Path, stamp: str, expected: str) -> None:
    rows = [row.replace("2023-01-01T01:00:00Z", stamp) for row in history_rows(24)]
    message = refusal_of(write_history(tmp_path, rows))
    assert f"line 4: timestamp_utc should be {expected}" in message
    assert "2 rows are not" in message


def test_a_time_with_an_offset_is_read_as_the_instant_that_it_is(tmp_path: Path) -> None:
    def at_oslo(row: str) -> str:
        stamp, rest = row.split(",", 1)
        return f"{(datetime.fromisoformat(stamp) + timedelta(hours=2)):%Y-%m-%dT%H:%M:%S}+02:00,{rest}"

    history = read_history(write_history(tmp_path, [at_oslo(row) for row in history_rows(24)]))
    assert history.start == FIRST
    assert history.energy_price_usd_per_mwh[:, 0].tolist() == [price_of(hour, 0) for hour in range(24)]


def test_a_repeated_row_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    rows = history_rows(24)
    message = refusal_of(write_history(tmp_path, [*rows, rows[7]]))
    assert "line 50: timestamp_utc should be there once for each site" in message
    assert "2023-01-01T03:00:00Z south" in message


def test_a_gap_is_refused_at_the_row_after_it(tmp_path: Path) -> None:
    rows = history_rows(24)
    del rows[20]
    message = refusal_of(write_history(tmp_path, rows))
    assert "line 23: timestamp_utc should be an hour after the site's row before" in message
    assert "2023-01-01T11:00:00Z north" in message


def test_time_running_backwards_is_refused(tmp_path: Path) -> None:
    rows = history_rows(24)
    rows[8], rows[10] = rows[10], rows[8]
    message = refusal_of(write_history(tmp_path, rows))
    assert "line 12: timestamp_utc should be later than in the site's row before: time runs backwards" in message


def test_a_site_that_begins_late_or_ends_early_is_refused(tmp_path: Path) -> None:
    rows = history_rows(24)
    assert "2023-01-01T00:00Z in the first row" in refusal_of(write_history(tmp_path, [rows[0], *rows[2:]]))
    assert "2023-01-01T23:00Z in the last row" in refusal_of(write_history(tmp_path, rows[:-1]))


def test_a_missing_column_names_the_one_that_may_be_meant(tmp_path: Path) -> None:
    message = refusal_of(write_history(tmp_path, history_rows(24), header=HEADER.replace("wet_bulb_c", "wetbulb_c")))
    assert "history.csv line 1: column wet_bulb_c is missing" in message
    assert "rename 'wetbulb_c'" in message


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    header = HEADER.replace("wet_bulb_c", "dry_bulb_c")
    assert "dry_bulb_c should be there once" in refusal_of(write_history(tmp_path, history_rows(24), header=header))


def test_a_row_of_another_length_than_the_header_is_refused(tmp_path: Path) -> None:
    rows = history_rows(24)
    rows[3] = rows[3].replace(",0.5,", ",0,5,")
    assert "history.csv line 5: a row should have 7 values" in refusal_of(write_history(tmp_path, rows))


def test_a_folder_without_its_files_says_which(tmp_path: Path) -> None:
    assert "should be a folder with history.csv, history.csv.gz or history.parquet" in refusal_of(tmp_path / "nowhere")
    assert "has none: add it" in refusal_of(tmp_path)
    write_history(tmp_path, history_rows(24))
    (tmp_path / "history.csv.gz").write_bytes(b"")
    assert "has both" in refusal_of(tmp_path)
    (tmp_path / "history.csv.gz").unlink()
    (tmp_path / "bitcoin_daily.csv").unlink()
    assert "bitcoin_daily.csv is missing" in refusal_of(tmp_path)


def test_an_empty_or_damaged_file_is_refused(tmp_path: Path) -> None:
    assert "has none: add them" in refusal_of(write_history(tmp_path, []))
    (tmp_path / "history.csv").write_bytes(b"")
    assert "column timestamp_utc is missing" in refusal_of(tmp_path)
    (tmp_path / "history.csv").write_bytes(b"\xff\xfe\x00")
    assert "should be UTF-8 text" in refusal_of(tmp_path)
    (tmp_path / "history.csv").unlink()
    write_history(tmp_path, history_rows(24), zipped=True)
    whole = (tmp_path / "history.csv.gz").read_bytes()
    (tmp_path / "history.csv.gz").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in refusal_of(tmp_path)
    (tmp_path / "history.csv.gz").write_bytes(b"not zipped at all")
    assert "column timestamp_utc is missing" in refusal_of(tmp_path)


@pytest.mark.parametrize(
    ("bitcoin", "expected"),
    [
        (["2023-01-01,50"], "should have every UTC day of the history, has no 2023-01-02"),
        (["2023-01-01,50", "2023-01-02,"], "line 3: hashprice_usd_per_ph_day should be a number above 0"),
        (["2023-01-01,50", "2023-01-02,0"], "line 3: hashprice_usd_per_ph_day should be a number above 0"),
        (["2023-01-01,50", "2.1.2023,50"], "line 3: date should be a UTC day"),
        (["2023-01-02,50", "2023-01-01,50"], "line 3: date should be later than in the row before"),
        (["2023-01-01,50", "2023-01-01,50", "2023-01-02,50"], "line 3: date should be later than in the row before"),
    ],
)
def test_a_hashprice_file_that_cannot_be_used_is_refused(tmp_path: Path, bitcoin: list[str], expected: str) -> None:
    assert expected in refusal_of(write_history(tmp_path, history_rows(48), bitcoin=bitcoin))


def test_days_of_hashprice_outside_the_history_do_no_harm(tmp_path: Path) -> None:
    days = ["2022-12-01,9", *bitcoin_rows(2), "2024-01-01,9"]
    assert read_history(write_history(tmp_path, history_rows(48), bitcoin=days)).hashprice_usd_per_ph_day[-1] == 51.0


def test_a_window_holds_the_hours_asked_for(tmp_path: Path) -> None:
    history = read_history(write_history(tmp_path, history_rows(48)))
    window = history.window(FIRST + timedelta(hours=6), FIRST + timedelta(hours=9, minutes=30))
    assert window.energy_price_usd_per_mwh[:, 0].tolist() == [6.0, 7.0, 8.0, 9.0]
    assert (window.start, window.end) == (FIRST + timedelta(hours=6), FIRST + timedelta(hours=10))
    assert window.sha256 == history.sha256


@pytest.mark.parametrize(("begin", "end"), [(-1, 5), (40, 49), (100, 200)])
def test_a_window_that_is_not_covered_says_what_is(tmp_path: Path, begin: int, end: int) -> None:
    history = read_history(write_history(tmp_path, history_rows(48)))
    with pytest.raises(FeedUnavailable, match="covers 2023-01-01T00:00Z up to 2023-01-03T00:00Z, asked was"):
        history.window(FIRST + timedelta(hours=begin), FIRST + timedelta(hours=end))


def test_a_window_that_ends_before_it_starts_is_refused(tmp_path: Path) -> None:
    history = read_history(write_history(tmp_path, history_rows(48)))
    with pytest.raises(FeedUnavailable, match="should end after it starts"):
        history.window(FIRST + timedelta(hours=5), FIRST + timedelta(hours=5))


def test_columns_follow_the_sites_of_a_fleet(tmp_path: Path) -> None:
    history = read_history(write_history(tmp_path, history_rows(24)))
    turned = history.for_sites(("south", "north"))
    assert turned.energy_price_usd_per_mwh[2].tolist() == [price_of(2, 1), price_of(2, 0)]
    assert turned.energy_price_usd_per_mwh.flags.c_contiguous


def test_sites_that_the_fleet_or_the_history_lacks_are_refused(tmp_path: Path) -> None:
    history = read_history(write_history(tmp_path, history_rows(24)))
    with pytest.raises(FeedInvalid, match=r"history.csv should have rows of every site of the fleet, has none of west"):
        history.for_sites(("north", "south", "west"))
    with pytest.raises(FeedInvalid, match=r"history.csv line 3: site_id should be a site of the fleet, came south"):
        history.for_sites(("north",))


def test_the_default_fleet_takes_its_sites_from_the_folder(tmp_path: Path) -> None:
    write_history(tmp_path, history_rows(24))
    (tmp_path / "sites.csv").write_text(SITES_CSV, encoding="utf-8")
    fleet = fleet_of_history(read_history(tmp_path))
    assert fleet.site_ids == ("south", "north")
    assert [site.cooling for site in fleet.sites] == ["free_air", "mechanical"]
    assert fleet.sites[0].timezone == "America/Punta_Arenas"
    assert fleet.sites[1].price_zone == "NO4 day-ahead"
    assert fleet.grid_limit_mw.tolist() == [50.0, 50.0]
    assert fleet.hedge_mw.tolist() == [0.0, 0.0]


def test_the_default_fleet_has_the_stated_profile_by_watts(tmp_path: Path) -> None:
    write_history(tmp_path, history_rows(24))
    (tmp_path / "sites.csv").write_text(SITES_CSV.replace(",cooling", ",lake"), encoding="utf-8")
    fleet = fleet_of_history(read_history(tmp_path))
    assert [site.cooling for site in fleet.sites] == ["air", "air"]
    shares = fleet.nameplate_mw / 42.0
    racks, miners = 0.16, 0.84
    expected = [miners * 0.53, miners * 0.29, miners * 0.18, racks * 0.8, racks * 0.2]
    assert shares == pytest.approx(np.array([expected, expected]), abs=1e-3)
    assert fleet.units_count.sum(axis=0).tolist() == [10_685, 3_818, 3_136, 1_054, 179]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("south,", "west,", "has no rows of 'west', a site of"),
        ("south,Far South,Chile,-53.2,-70.9,America/Punta_Arenas,spot,free_air\n", "", "has no 'south'"),
        ("Europe/Oslo", "Europe/Olso", "line 3: timezone should be an IANA time zone"),
        ("-53.2", "-93.2", "line 2: lat should be"),
        ("-70.9", "", "line 2: lon should be"),
        ("free_air", "cold", "line 2: cooling should be one of free_air"),
        ("south,", "north,", "line 3: site_id should be unique"),
        ("price_zone", "zone", "column price_zone is missing"),
    ],
)
def test_a_sites_file_that_cannot_be_used_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    write_history(tmp_path, history_rows(24))
    (tmp_path / "sites.csv").write_text(SITES_CSV.replace(old, new), encoding="utf-8")
    with pytest.raises(FeedInvalid, match=r"sites\.csv") as caught:
        fleet_of_history(read_history(tmp_path))
    assert expected in str(caught.value)


def test_a_history_without_sites_file_asks_for_a_fleet(tmp_path: Path) -> None:
    with pytest.raises(FeedInvalid, match="add it, or name a fleet"):
        fleet_of_history(read_history(write_history(tmp_path, history_rows(24))))


def test_two_real_years_of_ten_sites_are_read_in_seconds(history_dir: Path) -> None:
    begun = time.process_time()
    history = read_history(history_dir)
    assert time.process_time() - begun < 3.0
    assert history.energy_price_usd_per_mwh.shape == (17_520, 10)
    assert history.start == datetime(2022, 1, 1, tzinfo=UTC)
    fleet = fleet_of_history(history)
    assert fleet.units_count.sum(axis=1).min() > 0
    berlin = history.site_ids.index("frankfurt-de")
    negative = history.window(datetime(2023, 7, 2, 12, tzinfo=UTC), datetime(2023, 7, 2, 13, tzinfo=UTC))
    assert negative.energy_price_usd_per_mwh[0, berlin] == pytest.approx(-543.3, abs=0.1)


def test_numbers_that_are_none_become_nan_for_the_caller_to_refuse() -> None:
    assert numbers_of(["1.5", "-2"]).tolist() == [1.5, -2.0]
    assert np.isnan(numbers_of(["1.5", "x"])).tolist() == [False, True]
