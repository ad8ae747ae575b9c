"""ERCOT's yearly workbooks: read with the extra, refused in one line without it."""

import io
import sys
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from mara.errors import FeedInvalid
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets.cases import US_AUTUMN, US_SPRING, Case
from tests.feeds.markets.reading import read_whole, readings_of
from tests.feeds.markets.rows import Row, rows_of
from tests.feeds.markets.writers_europe import local

HEADER = (
    "Delivery Date",
    "Delivery Hour",
    "Delivery Interval",
    "Repeated Hour Flag",
    "Settlement Point Name",
    "Settlement Point Type",
    "Settlement Point Price",
)
DAY_AHEAD = ("Delivery Date", "Hour Ending", "Repeated Hour Flag", "Settlement Point", "Settlement Point Price")
Cell = str | float


def workbook(sheets: Sequence[Sequence[Sequence[Cell]]]) -> bytes:
    """A minimal workbook: one sheet a month, with texts inline."""
    packed = io.BytesIO()
    names = [f"sheet{number}" for number in range(1, len(sheets) + 1)]
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    with zipfile.ZipFile(packed, "w") as archive:
        listed = "".join(f'<sheet name="{one}" sheetId="{i}" r:id="r{i}"/>' for i, one in enumerate(names, start=1))
        links = "".join(
            f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/{one}.xml"/>'
            for i, one in enumerate(names, start=1)
        )
        archive.writestr("xl/workbook.xml", f'<workbook {main} xmlns:r="{office}"><sheets>{listed}</sheets></workbook>')
        sheet_type = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        parts = "".join(
            f'<Override PartName="/xl/worksheets/{one}.xml" ContentType="{sheet_type}.worksheet+xml"/>' for one in names
        )
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{sheet_type}.sheet.main+xml"/>{parts}</Types>',
        )
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        package = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {package}>{links}</Relationships>")
        for one, rows in zip(names, sheets, strict=True):
            body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            archive.writestr(f"xl/worksheets/{one}.xml", f"<worksheet {main}><sheetData>{body}</sheetData></worksheet>")
    return packed.getvalue()


def cell(value: Cell) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def real_time_rows(rows: Sequence[Row]) -> list[list[Cell]]:
    found: list[list[Cell]] = []
    for row in rows:
        at = local(row.begin, am.CENTRAL)
        flag = "Y" if at.fold else "N"
        for kind, more in (("LZ", 0.0), ("LZEW", 2.0)):
            found.append([f"{at:%m/%d/%Y}", at.hour + 1, at.minute // 15 + 1, flag, "LZ_WEST", kind, row.value + more])
    return found


@pytest.mark.parametrize("day", [US_SPRING, US_AUTUMN, date(2024, 7, 31)])
def test_a_yearly_workbook_is_read_over_all_its_sheets(tmp_path: Path, day: date) -> None:
    pytest.importorskip("python_calamine", reason="the extra that reads workbooks is not installed")
    rows = rows_of(am.CENTRAL, day, 2, 15)
    empty: list[Cell] = ["", "", "", "", "", "", ""]  # one a year
    sheets = [[HEADER, *real_time_rows(rows[:60]), empty], [HEADER, *real_time_rows(rows[60:])]]
    (tmp_path / "rpt.00013061.xlsx").write_bytes(workbook(sheets))
    case = Case("ercot-xlsx", "", lambda _: {}, rows, "LZ_WEST", {"type": "LZ"})
    series = read_whole([tmp_path / "rpt.00013061.xlsx"], case)
    assert series.begin_s.tolist() == [int(row.begin.timestamp()) for row in rows]
    assert series.values["price"].tolist() == [row.value for row in rows]


def test_the_day_ahead_workbook_has_hours(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="the extra that reads workbooks is not installed")
    rows = rows_of(am.CENTRAL, US_AUTUMN, 1, 60)
    cells = [
        [f"{at:%m/%d/%Y}", f"{at.hour + 1:02d}:00", "Y" if at.fold else "N", "HB_NORTH", row.value]
        for row in rows
        for at in (local(row.begin, am.CENTRAL),)
    ]
    (tmp_path / "rpt.00013060.xlsx").write_bytes(workbook([[DAY_AHEAD, *cells]]))
    case = Case("ercot-xlsx", "", lambda _: {}, rows, "HB_NORTH")
    assert read_whole([tmp_path / "rpt.00013060.xlsx"], case).values["price"].tolist() == [row.value for row in rows]


def test_without_the_extra_a_workbook_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    (tmp_path / "rpt.xlsx").write_bytes(workbook([[HEADER]]))
    with pytest.raises(FeedInvalid, match=r"rpt\.xlsx: workbooks are read with the package python-calamine"):
        readings_of([tmp_path / "rpt.xlsx"])
