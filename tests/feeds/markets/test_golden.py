"""Every layout on critical days, against the expected UTC rows in golden files.

They are both clock changes, month ends, and switches from hours to quarters.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mara.feeds.markets.declaration import CSV_LAYOUT
from mara.feeds.markets.reading.clocks import utc_text, wall_clock
from mara.feeds.markets.registry import LAYOUTS
from tests.feeds.markets.cases import CASES, Case
from tests.feeds.markets.golden_files import EXPECTED, GOLDEN
from tests.feeds.markets.reading import read_whole, readings_of

IDS = [case.folder for case in CASES]
IN_A_WORKBOOK = "ercot-xlsx"


def files_of(case: Case) -> list[Path]:
    return sorted(path for path in (GOLDEN / case.folder).iterdir() if path.name != EXPECTED)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_file_is_read_as_the_expected_utc_rows(case: Case) -> None:
    with (GOLDEN / case.folder / EXPECTED).open(encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    series = read_whole(files_of(case), case)
    came = [(utc_text(begin), utc_text(end)) for begin, end in zip(series.begin_s, series.end_s, strict=True)]
    assert came == [(row["begin_utc"], row["end_utc"]) for row in expected]
    for field in case.expect:
        assert series.values[field] == pytest.approx([float(row[field]) for row in expected], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_header_alone_tells_the_layout(case: Case) -> None:
    assert case.layout in {reading.layout.id for reading in readings_of(files_of(case))}


def test_the_golden_files_are_what_their_writers_write() -> None:
    for case in CASES:
        for name, content in case.write(case.rows).items():
            assert (GOLDEN / case.folder / name).read_bytes() == content, case.folder


def test_every_layout_has_its_golden_days() -> None:
    assert {layout.id for layout in LAYOUTS} - {case.layout for case in CASES} == {IN_A_WORKBOOK}
    assert CSV_LAYOUT not in {layout.id for layout in LAYOUTS}


def test_every_layout_that_was_promised_is_there() -> None:
    promised = """entsoe-gui entsoe-gui-old entsoe-file-library entsoe-xml ercot-dam-spp ercot-rtm-spp ercot-xlsx
    ercot-dam-as ercot-rtm-as caiso-lmp pjm-lmp nyiso-lbmp miso-lmp spp-lmp isone-lmp aemo-price-and-demand aemo-nemweb
    nordpool-portal energi-data-service smard omie jepx-spot ember-hourly emc-usep ons-cmo gridstatus-frame
    entsoe-py-frame electricity-maps eia-930 open-meteo noaa-global-hourly meteostat-bulk hashrate-index mempool
    ecb-fx ercot-load ercot-load-forecast entsoe-load eia-930-demand aemo-demand aemo-fcas emc-demand
    nordpool-elspot aemo-dispatch pjm-load"""
    assert {layout.id for layout in LAYOUTS} == set(promised.split())


@pytest.mark.parametrize(
    ("folder", "zone", "counts"),
    [
        ("ercot-rtm-spp/spring", "America/Chicago", {92: 1}),
        ("ercot-rtm-spp/autumn", "America/Chicago", {100: 1}),
        ("ercot-dam-spp/autumn", "America/Chicago", {25: 1}),
        ("omie/switch", "Europe/Madrid", {24: 1, 96: 1}),
        ("omie/autumn-quarters", "Europe/Madrid", {100: 1}),
        ("nyiso-lbmp/spring-rt", "America/New_York", {276: 1}),
        ("aemo-price-and-demand/switch", "UTC+10", {48: 1, 288: 1}),
    ],
)
def test_days_have_their_number_of_intervals(folder: str, zone: str, counts: dict[int, int]) -> None:
    case = next(one for one in CASES if one.folder == folder)
    days = wall_clock(zone).days_of(read_whole(files_of(case), case).begin_s)
    assert Counter(np.unique(days, return_counts=True)[1].tolist()) == counts
