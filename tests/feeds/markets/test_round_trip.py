"""Properties of layouts: written rows are read back, and wrong rows are refused."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mara.errors import FeedInvalid
from mara.feeds.markets.declaration import Repeat
from mara.feeds.markets.reading.clocks import utc_text
from mara.feeds.markets.registry import LAYOUTS
from tests.feeds.markets.cases import CASES, Case
from tests.feeds.markets.reading import read_whole, written
from tests.feeds.markets.rows import Row, rows_of, zone_of
from tests.feeds.markets.writers_europe import Files, utc_iso

ZONES = {
    "entsoe-file-library": "UTC",
    "aemo-price-and-demand": "UTC+10",
    "aemo-nemweb": "UTC+10",
    "miso-lmp": "UTC-5",
    "electricity-maps": "UTC",
}
DAYS = (
    date(2024, 3, 10),
    date(2024, 3, 31),
    date(2024, 7, 1),
    date(2024, 10, 27),
    date(2024, 11, 3),
    date(2024, 12, 31),
)
EUROPEAN = {
    "entsoe-gui",
    "entsoe-gui-old",
    "nordpool-portal",
    "nordpool-elspot",
    "energi-data-service",
    "smard",
    "ember-hourly",
}
ENUMERATED = {"omie"}
"""Layouts that number a day's rows, so that a shifted row cannot be written."""
OTHERS_OF_UNEVEN_ROWS = {"miso-lmp"}
"""Layouts with a row per day, in which a row of 23 or 25 hours is refused.

The line itself states the day, so that the message does not.
"""
FREE_AT_THE_ENDS = {"gridstatus-frame", "eia-930", "open-meteo", "meteostat-bulk", "hashrate-index", "mempool"}
"""Files that may start and end anywhere: a row that is missing there is no gap."""
TOLD_BY_ORDER = {layout.id for layout in LAYOUTS if layout.clock.repeat is Repeat.ORDER}
"""Layouts that show the two equal hours of autumn by the same stamps, in order."""
SINGLE = {case.layout: case for case in CASES}
"""One case of each layout, with its last writer."""
OF_ANOTHERS_STAMPS = {
    "aemo-demand",
    "aemo-dispatch",
    "aemo-fcas",
    "emc-demand",
    "eia-930-demand",
    "ercot-load-forecast",
    "pjm-load",
}
"""Layouts of files whose stamps another layout tests."""
LEFT_OUT = {"noaa-global-hourly", "ecb-fx", "entsoe-xml"} | OF_ANOTHERS_STAMPS
PRICED = [case for case in SINGLE.values() if case.layout not in LEFT_OUT]
IDS = [case.layout for case in PRICED]
PRICES = st.floats(-290.0, 1500.0).map(lambda value: round(value, 2))
FEW = settings(max_examples=8, deadline=None)


def zone_of_case(case: Case) -> str:
    if case.layout in ZONES:
        return ZONES[case.layout]
    by_layout = {
        "jepx-spot": "UTC+9",
        "emc-usep": "UTC+8",
        "open-meteo": "UTC+2",
        "ons-cmo": "America/Sao_Paulo",
        "pjm-lmp": "America/New_York",
        "nyiso-lbmp": "America/New_York",
        "isone-lmp": "America/New_York",
        "caiso-lmp": "America/Los_Angeles",
        "omie": "Europe/Madrid",
        "meteostat-bulk": "UTC",
        "hashrate-index": "UTC",
        "mempool": "UTC",
    }
    if case.layout in by_layout:
        return by_layout[case.layout]
    return "Europe/Berlin" if case.layout in EUROPEAN or case.layout.startswith("entsoe") else "America/Chicago"


@st.composite
def truths(draw: st.DrawFn, case: Case) -> list[Row]:
    """Draw a day or two of any values, in the step of the case."""
    minutes = case.rows[-1].minutes
    days = 5 if minutes == 1440 else 1
    rows = rows_of(zone_of_case(case), draw(st.sampled_from(DAYS)), days, minutes)
    values = draw(st.lists(PRICES, min_size=len(rows), max_size=len(rows))) if len(rows) < 60 else None
    base = draw(PRICES)
    return [
        Row(row.begin, row.end, values[place] if values else round(base + place % 89 - 3, 2), row.number)
        for place, row in enumerate(rows)
    ]


def is_one_of_two_equal_hours(case: Case, row: Row) -> bool:
    """True if a row and the next begin by the same stamp, told apart by order alone.

    Such a row stays valid when its end is shifted to the next: some publishers write an end as if the clock did not
    change.
    """
    zone = zone_of(zone_of_case(case))
    here, there = (moment.astimezone(zone).replace(tzinfo=None) for moment in (row.begin, row.end))
    return case.layout in TOLD_BY_ORDER and here == there


def read(case: Case, files: Files, folder: str) -> tuple[list[tuple[str, str]], list[float]]:
    series = read_whole(written(Path(folder), files), case)
    field = next(iter(case.expect))
    came = [(utc_text(begin), utc_text(end)) for begin, end in zip(series.begin_s, series.end_s, strict=True)]
    return came, series.values[field].tolist()


def refusal(case: Case, rows: Sequence[Row]) -> str:
    files = case.write(rows)
    with TemporaryDirectory() as folder, pytest.raises(FeedInvalid) as caught:
        read(case, files, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert any(name in message for name in files), message
    assert re.search(r" line \d+: ", message), message
    assert re.search(r"local day \d{4}-\d\d-\d\d", message) or case.layout in OTHERS_OF_UNEVEN_ROWS, message
    assert re.search(r"[:;,] (is|add|correct|keep|remove|fetch|name|rows|or|stamps|counted|a stamp)\b", message), (
        message
    )
    return message


@pytest.mark.parametrize("case", PRICED, ids=IDS)
def test_what_is_written_is_read(case: Case) -> None:
    @FEW
    @given(truths(case))
    def holds(rows: list[Row]) -> None:
        with TemporaryDirectory() as folder:
            came, values = read(case, case.write(rows), folder)
        assert came == [(utc_iso(row.begin), utc_iso(row.end)) for row in rows]
        meant = next(iter(case.expect.values()))
        assert values == pytest.approx([meant(row) for row in rows], rel=1e-9, abs=1e-5)

    holds()


@pytest.mark.parametrize("case", PRICED, ids=IDS)
def test_a_row_that_is_dropped_is_missed(case: Case) -> None:
    @FEW
    @given(truths(case), st.data())
    def holds(rows: list[Row], draw: st.DataObject) -> None:
        ends = 1 if case.layout in FREE_AT_THE_ENDS else 0
        place = draw.draw(st.integers(ends, len(rows) - 1 - ends))
        refusal(case, rows[:place] + rows[place + 1 :])

    holds()


@pytest.mark.parametrize("case", PRICED, ids=IDS)
def test_a_row_that_is_there_twice_with_another_value_is_refused(case: Case) -> None:
    @FEW
    @given(truths(case), st.data())
    def holds(rows: list[Row], draw: st.DataObject) -> None:
        place = draw.draw(st.integers(0, len(rows) - 1))
        row = rows[place]
        refusal(case, [*rows[: place + 1], Row(row.begin, row.end, row.value + 11.0, row.number), *rows[place + 1 :]])

    holds()


@pytest.mark.parametrize("case", [one for one in PRICED if one.layout not in ENUMERATED | OTHERS_OF_UNEVEN_ROWS])
def test_a_row_that_is_shifted_is_refused(case: Case) -> None:
    @FEW
    @given(truths(case), st.data())
    def holds(rows: list[Row], draw: st.DataObject) -> None:
        ends = 1 if case.layout in FREE_AT_THE_ENDS else 0
        place = draw.draw(st.integers(ends, len(rows) - 1 - ends))
        row = rows[place]
        step = row.end - row.begin
        assume(not is_one_of_two_equal_hours(case, row))
        moved = Row(row.begin + step, row.end + step, row.value + 0.5, row.number)
        refusal(case, [*rows[:place], moved, *rows[place + 1 :]])

    holds()


def test_the_first_of_two_equal_hours_may_end_as_if_the_clock_did_not_change() -> None:
    case = SINGLE["smard"]
    rows = rows_of(zone_of_case(case), date(2024, 10, 27), 1, 60)
    first = next(row for row in rows if is_one_of_two_equal_hours(case, row))
    step = first.end - first.begin
    written_so = [replace(row, begin=row.begin + step, end=row.end + step) if row is first else row for row in rows]
    files, others = case.write(written_so), case.write(rows)
    assert files != others
    with TemporaryDirectory() as folder, TemporaryDirectory() as other:
        assert read(case, files, folder) == read(case, others, other)
