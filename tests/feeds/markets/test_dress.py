"""Files in other wrappings are read alike: Parquet, gzip, zip, marks, separators."""

import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from mara.errors import FeedInvalid
from mara.feeds.markets.reading import sources
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.cases import US_AUTUMN, Case
from tests.feeds.markets.reading import read_whole, readings_of
from tests.feeds.markets.rows import rows_of
from tests.feeds.markets.specs import built, prices, spec_text
from tests.feeds.markets.texts import lines_of, put

ROWS = rows_of(am.CENTRAL, US_AUTUMN, 1, 15)
SUMMER = date(2024, 7, 1)
VALUES = [row.value for row in ROWS]


def test_a_frame_saved_as_parquet_is_read(tmp_path: Path) -> None:
    zone = pa.timestamp("ns", tz=am.CENTRAL)
    table = pa.table(
        {
            "Interval Start": pa.array([row.begin for row in ROWS], zone),
            "Interval End": pa.array([row.end for row in ROWS], zone),
            "Market": pa.array(["REAL_TIME_15_MIN"] * len(ROWS)).dictionary_encode(),
            "Location": ["HB_NORTH"] * len(ROWS),
            "Location Type": ["Trading Hub"] * len(ROWS),
            "SPP": VALUES,
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "frame.parquet")
    case = Case("gridstatus-frame", "", am.gridstatus_spp, ROWS, "HB_NORTH")
    series = read_whole([tmp_path / "frame.parquet"], case)
    assert series.begin_s.tolist() == [int(row.begin.timestamp()) for row in ROWS]
    assert series.values["price"].tolist() == VALUES


def test_a_series_saved_as_parquet_keeps_its_index(tmp_path: Path) -> None:
    rows = rows_of("Europe/Berlin", SUMMER, 1, 15)
    zone = pa.timestamp("us", tz="Europe/Berlin")
    table = pa.table(
        {"0": [row.value for row in rows], "__index_level_0__": pa.array([row.begin for row in rows], zone)}
    )
    pyarrow.parquet.write_table(table, tmp_path / "series.parquet")
    series = read_whole([tmp_path / "series.parquet"], Case("entsoe-py-frame", "", eu.entsoe_py, rows, "0"))
    assert series.values["price"].tolist() == [row.value for row in rows]


def test_any_parquet_is_read_by_a_declaration_of_its_own(tmp_path: Path) -> None:
    table = pa.table(
        {
            "interval_start_utc": pa.array([row.begin for row in ROWS], pa.timestamp("us", tz="UTC")),
            "settlement_point": ["HB_HUBAVG"] * len(ROWS),
            "price_usd_per_mwh": VALUES,
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "rt_prices.parquet")
    price = """files = "rt_prices.parquet"
layout = "csv"
point = "HB_HUBAVG"
[site.price.csv]
time = "interval_start_utc"
side = "begin"
clock = "stated"
day_zone = "America/Chicago"
steps_minutes = [15]
value = "price_usd_per_mwh"
unit = "USD/MWh"
point = "settlement_point"
"""
    assert prices(built(tmp_path, spec_text(price, step=15, zone=am.CENTRAL))[1]) == VALUES


def test_archives_within_archives_are_opened(tmp_path: Path) -> None:
    name, content = next(iter(am.ercot_rtm(ROWS).items()))
    lines = content.split(b"\r\n")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as month:
        for part, rows in (("a", lines[1:51]), ("b", lines[51:])):
            inner = io.BytesIO()
            with zipfile.ZipFile(inner, "w") as day:
                day.writestr(f"{part}{name}", b"\r\n".join([lines[0], *rows]))
            month.writestr(f"{part}.zip", inner.getvalue())
    (tmp_path / "month.zip").write_bytes(outer.getvalue())
    case = Case("ercot-rtm-spp", "", am.ercot_rtm, ROWS, "LZ_WEST", {"type": "LZ"})
    assert read_whole([tmp_path / "month.zip"], case).values["price"].tolist() == VALUES


@pytest.mark.parametrize(
    "change",
    [
        gzip.compress,
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"\r\n", b"\n").rstrip(b"\n"),
        lambda content: content.replace(b"DeliveryDate", b"deliverydate"),
        lambda content: content.replace(b"\r\n", b"\r\n\r\n", 3),
        lambda content: content + b",,,,,,\r\n",
    ],
    ids=["gzip", "mark", "unix", "letters", "empty lines", "an empty row"],
)
def test_dress_changes_nothing(tmp_path: Path, change: object) -> None:
    content = next(iter(am.ercot_rtm(ROWS).values()))
    (tmp_path / "prices.csv").write_bytes(change(content))  # type: ignore[operator]
    case = Case("ercot-rtm-spp", "", am.ercot_rtm, ROWS, "LZ_WEST", {"type": "LZ"})
    assert read_whole([tmp_path / "prices.csv"], case).values["price"].tolist() == VALUES


def test_lines_are_named_as_an_editor_counts_them(tmp_path: Path) -> None:
    name, lines = lines_of(am.ercot_dam(rows_of(am.CENTRAL, SUMMER, 1, 60)))
    lines[1:1] = ["", ""]
    lines[9] = lines[9].replace(lines[9].split(",")[3], "abc")
    with pytest.raises(FeedInvalid, match=r"line 10: SettlementPointPrice should be a number, is 'abc'"):
        readings_of([put(tmp_path, name, lines)])
    lines[9] = "07/01/2024,03:00,HB_NORTH"
    with pytest.raises(FeedInvalid, match=r"line 10: a row should have 5 cells as the header has, has 3"):
        readings_of([put(tmp_path, name, lines)])


def test_text_of_another_encoding_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_bytes("DeliveryDate,HourEnding\n".encode("utf-16"))
    with pytest.raises(FeedInvalid, match=r"should be UTF-8 text, but is UTF-16"):
        readings_of([tmp_path / "prices.csv"])


def test_yen_files_are_read_in_their_own_encoding(tmp_path: Path) -> None:
    rows = rows_of("UTC+9", date(2026, 4, 1), 1, 30)
    (tmp_path / "spot.csv").write_bytes(next(iter(other.jepx(rows).values())))
    series = read_whole([tmp_path / "spot.csv"], Case("jepx-spot", "", other.jepx, rows, "東京"))
    assert series.values["price"] == pytest.approx([row.value for row in rows])


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    content = next(iter(am.ercot_rtm(ROWS).values()))
    for name, damaged in (("cut.csv.gz", gzip.compress(content)[:200]), ("cut.zip", b"PK\x03\x04" + bytes(200))):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(FeedInvalid, match=name):
            readings_of([tmp_path / name])
    with pytest.raises(FeedInvalid, match="is a folder or a device"):
        readings_of([tmp_path])


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "name",
    ["bomb.csv.gz", "bomb.zip", "two.zip", "within.zip"],
    ids=["gzip", "zip", "the files of a zip together", "a zip within a zip"],
)
def test_a_file_that_unpacks_without_end_is_refused_with_the_most_that_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = next(iter(am.ercot_rtm(ROWS).values()))
    monkeypatch.setattr(sources, "MOST_UNPACKED_BYTES", len(content) * 3 // 2)
    packed = {
        "bomb.csv.gz": gzip.compress(content + content),
        "bomb.zip": zipped(one_csv=content + content),
        "two.zip": zipped(one_csv=content, two_csv=content),
        "within.zip": zipped(one_zip=zipped(one_csv=content), two_zip=zipped(two_csv=content)),
    }
    (tmp_path / name).write_bytes(packed[name])
    with pytest.raises(
        FeedInvalid, match=r"should unpack to at most [\d,]+ bytes, unpacks to more: split it"
    ) as caught:
        readings_of([tmp_path / name])
    assert name in str(caught.value)


def test_a_packed_file_up_to_the_most_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = next(iter(am.ercot_rtm(ROWS).values()))
    monkeypatch.setattr(sources, "MOST_UNPACKED_BYTES", len(content))
    for name, packed in (("whole.csv.gz", gzip.compress(content)), ("whole.zip", zipped(one_csv=content))):
        (tmp_path / name).write_bytes(packed)
        assert len(readings_of([tmp_path / name])) == 1
