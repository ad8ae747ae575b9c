"""Histories have steps of 5 to 60 minutes, as text or Parquet, with provenance."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.errors import FeedInvalid
from mara.feeds.files.history import SITE_ARRAYS, History
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_provenance import source_line, sources_of
from mara.feeds.markets.building.folder import Format
from tests.feeds.step_histories import FIRST_S, values_of, write_steps

PARQUET = "history.parquet"
FOUR_MARKETS_SHA256 = "e6f614b0421bc67a4b1b5057c3ab5780c0e35c71fd23480503a7fe9cf13d066f"


def rows_of(folder: Path) -> list[str]:
    return gzip.decompress((folder / "history.csv.gz").read_bytes()).decode().splitlines()


def rewrite(folder: Path, lines: list[str]) -> Path:
    (folder / "history.csv.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 1))
    return folder


def refusal_of(folder: Path) -> str:
    with pytest.raises(FeedInvalid) as caught:
        read_history(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def is_written(history: History, steps: int) -> None:
    for place in range(2):
        written = values_of(steps, place)
        for name, column in zip(
            SITE_ARRAYS,
            ("price_usd_per_mwh", "carbon_g_per_kwh", "renewable_share", "dry_bulb_c", "wet_bulb_c"),
            strict=True,
        ):
            assert np.array_equal(getattr(history, name)[:, place], np.broadcast_to(written[column], steps)), name
    assert history.day_ahead_usd_per_mwh is not None
    assert np.array_equal(history.day_ahead_usd_per_mwh[:, 0], values_of(steps, 0)["day_ahead_usd_per_mwh"])
    assert np.isnan(history.day_ahead_usd_per_mwh[:, 1]).all()
    assert list(history.further) == ["reserve_rrs_usd_per_mw_h"]


@pytest.mark.parametrize("kind", list(Format))
@pytest.mark.parametrize("step_minutes", [5, 15, 30, 60])
def test_a_folder_that_was_built_is_read_as_it_was_written(tmp_path: Path, kind: Format, step_minutes: int) -> None:
    history = read_history(write_steps(tmp_path / "out", step_minutes=step_minutes, steps=50, kind=kind))
    assert (history.step_minutes, history.step_count, history.first_epoch_s) == (step_minutes, 50, FIRST_S)
    assert history.site_ids == ("west", "east")
    assert history.price_known == ("real_time", "day_ahead")
    is_written(history, 50)


def test_sites_may_follow_each_other_at_quarter_hours(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    header, *rows = rows_of(folder)
    is_written(read_history(rewrite(folder, [header, *rows[::2], *rows[1::2]])), 96)


@settings(max_examples=12, deadline=None)
@given(
    row=st.integers(2, 189),
    fault=st.sampled_from(["dropped", "doubled", "shifted"]),
    kind=st.sampled_from(list(Format)),
)
def test_a_row_that_is_dropped_doubled_or_shifted_is_refused_by_its_place(row: int, fault: str, kind: Format) -> None:
    with TemporaryDirectory() as name:
        folder = write_steps(Path(name) / "out", kind=kind)
        stamp = datetime.fromtimestamp(FIRST_S + row // 2 * 900, UTC)
        if kind == Format.PARQUET:
            table = pq.read_table(folder / PARQUET)
            one = table.slice(row, 1)
            late = one.set_column(
                0, "timestamp_utc", pa.array([stamp + timedelta(minutes=5)], one.schema.field(0).type)
            )
            middle = {"dropped": [], "doubled": [one, one], "shifted": [late]}[fault]
            pq.write_table(pa.concat_tables([table.slice(0, row), *middle, table.slice(row + 1)]), folder / PARQUET)
        else:
            header, *rows = rows_of(folder)
            text = rows[row]
            rows[row : row + 1] = {
                "dropped": [],
                "doubled": [text, text],
                "shifted": [text.replace(f"{stamp:%H:%M}:00Z", f"{stamp:%H:%M}:00-00:05")],
            }[fault]
            rewrite(folder, [header, *rows])
        message = refusal_of(folder)
        place, first = ("row", 1) if kind == Format.PARQUET else ("line", 2)
        expected = {
            # the site's next row stands one row later; with a row taken out, at the place after the present one
            "dropped": f"{place} {row + 1 + first}: timestamp_utc should be 15 minutes after the site's row before",
            "doubled": f"{place} {row + 1 + first}: timestamp_utc should be there once for each site",
            "shifted": f"{place} {row + first}: timestamp_utc should be the beginning of a step of 15 minutes",
        }[fault]
        assert expected in message


def test_a_local_clock_is_seen_in_quarter_hours_too(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    header, *rows = rows_of(folder)
    skipped = [row for row in rows if not re.search(r"T02:", row)]  # 02:00 to 03:00 does not exist in Berlin
    message = refusal_of(rewrite(folder, [header, *skipped]))
    assert "does not exist in the local time of Europe/Berlin" in message
    assert "15 minutes after the site's row before: steps are missing" in message


def test_a_step_that_no_market_has_is_refused(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    header, *rows = rows_of(folder)
    kept = [row for number, row in enumerate(rows) if number // 2 % 3 == 0]
    message = refusal_of(rewrite(folder, [header, *kept]))
    assert "timestamp_utc should be 5, 15, 30 or 60 minutes after the site's row before" in message
    assert "mara import build" in message


def test_an_hour_among_quarters_is_refused_at_the_row_after_it(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    header, *rows = rows_of(folder)
    del rows[10:16]
    assert "line 12: timestamp_utc should be 15 minutes after" in refusal_of(rewrite(folder, [header, *rows]))


def test_a_column_that_a_site_has_only_at_times_is_refused(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    lines = rows_of(folder)
    at = lines[0].split(",").index("day_ahead_usd_per_mwh")
    cells = lines[41].split(",")
    cells[at] = ""
    message = refusal_of(rewrite(folder, [*lines[:41], ",".join(cells), *lines[42:]]))
    assert "line 42: day_ahead_usd_per_mwh should be filled in every row of a site, or in none" in message
    cells[at] = "cheap"
    message = refusal_of(rewrite(folder, [*lines[:41], ",".join(cells), *lines[42:]]))
    assert "line 42: day_ahead_usd_per_mwh should be a number from -1,000 to 20,000, or empty" in message


def test_a_day_ahead_price_by_the_kilowatt_hour_is_seen(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    header, *rows = rows_of(folder)
    at = header.split(",").index("day_ahead_usd_per_mwh")
    small = [[*row.split(",")] for row in rows]
    for cells in small:
        cells[at] = cells[at] and str(float(cells[at]) / 1_000.0)
    message = refusal_of(rewrite(folder, [header, *map(",".join, small)]))
    assert "day_ahead_usd_per_mwh of west is at most 0.19, which looks like USD/kWh" in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (",real_time", ",sometimes", "sites.csv line 2: price_known should be day_ahead or real_time"),
        ("east,", "south,", "should have every site of"),
    ],
)
def test_a_price_known_that_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    folder = write_steps(tmp_path / "out")
    text = (folder / "sites.csv").read_text(encoding="utf-8")
    (folder / "sites.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert expected in refusal_of(folder)


def test_windows_and_orders_of_sites_cut_every_column(tmp_path: Path) -> None:
    history = read_history(write_steps(tmp_path / "out")).for_sites(("east", "west"))
    assert history.price_known == ("day_ahead", "real_time")
    part = history.window(datetime(2024, 3, 31, 0, 20, tzinfo=UTC), datetime(2024, 3, 31, 1, tzinfo=UTC))
    assert (part.first_epoch_s, part.step_count) == (FIRST_S + 900, 3)
    assert part.day_ahead_usd_per_mwh is not None
    assert part.day_ahead_usd_per_mwh[:, 1].tolist() == [2.0, 4.0, 6.0]
    assert part.further["reserve_rrs_usd_per_mw_h"][:, 1].tolist() == [0.125, 0.25, 0.375]


def test_sources_are_told_once_with_files_licences_and_filled_stretches(tmp_path: Path) -> None:
    history = read_history(write_steps(tmp_path / "out"))
    assert history.provenance is not None
    assert history.provenance["is_as_built"]
    sources = sources_of(history.provenance)
    assert [(source["gives"], source["sites"], len(source["files"])) for source in sources] == [
        ("price", ["west", "east"], 1),
        ("carbon", ["west"], 0),
        ("bitcoin", [], 0),
    ]
    assert source_line(sources[0]) == (
        "price of west, east: ERCOT, NP6-905-CD, ercot-rtm-spp, rtm.csv; 2 stretches filled; "
        "licence: redistribution in compilations"
    )
    assert source_line(sources[2]) == "bitcoin: a constant of the SPEC"


def test_rows_that_were_changed_after_the_build_are_told(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    built = read_history(folder)
    history = read_history(rewrite(folder, [line.replace(",0.5,", ",0.25,") for line in rows_of(folder)]))
    assert history.provenance is not None
    assert not history.provenance["is_as_built"]
    assert history.sha256 != built.sha256


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "should be JSON as `mara import build` writes it"),
        ("[]", "the file: input should be a valid dictionary"),
        ('{"provenance_version": 2}', "provenance_version: input should be 1, came 2"),
    ],
)
def test_a_provenance_that_is_none_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    folder = write_steps(tmp_path / "out")
    (folder / "provenance.json").write_text(text, encoding="utf-8")
    assert expected in refusal_of(folder)


def test_a_provenance_names_the_field_that_is_wrong(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out")
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    told["sites"][0]["price"]["licence"] = 7
    (folder / "provenance.json").write_text(json.dumps(told), encoding="utf-8")
    assert "sites.0.price.licence: input should be a valid string, came 7" in refusal_of(folder)


def test_the_hash_of_a_folder_of_the_first_form_is_what_it_was() -> None:
    assert read_history(Path("four_markets_2023")).sha256 == FOUR_MARKETS_SHA256


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda table: table.drop_columns(["wet_bulb_c"]), "column wet_bulb_c should be there once"),
        (
            lambda table: table.set_column(0, "timestamp_utc", table["timestamp_utc"].cast(pa.timestamp("s"))),
            "timestamp_utc should be timestamps with a zone or ISO 8601 text, is timestamp[ms]",
        ),
        (
            lambda table: table.set_column(4, "renewable_share", table["renewable_share"].cast(pa.string())),
            "renewable_share should be a column of numbers, is string",
        ),
        (
            lambda table: table.set_column(2, "price_usd_per_mwh", pa.array([None, *table[2].to_pylist()[1:]])),
            "row 1: price_usd_per_mwh should be a number from -1,000 to 20,000",
        ),
    ],
)
def test_a_parquet_file_that_cannot_be_used_is_refused(tmp_path: Path, change: object, expected: str) -> None:
    folder = write_steps(tmp_path / "out", kind=Format.PARQUET)
    assert callable(change)
    pq.write_table(change(pq.read_table(folder / PARQUET)), folder / PARQUET)
    assert expected in refusal_of(folder)


def test_times_of_parquet_may_be_text_or_of_any_unit(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out", kind=Format.PARQUET)
    table = pq.read_table(folder / PARQUET)
    stamps = table["timestamp_utc"]
    for written in (
        stamps.cast(pa.timestamp("ns", tz="Europe/Berlin")),
        pa.array([f"{moment.as_py():%Y-%m-%dT%H:%M:%SZ}" for moment in stamps]),
    ):
        pq.write_table(table.set_column(0, "timestamp_utc", written), folder / PARQUET)
        is_written(read_history(folder), 96)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    folder = write_steps(tmp_path / "out", kind=Format.PARQUET)
    (folder / PARQUET).write_bytes((folder / PARQUET).read_bytes()[:500])
    assert "cannot be read as Parquet" in refusal_of(folder)
