"""Charts of a page share one time range, which is zoomed, exported and linked."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import TWO_FRAMES, Visit, arrive, deafen, picture, settle

pytestmark = pytest.mark.browser

RANGES = """[...document.querySelectorAll(".line-chart")].map(({layout: {xaxis, yaxis}}) => [
    xaxis.autorange ? "all" : xaxis.range.join(), yaxis.autorange,
])"""
HOURS_WITH_A_GAP = f"""async () => {{
    const gone = Object.keys(window.mara.read("price")).map((key) => [key, null]), hours = {{}};
    for (const hour of [0, 1, 2, 3, 20, 21, 22])
        hours[1751328000 + 3600 * hour] = {{price: 40, price_low: 30 - hour, price_high: 60 + hour}};
    window.told.apply({{price: {{...Object.fromEntries(gone), ...hours}}}});
    await {TWO_FRAMES};
    const band = document.querySelector(".line-chart").data.at(-1);
    return {{fill: band.fill, x: band.x, y: band.y}};
}}"""


def zoom(page: Page) -> None:
    """Drag across the first chart."""
    box = page.locator(".line-chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 100, steps=3)
    page.mouse.up()
    page.wait_for_function(f"{RANGES}.every(([range]) => range !== 'all')")


def saved(page: Page, name: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.get_by_label(name, exact=True).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_charts_zoom_together_along_time_keep_it_at_a_tick_and_save_what_they_show(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/sites/oslo").page
    settle(page)
    whole = saved(page, "Prices as a CSV file")[1]
    zoom(page)
    price, load = page.evaluate(RANGES)
    assert price == load
    assert price[1] is True
    at = page.evaluate("window.mara.read('moment').at")
    page.wait_for_function("(at) => window.mara.read('moment').at > at", arg=at)
    assert page.evaluate(RANGES) == [price, load]
    name, text = saved(page, "Prices as a CSV file")
    assert name == "mara-price.csv"
    assert text.splitlines()[0] == whole.splitlines()[0]
    assert 1 < len(text.splitlines()) < len(whole.splitlines())
    name, drawn = saved(page, "Loads as a PNG picture")
    assert name == "mara-load.png"
    assert drawn.startswith(b"\x89PNG")
    page.get_by_role("button", name="From… to").press("Enter")
    page.get_by_role("button", name="Show").press("Enter")
    page.wait_for_url("**/sites/oslo?from=*&to=*")
    settle(page)
    assert page.evaluate(RANGES)[0][0] != "all"
    assert not tab.complaints


def test_links_take_the_range_along(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/sites/oslo?range=week").page
    page.locator("nav.nav a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?range=week")
    assert page.locator(".range-links [aria-current]").inner_text() == "Week"
    picture(page, "overview-week")


def test_the_band_of_extremes_is_not_drawn_across_a_gap(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/sites/oslo").page
    settle(page)
    deafen(page)
    band = page.evaluate(HOURS_WITH_A_GAP)
    assert band["fill"] == "toself"
    ends = [place for place, value in enumerate(band["y"]) if value is None]
    before, after = band["x"][: ends[0]], band["x"][ends[0] + 1 : ends[1]]
    assert max(before) == "2025-07-01T04:00:00.000"
    assert min(after) == "2025-07-01T20:00:00.000"
    picture(page, "site-extremes")
