"""Tables of a user's own: the layout `csv` that a SPEC declares."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet
import pytest

from mara.errors import ConfigError, FeedInvalid
from mara.feeds.markets.building.money import unit_of
from mara.feeds.markets.outline import outline_of
from mara.feeds.markets.reading.sources import sources_of
from tests.feeds.markets.cases import EU_AUTUMN
from tests.feeds.markets.rows import rows_of
from tests.feeds.markets.specs import built, prices, spec_text
from tests.feeds.markets.test_workbooks import workbook

BERLIN = "Europe/Berlin"
OWN = """files = "own.txt"
layout = "csv"
point = "Z1"
[site.price.csv]
date = "Tag"
period = "Nr"
formats = ["%d.%m.%y"]
clock = "Europe/Berlin"
steps_minutes = [60]
value = "Preis"
unit = "EUR ct/kWh"
point = "Zone"
delimiter = ";"
decimal = ","
"""


TWO_COLUMNS = """files = "own.txt"
layout = "csv"
[site.price.csv]
date = "Datum"
time = "Uhrzeit"
side = "begin"
formats = ["%d.%m.%Y %H:%M"]
clock = "Europe/Berlin"
repeat = "order"
steps_minutes = [15, 60]
value = "Preis"
unit = "EUR/MWh"
delimiter = ";"
decimal = ","
thousands = "."
encoding = "cp1252"
"""


def test_a_file_that_nobody_foresaw_needs_no_code(tmp_path: Path) -> None:
    rows = rows_of(BERLIN, EU_AUTUMN, 1, 60)
    lines = ["Tag;Nr;Zone;Preis"]
    lines += [f"26.10.25;{row.number};Z1;{row.value / 10.0:.3f}".replace(".", ",").replace("26,10,25", "26.10.25")
              for row in rows]  # fmt: skip
    (tmp_path / "own.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, found = built(tmp_path, spec_text(OWN))
    assert prices(found) == pytest.approx([row.value for row in rows])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("unit = \"EUR ct/kWh\"\n", ""), r"site north price: csv.unit is missing: say it"),
        (("period = \"Nr\"\n", ""), r"csv should have one of time .of day., hour and period beside date"),
        (("date = \"Tag\"", "tag = \"Tag\""), r"csv.tag"),
        (("EUR ct/kWh", "EUR/barrel"), r"unit 'EUR/barrel' should be a price such as EUR/MWh"),
    ],
)  # fmt: skip
def test_an_own_declaration_says_all_that_must_be_known(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "own.txt").write_text("Tag;Nr;Zone;Preis\n26.10.25;1;Z1;3,5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        built(tmp_path, spec_text(OWN.replace(*change)))


def test_a_date_and_a_time_of_day_in_two_columns_are_one_stamp(tmp_path: Path) -> None:
    rows = rows_of(BERLIN, EU_AUTUMN, 1, 15)
    lines = ["Datum;Uhrzeit;Preis"]
    for row in rows:
        price = f"{1000 + row.value:,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{row.begin.astimezone(ZoneInfo(BERLIN)):%d.%m.%Y; %H:%M};{price}")
    (tmp_path / "own.txt").write_text("\n".join(lines) + "\n", encoding="cp1252")
    _, found = built(tmp_path, spec_text(TWO_COLUMNS, step=15))
    assert prices(found) == pytest.approx([1000 + row.value for row in rows])


def test_a_point_beside_decimal_commas_is_no_decimal_point(tmp_path: Path) -> None:
    """In a German file 1.234 is above a thousand; nobody can tell unless the SPEC says it."""
    lines = ["Datum;Uhrzeit;Preis", *(f"01.07.2024;{hour:02d}:00;1.234" for hour in range(24))]
    (tmp_path / "own.txt").write_text("\n".join(lines) + "\n", encoding="cp1252")
    with pytest.raises(
        FeedInvalid, match=r"Preis should be a number, is '1\.234': say csv\.decimal and csv\.thousands"
    ):
        built(tmp_path, spec_text(TWO_COLUMNS.replace('thousands = "."\n', "")))
    _, found = built(tmp_path, spec_text(TWO_COLUMNS))
    assert set(prices(found)) == {1234.0}


@pytest.mark.parametrize("mark", ["n.v.", "-999,9", "-999.9"])
def test_a_mark_of_no_value_is_known_beside_decimal_commas(tmp_path: Path, mark: str) -> None:
    cell = mark.replace("-999.9", "-999,9")
    lines = ["Datum;Uhrzeit;Preis", *(f"01.07.2024;{hour:02d}:00;{'5,5' if hour else cell}" for hour in range(24))]
    (tmp_path / "own.txt").write_text("\n".join(lines) + "\n", encoding="cp1252")
    said = TWO_COLUMNS.replace('unit = "EUR/MWh"\n', f'unit = "EUR/MWh"\nmissing = ["{mark}"]\n')
    end_s = int(datetime(2024, 7, 2, tzinfo=ZoneInfo(BERLIN)).timestamp())
    _, found = built(tmp_path, spec_text(said), from_s=end_s - 23 * 3600, to_s=end_s)
    assert prices(found) == [5.5] * 23


def native_parquet(path: Path) -> None:
    hours = [f"{hour:02d}:00" for hour in range(24)]
    table = {"Datum": ["01.07.2024"] * 24, "Uhrzeit": hours, "Preis": [1.234 + hour for hour in range(24)]}
    pyarrow.parquet.write_table(pa.table(table), path)


def native_workbook(path: Path) -> None:
    pytest.importorskip("python_calamine", reason="the extra that reads workbooks is not installed")
    rows: list[list[str | float]] = [["01.07.2024", f"{hour:02d}:00", 1.234 + hour] for hour in range(24)]
    path.write_bytes(workbook([[["Datum", "Uhrzeit", "Preis"], *rows]]))


@pytest.mark.parametrize("write", [native_parquet, native_workbook])
@pytest.mark.parametrize("thousands", ['thousands = "."\n', ""])
def test_numbers_that_are_no_text_are_read_whatever_the_decimal_mark(
    tmp_path: Path, write: Callable[[Path], None], thousands: str
) -> None:
    write(tmp_path / "own.txt")
    _, found = built(tmp_path, spec_text(TWO_COLUMNS.replace('thousands = "."\n', thousands)))
    assert prices(found) == pytest.approx([1.234 + hour for hour in range(24)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('value = "Preis"', 'value = "Preise"'),
            r"should have a column 'Preise', has .*: is 'Preis' meant\? correct csv",
        ),
        (('delimiter = ";"', 'delimiter = ","'), r"has ';' between its cells, the SPEC says ','"),
        (('encoding = "cp1252"\n', ""), r"should be text in utf-8, is not: say csv\.encoding, such as cp1252"),
    ],
)
def test_a_table_that_is_described_wrongly_is_told_what_it_lacks(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    (tmp_path / "own.txt").write_text("Datum;Uhrzeit;Preis;Größe\n01.07.2024;00:00;1,5;x\n", encoding="cp1252")
    with pytest.raises(FeedInvalid, match=message):
        built(tmp_path, spec_text(TWO_COLUMNS.replace(*change)))


@pytest.mark.parametrize(
    ("unit", "usd_per_mwh"),
    [("GBp/kWh", 81.25), ("p/kWh", 81.25), ("GBP p/kWh", 81.25), ("GBp/MWh", 0.08125), ("JPY/kWh", 6500.0)],
)
def test_units_of_pence_and_yen_are_read_as_people_write_them(unit: str, usd_per_mwh: float) -> None:
    factor, currency = unit_of(unit, "north")
    assert factor * 6.5 * (1.25 if currency == "GBP" else 1.0) == pytest.approx(usd_per_mwh)


def test_the_outline_of_a_western_file_has_its_letters_and_names_its_encoding(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-8"):
        (tmp_path / "own.txt").write_text("Datum;Größe\n01.07.2024;1,5\n", encoding=encoding)
        outline = outline_of(sources_of(tmp_path / "own.txt")[0])
        assert outline is not None
        assert (outline.columns, outline.encoding) == (("Datum", "Größe"), encoding)
