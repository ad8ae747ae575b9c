"""The frame of every page: navigation, keys, clock, questions, and a lost server."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PHONE, Visit, arrive, deafen, new_tab, running_app, settle
from tests.servers import free_port

pytestmark = pytest.mark.browser


HEIGHTS = "[...document.querySelectorAll('.overview .panel')].map(e => Math.round(e.getBoundingClientRect().height))"
"""Script that measures the heights of the overview's panels."""

STANDS_ABOVE = """() => {
    const edge = (selector, name) => document.querySelector(selector).getBoundingClientRect()[name];
    return edge(".q-notification", "bottom") <= edge(".undo-row", "top");
}"""
"""Script that checks that no message covers the undo bar."""


@pytest.fixture
def desk(tab: Visit, address: str) -> Visit:
    return arrive(tab, address)


def test_the_navigation_marks_the_page_that_is_open_and_a_key_leads_to_another(desk: Visit) -> None:
    page = desk.page
    current = page.locator("nav a[aria-current=page]")
    expect(current).to_have_text("Overview")
    page.keyboard.press("?")
    expect(current).to_have_text("Help")
    page.keyboard.press("1")
    expect(current).to_have_text("Overview")


def test_a_phone_shows_the_name_of_the_open_page_among_those_that_do_not_fit(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/help", size=PHONE).page
    expect(page.locator(".nav")).not_to_have_js_property("scrollLeft", 0)
    expect(page.get_by_role("link", name="Help", exact=True)).to_be_in_viewport(ratio=1)


def test_the_focus_goes_to_the_next_alert_where_an_order_takes_one_away(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/alerts").page
    alerts = page.locator(".alert")
    count = alerts.count()
    alerts.first.get_by_role("button", name="Acknowledge").press("Enter")
    expect(alerts).to_have_count(count - 1)
    expect(alerts.first.get_by_role("button", name="Acknowledge")).to_be_focused()


def test_the_first_tab_offers_to_skip_to_the_page(desk: Visit) -> None:
    page = desk.page
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()


def test_single_keys_work_unless_they_are_switched_off_or_a_field_has_the_focus(desk: Visit) -> None:
    page = desk.page
    theme = page.locator("html").get_attribute("data-theme")
    page.keyboard.press("t")
    expect(page.locator("html")).not_to_have_attribute("data-theme", str(theme))
    page.keyboard.press("t")
    page.keyboard.press("?")
    page.get_by_label("Single keys work").uncheck()
    page.keyboard.press("1")
    page.keyboard.press("t")
    expect(page.locator("nav a[aria-current=page]")).to_have_text("Help")
    expect(page.locator("html")).to_have_attribute("data-theme", str(theme))


def test_the_switch_of_the_keys_is_set_before_the_server_is_connected(browser: Browser, address: str) -> None:
    with new_tab(browser) as unconnected:
        page = unconnected.page
        page.route_web_socket("**/_nicegui_ws/**", lambda _: None)
        page.goto(f"{address}/help")
        switch = page.get_by_label("Single keys work")
        expect(switch).to_be_checked()
        switch.uncheck()
        page.reload()
        expect(switch).not_to_be_checked()
        switch.check()
        page.reload()
        expect(switch).to_be_checked()


def test_the_clock_tells_the_local_time_of_each_zone_with_sites(desk: Visit) -> None:
    times = desk.page.locator(".local-times")
    expect(times).to_be_hidden()
    desk.page.locator(".clock-box").hover()
    expect(times).to_be_visible()
    assert times.locator("dt").count() == 10
    both = """() => {
        const zones = [...document.querySelectorAll(".clocks dt")];
        const tokyo = zones.find((zone) => zone.innerText.includes("Tokyo")).nextSibling;
        return [document.querySelector(".clock").innerText, tokyo.innerText];
    }"""
    clock, tokyo = (re.search(r"(\d\d):(\d\d)", text).groups() for text in desk.page.evaluate(both))  # type: ignore[union-attr]
    assert (int(tokyo[0]), tokyo[1]) == ((int(clock[0]) + 9) % 24, clock[1])


def test_sites_are_chosen_to_be_taken_down_and_the_order_is_confirmed(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="Take sites down or back").click()
    sheet = page.locator("dialog.sheet[open]")
    take_down = sheet.get_by_role("button", name="Take down")
    expect(take_down).to_be_disabled()
    sheet.get_by_label("Norway Oslo").check()
    sheet.get_by_label("Texas USA").check()
    sheet.get_by_label("How long").select_option("4 h")
    take_down.click()
    expect(page.get_by_text("Ordered: down from the next tick on.")).to_be_visible()
    expect(sheet).to_be_hidden()
    expect(page.locator(".undo-row")).to_have_count(1)
    page.wait_for_function(STANDS_ABOVE)


def test_a_new_run_is_begun_after_a_question_only(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="Start the run anew").click()
    expect(page.get_by_text("sets the database aside")).to_be_visible()
    page.get_by_role("button", name="Keep this run").click()
    expect(page.get_by_text("sets the database aside")).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("data-link", "up")


def test_a_halted_engine_offers_to_resume_where_it_says_why(desk: Visit) -> None:
    page = desk.page
    banner = page.locator(".notice-row")
    expect(banner).to_be_hidden()
    page.wait_for_selector("path.site")
    stood = page.evaluate(HEIGHTS)
    deafen(page)
    page.evaluate(
        """window.told.apply({cells: {
            engine: {text: 'Halted', state: 'halted'}, notice: {text: 'Halted at tick 7: disk full', state: 'bad'},
        }})"""
    )
    expect(banner).to_contain_text("Halted at tick 7: disk full")
    expect(banner.get_by_role("button", name="Resume")).to_be_visible()
    page.evaluate("window.told.apply({cells: {engine: {text: 'Stale feed', state: 'stale'}}})")
    expect(banner.get_by_role("button", name="Resume")).to_be_hidden()
    page.evaluate("window.told.apply({cells: {engine: {text: 'Halted', state: 'halted'}}})")
    assert page.evaluate(HEIGHTS) == pytest.approx(stood, abs=4)
    expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Halted")


def test_a_browser_whose_server_is_gone_says_so_and_is_alive_again_when_it_is_back(tab: Visit) -> None:
    port = free_port()
    with running_app(port=port) as (address, _):
        page = arrive(tab, address).page
        lost = page.locator("#link-notice")
        expect(lost).to_be_hidden()
        page.wait_for_selector("path.site")
        page.get_by_role("button", name="Pause").click()  # else one more tick can change the length of a text
        expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Paused")
        settle(page)
        stood = page.evaluate(HEIGHTS)
    expect(lost).to_contain_text("No connection to Mara since")
    expect(page.locator(".chip:not(.mode-chip)")).to_have_text("No connection")
    assert page.evaluate(HEIGHTS) == stood
    form = page.get_by_role("form", name="Request a contract")
    form.get_by_label("Power").fill("7")
    form.get_by_label("Tier").select_option(label="Flexible")
    assert page.evaluate("getComputedStyle(document.querySelector('.page > *')).opacity") == "1", "old, yet readable"
    with running_app(port=port):
        expect(page.locator("html[data-link=up]")).to_be_attached()
        expect(lost).to_be_hidden()
        expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Running")
        clock = page.get_by_label("Time of the fleet")
        expect(clock).not_to_have_text(clock.inner_text())
        expect(form.get_by_label("Power")).to_have_value("7")
        expect(form.get_by_label("Tier").locator("option:checked")).to_have_text("Flexible")


def test_a_page_that_is_drawn_once_more_keeps_what_was_typed(tab: Visit, address: str) -> None:
    page = arrive(tab, address + "/backtest").page
    horizon = page.get_by_label("Horizon").first
    horizon.fill("36")
    with page.expect_navigation():
        page.evaluate("window.mara.redraw()")
    expect(horizon).to_have_value("36")


def test_the_tour_is_shown_at_the_first_visit_and_again_when_it_is_asked_for(browser: Browser, address: str) -> None:
    with new_tab(browser, knows_mara=False) as first:
        page = arrive(first, address).page
        tour = page.locator("#tour")
        expect(tour).to_be_visible()
        tour.get_by_role("button", name="Next").click()
        expect(tour).to_contain_text("A world drawn from a seed")
        tour.get_by_role("button", name="Begin").click()
        expect(tour).to_be_hidden()
        page.reload()
        page.wait_for_selector("html[data-link=up]")
        page.wait_for_timeout(300)
        expect(tour).to_be_hidden()
        page.goto(f"{address}/help")
        page.get_by_role("button", name="Show the tour again").click()
        expect(tour).to_be_visible()
