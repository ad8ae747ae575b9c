"""Preferences of a browser, the Money page, and pages on paper, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Visit, arrive, settle

pytestmark = pytest.mark.browser

BLACK, WHITE = "rgb(0, 0, 0)", "rgb(255, 255, 255)"
PAPER = (720, 1_000)
"""Width between the margins of a sheet of A4, and some height."""
AXES = "element => [element.layout.yaxis.title.text, element.layout.xaxis.title.text]"
ON_PAPER = """() => {
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    const is_shown = (element) => element.getClientRects().length > 0;
    const all = (selector) => [...document.querySelectorAll(selector)];
    const wide = all(".page .panel").filter((panel) => panel.scrollWidth > panel.clientWidth + 1);
    const is_text = (one) => one.matches(".sort-button, .row-button, .fold-button");
    const controls = all(".nav, .controls, .theme, .preferences, .page button, .page form");
    const pressed = controls.filter((one) => !is_text(one));
    return {
        ground: style("body").backgroundColor,
        ink: style("body").color,
        shown: pressed.filter(is_shown).map((one) => one.className),
        charts: all(".line-chart .main-svg").filter(is_shown).length,
        wide: wide.map((panel) => panel.querySelector("h2")?.textContent),
    };
}"""


def test_money_times_and_temperatures_follow_the_preferences_on_all_pages_at_once(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/sites/oslo").page
    settle(page)
    weather = page.locator(".kpi", has_text="Outside").locator(".kpi-value")
    expect(weather).to_contain_text("°C")
    menu = opened_menu(page)
    menu.get_by_label("°F").check()
    menu.get_by_label("Money in").fill("eur")
    menu.get_by_label("at USD").fill("0")
    menu.get_by_role("button", name="Use").click()
    expect(menu.get_by_role("alert")).to_contain_text("a number above 0")
    menu.get_by_label("at USD").fill("1.25")
    menu.get_by_role("button", name="Use").click()
    menu.get_by_role("button", name="Done").click()
    expect(weather).to_contain_text("°F")
    price = page.locator(".kpi", has_text="Power price").locator(".kpi-unit")
    expect(price).to_have_text("EUR/MWh, EUR at 1.25 USD")
    chart = page.locator(".line-chart").first
    expect(chart.locator(".main-svg").first).to_be_attached()
    page.wait_for_function("() => document.querySelector('.line-chart').layout?.yaxis.title.text.startsWith('EUR')")
    assert chart.evaluate(AXES) == ["EUR/MWh, EUR at 1.25 USD", "UTC"]
    page.goto(f"{address}/money")
    total = page.locator("tr", has_text=re.compile("^Profit")).first.locator("td")
    converted = number_in(total.inner_text())
    expect(page.get_by_role("columnheader", name="EUR at 1.25 USD", exact=True)).to_be_visible()
    opened_menu(page).get_by_label("Money in").fill("USD")
    page.get_by_role("dialog").get_by_role("button", name="Use").click()
    page.get_by_role("dialog").get_by_role("button", name="Done").click()
    expect(page.get_by_role("columnheader", name="USD", exact=True)).to_be_visible()
    assert number_in(total.inner_text()) == pytest.approx(1.25 * converted, rel=0.02)
    assert tab.complaints == []


def test_a_page_on_paper_is_black_on_white_with_its_charts_and_without_controls(tab: Visit, address: str) -> None:
    page = tab.page
    try:
        for path, charts in (("/money", 3), ("/", 1), ("/sla", 0)):
            arrive(tab, address + path, size=PAPER)
            settle(page)
            page.emulate_media(media="print")
            seen = page.evaluate(ON_PAPER)
            assert (seen["ground"], seen["ink"], seen["shown"], seen["wide"]) == (WHITE, BLACK, [], []), path
            assert seen["charts"] >= charts
            page.emulate_media(media="screen")
    finally:
        page.emulate_media(media="screen")


def opened_menu(page: Page) -> Locator:
    page.get_by_role("button", name="Preferences").click()
    return page.get_by_role("dialog", name="Preferences of this browser")


def number_in(text: str) -> float:
    return float(text.replace("\u202f", "").replace("\u2212", "-"))


LOCALIZED = """async (cases) => {
    const { choose, localized } = await import("mara/preferences.js");
    choose({ times: "local", currency: "EUR", rate: 1.25 });
    const shown = cases.map(([raw, unit]) => localized(raw, unit));
    choose({ times: "utc", currency: "USD", rate: 1 });
    return shown;
}"""


def test_pairs_of_numbers_and_times_without_a_date_are_converted_too(browser: Browser, address: str) -> None:
    cases = {
        ("107.5 \u2192 110.0", "USD"): "86.0 \u2192 88.0",
        ("45.0 \u00b1 2.5", "USD/MWh"): "36.0 \u00b1 2.0",
        ("30.0 at 18:00", "USD/MWh"): "24.0 at 03:00",
        ("30.0 MW called until 05:25 UTC", ""): "30.0 MW called until 14:25 UTC+9",
        ("from 14:00 to 15:30 UTC", ""): "from 23:00 to 00:30 UTC+9",
        ("1\u202f250 USD since 00:00 UTC", ""): "1\u202f000 EUR since 09:00 UTC+9",
        ("Oslo: 43.0 USD per megawatt hour", ""): "Oslo: 34.4 EUR per megawatt hour",
    }
    context = browser.new_context(timezone_id="Asia/Tokyo")
    try:
        page = context.new_page()
        page.goto(f"{address}/help")
        page.wait_for_selector("html[data-engine]")
        shown = page.evaluate(LOCALIZED, [list(case) for case in cases])
        assert dict(zip(cases, shown, strict=True)) == cases
    finally:
        context.close()
