"""Charts are in UTC whatever the browser's time zone, with gaps for missing data."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import TWO_FRAMES, Visit, arrive, deafen, leave

pytestmark = pytest.mark.browser

STEP_S = 300
AUTUMN = {"Europe/Berlin": datetime(2025, 10, 26, tzinfo=UTC), "America/Chicago": datetime(2025, 11, 2, 6, tzinfo=UTC)}
"""Times an hour before clocks are set back, by time zone."""
REPLACE = """const replace = (channel, points) => {
    const gone = Object.keys(window.mara.read(channel)).map((key) => [key, null]);
    window.told.apply({[channel]: {...Object.fromEntries(gone), ...points}});
};"""
DRAW = f"""async (points) => {{
    {REPLACE}
    replace("money", points);
    await {TWO_FRAMES};
    const chart = document.querySelector(".line-chart"), axis = chart._fullLayout.xaxis;
    return {{
        x: chart.data[0].x, y: chart.data.map((trace) => trace.y), at: chart.data[0].x.map((x) => axis.d2c(x)),
        title: chart.querySelector(".xtitle").textContent,
        ticks: [...chart.querySelectorAll(".xtick")].map((tick) => tick.textContent).join(),
    }};
}}"""
SPARK = f"""(points) => {{
    {REPLACE}
    replace("figures", points);
    const course = () => document.querySelector(".spark-course").getAttribute("d");
    return new Promise((done) => requestAnimationFrame(() => done(course())));
}}"""


@pytest.fixture(params=AUTUMN, scope="module")
def zone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def page(kept_tab: Visit, address: str, zone: str) -> Iterator[Page]:
    """The overview in a browser of another time zone."""
    page = kept_tab.page
    emulation = page.context.new_cdp_session(page)
    emulation.send("Emulation.setTimezoneOverride", {"timezoneId": zone})
    arrive(kept_tab, address)
    page.wait_for_selector(".line-chart[data-empty=false] .main-svg", state="attached")
    assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == zone
    deafen(page)
    yield page
    emulation.send("Emulation.setTimezoneOverride", {"timezoneId": ""})
    emulation.detach()
    leave(kept_tab, address)


def points(begin: datetime, *minutes: int) -> dict[str, dict[str, float]]:
    return {str(int(begin.timestamp()) + 60 * m): {"revenue": 1_000.0 + m, "profit": 500.0} for m in minutes}


def drawn(page: Page, given: dict[str, dict[str, float]]) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(DRAW, given)
    return found


def test_a_line_runs_forward_in_utc_through_the_hour_that_local_clocks_have_twice(page: Page, zone: str) -> None:
    begin = AUTUMN[zone]
    found = drawn(page, points(begin, *range(0, 180, 5)))
    assert found["x"][0] == begin.strftime("%Y-%m-%dT%H:%M:%S.000")
    assert found["at"] == [(begin.timestamp() + STEP_S * i) * 1000 for i in range(36)]
    assert found["title"] == "UTC"
    assert f"{begin:%H}:00{begin.day} {begin:%b} 2025" in str(found["ticks"])


def test_nothing_is_drawn_across_a_gap(page: Page, zone: str) -> None:
    found = drawn(page, points(AUTUMN[zone], 0, 5, 10, 15, 600, 605, 610))
    revenue, profit, ground, *bands = found["y"]
    assert revenue == [1000, 1005, 1010, 1015, None, None, 1600, 1605, 1610]
    assert ground == revenue
    assert profit[4:6] == [None, None]
    assert bands == [[], []]


def test_a_sparkline_breaks_where_nothing_was_recorded(page: Page) -> None:
    course = {str(900 * i): {"profit": float(i)} for i in (*range(20), *range(60, 80))}
    assert page.evaluate(SPARK, course).count("M") == 2
    whole = {str(900 * i): {"profit": float(i)} for i in range(80)}
    assert page.evaluate(SPARK, whole).count("M") == 1
